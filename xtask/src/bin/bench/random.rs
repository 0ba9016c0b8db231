//! Numbers that look random and are the same in every run: which sleeper is woken, how long a timer takes, what depends on what.
//!
//! SplitMix64. All of them are drawn before the clock starts.

pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new() -> Self {
        Self(0)
    }

    /// A number below `bound`, which is not 0.
    pub(crate) fn below(&mut self, bound: u32) -> u32 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (((mixed ^ (mixed >> 31)) >> 32).wrapping_mul(u64::from(bound)) >> 32) as u32
    }
}

/// All of these, in an order that looks random.
pub(crate) fn shuffled<T: Clone>(items: &[T]) -> Vec<T> {
    let mut random = Random::new();
    let mut all = items.to_vec();
    for last in (1..all.len()).rev() {
        all.swap(last, random.below(last as u32 + 1) as usize);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_below_their_bound_and_spread() {
        let mut random = Random::new();
        let mut seen = [0; 10];
        (0..1_000).for_each(|_| seen[random.below(10) as usize] += 1);
        assert!(seen.iter().all(|&times| times > 50), "{seen:?}");
    }
}
