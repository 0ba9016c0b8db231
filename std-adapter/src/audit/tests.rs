//! Scripts of events, written by hand: for each kind one that gives exactly one report of that kind, and for each
//! trap one that gives none. At the end, random schedules of a correct pool.

use std::collections::VecDeque;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::word::tag;
use super::*;

const MINE: QueueId = QueueId(0);
const YOURS: QueueId = QueueId(1);
const SHARED: QueueId = QueueId(2);
const SLOT: QueueId = QueueId(3);
const LINE: QueueId = QueueId(4);
const HEAP: QueueId = QueueId(5);

const A: u64 = 1;
const B: u64 = 2;
const C: u64 = 3;
const NEXT_GENERATION: u64 = 1 << 32;

/// Three workers: the first has a stack and a slot, the second a stack and a line; an injector and a heap are shared.
fn layout() -> Layout {
    let mut layout = Layout::new(3, 64);
    assert_eq!(layout.queue(Order::LifoOwner, Some(0), 8), MINE);
    assert_eq!(layout.queue(Order::LifoOwner, Some(1), 8), YOURS);
    assert_eq!(layout.queue(Order::Injector, None, 64), SHARED);
    assert_eq!(layout.queue(Order::Slot, Some(0), 1), SLOT);
    assert_eq!(layout.queue(Order::FifoOwner, Some(1), 8), LINE);
    assert_eq!(layout.queue(Order::Unordered, None, 64), HEAP);
    layout
}

struct Stage<L: Audit> {
    audit: L,
    /// The owner of `MINE` and `SLOT`.
    a: L::Probe,
    /// The owner of `YOURS` and `LINE`.
    b: L::Probe,
    c: L::Probe,
    outside: L::Probe,
}

impl<L: Audit> Stage<L> {
    fn new(settings: &Settings) -> Self {
        let audit = L::new(&layout(), settings);
        let [a, b, c] = [0, 1, 2].map(|worker| audit.probe(Seat::Worker(worker)));
        Self { a, b, c, outside: audit.probe(Seat::Outside(0)), audit }
    }

    fn end(&self) -> Report {
        self.audit.report(Moment::Quiescent)
    }
}

type E = Stage<Exact>;

fn run(probe: &mut impl Probe, id: u64, end: Finish) {
    let _ = probe.started(id);
    probe.finished(id, end);
}

/// Pushes, pops, runs: a whole activation.
fn whole(probe: &mut impl Probe, id: u64, queue: QueueId) {
    let tag = probe.enqueue(id, queue);
    let _ = probe.popped(queue, Some((id, tag)));
    run(probe, id, Finish::Pending);
}

fn steal<P: Probe>(probe: &mut P, queue: QueueId, id: u64, tag: P::Tag) -> Verdict {
    probe.attempt(queue).got(id, tag)
}

