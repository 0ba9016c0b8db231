//! One code path for every store: the same program gives the same events in a table inside the scheduler, in borrowed memory and on the heap,
//! and the heap takes a million nodes. The works are in the tables themselves, not in boxes, so they are this file's own.

use core::time::Duration;

use windlass::{
    Boxed, Cx, EventLog, Inline, Instant, Next, Observer, Outcome, Reason, Retry, Scheduler, Spec, State,
    Store, Work,
};

/// Fails so often, sleeps once, then succeeds.
#[derive(Clone)]
struct Step {
    failures: u32,
    slept: bool,
}

const STEP: Step = Step { failures: 1, slept: false };

impl Work for Step {
    fn on_run(&mut self, _: &mut Cx<'_, Self>) -> Outcome {
        if self.failures > 0 {
            self.failures -= 1;
            return Outcome::Failure(Reason::new("not yet"));
        }
        if !std::mem::replace(&mut self.slept, true) {
            return Outcome::WaitFor(Duration::from_millis(5));
        }
        Outcome::Success
    }
}

/// Runs the program and gives its trace. Every call that the stores could answer differently is in it.
fn trace<S: Store<Work = Step>>(scheduler: Scheduler<S>) -> Vec<String> {
    let mut s = scheduler.observed_by(EventLog::<512>::new());
    assert_eq!(s.capacity(), 16);
    let all = s.add(Spec::parallel("all").concurrency(2)).unwrap();
    let q = s.add_below(all, Spec::sequence("sequence")).unwrap();
    for name in ["one", "two", "three"] {
        s.add_below(q, Spec::work(name, STEP).retry(Retry::ONCE)).unwrap();
    }
    let g = s.add_below(all, Spec::graph("graph")).unwrap();
    let first = s.add_below(g, Spec::work("first", STEP).retry(Retry::ONCE)).unwrap();
    s.add_after(g, Spec::work("second", STEP).retry(Retry::ONCE), &[first]).unwrap();
    let mut refused = 0;
    while s.metrics().nodes < 16 {
        s.add(Spec::work("filler", STEP).retry(Retry::ONCE)).unwrap();
    }
    for _ in 0..3 {
        refused += u32::from(s.add(Spec::work("too many", STEP)).is_err());
    }
    assert_eq!(refused, 3);
    let mut now = Instant::ZERO;
    for step in 0.. {
        assert!(step < 1_000, "no end in sight");
        match s.poll_work(now) {
            Next::Now => {}
            Next::At(at) => now = at,
            Next::OnWake => panic!("nobody waits for a wake"),
            Next::Done => break,
        }
    }
    assert_eq!(s.state(all), Ok(State::Success));
    assert_eq!(s.observer().dropped(), 0);
    s.observer().iter().map(ToString::to_string).collect()
}

#[test]
fn all_stores_give_the_same_events() {
    let inline = trace(Scheduler::<Inline<Step, 16, 4>>::new());
    let boxed = trace(Scheduler::with_store(Boxed::with_edges(16, 4)));
    let (mut of_16, mut sized) = (Inline::<Step, 16, 4>::new(), Inline::<Step, 16, 4>::new());
    let lent: &mut dyn Store<Work = Step> = &mut of_16;
    let (lent, sized) = (trace(Scheduler::with_store(lent)), trace(Scheduler::with_store(&mut sized)));
    assert!(inline.len() > 60, "{} events are no program", inline.len());
    assert_eq!(inline, boxed);
    assert_eq!((&inline, &inline), (&lent, &sized));
}

/// Counts the ends.
#[derive(Default)]
struct Ends(u64);

impl Observer for Ends {
    fn on_event(&mut self, event: &windlass::Event) {
        if let windlass::EventKind::Moved(transition) = event.kind {
            self.0 += u64::from(transition.to.is_done());
        }
    }
}

#[test]
fn a_million_nodes_run_to_their_end() {
    const NODES: usize = 1_000_000;
    let s: Scheduler<Boxed<Step>> = Scheduler::with_store(Boxed::with_edges(NODES, 0));
    let mut s = s.observed_by(Ends::default());
    let mut parent = None;
    for index in 0..NODES {
        // A tenth are composites of nine leaves each.
        let added = match parent {
            Some(parent) if index % 10 != 0 => {
                s.add_below(parent, Spec::work("leaf", Step { failures: 0, slept: false }))
            }
            _ => s.add(Spec::parallel("parallel")).inspect(|id| parent = Some(*id)),
        };
        assert!(added.is_ok());
    }
    assert!(s.add(Spec::work("too many", STEP)).is_err());
    let mut now = Instant::ZERO;
    loop {
        match s.poll_work(now) {
            Next::Now => {}
            Next::At(at) => now = at,
            next => break assert_eq!(next, Next::Done),
        }
    }
    let metrics = s.metrics();
    assert_eq!((s.observer().0, metrics.in_state(State::Success)), (NODES as u64, NODES));
    assert_eq!((metrics.cranks, metrics.expired), (2 * 900_000, 900_000));
}
