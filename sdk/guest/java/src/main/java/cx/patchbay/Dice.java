// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package cx.patchbay;

/**
 * A source of random numbers that a turn's seed determines.
 *
 * <p>The same seed gives the same numbers, in every language's SDK: it is splitmix64, whose step is the scramble of
 * frame.md.
 */
public final class Dice {
    private long state;

    /** Makes a source. */
    public Dice(long seed) {
        state = seed;
    }

    /** Returns the next 64 bits. */
    public long bits() {
        long z = scramble(state);
        state += 0x9e3779b97f4a7c15L;
        return z;
    }

    /** Returns a whole number from 0 to n - 1; n is 1 or more. */
    public int below(int n) {
        if (n < 1) {
            throw new IllegalArgumentException("dice: below " + n + ": 1 or more is wanted");
        }
        return (int) ((bits() >>> 32) * n >>> 32);
    }

    /** Returns a number from 0 up to, but not, 1. */
    public double fraction() {
        return (bits() >>> 11) * 0x1p-53;
    }

    /** Returns the scramble of frame.md, by which digests are made too. */
    static long scramble(long z) {
        z += 0x9e3779b97f4a7c15L;
        z = (z ^ z >>> 30) * 0xbf58476d1ce4e5b9L;
        z = (z ^ z >>> 27) * 0x94d049bb133111ebL;
        return z ^ z >>> 31;
    }
}