/// What makes exactly one violation of a kind. The ledger's kinds have no script here: see `ledger.rs`.
fn script(kind: Kind) -> Option<fn(&mut E)> {
    Some(match kind {
        Kind::MultipleOwners => |e| {
            let first = e.outside.enqueue(A, SHARED);
            let second = e.c.enqueue(A, SHARED);
            let _ = steal(&mut e.a, SHARED, A, first);
            run(&mut e.a, A, Finish::Done);
            let _ = steal(&mut e.b, SHARED, A, second);
            run(&mut e.b, A, Finish::Done);
        },
        Kind::QueuedWhileRunning => |e| {
            let tag = e.a.enqueue(A, MINE);
            let _ = e.a.popped(MINE, Some((A, tag)));
            let _ = e.a.started(A);
            let early = e.a.enqueue(A, MINE);
            e.a.finished(A, Finish::Pending);
            let _ = e.a.popped(MINE, Some((A, early)));
            run(&mut e.a, A, Finish::Done);
        },
        Kind::UseAfterRetire => |e| {
            whole(&mut e.a, A, MINE);
            e.a.retired(A);
            whole(&mut e.a, A, MINE);
        },
        Kind::ReuseWithoutRetire => |e| {
            whole(&mut e.a, A, MINE);
            whole(&mut e.a, A + NEXT_GENERATION, MINE);
        },
        Kind::StaleId => |e| {
            whole(&mut e.a, A, MINE);
            e.a.retired(A);
            whole(&mut e.a, A + NEXT_GENERATION, MINE);
            whole(&mut e.a, A, MINE);
        },
        Kind::UnknownId => |e| whole(&mut e.a, 64, MINE),
        Kind::Phantom => |e| {
            let _ = e.a.popped(MINE, Some((A, tag::owned(1, 1))));
            run(&mut e.a, A, Finish::Done);
        },
        Kind::WrongQueue => |e| {
            let tag = e.a.enqueue(A, MINE);
            let _ = e.b.popped(YOURS, Some((A, tag)));
            run(&mut e.b, A, Finish::Done);
            let _ = e.a.popped(MINE, Some((A, tag)));
            run(&mut e.a, A, Finish::Done);
        },
        Kind::DoubleTake => |e| {
            let tag = e.a.enqueue(A, MINE);
            let _ = e.a.popped(MINE, Some((A, tag)));
            let _ = steal(&mut e.b, MINE, A, tag);
            run(&mut e.a, A, Finish::Done);
            run(&mut e.b, A, Finish::Done);
        },
        Kind::DoubleExecution => |e| {
            let tag = e.a.enqueue(A, MINE);
            let _ = e.a.popped(MINE, Some((A, tag)));
            let _ = e.a.started(A);
            let _ = steal(&mut e.b, MINE, A, tag);
            run(&mut e.b, A, Finish::Done);
            e.a.finished(A, Finish::Done);
        },
        // Activation 1 comes out twice, and 2 never would.
        Kind::StaleEntry => |e| {
            let first = e.a.enqueue(A, MINE);
            let _ = e.a.popped(MINE, Some((A, first)));
            run(&mut e.a, A, Finish::Pending);
            let second = e.a.enqueue(A, MINE);
            let _ = steal(&mut e.b, MINE, A, first);
            run(&mut e.b, A, Finish::Pending);
            let _ = e.a.popped(MINE, Some((A, second)));
            run(&mut e.a, A, Finish::Done);
        },
        Kind::NotOwner => |e| {
            let tag = e.a.enqueue(A, MINE);
            let _ = e.a.popped(MINE, Some((A, tag)));
            run(&mut e.b, A, Finish::Done);
            e.a.released(A);
        },
        Kind::StartWithoutTake => |e| {
            let tag = e.a.enqueue(A, MINE);
            run(&mut e.b, A, Finish::Done);
            let _ = e.a.popped(MINE, Some((A, tag)));
            run(&mut e.a, A, Finish::Done);
        },
        Kind::DoubleCompletion => |e| {
            whole(&mut e.a, A, MINE);
            e.a.finished(A, Finish::Panicked);
        },
        Kind::CompletionWithoutStart => |e| {
            let tag = e.a.enqueue(A, MINE);
            let _ = e.a.popped(MINE, Some((A, tag)));
            e.a.finished(A, Finish::Panicked);
            run(&mut e.a, A, Finish::Done);
        },
        Kind::ForeignCompletion => |e| {
            let tag = e.a.enqueue(A, MINE);
            let _ = e.a.popped(MINE, Some((A, tag)));
            let _ = e.a.started(A);
            e.b.finished(A, Finish::Done);
            e.a.finished(A, Finish::Done);
        },
        Kind::RetiredWhileQueued => |e| {
            let tag = e.a.enqueue(A, MINE);
            e.outside.retired(A);
            let _ = e.a.popped(MINE, Some((A, tag)));
            e.a.released(A);
            whole(&mut e.a, A + NEXT_GENERATION, MINE);
        },
        Kind::RetiredWhileRunning => |e| {
            let tag = e.a.enqueue(A, MINE);
            let _ = e.a.popped(MINE, Some((A, tag)));
            let _ = e.a.started(A);
            e.outside.retired(A);
            e.a.finished(A, Finish::Done);
            whole(&mut e.a, A + NEXT_GENERATION, MINE);
        },
        Kind::LostInQueue => |e| {
            e.a.enqueue(A, MINE);
            let thief = e.b.steal_begin(MINE);
            let _ = e.a.popped(MINE, None);
            e.a.safe_point();
            assert!(e.audit.report(Moment::Live).is_clean(), "the thief may have it");
            e.b.steal_missed(thief, Missed::Empty);
            e.a.safe_point();
            assert_eq!(e.audit.report(Moment::Live).count(Kind::LostInQueue), 1, "found while the pool runs");
            e.a.safe_point();
        },
        Kind::LostInTransfer => |e| {
            let tag = e.a.enqueue(A, MINE);
            let _ = steal(&mut e.b, MINE, A, tag);
        },
        Kind::NeverFinished => |e| {
            let tag = e.a.enqueue(A, MINE);
            let _ = e.a.popped(MINE, Some((A, tag)));
            let _ = e.a.started(A);
        },
        Kind::LostWake => |e| {
            let tag = e.a.enqueue(A, MINE);
            let _ = e.a.popped(MINE, Some((A, tag)));
            let _ = e.a.started(A);
            e.outside.waked(A);
            e.a.finished(A, Finish::Pending);
        },
        Kind::LifoOrder => |e| {
            let [first, second] = [A, B].map(|id| e.a.enqueue(id, MINE));
            for (id, tag) in [(A, first), (B, second)] {
                let _ = e.a.popped(MINE, Some((id, tag)));
                run(&mut e.a, id, Finish::Done);
            }
            let _ = e.a.popped(MINE, None);
        },
        Kind::FifoOrder => |e| {
            let [first, second] = [A, B].map(|id| e.a.enqueue(id, MINE));
            for (id, tag) in [(B, second), (A, first)] {
                let _ = steal(&mut e.b, MINE, id, tag);
                run(&mut e.b, id, Finish::Done);
            }
            let _ = e.a.popped(MINE, None);
        },
        Kind::EmptyWitness => |e| {
            let tag = e.a.enqueue(A, MINE);
            let _ = e.a.popped(MINE, None);
            let _ = e.a.popped(MINE, Some((A, tag)));
            run(&mut e.a, A, Finish::Done);
        },
        Kind::LedgerLost | Kind::LedgerDuplicate | Kind::Unbalanced => return None,
    })
}

fn exactly_one<const K: usize>(kind: Kind, script: impl FnOnce(&mut Stage<Flight<K>>)) -> Report {
    let mut stage = Stage::<Flight<K>>::new(&Settings::default());
    script(&mut stage);
    let report = stage.end();
    assert_eq!(report.found().collect::<Vec<_>>(), [(kind, 1)], "{report}");
    assert_eq!(report.violations().len(), 1);
    assert_eq!(report.violations()[0].kind, kind);
    assert_eq!(stage.end().total(), 1, "a second report adds nothing");
    stage.audit.reset();
    assert!(stage.audit.report(Moment::Live).is_clean());
    report
}

#[track_caller]
fn clean(script: impl FnOnce(&mut E)) -> Report {
    let mut stage = Stage::new(&Settings::default());
    script(&mut stage);
    let report = stage.end();
    assert!(report.is_clean(), "{report}");
    report
}

#[test]
fn every_kind_has_a_script_that_gives_exactly_one_report_of_it() {
    for kind in Kind::ALL {
        let Some(script) = script(*kind) else {
            assert!(super::ledger::tests::has_script(*kind), "{kind:?} has no script");
            continue;
        };
        let report = exactly_one::<0>(*kind, script);
        assert!(report.to_json().contains(kind.key()));
    }
}

