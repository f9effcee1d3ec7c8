//! Numbers for generated tests (SplitMix64): the same seed gives the same test on every machine.

use std::hash::{BuildHasher, RandomState};

pub(crate) struct Random(u64);

/// The seed of this run: `SEED` in the environment, else another one each time.
pub(crate) fn seed() -> u64 {
    let given = std::env::var("SEED").ok().map(|text| text.parse().unwrap());
    given.unwrap_or_else(|| RandomState::new().hash_one(0) >> 32)
}

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound.max(1) as u64).unwrap()
    }

    /// True once in `times`.
    #[allow(dead_code, reason = "not every test that shares this needs it")]
    pub(crate) fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}
