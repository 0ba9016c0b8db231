//! What we aim for, in one table, and whether a measurement meets it.
//!
//! An aim is about our time alone, or about its ratio to one kind of peer. Nothing here takes a time.

use crate::clock::Who;

/// One aim.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Aim {
    /// At most this many nanoseconds a unit.
    Ns(f64),
    /// At most this many times the hand-written loop's time.
    TimesLoop(f64),
    /// At least this many times faster than any executor.
    FasterThanExecutors(f64),
}

/// By the key of the workload.
const AIMS: &[(&str, &[Aim])] = &[
    ("flat-1k", &[Aim::TimesLoop(2.0), Aim::FasterThanExecutors(12.0)]),
    ("flat-1m", &[Aim::TimesLoop(2.0), Aim::FasterThanExecutors(12.0)]),
    ("tree", &[Aim::Ns(16.0)]),
    ("wake-1k", &[Aim::Ns(10.0)]),
    ("wake-100k", &[Aim::Ns(10.0)]),
    ("wake-1m", &[Aim::Ns(40.0)]),
    ("timers", &[Aim::Ns(100.0)]),
    ("retry", &[Aim::Ns(100.0)]),
    ("abort", &[Aim::Ns(40.0)]),
    ("graph-1m-build", &[Aim::Ns(40.0)]),
    ("graph-1m-run", &[Aim::Ns(30.0)]),
    ("idle", &[Aim::Ns(20.0)]),
];

/// Bytes of one node, without its work.
pub(crate) const NODE_BYTES: usize = if cfg!(target_pointer_width = "64") { 96 } else { 64 };

/// An aim that a row speaks about, and whether it is met there.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Verdict {
    pub(crate) aim: String,
    pub(crate) met: bool,
}

/// The verdict on our own time.
pub(crate) fn on_time(key: &str, ours_ns: f64) -> Option<Verdict> {
    of(key).iter().find_map(|aim| match *aim {
        Aim::Ns(most) => Some(Verdict { aim: format!("<= {most} ns"), met: ours_ns <= most }),
        _ => None,
    })
}

/// The verdict on the ratio of our time to that of `peer`.
pub(crate) fn on_ratio(key: &str, peer: Who, ratio: f64) -> Option<Verdict> {
    let most = of(key).iter().find_map(|aim| match *aim {
        Aim::TimesLoop(times) if peer == Who::Loop => Some(times),
        Aim::FasterThanExecutors(times) if peer.is_executor() => Some(1.0 / times),
        _ => None,
    })?;
    Some(Verdict { aim: format!("ratio <= {most:.3}").replace(".000", ""), met: ratio <= most })
}

fn of(key: &str) -> &'static [Aim] {
    AIMS.iter().find(|(of, _)| *of == key).map_or(&[], |(_, aims)| aims)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue;

    #[test]
    fn every_aim_belongs_to_a_workload() {
        for (key, _) in AIMS {
            assert!(catalogue::ALL.iter().any(|workload| workload.key == *key), "{key}");
        }
    }

    #[test]
    fn an_aim_is_met_up_to_its_bound_and_not_beyond() {
        assert!(on_time("tree", 16.0).is_some_and(|verdict| verdict.met));
        assert!(on_time("tree", 16.1).is_some_and(|verdict| !verdict.met));
        assert!(on_ratio("flat-1k", Who::Loop, 2.0).is_some_and(|verdict| verdict.met));
        assert!(on_ratio("flat-1k", Who::Loop, 2.1).is_some_and(|verdict| !verdict.met));
        assert!(on_ratio("flat-1k", Who::Tokio, 0.08).is_some_and(|verdict| verdict.met));
        assert!(on_ratio("flat-1k", Who::Tokio, 0.09).is_some_and(|verdict| !verdict.met));
    }

    #[test]
    fn where_there_is_no_aim_there_is_no_verdict() {
        assert_eq!(on_time("flat-1k", 1.0), None);
        assert_eq!(on_ratio("flat-1k", Who::Bonsai, 0.1), None);
        assert_eq!(on_ratio("tree", Who::Loop, 9.0), None);
    }
}