#[test]
fn a_thief_that_took_the_newest_is_found_by_the_owner() {
    exactly_one::<0>(Kind::FifoOrder, |e| {
        let tags = [A, B, C].map(|id| e.a.enqueue(id, MINE));
        let _ = steal(&mut e.b, MINE, C, tags[2]);
        run(&mut e.b, C, Finish::Done);
        for (id, tag) in [(B, tags[1]), (A, tags[0])] {
            let _ = e.a.popped(MINE, Some((id, tag)));
            run(&mut e.a, id, Finish::Done);
        }
    });
}

#[test]
fn a_batch_that_is_reversed_is_a_wrong_order() {
    exactly_one::<0>(Kind::FifoOrder, |e| {
        let tags = [A, B].map(|id| e.a.enqueue(id, MINE));
        let mut attempt = e.b.attempt(MINE);
        let _ = attempt.part(B, tags[1]);
        let _ = attempt.got(A, tags[0]);
        run(&mut e.b, A, Finish::Done);
        run(&mut e.b, B, Finish::Done);
    });
}

#[test]
fn a_line_is_judged_for_its_owner_too() {
    exactly_one::<0>(Kind::FifoOrder, |e| {
        let tags = [A, B].map(|id| e.b.enqueue(id, LINE));
        for (id, tag) in [(B, tags[1]), (A, tags[0])] {
            let _ = e.b.popped(LINE, Some((id, tag)));
            run(&mut e.b, id, Finish::Done);
        }
    });
    exactly_one::<0>(Kind::EmptyWitness, |e| {
        let tag = e.b.enqueue(A, LINE);
        let _ = e.b.popped(LINE, None);
        let _ = steal(&mut e.a, LINE, A, tag);
        run(&mut e.a, A, Finish::Done);
    });
}

#[test]
fn an_injector_is_judged_by_producer() {
    exactly_one::<0>(Kind::FifoOrder, |e| {
        let tags = [A, B].map(|id| e.outside.enqueue(id, SHARED));
        for (id, tag) in [(B, tags[1]), (A, tags[0])] {
            let _ = steal(&mut e.a, SHARED, id, tag);
            run(&mut e.a, id, Finish::Done);
        }
    });
    clean(|e| {
        let [one, two] = [e.outside.enqueue(A, SHARED), e.c.enqueue(B, SHARED)];
        for (id, tag) in [(B, two), (A, one)] {
            let _ = e.a.popped(SHARED, Some((id, tag)));
            run(&mut e.a, id, Finish::Done);
        }
    });
}

#[test]
fn a_thief_sees_what_the_owner_did_not() {
    exactly_one::<0>(Kind::EmptyWitness, |e| {
        let tag = e.a.enqueue(A, MINE);
        let _ = e.a.popped(MINE, None);
        let _ = steal(&mut e.b, MINE, A, tag);
        run(&mut e.b, A, Finish::Done);
    });
}

#[test]
fn what_was_reported_lost_and_comes_out_is_not_reported_again() {
    exactly_one::<0>(Kind::LostInQueue, |e| {
        let tag = e.a.enqueue(A, MINE);
        let _ = e.a.popped(MINE, None);
        e.a.safe_point();
        let _ = e.a.popped(MINE, Some((A, tag)));
        run(&mut e.a, A, Finish::Done);
    });
}

#[test]
fn a_double_retire_is_one_report() {
    exactly_one::<0>(Kind::UseAfterRetire, |e| {
        whole(&mut e.a, A, MINE);
        e.a.retired(A);
        e.a.retired(A);
    });
}

#[test]
fn a_loss_in_an_unwatched_queue_is_found_when_the_pool_is_quiet() {
    for queue in [SHARED, HEAP, LINE, SLOT] {
        exactly_one::<0>(Kind::LostInQueue, |e| {
            e.a.enqueue(A, queue);
        });
    }
}

// Controls: nothing of this is a violation.

#[test]
fn a_thief_may_report_before_the_push_returns() {
    clean(|e| {
        let tag = e.a.enqueue(A, MINE);
        let _ = steal(&mut e.b, MINE, A, tag);
        run(&mut e.b, A, Finish::Pending);
        let again = e.b.enqueue(A, YOURS);
        let _ = e.b.popped(YOURS, Some((A, again)));
        run(&mut e.b, A, Finish::Done);
        let _ = e.a.popped(MINE, None);
    });
}

#[test]
fn a_finish_before_the_next_enqueue_is_no_queueing_while_running() {
    clean(|e| {
        for _ in 0..3 {
            whole(&mut e.a, A, MINE);
        }
    });
}

#[test]
fn steals_that_overlap_may_be_reported_in_any_order() {
    clean(|e| {
        let [first, second] = [A, B].map(|id| e.a.enqueue(id, MINE));
        let one = e.b.steal_begin(MINE);
        let two = e.c.steal_begin(MINE);
        let _ = e.c.stolen(two, B, second);
        let _ = e.b.stolen(one, A, first);
        run(&mut e.b, A, Finish::Done);
        run(&mut e.c, B, Finish::Done);
        let _ = e.a.popped(MINE, None);
        e.a.safe_point();
    });
}

#[test]
fn a_pop_that_could_not_look_is_not_reported_as_empty() {
    clean(|e| {
        let tag = e.a.enqueue(A, MINE);
        // The pop could not get its lock: nothing is reported.
        let _ = e.a.popped(MINE, Some((A, tag)));
        run(&mut e.a, A, Finish::Done);
    });
}

#[test]
fn what_is_under_way_is_counted_and_no_violation() {
    let mut e = E::new(&Settings::default());
    e.outside.enqueue(A, SHARED);
    let tag = e.a.enqueue(B, MINE);
    let _ = e.a.popped(MINE, Some((B, tag)));
    let tag = e.a.enqueue(C, MINE);
    let _ = e.a.popped(MINE, Some((C, tag)));
    let _ = e.a.started(C);
    let report = e.audit.report(Moment::Live);
    assert!(report.is_clean());
    assert_eq!(report.in_flight, InFlight { queued: 1, held: 1, running: 1 });
    assert_eq!(e.end().total(), 3, "a quiet pool has nothing under way");
}

