# Copyright the Patchbay authors.
# SPDX-License-Identifier: Apache-2.0

"""Random numbers that replay."""

from __future__ import annotations

_MASK = (1 << 64) - 1


class Dice:
    """A source of random numbers that a turn's seed determines.

    The same seed gives the same numbers, in every language's SDK: it is
    splitmix64, whose step is the scramble of frame.md.
    """

    def __init__(self, seed: int):
        self._state = seed & _MASK

    def bits(self) -> int:
        """Returns the next 64 bits."""
        self._state = (self._state + 0x9E3779B97F4A7C15) & _MASK
        z = self._state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
        return z ^ (z >> 31)

    def below(self, n: int) -> int:
        """Returns a whole number from 0 to n - 1; n is 1 to 2**32."""
        if not 1 <= n <= 1 << 32:
            raise ValueError(f"dice: below {n}: 1 to 2**32 is wanted")
        return ((self.bits() >> 32) * n) >> 32

    def fraction(self) -> float:
        """Returns a number from 0 up to, but not, 1."""
        return (self.bits() >> 11) / (1 << 53)
