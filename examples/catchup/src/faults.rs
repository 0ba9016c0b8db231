//! Which requests the archive server spoils, and how.
//!
//! Invariant: what happens to a request depends on the seed, its path and how many requests for that path came before, and on nothing
//! else; so a run can be repeated whatever the order in which threads get their turn. Carrying it out is `server`'s business.

use std::collections::BTreeSet;
use std::str::FromStr;

use sha2::{Digest, Sha256};
use windlass_catchup_job::error::Invalid;
use windlass_catchup_job::random::Random;

/// How often requests are spoiled, each probability from 0 to 1 and their sum, too.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Faults {
    unavailable: f64,
    cut: f64,
    slow: f64,
    missing: BTreeSet<String>,
}

/// What happens to one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Treatment {
    /// It is served.
    Plain,
    /// It is answered as if the file were not there.
    Missing,
    /// It is answered with 503.
    Unavailable,
    /// The connection is closed after this many thousandths of the body, fewer than 1000.
    Cut(u16),
    /// The body comes in small parts with pauses between them.
    Slow,
}

impl Faults {
    /// What happens to a request for a path, the `nth` one for it, from 0.
    pub fn treat(&self, seed: u64, path: &str, nth: u64) -> Treatment {
        if self.missing.contains(path) {
            return Treatment::Missing;
        }
        let digest = Sha256::new()
            .chain_update(seed.to_le_bytes())
            .chain_update(nth.to_le_bytes())
            .chain_update(path)
            .finalize();
        let mut random = Random::new(digest.iter().take(8).fold(0, |sum, &byte| sum << 8 | u64::from(byte)));
        let cut_at = random.below(1000) as u16;
        let dice = random.fraction();
        if dice < self.unavailable {
            Treatment::Unavailable
        } else if dice < self.unavailable + self.cut {
            Treatment::Cut(cut_at)
        } else if dice < self.unavailable + self.cut + self.slow {
            Treatment::Slow
        } else {
            Treatment::Plain
        }
    }
}

impl FromStr for Faults {
    type Err = Invalid;

    /// Reads a list such as `503=0.05,cut=0.05,slow=0.02,missing=ledger/00/00/00/ledger-0000003f.xdr.gz`; `missing` may come repeatedly.
    fn from_str(text: &str) -> Result<Faults, Invalid> {
        let mut faults = Faults::default();
        for item in text.split(',').map(str::trim).filter(|item| !item.is_empty()) {
            let refuse = |expected| Invalid::new("fault", item, expected);
            let (kind, value) = item.split_once('=').ok_or(refuse("the form kind=value"))?;
            let probability = || match value.parse::<f64>() {
                Ok(number) if (0.0..=1.0).contains(&number) => Ok(number),
                _ => Err(refuse("a probability from 0 to 1")),
            };
            match kind {
                "503" => faults.unavailable = probability()?,
                "cut" => faults.cut = probability()?,
                "slow" => faults.slow = probability()?,
                "missing" if !value.is_empty() => {
                    faults.missing.insert(value.trim_start_matches('/').to_owned());
                }
                "missing" => return Err(refuse("a path in the archive after missing=")),
                _ => return Err(refuse("one of 503, cut, slow, missing")),
            }
        }
        // Written in decimals, probabilities such as 0.7, 0.2 and 0.1 may add up to a hair more than 1.
        if faults.unavailable + faults.cut + faults.slow > 1.0 + 1e-9 {
            return Err(Invalid::new("faults", text, "probabilities that add up to 1 or less"));
        }
        Ok(faults)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn faults(text: &str) -> Faults {
        text.parse().unwrap()
    }

    #[test]
    fn reads_what_it_should_and_refuses_the_rest() {
        assert_eq!(faults(""), Faults::default());
        let all = faults("503=0.05, cut=0.5,slow=0.45,missing=/a/b,missing=c");
        assert_eq!((all.unavailable, all.cut, all.slow), (0.05, 0.5, 0.45));
        assert!(all.missing.contains("a/b") && all.missing.contains("c"));
        assert!("503=0.7,cut=0.2,slow=0.1".parse::<Faults>().is_ok());
        for (text, about) in [
            ("503", "kind=value"),
            ("503=", "probability"),
            ("503=1.01", "probability"),
            ("cut=-0.1", "probability"),
            ("slow=NaN", "probability"),
            ("slow=inf", "probability"),
            ("500=0.1", "one of"),
            ("missing=", "path"),
            ("503=0.6,cut=0.6", "add up"),
        ] {
            let error = text.parse::<Faults>().unwrap_err().to_string();
            assert!(error.contains(about) && error.contains(text), "{text}: {error}");
        }
    }

    #[test]
    fn treatment_is_a_function_of_seed_path_and_count() {
        let some = faults("503=0.3,cut=0.3,slow=0.2");
        let run = |seed, path| (0..64).map(|nth| some.treat(seed, path, nth)).collect::<Vec<_>>();
        assert_eq!(run(1, "a"), run(1, "a"));
        assert_ne!(run(1, "a"), run(2, "a"));
        assert_ne!(run(1, "a"), run(1, "b"));
    }

    #[test]
    fn frequencies_are_those_asked_for() {
        let some = faults("503=0.3,cut=0.2,slow=0.1");
        let all: Vec<_> = (0..10_000).map(|nth| some.treat(9, "path", nth)).collect();
        let share = |wanted: fn(&Treatment) -> bool| all.iter().filter(|t| wanted(t)).count();
        assert!((2_800..3_200).contains(&share(|t| *t == Treatment::Unavailable)));
        assert!((1_800..2_200).contains(&share(|t| matches!(t, Treatment::Cut(0..1000)))));
        assert!((800..1_200).contains(&share(|t| *t == Treatment::Slow)));
        assert!((0..64).all(|nth| Faults::default().treat(9, "path", nth) == Treatment::Plain));
        assert!((0..64).all(|nth| faults("503=1").treat(9, "path", nth) == Treatment::Unavailable));
        assert_eq!(faults("missing=path").treat(9, "path", 5), Treatment::Missing);
    }
}