#[test]
fn a_panic_is_an_end_as_any_other() {
    clean(|e| {
        let tag = e.a.enqueue(A, MINE);
        let _ = e.a.popped(MINE, Some((A, tag)));
        let _ = e.a.started(A);
        e.outside.waked(A);
        e.a.finished(A, Finish::Panicked);
        let tag = e.a.enqueue(A, MINE);
        let _ = e.a.popped(MINE, Some((A, tag)));
        run(&mut e.a, A, Finish::Panicked);
        e.a.retired(A);
    });
}

#[test]
fn a_worker_that_dies_in_a_steal_counts_it_as_given_up() {
    let report = clean(|e| {
        let probe = &mut e.b;
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _attempt = probe.attempt(MINE);
            std::panic::resume_unwind(Box::new(()));
        }));
        assert!(result.is_err());
        whole(&mut e.a, A, MINE);
    });
    assert_eq!(report.totals.missed_dropped, 1);
}

#[test]
fn an_element_whose_tag_was_torn_was_not_claimed() {
    clean(|e| {
        let tag = e.a.enqueue(A, MINE);
        let thief = e.b.steal_begin(MINE);
        // It has read an id and the tag of another; the claim fails.
        e.b.steal_missed(thief, Missed::Contended);
        let _ = e.a.popped(MINE, Some((A, tag)));
        run(&mut e.a, A, Finish::Done);
    });
}

#[test]
fn a_wake_is_served_by_the_next_activation_whoever_queues_it() {
    clean(|e| {
        e.outside.waked(A);
        let tag = e.a.enqueue(A, MINE);
        e.outside.waked(A);
        let _ = e.a.popped(MINE, Some((A, tag)));
        e.outside.waked(A);
        let _ = e.a.started(A);
        e.outside.waked(A);
        e.c.waked(A);
        e.a.finished(A, Finish::Pending);
        e.c.waked(A);
        let tag = e.outside.enqueue(A, SHARED);
        let _ = steal(&mut e.b, SHARED, A, tag);
        let _ = e.b.started(A);
        e.outside.waked(A);
        e.b.finished(A, Finish::Done);
        e.a.retired(A);
        e.outside.waked(A);
    });
}

#[test]
fn a_rejected_push_is_undone() {
    clean(|e| {
        let kept = e.a.enqueue(A, MINE);
        let tag = e.a.enqueue(B, MINE);
        e.a.rejected(B, MINE, tag);
        let tag = e.a.enqueue(B, SHARED);
        let _ = e.a.popped(MINE, Some((A, kept)));
        run(&mut e.a, A, Finish::Done);
        let _ = steal(&mut e.b, SHARED, B, tag);
        run(&mut e.b, B, Finish::Done);
    });
}

#[test]
fn overflow_is_a_steal_from_oneself_and_a_move() {
    clean(|e| {
        let tags: Vec<u64> = (1..=8).map(|id| e.a.enqueue(id, MINE)).collect();
        let full = e.a.enqueue(9, MINE);
        e.a.rejected(9, MINE, full);
        let mut moved = VecDeque::new();
        for id in 1..=4 {
            let _ = steal(&mut e.a, MINE, id, tags[id as usize - 1]);
            moved.push_back((id, e.a.moved(id, SHARED)));
        }
        let last = e.a.enqueue(9, MINE);
        let _ = e.a.popped(MINE, Some((9, last)));
        run(&mut e.a, 9, Finish::Done);
        for id in (5..=8).rev() {
            let _ = e.a.popped(MINE, Some((id, tags[id as usize - 1])));
            run(&mut e.a, id, Finish::Done);
        }
        let _ = e.a.popped(MINE, None);
        for (id, tag) in moved {
            let _ = steal(&mut e.b, SHARED, id, tag);
            run(&mut e.b, id, Finish::Done);
        }
    });
}

#[test]
fn an_owner_that_takes_its_oldest_is_judged_and_counts_for_thieves() {
    // The owner skipped the oldest; the thief that finds it comes too late.
    exactly_one::<0>(Kind::FifoOrder, |e| {
        let tags = [A, B].map(|id| e.a.enqueue(id, MINE));
        for (probe, id) in [(&mut e.a, B), (&mut e.b, A)] {
            let _ = steal(probe, MINE, id, tags[id as usize - 1]);
            run(probe, id, Finish::Done);
        }
    });
    // The thief skipped it; the owner comes too late.
    exactly_one::<0>(Kind::FifoOrder, |e| {
        let tags = [A, B].map(|id| e.a.enqueue(id, MINE));
        for (probe, id) in [(&mut e.b, B), (&mut e.a, A)] {
            let _ = steal(probe, MINE, id, tags[id as usize - 1]);
            run(probe, id, Finish::Done);
        }
    });
    // In turn, from both ends.
    clean(|e| {
        let tags = [A, B, C, 4].map(|id| e.a.enqueue(id, MINE));
        for id in [A, B, C] {
            let probe = if id == B { &mut e.b } else { &mut e.a };
            let _ = steal(probe, MINE, id, tags[id as usize - 1]);
            run(probe, id, Finish::Done);
        }
        let _ = e.a.popped(MINE, Some((4, tags[3])));
        run(&mut e.a, 4, Finish::Done);
    });
}

#[test]
fn nobody_waits_for_a_thief_of_its_own_queue() {
    let mut e = E::new(&Settings::default());
    let ticket = e.a.steal_begin(MINE);
    e.b.enqueue(A, YOURS);
    let _ = e.b.popped(YOURS, None);
    e.b.safe_point();
    assert_eq!(e.audit.report(Moment::Live).count(Kind::LostInQueue), 1);
    e.a.steal_missed(ticket, Missed::Empty);
}

