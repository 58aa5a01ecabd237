// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

/// Randomness that follows from a seed alone: the splitmix64 generator. The
/// same seed gives the same numbers in every language's library.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// Randomness from a seed, such as a turn's.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from 0 to `n` - 1; 0 if `n` is 0.
    pub fn below(&mut self, n: u32) -> u32 {
        (((self.bits() >> 32) * u64::from(n)) >> 32) as u32
    }

    /// A number from 0 to less than 1.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_numbers() {
        let mut r = Random::new(0);
        assert_eq!(r.bits(), 0xe220_a839_7b1d_cdaf);
        assert_eq!(r.bits(), 0x6e78_9e6a_a1b9_65f4);
        assert_eq!(r.below(0), 0);
        let mut seen = [0; 10];
        for _ in 0..1000 {
            seen[r.below(10) as usize] += 1;
            assert!((0.0..1.0).contains(&r.unit()));
        }
        assert!(seen.iter().all(|&n| n > 60), "{seen:?}");
    }
}
