//! Streams of events, told by hand.

use core::time::Duration;
use std::vec::Vec;

use windlass::State::{
    self, Aborted, Aborting, Failure as Failed, Pending, Retrying, Running, Success, Waiting,
};
use windlass::{
    AbortCause, Event, EventKind, Failure, Instant, Kind, NodeId, Observer, Reason, Retry, Transition,
};

use super::Looked;
use crate::hash::Trail;
use crate::search::differs;
use crate::watch::{Facts, Watch};

fn id(index: u32) -> NodeId {
    NodeId::from_bits(1 << 32 | u64::from(index)).unwrap()
}

/// A tree as its events tell it, and the first violation.
struct Tale {
    watch: Watch,
    now: Instant,
    found: Looked,
}

impl Tale {
    fn new() -> Self {
        Self { watch: Watch::default(), now: Instant::ZERO, found: Ok(()) }
    }

    fn tell(&mut self, node: u32, kind: EventKind) -> &mut Self {
        let event = Event { at: self.now, node: id(node), name: "node", tag: None, kind };
        if self.found.is_ok() {
            self.found = self.watch.event(&event);
        }
        self
    }

    fn add(&mut self, node: u32, parent: Option<u32>, kind: Kind) -> &mut Self {
        self.add_with(node, parent, kind, |_| {})
    }

    fn add_with(&mut self, node: u32, parent: Option<u32>, kind: Kind, change: fn(&mut Facts)) -> &mut Self {
        let (width, retry) = (u32::MAX, Retry::NEVER);
        let mut facts =
            Facts { kind, width, lends: false, retry, paused: false, awaited: None, depends: Vec::new() };
        change(&mut facts);
        self.watch.learn(id(node), facts);
        self.tell(node, EventKind::Added(parent.map(id)))
    }

    /// Takes the node through these states.
    fn go(&mut self, node: u32, states: &[State]) -> &mut Self {
        for pair in states.windows(2) {
            self.tell(node, EventKind::Moved(Transition::between(pair[0], pair[1]).unwrap()));
        }
        self
    }

    fn abort(&mut self, node: u32, from: State) -> &mut Self {
        self.tell(node, EventKind::AbortBegan { cause: AbortCause::User, by: None })
            .go(node, &[from, Aborting])
    }

    /// Fails an attempt and asks for the next.
    fn retry(&mut self, node: u32, attempt: u32, delay: Duration) -> &mut Self {
        let failure = Failure { reason: Reason::new("test"), origin: id(node) };
        self.go(node, &[Running, Retrying]);
        self.tell(node, EventKind::Retry { attempt, delay, failure });
        self.go(node, &[Retrying, Waiting])
    }

    fn is_over(&self) -> Looked {
        self.found.and_then(|()| self.watch.step_is_over())
    }
}

pub(super) fn moves(doctored: bool) -> Looked {
    let mut tale = Tale::new();
    tale.add(0, None, Kind::Work).go(0, &[Pending, Running, Waiting]);
    if !doctored {
        tale.go(0, &[Waiting, Running]);
    }
    tale.go(0, &[Running, Success]).is_over()
}

pub(super) fn crank_of_a_waiting_node(doctored: bool) -> Looked {
    let mut tale = Tale::new();
    tale.add(0, None, Kind::Work).go(0, &[Pending, Running, Waiting]);
    if !doctored {
        tale.go(0, &[Waiting, Running]);
    }
    tale.tell(0, EventKind::Cranked).is_over()
}

pub(super) fn parent_settles_early(doctored: bool) -> Looked {
    let mut tale = Tale::new();
    tale.add(0, None, Kind::Work).add(1, Some(0), Kind::Work);
    tale.go(0, &[Pending, Running]).go(1, &[Pending, Running]);
    if !doctored {
        tale.go(1, &[Running, Failed]);
    }
    tale.go(0, &[Running, Success]).is_over()
}

pub(super) fn parent_cleans_up_early(doctored: bool) -> Looked {
    let mut tale = Tale::new();
    tale.add(0, None, Kind::Work).add(1, Some(0), Kind::Work);
    tale.go(0, &[Pending, Running]).go(1, &[Pending, Running]);
    tale.abort(0, Running).abort(1, Running);
    if !doctored {
        tale.go(1, &[Aborting, Aborted]);
    }
    tale.tell(0, EventKind::Cranked).is_over()
}

