//! SplitMix64: a tiny generator whose numbers never change between versions.

/// A stream of numbers, named by a seed and by what it is for.
///
/// A library's generator may change its algorithm with a release; then the same
/// seed would make another city, and every recorded benchmark would be void.
#[derive(Clone, Debug)]
pub(super) struct Rng(u64);

impl Rng {
    /// The stream of one subject: streams of different subjects are independent,
    /// so that a subject looks the same however many others are made.
    pub(super) fn new(seed: u64, subject: u64) -> Self {
        let mut rng = Self(seed ^ subject.wrapping_mul(0xD1B5_4A32_D192_ED03));
        rng.next();
        rng
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number from `low` to `high`, both included.
    pub(super) fn between(&mut self, low: u32, high: u32) -> u32 {
        let span = u64::from(high - low) + 1;
        // The high half times the span: no modulo bias worth naming for spans this small.
        let offset = ((self.next() >> 32) * span) >> 32;
        low + u32::try_from(offset).unwrap_or(0)
    }

    /// A number in [0, 1).
    pub(super) fn unit(&mut self) -> f64 {
        f64::from(self.between(0, (1 << 30) - 1)) / f64::from(1 << 30)
    }

    /// True in `percent` of a hundred cases.
    pub(super) fn chance(&mut self, percent: u32) -> bool {
        self.between(0, 99) < percent
    }

    /// One of the words; the list must not be empty.
    pub(super) fn pick<'a, T>(&mut self, words: &'a [T]) -> &'a T {
        let at = self.between(0, u32::try_from(words.len() - 1).unwrap_or(u32::MAX));
        &words[at as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_the_published_ones_and_stay_in_range() {
        // Reference output of SplitMix64 for the state 1234567.
        let mut rng = Rng(1_234_567);
        assert_eq!([rng.next(), rng.next()], [6_457_827_717_110_365_317, 3_203_168_211_198_807_973]);
        let seen: std::collections::BTreeSet<u32> = (0..1000).map(|_| rng.between(3, 6)).collect();
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), [3, 4, 5, 6]);
        assert!((0..1000).all(|_| (0.0..1.0).contains(&rng.unit())));
        let hits = (0..10_000).filter(|_| rng.chance(35)).count();
        assert!((3300..3700).contains(&hits), "{hits}");
    }
}
