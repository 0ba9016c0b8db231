//! Observers, the event log, and the totals.

use windlass::{
    AbortStep, Event, EventKind, EventLog, Instant, Next, Observer, Outcome, Retry, Spec, State, Verbosity,
};
use windlass_tests::{Rig, Scheduler, Script, World, secs};

use super::release::release;

/// An observer gets every event: each change of state joins the one before, from the addition to the slot's end, and the cranks are those of
/// the totals.
#[test]
fn an_observer_gets_every_event() {
    let mut rig = Rig::new(32);
    release(&mut rig);
    let _ = rig.run();
    rig.s.shutdown(Instant::MAX);
    rig.run_until(|rig| rig.s.next() != Next::Now);
    let events = &rig.s.observer().events;
    assert!(events.is_sorted_by_key(|event| event.at));
    let count = |f: fn(&EventKind) -> bool| events.iter().filter(|event| f(&event.kind)).count() as u64;
    let m = rig.s.metrics();
    assert_eq!(count(|what| *what == EventKind::Cranked), m.cranks);
    assert_eq!(count(|what| matches!(what, EventKind::Added(_))), m.added);
    assert_eq!(count(|what| matches!(what, EventKind::Moved(t) if t.number == 5)), m.succeeded);
    assert_eq!(count(|what| matches!(what, EventKind::Failed(_))), m.failed);
    assert_eq!(count(|what| matches!(what, EventKind::Moved(t) if t.number == 15)), m.aborted + m.blocked);
    assert_eq!(
        count(|what| matches!(what, EventKind::Retry { .. })),
        count(|what| matches!(what, EventKind::Moved(t) if t.number == 7))
    );
    for node in rig.s.nodes() {
        let moves: Vec<_> = events
            .iter()
            .filter(|event| event.node == node.id())
            .filter_map(|event| match event.kind {
                EventKind::Moved(transition) => Some(transition),
                _ => None,
            })
            .collect();
        assert_eq!(moves.first().map_or(State::Pending, |first| first.from), State::Pending);
        assert!(moves.windows(2).all(|pair| pair[0].to == pair[1].from), "{moves:?}");
        assert_eq!(moves.last().map_or(State::Pending, |last| last.to), node.state());
    }
}

/// An observer that wants less gets just that: what becomes of nodes and not the steps on the way, or nothing; from one call to the next.
#[test]
fn an_observer_gets_no_more_than_it_wants() {
    let run = |detail| {
        let mut rig = Rig::new(32);
        rig.s.observer_mut().verbosity = detail;
        release(&mut rig);
        let _ = rig.run();
        rig.s.shutdown(Instant::MAX);
        rig.run_until(|rig| rig.s.next() != Next::Now);
        rig.s.observer().events.clone()
    };
    let ends = |what: &EventKind| match what {
        EventKind::Moved(transition) => transition.to.is_done() || transition.to == State::Pending,
        EventKind::Failed(_) | EventKind::AbortBegan { .. } | EventKind::Freed => true,
        _ => false,
    };
    let steps = run(Verbosity::Steps);
    let wanted: Vec<_> = steps.iter().filter(|event| ends(&event.kind)).copied().collect();
    assert!(wanted.len() > 10 && wanted.len() < steps.len() / 2);
    assert_eq!(run(Verbosity::Ends), wanted);
    assert_eq!(run(Verbosity::Nothing), []);

    let mut rig = Rig::new(2);
    rig.s.observer_mut().verbosity = Verbosity::Nothing;
    rig.add(Script::steps(1).spec("unseen"));
    rig.s.observer_mut().verbosity = Verbosity::Steps;
    rig.add(Script::steps(1).spec("seen"));
    assert!(rig.s.observer().events.iter().all(|event| event.name == "seen"));
    assert_eq!(rig.s.observer().events.len(), 1);
}