pub(super) fn start_below_an_abort(doctored: bool) -> Looked {
    let mut tale = Tale::new();
    tale.add(0, None, Kind::Work).add(1, Some(0), Kind::Work).go(0, &[Pending, Running]);
    if doctored {
        return tale.abort(0, Running).go(1, &[Pending, Running]).is_over();
    }
    tale.go(1, &[Pending, Running]).abort(0, Running).abort(1, Running).is_over()
}

pub(super) fn crank_below_an_abort(doctored: bool) -> Looked {
    let mut tale = Tale::new();
    tale.add(0, None, Kind::Work).add(1, Some(0), Kind::Work);
    tale.go(0, &[Pending, Running]).go(1, &[Pending, Running]).abort(0, Running);
    if !doctored {
        tale.abort(1, Running);
    }
    tale.tell(1, EventKind::Cranked).is_over()
}

pub(super) fn addition_below_an_abort(doctored: bool) -> Looked {
    let mut tale = Tale::new();
    tale.add(0, None, Kind::Work).go(0, &[Pending, Running]);
    if doctored {
        tale.abort(0, Running);
    }
    tale.add(1, Some(0), Kind::Work).found
}

pub(super) fn abort_leaves_a_child(doctored: bool) -> Looked {
    let mut tale = Tale::new();
    tale.add(0, None, Kind::Parallel).add(1, Some(0), Kind::Work);
    tale.go(0, &[Pending, Running]).go(1, &[Pending, Running, Waiting]).abort(0, Running);
    if !doctored {
        tale.abort(1, Waiting);
    }
    tale.is_over()
}

pub(super) fn retries(doctored: bool) -> Looked {
    let mut tale = Tale::new();
    tale.add_with(0, None, Kind::Work, |facts| facts.retry = Retry::ONCE).go(0, &[Pending, Running]);
    tale.retry(0, 2, Duration::from_secs(1));
    tale.now = Instant::from_secs(1);
    tale.go(0, &[Waiting, Running]);
    if doctored {
        return tale.retry(0, 3, Duration::from_secs(2)).is_over();
    }
    tale.go(0, &[Running, Failed]).is_over()
}

pub(super) fn delay_out_of_bounds(doctored: bool) -> Looked {
    let mut tale = Tale::new();
    tale.add_with(0, None, Kind::Work, |facts| facts.retry = Retry::ONCE).go(0, &[Pending, Running]);
    tale.retry(0, 2, Duration::from_secs(if doctored { 2 } else { 1 })).is_over()
}

pub(super) fn delay_not_as_asked(doctored: bool) -> Looked {
    let mut tale = Tale::new();
    tale.add_with(0, None, Kind::Work, |facts| facts.retry = Retry::ONCE).go(0, &[Pending, Running]);
    let asked = Duration::from_secs(9);
    tale.watch.asked(id(0), asked);
    tale.retry(0, 2, if doctored { Duration::from_secs(1) } else { asked }).is_over()
}

pub(super) fn retry_too_early(doctored: bool) -> Looked {
    let mut tale = Tale::new();
    tale.add_with(0, None, Kind::Work, |facts| facts.retry = Retry::ONCE).go(0, &[Pending, Running]);
    tale.retry(0, 2, Duration::from_secs(1));
    tale.now = Instant::from_micros(if doctored { 999_999 } else { 1_000_000 });
    tale.go(0, &[Waiting, Running]).is_over()
}

pub(super) fn retry_too_late(doctored: bool) -> Looked {
    let mut tale = Tale::new();
    let within = |facts: &mut Facts| facts.retry = Retry::ONCE.within(Duration::from_secs(5));
    tale.add_with(0, None, Kind::Work, within).go(0, &[Pending, Running]);
    tale.now = Instant::from_micros(if doctored { 4_000_001 } else { 4_000_000 });
    tale.retry(0, 2, Duration::from_secs(1)).is_over()
}

pub(super) fn sequence(doctored: bool) -> Looked {
    let mut tale = Tale::new();
    tale.add_with(0, None, Kind::Sequence, |_| {}).add(1, Some(0), Kind::Work).add(2, Some(0), Kind::Work);
    tale.go(0, &[Pending, Running]).go(1, &[Pending, Running]);
    if !doctored {
        tale.go(1, &[Running, Success]);
    }
    tale.go(2, &[Pending, Running]).is_over()
}

