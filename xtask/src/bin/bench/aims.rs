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
    /// At most this many times the time of rayon and of tokio, for one of our pools.
    TimesPools(Who, f64),
    /// At most this many nanoseconds a unit more than without an audit, for one layer of it.
    MoreThanOff(Who, f64),
    /// At most this many times the time without an audit, for one layer of it.
    TimesOff(Who, f64),
}

/// No pool of ours is slower than one that does the same.
const POOLS: &[Aim] = &[Aim::TimesPools(Who::Crew, 1.0), Aim::TimesPools(Who::Pool, 1.0)];
/// Tasks that run again, which is where most futures are most of the time.
const AGAIN: &[Aim] = &[Aim::TimesPools(Who::Crew, 0.5), Aim::TimesPools(Who::Pool, 0.5)];
const AUDITS: &[Aim] = &[Aim::MoreThanOff(Who::Ledger, 5.0), Aim::MoreThanOff(Who::Exact, 20.0)];

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
    ("stealing-empty-1", POOLS),
    ("stealing-empty-2", POOLS),
    ("stealing-10ns-1", POOLS),
    ("stealing-10ns-2", POOLS),
    ("stealing-200ns-1", POOLS),
    ("stealing-200ns-2", POOLS),
    ("stealing-again-1", AGAIN),
    ("stealing-again-2", AGAIN),
    ("stealing-single-1", POOLS),
    ("stealing-single-2", POOLS),
    ("stealing-batch-1", POOLS),
    ("stealing-batch-2", POOLS),
    ("stealing-audit-empty", AUDITS),
    ("stealing-audit-again", AUDITS),
    ("stealing-audit-100ns", &[Aim::TimesOff(Who::Exact, 2.0)]),
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

/// The verdict on our time beside that of a peer.
pub(crate) fn on_peer(
    key: &str,
    (ours, ours_ns): (Who, f64),
    (peer, peer_ns): (Who, f64),
) -> Option<Verdict> {
    let ratio = |most: f64| Verdict {
        aim: format!("ratio <= {most:.3}").replace(".000", ""),
        met: ours_ns / peer_ns <= most,
    };
    of(key).iter().find_map(|aim| match *aim {
        Aim::TimesLoop(times) if peer == Who::Loop => Some(ratio(times)),
        Aim::FasterThanExecutors(times) if peer.is_executor() => Some(ratio(1.0 / times)),
        Aim::TimesPools(who, times) if who == ours && peer.is_pool() => Some(ratio(times)),
        Aim::TimesOff(who, times) if who == ours && peer == Who::Unwatched => Some(ratio(times)),
        Aim::MoreThanOff(who, most) if who == ours && peer == Who::Unwatched => {
            let more = ours_ns - peer_ns;
            Some(Verdict { aim: format!("{more:.1} ns more, <= {most}"), met: more <= most })
        }
        _ => None,
    })
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

    fn ratio(key: &str, peer: Who, ratio: f64) -> Option<Verdict> {
        on_peer(key, (Who::Ours, ratio), (peer, 1.0))
    }

    #[test]
    fn an_aim_is_met_up_to_its_bound_and_not_beyond() {
        assert!(on_time("tree", 16.0).is_some_and(|verdict| verdict.met));
        assert!(on_time("tree", 16.1).is_some_and(|verdict| !verdict.met));
        assert!(ratio("flat-1k", Who::Loop, 2.0).is_some_and(|verdict| verdict.met));
        assert!(ratio("flat-1k", Who::Loop, 2.1).is_some_and(|verdict| !verdict.met));
        assert!(ratio("flat-1k", Who::Tokio, 0.08).is_some_and(|verdict| verdict.met));
        assert!(ratio("flat-1k", Who::Tokio, 0.09).is_some_and(|verdict| !verdict.met));
    }

    #[test]
    fn an_aim_of_a_pool_speaks_of_that_pool_and_of_those_that_it_is_for() {
        let met = |key, ours, peer| on_peer(key, ours, peer).map(|verdict| verdict.met);
        assert_eq!(met("stealing-again-1", (Who::Crew, 0.6), (Who::Tokio, 1.0)), Some(false));
        assert_eq!(met("stealing-again-1", (Who::Pool, 0.4), (Who::Tokio, 1.0)), Some(true));
        assert_eq!(met("stealing-again-1", (Who::Pool, 1.1), (Who::Rayon, 1.0)), Some(false));
        assert_eq!(met("stealing-again-1", (Who::Pool, 9.0), (Who::Crossbeam, 1.0)), None);
        assert_eq!(met("stealing-audit-empty", (Who::Ledger, 15.1), (Who::Unwatched, 10.0)), Some(false));
        assert_eq!(met("stealing-audit-empty", (Who::Exact, 30.0), (Who::Unwatched, 10.0)), Some(true));
        assert_eq!(met("stealing-audit-empty", (Who::Flight, 99.0), (Who::Unwatched, 10.0)), None);
        assert_eq!(met("stealing-audit-100ns", (Who::Exact, 2.1), (Who::Unwatched, 1.0)), Some(false));
    }

    #[test]
    fn where_there_is_no_aim_there_is_no_verdict() {
        assert_eq!(on_time("flat-1k", 1.0), None);
        assert_eq!(ratio("flat-1k", Who::Bonsai, 0.1), None);
        assert_eq!(ratio("tree", Who::Loop, 9.0), None);
    }
}