#[test]
fn a_batch_moves_into_the_thiefs_queue() {
    let report = clean(|e| {
        let tags = [A, B, C].map(|id| e.a.enqueue(id, MINE));
        let mut batch = e.b.attempt(MINE);
        for (id, tag) in [A, B, C].into_iter().zip(tags) {
            let _ = batch.part(id, tag);
        }
        batch.missed(Missed::Empty);
        let moved = [B, C].map(|id| e.b.moved(id, YOURS));
        run(&mut e.b, A, Finish::Done);
        // One goes back where it came from, with the same activation, while the owner waits for it.
        let _ = e.a.popped(MINE, None);
        let _ = steal(&mut e.a, YOURS, B, moved[0]);
        let back = e.a.moved(B, MINE);
        e.a.safe_point();
        let _ = e.a.popped(MINE, Some((B, back)));
        run(&mut e.a, B, Finish::Done);
        let _ = e.b.popped(YOURS, Some((C, moved[1])));
        run(&mut e.b, C, Finish::Done);
    });
    assert_eq!((report.totals.stolen, report.totals.attempts, report.totals.missed_empty), (4, 2, 0));
}

#[test]
fn a_batch_is_waited_for_until_its_last_element() {
    clean(|e| {
        let tags = [A, B].map(|id| e.a.enqueue(id, MINE));
        let mut batch = e.b.steal_begin(MINE);
        let _ = e.b.stolen_part(&mut batch, A, tags[0]);
        let _ = e.a.popped(MINE, None);
        e.a.safe_point();
        let _ = e.b.stolen(batch, B, tags[1]);
        e.a.safe_point();
        run(&mut e.b, A, Finish::Done);
        run(&mut e.b, B, Finish::Done);
    });
}

#[test]
fn a_lost_element_that_came_back_is_not_taken_for_the_old_one() {
    clean(|e| {
        let tag = e.a.enqueue(A, MINE);
        let thief = e.b.steal_begin(MINE);
        let other = e.c.steal_begin(MINE);
        let _ = e.a.popped(MINE, None);
        let _ = e.b.stolen(thief, A, tag);
        let there = e.b.moved(A, YOURS);
        let _ = steal(&mut e.a, YOURS, A, there);
        let back = e.a.moved(A, MINE);
        e.c.steal_missed(other, Missed::Empty);
        e.a.safe_point();
        let _ = e.a.popped(MINE, Some((A, back)));
        run(&mut e.a, A, Finish::Done);
    });
}

#[test]
fn a_slot_gives_what_is_displaced() {
    clean(|e| {
        let old = e.a.enqueue(A, SLOT);
        let new = e.a.enqueue(B, SLOT);
        let _ = e.a.popped(SLOT, Some((A, old)));
        let moved = e.a.moved(A, MINE);
        let _ = e.a.popped(SLOT, Some((B, new)));
        run(&mut e.a, B, Finish::Done);
        let _ = e.a.popped(SLOT, None);
        let _ = e.a.popped(MINE, Some((A, moved)));
        run(&mut e.a, A, Finish::Done);
    });
}

#[test]
fn no_order_is_asked_of_a_heap() {
    clean(|e| {
        let tags = [A, B, C].map(|id| e.a.enqueue(id, HEAP));
        for (id, tag) in [(B, tags[1]), (C, tags[2]), (A, tags[0])] {
            let _ = steal(&mut e.b, HEAP, id, tag);
            run(&mut e.b, id, Finish::Done);
        }
    });
}

#[test]
fn a_retired_slot_takes_its_next_generation() {
    clean(|e| {
        for generation in [0, 1, 2, 0x7fff, 0xfffe, 0xffff, 0x1_0000, 0x1_0001] {
            let id = A | generation << 32;
            whole(&mut e.a, id, MINE);
            e.a.retired(id);
        }
        // Retired without having ever run.
        e.a.retired(A | 0x1_0002 << 32);
        whole(&mut e.a, A | 0x1_0003 << 32, MINE);
    });
}

#[test]
fn what_has_finished_for_good_is_over_and_retired() {
    let last = |e: &mut E, id| {
        let tag = e.a.enqueue(id, MINE);
        let _ = e.a.popped(MINE, Some((id, tag)));
        let _ = e.a.started(id);
        e.a.finished_for_good(id, Finish::Done);
    };
    let report = clean(|e| (0..3).for_each(|generation| last(e, A + generation * NEXT_GENERATION)));
    assert_eq!((report.totals.done, report.totals.retired), (3, 3));
    exactly_one::<0>(Kind::UseAfterRetire, |e| {
        last(e, A);
        whole(&mut e.a, A, MINE);
    });
    exactly_one::<0>(Kind::ForeignCompletion, |e| {
        let tag = e.a.enqueue(A, MINE);
        let _ = e.a.popped(MINE, Some((A, tag)));
        let _ = e.a.started(A);
        e.b.finished(A, Finish::Done);
        e.a.finished_for_good(A, Finish::Done);
    });
}