pub(super) fn concurrency(doctored: bool) -> Looked {
    let mut tale = Tale::new();
    tale.add_with(0, None, Kind::Parallel, |facts| facts.width = 1);
    tale.add(1, Some(0), Kind::Work).add(2, Some(0), Kind::Work).go(0, &[Pending, Running]);
    tale.go(1, &[Pending, Running, Waiting]);
    if !doctored {
        tale.go(1, &[Waiting, Running, Success]);
    }
    tale.go(2, &[Pending, Running]).is_over()
}

pub(super) fn start_behind_a_shut_gate(doctored: bool) -> Looked {
    let mut tale = Tale::new();
    tale.add(0, None, Kind::After).add(1, Some(0), Kind::Work).go(0, &[Pending, Running]);
    if !doctored {
        tale.tell(0, EventKind::Opened);
    }
    tale.go(1, &[Pending, Running]).is_over()
}

pub(super) fn gate_opens_early(doctored: bool) -> Looked {
    let mut tale = Tale::new();
    tale.add(0, None, Kind::Work).add_with(1, None, Kind::After, |facts| facts.awaited = Some(id(0)));
    tale.go(0, &[Pending, Running]).go(1, &[Pending, Running]);
    if !doctored {
        tale.go(0, &[Running, Failed]);
    }
    tale.tell(1, EventKind::Opened).is_over()
}

pub(super) fn gate_opens_after_a_failure(doctored: bool) -> Looked {
    let mut tale = Tale::new();
    tale.add(0, None, Kind::Work).add_with(1, None, Kind::AfterSuccess, |facts| facts.awaited = Some(id(0)));
    tale.go(0, &[Pending, Running, if doctored { Failed } else { Success }]).tell(0, EventKind::Freed);
    tale.go(1, &[Pending, Running]).tell(1, EventKind::Opened).is_over()
}

pub(super) fn gate_opens_without_a_yes(doctored: bool) -> Looked {
    let mut tale = Tale::new();
    tale.add(0, None, Kind::When).go(0, &[Pending, Running]).tell(0, EventKind::Cranked);
    if !doctored {
        tale.watch.said_yes(id(0));
    }
    tale.tell(0, EventKind::Opened).is_over()
}

pub(super) fn graph(doctored: bool) -> Looked {
    let mut tale = Tale::new();
    tale.add(0, None, Kind::Graph).add(1, Some(0), Kind::Work);
    tale.add_with(2, Some(0), Kind::Work, |facts| facts.depends.push(id(1)));
    tale.go(0, &[Pending, Running]).go(1, &[Pending, Running]);
    if !doctored {
        tale.go(1, &[Running, Success]);
    }
    tale.go(2, &[Pending, Running]).is_over()
}

pub(super) fn pause(doctored: bool) -> Looked {
    let mut tale = Tale::new();
    tale.add(0, None, Kind::Work).add(1, Some(0), Kind::Work);
    tale.go(0, &[Pending, Running]).go(1, &[Pending, Running]).tell(0, EventKind::Paused(true));
    if !doctored {
        tale.tell(0, EventKind::Paused(false));
    }
    tale.tell(1, EventKind::Cranked).is_over()
}

pub(super) fn freed_while_it_lives(doctored: bool) -> Looked {
    let mut tale = Tale::new();
    tale.add(0, None, Kind::Work).go(0, &[Pending, Running]);
    if !doctored {
        tale.go(0, &[Running, Success]);
    }
    tale.tell(0, EventKind::Freed).is_over()
}

pub(super) fn a_node_too_few(doctored: bool) -> Looked {
    let mut tale = Tale::new();
    tale.add(0, None, Kind::Work).watch.count(usize::from(!doctored))
}

pub(super) fn one_hash(doctored: bool) -> Looked {
    let told = |name| {
        let mut trail = Trail::default();
        trail.on_event(&Event {
            at: Instant::ZERO,
            node: id(0),
            name,
            tag: None,
            kind: EventKind::Added(None),
        });
        trail.mark();
        trail
    };
    let (one, other) = (told("one"), told(if doctored { "other" } else { "one" }));
    one.first_difference(&other).map_or(Ok(()), |step| Err(differs(&one, &other, step)))
}
