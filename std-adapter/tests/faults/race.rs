//! An owner and thieves on threads of their own, with the audit as the only judge.
//!
//! The invariant: *nothing here depends on the outcome*: whatever a deque gives is reported and run, every loop has a
//! bound, and the report says whether a promise was broken. Which threads these are, and in which order they run, is
//! for the build to say: loom's, shuttle's, or the system's.

use std::sync::Arc;

use windlass_std::audit::{
    Audit, Exact, Finish, Layout, Missed, Moment, Order, Probe, QueueId, Report, Seat, Settings,
};
use windlass_std::pool::{Deque, Ring, Steal};

use super::deque::*;
use super::sync::thread;

/// What the owner does, in order.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Act {
    Push,
    Pop,
}
use Act::{Pop, Push};

const QUEUE: QueueId = QueueId(0);

/// A race: how long the deque is, what its owner does, how many thieves there are, how often each steals, and how often
/// all that is repeated.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Race {
    pub(crate) capacity: usize,
    pub(crate) acts: &'static [Act],
    pub(crate) thieves: u16,
    pub(crate) steals: usize,
    pub(crate) rounds: usize,
}

const SHORT: Race =
    Race { capacity: 2, acts: &[Push, Push, Pop, Push, Pop], thieves: 1, steals: 2, rounds: 1 };
const LAST: Race = Race { capacity: 2, acts: &[Push, Push, Pop, Pop], thieves: 1, steals: 2, rounds: 1 };
const THIEVES: Race = Race { capacity: 2, acts: &[Push, Push, Pop], thieves: 2, steals: 1, rounds: 1 };
/// The owner's last store is the one of its pop, and one element stays for the thief.
const LEFT: Race = Race { capacity: 4, acts: &[Push, Push, Pop], thieves: 1, steals: 1, rounds: 1 };
const FULL: Race = Race { capacity: 2, acts: &[Push, Push, Push, Pop], thieves: 1, steals: 2, rounds: 1 };
const BATCH: Race =
    Race { capacity: 4, acts: &[Push, Push, Push, Push, Pop, Pop, Pop], thieves: 1, steals: 1, rounds: 1 };
/// Long enough for positions of three bits to come round while a thief sleeps.
const ROUND: Race = Race {
    capacity: 2,
    acts: &[
        Push, Pop, Push, Pop, Push, Pop, Push, Pop, Push, Pop, Push, Pop, Push, Pop, Push, Pop, Push, Push,
    ],
    thieves: 1,
    steals: 1,
    rounds: 1,
};
pub(crate) const ALL: &[Race] = &[SHORT, LAST, THIEVES, LEFT, FULL, BATCH, ROUND];

/// Those that are small enough for loom and Miri.
pub(crate) const SMALL: &[Race] = &[SHORT, LAST, THIEVES, LEFT];

/// What finds a flaw in a race.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tool {
    Shuttle,
    Loom,
    Miri,
}

impl Tool {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Shuttle => "shuttle",
            Self::Loom => "loom",
            Self::Miri => "Miri",
        }
    }
}

/// A deque with a flaw, the race that shows it, and the tools that find it there.
pub(crate) struct Racer {
    pub(crate) flaw: Flaw,
    pub(crate) race: Race,
    pub(crate) tools: &'static [Tool],
    pub(crate) run: fn(Race) -> Report,
}

const fn racer<F: Has>(race: Race, tools: &'static [Tool]) -> Racer {
    Racer { flaw: F::FLAW, race, tools, run: Race::run::<Flawed<F>> }
}

/// Shuttle knows no weak memory, so what lacks an order is for loom and Miri. The release store is wrong for the length
/// of one instruction, which Miri seldom meets.
const ORDERS: &[Tool] = &[Tool::Loom, Tool::Miri];
const SCHEDULES: &[Tool] = &[Tool::Shuttle];