/// Without an observer there is nothing to write and nothing is made; one can be lent.
#[test]
fn an_observer_may_be_missing_or_lent() {
    struct Count<'a>(&'a mut u32);
    impl Observer for Count<'_> {
        fn on_event(&mut self, _: &Event) {
            *self.0 += 1;
        }
    }
    const {
        assert!(
            !<() as Observer>::ENABLED
                && !<&mut () as Observer>::ENABLED
                && <EventLog<4> as Observer>::ENABLED
        );
    }

    let mut world = World::default();
    let mut plain: Scheduler = Scheduler::with_capacity(1);
    plain.add(Script::steps(1).spec("a")).unwrap();
    assert_eq!(plain.poll_work_with(Instant::ZERO, &mut world), Next::Done);

    let mut log = EventLog::<16>::new();
    let mut count = 0;
    for lend in [false, true] {
        let s: Scheduler = Scheduler::with_capacity(1);
        if lend {
            let mut s = s.observed_by(&mut log);
            s.add(Script::steps(1).spec("a")).unwrap();
            let _ = s.poll_work_with(Instant::ZERO, &mut world);
        } else {
            let mut s = s.observed_by(Count(&mut count));
            s.add(Script::steps(1).spec("a")).unwrap();
            let _ = s.poll_work_with(Instant::ZERO, &mut world);
        }
    }
    assert_eq!((count, log.iter().count(), log.dropped()), (4, 4, 0));
}

/// The log keeps the latest events, counts what it drops, and gives them out oldest first.
#[test]
fn the_event_log_drops_the_oldest() {
    fn run<const N: usize>() -> EventLog<N> {
        let s: Scheduler = Scheduler::with_capacity(1);
        let mut s = s.observed_by(EventLog::<N>::new());
        s.add(Script::steps(10).spec("a")).unwrap();
        let _ = s.poll_work_with(Instant::ZERO, &mut World::default());
        s.observer().clone()
    }
    // added, started, ten cranks, succeeded
    let all = run::<13>();
    assert_eq!((all.iter().count(), all.dropped()), (13, 0));
    let mut some = run::<3>();
    assert_eq!((some.iter().count(), some.dropped()), (3, 10));
    assert!(some.iter().eq(all.iter().skip(10)));
    assert_eq!(some.pop().map(|event| event.kind), Some(EventKind::Cranked));
    some.clear();
    assert_eq!((some.pop(), some.dropped()), (None, 10));
    let one = run::<1>();
    assert_eq!((one.iter().count(), one.dropped()), (1, 12));
}

/// The totals, each by what it counts.
#[test]
fn the_totals_count_what_they_say() {
    let mut rig = Rig::new(8);
    let g = rig.add(Spec::graph("g"));
    let bad = rig.add_below(g, Script::fails().spec("bad").retry(Retry::times(3).constant(secs(1))));
    rig.s.add_after(g, Script::steps(1).spec("blocked"), &[bad]).unwrap();
    let w = rig.add(Script::waits().spec("w"));
    let f = rig.add(Script::says(Outcome::Waiting).on_abort(|_| AbortStep::Waiting).spec("f"));
    let pending = rig.add(Script::steps(1).spec("pending").retry(Retry::A_FEW).paused());
    rig.run_until_idle();
    let m = rig.s.metrics();
    assert_eq!(
        (m.in_state(State::Waiting), m.in_state(State::Running), m.in_state(State::Pending)),
        (3, 1, 2)
    );
    assert_eq!(m.states.iter().sum::<usize>(), m.nodes);
    assert_eq!((m.nodes, m.edges, m.capacity, m.high_water, m.retries_left), (6, 1, 8, 6, 3 + 5));
    rig.s.wake(w).unwrap();
    rig.s.abort_by(f, Instant::from_secs(2)).unwrap();
    rig.s.abort(pending).unwrap();
    let _ = rig.run();
    rig.s.remove(f).unwrap();
    let m = rig.s.metrics();
    assert_eq!((m.capacity, m.nodes, m.high_water, m.edges, m.retries_left), (8, 5, 6, 1, 5));
    // bad 4, w 2, f 1 run and 1 abort; the graph is an attempt too; three delays and one drain deadline.
    assert_eq!((m.cranks, m.attempts, m.retries, m.wakes, m.expired), (4 + 2 + 2, 4 + 1 + 1 + 1, 3, 1, 4));
    assert_eq!(
        (m.added, m.refused, m.succeeded, m.failed, m.aborted, m.blocked, m.forced),
        (6, 0, 1, 2, 2, 1, 1)
    );
}
