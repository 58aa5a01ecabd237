// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

const MASK = (1n << 64n) - 1n;

/**
 * A source of random numbers that a turn's seed determines.
 *
 * The same seed gives the same numbers, in every language's SDK: it is
 * splitmix64, whose step is the scramble of frame.md.
 */
export class Dice {
  private state: bigint;

  constructor(seed: bigint) {
    this.state = seed & MASK;
  }

  /** Returns the next 64 bits. */
  bits(): bigint {
    const z = scramble(this.state);
    this.state = (this.state + 0x9e3779b97f4a7c15n) & MASK;
    return z;
  }

  /** Returns a whole number from 0 to n - 1; n is 1 to 2**32. */
  below(n: number): number {
    if (!Number.isInteger(n) || n < 1 || n > 2 ** 32) {
      throw new RangeError(`dice: below ${n}: 1 to 2**32 is wanted`);
    }
    return Number(((this.bits() >> 32n) * BigInt(n)) >> 32n);
  }

  /** Returns a number from 0 up to, but not, 1. */
  fraction(): number {
    return Number(this.bits() >> 11n) / 2 ** 53;
  }
}

/** Returns the scramble of frame.md, by which digests are made too. */
export function scramble(z: bigint): bigint {
  z = (z + 0x9e3779b97f4a7c15n) & MASK;
  z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & MASK;
  z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & MASK;
  return z ^ (z >> 31n);
}
