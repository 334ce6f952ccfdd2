//! Dice that fall the same way for the same seed, and the seed to begin with.

use std::env;

/// An endless row of random numbers (splitmix64).
#[derive(Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    /// Each pair of a seed and a number has a row of its own.
    pub(crate) fn new(seed: u64, number: usize) -> Self {
        let mut dice = Self(seed);
        dice.0 = dice.roll() ^ number as u64;
        dice
    }

    pub(crate) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, count: usize) -> usize {
        usize::try_from(self.roll() % count as u64).unwrap()
    }

    /// True so many times out of a hundred.
    pub(crate) fn falls(&mut self, percent: u64) -> bool {
        self.roll() % 100 < percent
    }

    pub(crate) fn pick<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}

/// The variable that names the one seed to try.
pub(crate) const SEED: &str = "KINTO_ONCE_SEED";

/// The seeds to try: so many, or the one that is named in the environment.
pub(crate) fn seeds(count: u64) -> Vec<u64> {
    match env::var(SEED) {
        Ok(seed) => vec![seed.parse().expect("the seed is a number")],
        Err(_) => (0..count).collect(),
    }
}