#[test]
fn what_has_finished_again_is_queued_in_its_next_activation() {
    let turns = |e: &mut E| {
        let mut tag = e.a.enqueue(A, MINE);
        for _ in 0..3 {
            let _ = steal(&mut e.a, MINE, A, tag);
            let _ = e.a.started(A);
            tag = e.a.finished_again(A, MINE);
        }
        tag
    };
    let report = clean(|e| {
        let tag = turns(e);
        let _ = e.a.popped(MINE, Some((A, tag)));
        run(&mut e.a, A, Finish::Done);
    });
    assert_eq!((report.totals.enqueued, report.totals.pending, report.totals.done), (4, 3, 1));
    exactly_one::<0>(Kind::LostInQueue, |e| _ = turns(e));
    exactly_one::<0>(Kind::StaleEntry, |e| {
        let first = e.a.enqueue(A, MINE);
        let _ = e.a.popped(MINE, Some((A, first)));
        let _ = e.a.started(A);
        let next = e.a.finished_again(A, MINE);
        let _ = steal(&mut e.b, MINE, A, first);
        run(&mut e.b, A, Finish::Done);
        let _ = e.a.popped(MINE, Some((A, next)));
        run(&mut e.a, A, Finish::Done);
    });
    exactly_one::<0>(Kind::ForeignCompletion, |e| {
        let tag = e.a.enqueue(A, MINE);
        let _ = e.a.popped(MINE, Some((A, tag)));
        let _ = e.a.started(A);
        e.b.finished(A, Finish::Done);
        let tag = e.a.finished_again(A, MINE);
        let _ = e.a.popped(MINE, Some((A, tag)));
        run(&mut e.a, A, Finish::Done);
    });
    // It was not its to finish, and it is in use: each is said as of the two events alone.
    exactly_one::<0>(Kind::DoubleCompletion, |e| {
        let tag = e.a.enqueue(A, MINE);
        let _ = e.a.popped(MINE, Some((A, tag)));
        run(&mut e.a, A, Finish::Pending);
        let tag = e.a.finished_again(A, MINE);
        let _ = e.a.popped(MINE, Some((A, tag)));
        run(&mut e.a, A, Finish::Done);
    });
    // A full queue takes it back, and a wake during the last run is served by what was queued.
    clean(|e| {
        let tag = turns(e);
        e.a.rejected(A, MINE, tag);
        let tag = e.a.enqueue(A, SHARED);
        let _ = steal(&mut e.b, SHARED, A, tag);
        let _ = e.b.started(A);
        e.outside.waked(A);
        let tag = e.b.finished_again(A, YOURS);
        let _ = e.b.popped(YOURS, Some((A, tag)));
        run(&mut e.b, A, Finish::Done);
    });
}

#[test]
fn an_activation_wraps() {
    clean(|e| {
        e.audit.preset_activation(A, 0xff_fffe);
        for _ in 0..4 {
            whole(&mut e.a, A, MINE);
        }
    });
    exactly_one::<0>(Kind::LostWake, |e| {
        e.audit.preset_activation(A, 0xff_ffff);
        let tag = e.a.enqueue(A, MINE);
        let _ = e.a.popped(MINE, Some((A, tag)));
        let _ = e.a.started(A);
        e.a.waked(A);
        e.a.finished(A, Finish::Pending);
    });
}

#[test]
fn a_worker_may_come_back_and_know_its_queue() {
    exactly_one::<0>(Kind::LifoOrder, |e| {
        let tags = [A, B, C].map(|id| e.a.enqueue(id, MINE));
        let spare = e.audit.probe(Seat::Outside(5));
        drop(std::mem::replace(&mut e.a, spare));
        e.a = e.audit.probe(Seat::Worker(0));
        for (id, tag) in [(C, tags[2]), (A, tags[0]), (B, tags[1])] {
            let _ = e.a.popped(MINE, Some((id, tag)));
            run(&mut e.a, id, Finish::Done);
        }
    });
}

#[test]
fn a_seat_with_two_probes_is_not_judged_by_order() {
    let report = clean(|e| {
        let mut twin = e.audit.probe(Seat::Worker(0));
        let tags = [A, B, C].map(|id| e.a.enqueue(id, MINE));
        let own = twin.enqueue(4, MINE);
        let _ = twin.popped(MINE, Some((4, own)));
        run(&mut twin, 4, Finish::Done);
        let _ = twin.popped(MINE, Some((C, tags[2])));
        run(&mut twin, C, Finish::Done);
        for (id, tag) in [(B, tags[1]), (A, tags[0])] {
            let _ = e.a.popped(MINE, Some((id, tag)));
            run(&mut e.a, id, Finish::Done);
        }
    });
    assert_eq!(report.doubled, 1);
}

#[test]
fn queues_and_workers_beyond_the_layout_are_served_without_order() {
    let report = clean(|e| {
        let mut stranger = e.audit.probe(Seat::Worker(99));
        let tags = [A, B].map(|id| stranger.enqueue(id, QueueId(77)));
        let _ = steal(&mut e.a, QueueId(77), B, tags[1]);
        run(&mut e.a, B, Finish::Done);
        let _ = stranger.popped(QueueId(77), Some((A, tags[0])));
        run(&mut stranger, A, Finish::Done);
    });
    assert_eq!(report.strangers, 1);
}

// Verdicts, statistics, bounds.

#[test]
fn what_is_illegal_is_refused_only_in_enforce_mode() {
    for (mode, expected) in [(Mode::Observe, Verdict::Run), (Mode::Enforce, Verdict::Refuse)] {
        let mut e = E::new(&Settings { mode, ..Settings::default() });
        let tag = e.a.enqueue(A, MINE);
        assert_eq!(e.a.popped(MINE, Some((A, tag))), Verdict::Run);
        assert_eq!(steal(&mut e.b, MINE, A, tag), expected);
        assert_eq!(e.a.started(A), Verdict::Run);
        assert_eq!(e.c.started(A), expected);
        e.a.finished(A, Finish::Done);
        assert_eq!(e.end().total(), 2);
    }
}

#[test]
fn a_wrong_order_is_reported_and_still_runs() {
    let mut e = E::new(&Settings { mode: Mode::Enforce, ..Settings::default() });
    let tags = [A, B].map(|id| e.a.enqueue(id, MINE));
    assert_eq!(e.a.popped(MINE, Some((A, tags[0]))), Verdict::Run);
    assert_eq!(e.end().count(Kind::LifoOrder), 1);
}

#[test]
fn only_so_many_violations_are_kept_and_all_are_counted() {
    let mut e = E::new(&Settings { keep: 3, ..Settings::default() });
    for _ in 0..10 {
        e.a.finished(A, Finish::Done);
    }
    let report = e.audit.report(Moment::Live);
    assert_eq!((report.total(), report.violations().len()), (10, 3));
}

static NOW: AtomicU64 = AtomicU64::new(0);