/// Every flaw, and what finds it.
pub(crate) const RACERS: &[Racer] = &[
    racer::<LastWithoutClaim>(SHORT, &[Tool::Shuttle, Tool::Loom]),
    racer::<PopWithoutFence>(LAST, ORDERS),
    racer::<PublishByReleaseStore>(LEFT, &[Tool::Loom]),
    racer::<PublishRelaxed>(LEFT, ORDERS),
    racer::<StealWithoutClaim>(SHORT, SCHEDULES),
    racer::<StealDrops>(SHORT, SCHEDULES),
    racer::<StealTakesNewest>(LAST, SCHEDULES),
    racer::<StealSkipsOldest>(LAST, SCHEDULES),
    racer::<StealReturnsStale>(THIEVES, SCHEDULES),
    racer::<StealHalfByOneClaim>(BATCH, SCHEDULES),
    racer::<PopTakesOldest>(SHORT, SCHEDULES),
    racer::<PopOverlooksLast>(LAST, SCHEDULES),
    racer::<NarrowPositions>(ROUND, SCHEDULES),
    racer::<OverwritesWhenFull>(FULL, SCHEDULES),
    racer::<StealReadsUnwritten>(SHORT, SCHEDULES),
];

/// Those that a tool finds.
pub(crate) fn found_by(tool: Tool) -> impl Iterator<Item = &'static Racer> {
    RACERS.iter().filter(move |racer| racer.tools.contains(&tool))
}

/// Its name, and how it runs a race.
type Control = (&'static str, fn(Race) -> Report);

/// What must break no promise, in any race: the shipped deque, and the one without a flaw.
pub(crate) const CONTROLS: &[Control] =
    &[("the shipped ring", Race::run::<Ring<u64>>), ("the deque without a flaw", Race::run::<Flawed<Sound>>)];

impl Race {
    /// For a tool that draws so few orders that a short race has none worth judging.
    pub(crate) const fn repeated(self, rounds: usize) -> Self {
        Self { rounds, ..self }
    }

    /// Runs it once.
    pub(crate) fn run<D: Paused>(self) -> Report {
        let mut layout = Layout::new(1 + usize::from(self.thieves), self.acts.len() * self.rounds + 1);
        layout.queue(Order::LifoOwner, Some(0), self.capacity);
        let audit = Exact::new(&layout, &Settings::default());
        let deque = Arc::new(D::with_capacity(self.capacity));
        let mut probe = audit.probe(Seat::Worker(0));
        let threads: Vec<_> = (1..=self.thieves)
            .map(|thief| {
                let (deque, mut probe) = (Arc::clone(&deque), audit.probe(Seat::Worker(thief)));
                thread::spawn(move || (0..self.steals * self.rounds).for_each(|_| steal(&*deque, &mut probe)))
            })
            .collect();
        // Id 0 is what a cell holds that was never written.
        let mut id = 1;
        for act in (0..self.rounds).flat_map(|_| self.acts) {
            match act {
                Push => {
                    let tag = probe.enqueue(id, QUEUE);
                    if deque.push(id, tag).is_err() {
                        probe.rejected(id, QUEUE, tag);
                    }
                    id += 1;
                }
                Pop => _ = pop(&*deque, &mut probe),
            }
        }
        for thread in threads {
            assert!(thread.join().is_ok(), "no thread of a race panics");
        }
        // A flawed deque might give the same for ever.
        for _ in self.acts {
            if !pop(&*deque, &mut probe) {
                break;
            }
        }
        audit.report(Moment::Quiescent)
    }
}

fn pop<D: Deque<u64>>(deque: &D, probe: &mut impl Probe<Tag = u64>) -> bool {
    let found = deque.pop();
    let _ = probe.popped(QUEUE, found);
    if let Some((id, _)) = found {
        run(probe, id);
    }
    probe.safe_point();
    found.is_some()
}

fn steal<D: Paused>(deque: &D, probe: &mut impl Probe<Tag = u64>) {
    if D::HALF {
        let mut attempt = probe.attempt(QUEUE);
        let half = deque.steal_half_paused(|| {});
        for (id, tag) in &half {
            let _ = attempt.part(*id, *tag);
        }
        attempt.missed(Missed::Empty);
        half.iter().for_each(|(id, _)| run(probe, *id));
        return;
    }
    let attempt = probe.attempt(QUEUE);
    match deque.steal() {
        Steal::Taken(id, tag) => {
            let _ = attempt.got(id, tag);
            run(probe, id);
        }
        Steal::Empty => attempt.missed(Missed::Empty),
        Steal::Contended => attempt.missed(Missed::Contended),
    }
}

fn run(probe: &mut impl Probe, id: u64) {
    let _ = probe.started(id);
    probe.finished(id, Finish::Done);
}
