// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

/**
 * The few protobuf messages of patchbay.strategy.v1, and how they are written.
 *
 * They are described in strategy.proto. There are so few, and so flat, that
 * they are read and written by hand: a plugin needs no protobuf runtime.
 */

/** Says why bytes are no message. */
export class WireError extends Error {}

/** Writes the fields of one message. Values at their default are left out. */
export class Writer {
  private readonly out: number[] = [];
  private readonly chunks: Uint8Array[] = [];

  private varint(value: bigint | number): void {
    let rest = BigInt.asUintN(64, BigInt(value));
    for (; rest > 0x7fn; rest >>= 7n) {
      this.out.push(Number(rest & 0x7fn) | 0x80);
    }
    this.out.push(Number(rest));
  }

  /** Writes a number or a truth. */
  number(field: number, value: bigint | number | boolean): this {
    if (value) {
      this.varint(field << 3);
      this.varint(typeof value === "boolean" ? 1 : value);
    }
    return this;
  }

  /** Writes a list of numbers, packed. */
  numbers(field: number, values: readonly number[]): this {
    const packed = new Writer();
    values.forEach((v) => packed.varint(v));
    return values.length > 0 ? this.bytes(field, packed.finish()) : this;
  }

  /** Writes bytes, or a message, also if they are empty. */
  bytes(field: number, value: Uint8Array): this {
    this.varint((field << 3) | 2);
    this.varint(value.length);
    this.chunks.push(Uint8Array.from(this.out), value);
    this.out.length = 0;
    return this;
  }

  /** Writes a text. */
  text(field: number, value: string): this {
    return value ? this.bytes(field, new TextEncoder().encode(value)) : this;
  }

  /** Returns the message. */
  finish(): Uint8Array {
    return Buffer.concat([...this.chunks, Uint8Array.from(this.out)]);
  }
}

/** The fields of one message by number: the last value, or all of a list. */
export class Reader {
  private readonly values = new Map<number, (bigint | Uint8Array)[]>();

  constructor(data: Uint8Array) {
    let at = 0;
    const varint = (): bigint => {
      for (let value = 0n, shift = 0n; ; shift += 7n) {
        const byte = data[at++];
        if (byte === undefined || shift > 63n) {
          throw new WireError("a number does not end");
        }
        value |= BigInt(byte & 0x7f) << shift;
        if (byte < 0x80) {
          return BigInt.asUintN(64, value);
        }
      }
    };
    while (at < data.length) {
      const key = Number(varint());
      const length = { 0: -1, 1: 8, 2: -2, 5: 4 }[key & 7];
      if (length === undefined) {
        throw new WireError(`wire type ${key & 7}`);
      }
      let value: bigint | Uint8Array;
      if (length === -1) {
        value = varint();
      } else {
        const n = length === -2 ? Number(varint()) : length;
        if (at + n > data.length) {
          throw new WireError("a field ends past the message");
        }
        value = data.subarray(at, at + n);
        at += n;
      }
      this.all(key >> 3).push(value);
    }
  }

  private all(field: number): (bigint | Uint8Array)[] {
    const list = this.values.get(field) ?? [];
    this.values.set(field, list);
    return list;
  }

  /** Returns a number, 0 if it is not there. */
  number(field: number): bigint {
    const value = this.all(field).at(-1) ?? 0n;
    if (typeof value !== "bigint") {
      throw new WireError(`field ${field} is no number`);
    }
    return value;
  }

  /** Returns a list of numbers, packed or not. */
  numbers(field: number): number[] {
    return this.all(field).flatMap((value) => {
      if (typeof value === "bigint") {
        return [Number(value)];
      }
      const found: number[] = [];
      for (let at = 0; at < value.length; ) {
        let n = 0;
        for (let shift = 1; ; shift *= 128) {
          const byte = value[at++];
          if (byte === undefined || shift > 2 ** 49) {
            throw new WireError("a number does not end");
          }
          n += (byte & 0x7f) * shift;
          if (byte < 0x80) {
            break;
          }
        }
        found.push(n);
      }
      return found;
    });
  }

  /** Returns bytes, none if they are not there. */
  bytes(field: number): Uint8Array {
    const value = this.all(field).at(-1) ?? new Uint8Array(0);
    if (typeof value === "bigint") {
      throw new WireError(`field ${field} is no bytes`);
    }
    return value;
  }
}