#[test]
fn a_slow_steal_is_a_number_and_no_violation() {
    let slow_steal = Some(Duration::from_nanos(100));
    let clock: fn() -> u64 = || NOW.load(Ordering::Relaxed);
    let mut e = E::new(&Settings { clock: Some(clock), slow_steal, ..Settings::default() });
    let wait = |time| NOW.fetch_add(time, Ordering::Relaxed);
    let tags = [A, B].map(|id| e.a.enqueue(id, MINE));
    let ticket = e.b.steal_begin(MINE);
    wait(50);
    e.b.steal_missed(ticket, Missed::Contended);
    // Measured from the first attempt, which was only beaten.
    let ticket = e.b.steal_begin(MINE);
    wait(60);
    let _ = e.b.stolen(ticket, A, tags[0]);
    let ticket = e.c.steal_begin(MINE);
    wait(3);
    let _ = e.c.stolen(ticket, B, tags[1]);
    run(&mut e.b, A, Finish::Done);
    run(&mut e.c, B, Finish::Done);
    let report = e.end();
    assert!(report.is_clean());
    assert_eq!(report.totals.slow_steals, 1);
    assert_eq!(report.latency.total(), 2);
    assert_eq!((report.latency.buckets()[2], report.latency.buckets()[6]), (1, 1));
    let worst = report.worst.map(|worst| (worst.nanoseconds, worst.thief, worst.victim, worst.id));
    assert_eq!(worst, Some((110, Seat::Worker(1), MINE, A)));
    e.audit.reset();
    assert_eq!(e.end().worst, None);
}

#[test]
fn numbers_are_kept_by_seat() {
    let report = clean(|e| {
        for id in 1..=5 {
            whole(&mut e.a, id, MINE);
        }
        let tag = e.outside.enqueue(A, SHARED);
        let _ = steal(&mut e.b, SHARED, A, tag);
        e.b.released(A);
    });
    let of = |seat| report.seats.iter().find(|counts| counts.seat == seat).map(|counts| counts.counts);
    let a = of(Seat::Worker(0)).unwrap_or_default();
    assert_eq!((a.enqueued, a.popped, a.started, a.pending, a.stolen), (5, 5, 5, 5, 0));
    let b = of(Seat::Worker(1)).unwrap_or_default();
    assert_eq!((b.stolen, b.released, b.attempts), (1, 1, 1));
    assert_eq!(of(Seat::Outside(0)).unwrap_or_default().enqueued, 1);
    assert_eq!(report.totals.enqueued, 6);
}

#[test]
fn a_flight_recorder_shows_the_last_events_of_both_workers() {
    let report = exactly_one::<4>(Kind::DoubleTake, |e| {
        let tag = e.a.enqueue(A, MINE);
        let _ = e.a.popped(MINE, Some((A, tag)));
        let _ = steal(&mut e.b, MINE, A, tag);
        run(&mut e.a, A, Finish::Done);
        run(&mut e.b, A, Finish::Done);
    });
    let violation = &report.violations()[0];
    assert_eq!((violation.by, violation.holder), (Some(Seat::Worker(1)), Some(Seat::Worker(0))));
    let events: Vec<Vec<What>> = violation
        .recent
        .iter()
        .map(|recent| recent.events.iter().map(|event| event.what).collect())
        .collect();
    assert_eq!(events, [[What::StealBegin, What::Stolen], [What::Enqueue, What::Popped]]);
    assert_eq!(violation.recent[0].events[1].step, violation.step);
    assert!(report.to_string().contains("last events of worker 0"), "{report}");
}

// A correct pool, in random order.

struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as usize % limit
    }
}

/// What a worker of the reference pool is in the middle of.
enum Doing<P: Probe> {
    Nothing,
    /// Attempt open, nothing claimed.
    Begun(QueueId, P::Ticket),
    /// Claimed and not reported.
    Claimed(P::Ticket, VecDeque<(u64, P::Tag)>),
    /// Took these; the first will run.
    Holds(VecDeque<u64>),
    Running(u64),
}

const WORKERS: usize = 4;
const IDS: usize = 24;
const CAPACITY: usize = 6;

/// A single-threaded pool whose workers take turns at random, each of their steps by itself.
fn correct_pool<L: Audit>(seed: u64, events: usize) -> Report {
    let mut random = Random(seed);
    let mut layout = Layout::new(WORKERS, IDS);
    for owner in 0..WORKERS {
        let order = if owner == 3 { Order::FifoOwner } else { Order::LifoOwner };
        layout.queue(order, Some(owner as u16), CAPACITY);
    }
    let injector = layout.queue(Order::Injector, None, usize::MAX);
    let audit = L::new(&layout, &Settings::default());
    let mut probes: Vec<L::Probe> =
        (0..WORKERS).map(|worker| audit.probe(Seat::Worker(worker as u16))).collect();
    let mut outside = audit.probe(Seat::Outside(0));
    let mut queues: Vec<VecDeque<(u64, <L as Audit>::Tag)>> =
        (0..=WORKERS).map(|_| VecDeque::new()).collect();
    let mut doing: Vec<Doing<L::Probe>> = (0..WORKERS).map(|_| Doing::Nothing).collect();
    let mut generation = [0u64; IDS];
    // The pool's own state of each id: idle, or not and perhaps woken.
    let mut busy = [false; IDS];
    let mut woken = [false; IDS];

    let mut step = 0;
    loop {
        step += 1;
        let draining = step > events;
        if draining
            && busy.iter().all(|busy| !busy)
            && doing.iter().all(|doing| matches!(doing, Doing::Nothing))
        {
            break;
        }
        assert!(step < events * 4, "the pool does not come to rest");
        let slot = random.below(IDS);
        if !draining && random.below(6) == 0 {
            let id = slot as u64 | generation[slot] << 32;
            outside.waked(id);
            if busy[slot] {
                woken[slot] = true;
            } else {
                busy[slot] = true;
                let tag = outside.enqueue(id, injector);
                queues[WORKERS].push_back((id, tag));
            }
            continue;
        }
        let me = random.below(WORKERS);
        let probe = &mut probes[me];
        let own = QueueId(me as u16);
        doing[me] = match std::mem::replace(&mut doing[me], Doing::Nothing) {
            Doing::Nothing => match random.below(3) {
                0 => {
                    probe.safe_point();
                    let found = if me == 3 { queues[me].pop_front() } else { queues[me].pop_back() };
                    assert_eq!(probe.popped(own, found), Verdict::Run);
                    found.map_or(Doing::Nothing, |(id, _)| Doing::Holds([id].into()))
                }
                _ => {
                    let victim = QueueId(random.below(WORKERS + 1) as u16);
                    Doing::Begun(victim, probe.steal_begin(victim))
                }
            },
            Doing::Begun(victim, ticket) => {
                let queue = &mut queues[usize::from(victim.0)];
                if queue.is_empty() || random.below(5) == 0 {
                    let why = if queue.is_empty() { Missed::Empty } else { Missed::Contended };
                    probe.steal_missed(ticket, why);
                    Doing::Nothing
                } else {
                    let count = 1 + random.below(queue.len().div_ceil(2));
                    Doing::Claimed(ticket, queue.drain(..count).collect())
                }
            }
            Doing::Claimed(mut ticket, batch) => {
                let mut held = VecDeque::new();
                for (id, tag) in batch {
                    assert_eq!(probe.stolen_part(&mut ticket, id, tag), Verdict::Run);
                    held.push_back(id);
                }
                probe.steal_missed(ticket, Missed::Empty);
                Doing::Holds(held)
            }
            Doing::Holds(mut held) if held.len() > 1 => {
                if let Some(id) = held.pop_back() {
                    if queues[me].len() < CAPACITY {
                        let tag = probe.moved(id, own);
                        queues[me].push_back((id, tag));
                    } else {
                        let tag = probe.moved(id, injector);
                        queues[WORKERS].push_back((id, tag));
                    }
                }
                Doing::Holds(held)
            }
            Doing::Holds(held) => {
                let id = held[0];
                let slot = id as u32 as usize;
                if random.below(20) == 0 {
                    probe.released(id);
                    busy[slot] = false;
                    woken[slot] = false;
                    Doing::Nothing
                } else {
                    assert_eq!(probe.started(id), Verdict::Run);
                    Doing::Running(id)
                }
            }
            Doing::Running(id) => {
                let slot = id as u32 as usize;
                let again = random.below(3) == 0 && !draining;
                match random.below(4) {
                    0 => {
                        let end = if random.below(2) == 0 { Finish::Done } else { Finish::Panicked };
                        probe.finished(id, end);
                        probe.retired(id);
                        generation[slot] += 1;
                        (busy[slot], woken[slot]) = (false, false);
                    }
                    _ if again || woken[slot] => {
                        probe.finished(id, Finish::Pending);
                        woken[slot] = false;
                        let tag = probe.enqueue(id, own);
                        if queues[me].len() < CAPACITY {
                            queues[me].push_back((id, tag));
                        } else {
                            probe.rejected(id, own, tag);
                            let tag = probe.enqueue(id, injector);
                            queues[WORKERS].push_back((id, tag));
                        }
                    }
                    _ => {
                        probe.finished(id, Finish::Pending);
                        busy[slot] = false;
                    }
                }
                Doing::Nothing
            }
        };
    }
    audit.report(Moment::Quiescent)
}

#[test]
fn a_correct_pool_is_never_accused() {
    for seed in 1..=20 {
        let report = correct_pool::<Exact>(seed * 0x9e37_79b9, 10_000);
        assert!(report.is_clean(), "seed {seed}: {report}");
        assert!(report.totals.stolen > 500 && report.totals.moved > 100, "{report}");
    }
}

#[test]
fn a_correct_pool_of_threads_is_never_accused() {
    // Each thread has a stack behind a lock, and all steal from all.
    let mut layout = Layout::new(3, 300);
    (0..3).for_each(|owner| _ = layout.queue(Order::LifoOwner, Some(owner), 300));
    let audit = Exact::new(&layout, &Settings::default());
    let queues: [std::sync::Mutex<VecDeque<(u64, u64)>>; 3] = Default::default();
    let start = Barrier::new(3);
    let lock = |queue: usize| queues[queue].lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    std::thread::scope(|scope| {
        for me in 0..3u16 {
            let (audit, start, lock) = (&audit, &start, &lock);
            scope.spawn(move || {
                let mut probe = audit.probe(Seat::Worker(me));
                let mut random = Random(u64::from(me) + 7);
                for slot in 0..100 {
                    let id = u64::from(me) * 100 + slot;
                    let tag = probe.enqueue(id, QueueId(me));
                    lock(usize::from(me)).push_back((id, tag));
                }
                start.wait();
                for round in 0..20_000 {
                    probe.safe_point();
                    let found = lock(usize::from(me)).pop_back();
                    let _ = probe.popped(QueueId(me), found);
                    let id = match found {
                        Some((id, _)) => id,
                        None => {
                            let victim = random.below(3);
                            let attempt = probe.attempt(QueueId(victim as u16));
                            let Some((id, tag)) = lock(victim).pop_front() else {
                                attempt.missed(Missed::Empty);
                                continue;
                            };
                            let _ = attempt.got(id, tag);
                            id
                        }
                    };
                    let _ = probe.started(id);
                    probe.finished(id, Finish::Pending);
                    if round < 10_000 || random.below(8) > 0 {
                        let tag = probe.enqueue(id, QueueId(me));
                        lock(usize::from(me)).push_back((id, tag));
                    }
                }
                while let Some((id, tag)) = { lock(usize::from(me)).pop_back() } {
                    let _ = probe.popped(QueueId(me), Some((id, tag)));
                    run(&mut probe, id, Finish::Done);
                }
            });
        }
    });
    let report = audit.report(Moment::Quiescent);
    assert!(report.is_clean(), "{report}");
}
