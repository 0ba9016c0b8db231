//! One run: a scheduler, an application and a virtual clock, driven one input at a time.
//!
//! The invariant: all that reaches the scheduler is either built by the scenario or an input in the log, so the log repeats the run; and after each
//! input every oracle has looked. The clock moves only when it is chosen to, and then to the next deadline. The engine is the shipped one: it is driven
//! through the calls that everybody has.

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::string::ToString;
use alloc::vec::Vec;
use core::cell::Cell;

use windlass::{Boxed, Instant, Next, NodeId, Scheduler, Work};

use crate::chaos::Chaos;
use crate::fault::{At, Fault};
use crate::finding::Finding;
use crate::guest::{Guest, World};
use crate::hash::Trail;
use crate::log::{Input, Log};
use crate::oracle::{Oracle, Violation};
use crate::order::{Chooser, Order, Outside};
use crate::watch::Watch;

/// Slots of a lab's table unless the scenario says otherwise.
const CAPACITY: usize = 256;
/// Steps after which a run is taken for one without an end, unless the scenario says otherwise.
const LIMIT: usize = 20_000;

/// The shipped engine, with works that faults can strike, and all events kept.
pub(crate) type Engine<W> = Scheduler<Boxed<Guest<W>>, Trail>;
type Act<W, A> = Box<dyn FnOnce(&mut Lab<W, A>)>;
pub(crate) type Condition<W, A> = (&'static str, Box<dyn Fn(&Lab<W, A>) -> bool>);

/// A scheduler under test, with its application and a virtual clock.
///
/// A scenario builds the tree, says what may happen outside and what must hold; the lab does the rest. Everything that is asked of it after the
/// building is an input, and goes into its log.
pub struct Lab<W, A = ()> {
    pub(crate) s: Engine<W>,
    pub(crate) world: World<W, A>,
    pub(crate) now: Instant,
    pub(crate) log: Log,
    pub(crate) phase: Phase,
    pub(crate) acts: Vec<(&'static str, Act<W, A>)>,
    pub(crate) always: Vec<Condition<W, A>>,
    pub(crate) at_end: Vec<Condition<W, A>>,
    pub(crate) watch: Watch,
    /// Events that the oracles have seen.
    pub(crate) seen: usize,
    pub(crate) stale: Vec<NodeId>,
    pub(crate) failed: Option<Violation>,
    pub(crate) chooser: Chooser,
    pub(crate) chaos: Option<Chaos>,
    pub(crate) limit: usize,
    pub(crate) may_stall: bool,
    pub(crate) wakes: Wakes,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Building,
    Acting,
    Running,
}

/// The wake set that the labs of one search share, one after the other: it is never given back.
#[derive(Clone, Default)]
pub(crate) struct Wakes {
    #[cfg(any(target_has_atomic = "32", feature = "portable-atomic"))]
    set: Rc<Cell<Option<&'static windlass::WakeSet>>>,
    #[cfg(not(any(target_has_atomic = "32", feature = "portable-atomic")))]
    set: Rc<Cell<()>>,
}

impl Wakes {
    #[cfg(any(target_has_atomic = "32", feature = "portable-atomic"))]
    fn serve<W>(&self, s: &mut Engine<W>) {
        let fits = self.set.get().filter(|set| set.capacity() >= s.capacity());
        let set = fits.unwrap_or_else(|| windlass::WakeSet::leaked(s.capacity(), None));
        // What the last run left.
        windlass::door::forget_wakes(set);
        self.set.set(Some(set));
        s.set_wakes(set);
    }

    #[cfg(not(any(target_has_atomic = "32", feature = "portable-atomic")))]
    fn serve<W>(&self, _: &mut Engine<W>) {
        self.set.set(());
    }
}

/// Building.
impl<W, A> Lab<W, A>
where
    W: Work<W, A>,
    A: Outside,
{
    /// An empty lab with 256 slots around this application.
    #[must_use]
    pub fn new(app: A) -> Self {
        Self::sharing(app, Wakes::default())
    }

    pub(crate) fn sharing(app: A, wakes: Wakes) -> Self {
        let mut s = Scheduler::with_capacity(CAPACITY).observed_by(Trail::default());
        wakes.serve(&mut s);
        Self {
            s,
            world: World::new(app),
            now: Instant::ZERO,
            log: Log::default(),
            phase: Phase::Building,
            acts: Vec::new(),
            always: Vec::new(),
            at_end: Vec::new(),
            watch: Watch::default(),
            seen: 0,
            stale: Vec::new(),
            failed: None,
            chooser: Chooser::Calm,
            chaos: None,
            limit: LIMIT,
            may_stall: false,
            wakes,
        }
    }

    /// Gives the table so many slots. Before anything else: what was added is dropped.
    pub fn set_capacity(&mut self, nodes: usize) {
        self.s = Scheduler::with_capacity(nodes).observed_by(Trail::default());
        self.wakes.serve(&mut self.s);
        self.watch = Watch::default();
    }

    /// Sets the seed of the retry jitter.
    pub fn set_seed(&mut self, seed: u64) {
        self.s.set_seed(seed);
    }

    /// Sets the order in which things happen. The searches set their own.
    pub fn set_order(&mut self, order: Order) {
        self.chooser = Chooser::new(order);
    }

    /// Sets after how many steps a run counts as one without an end; the default is 20,000.
    pub fn set_limit(&mut self, steps: usize) {
        self.limit = steps;
    }

    /// Lets runs stop with works that wait for a wake that never comes. Otherwise the searches take that for a finding.
    pub fn allow_stall(&mut self) {
        self.may_stall = true;
    }

    /// Adds a line to the fault script.
    pub fn inject(&mut self, at: At, fault: Fault) {
        self.world.script.add(at, fault);
    }

    /// The lines of the fault script that have struck nothing so far: what a test believes to have tested and has not.
    pub fn unused_faults(&self) -> impl Iterator<Item = (At, Fault)> {
        self.world.script.idle()
    }

    /// Offers something that happens outside, once, when the lab decides: another job is added, somebody aborts one.
    pub fn offer(&mut self, label: &'static str, act: impl FnOnce(&mut Self) + 'static) {
        self.acts.push((label, Box::new(act)));
    }

    /// Says what must hold after every step, whatever fails or is aborted.
    pub fn always(&mut self, name: &'static str, holds: impl Fn(&Self) -> bool + 'static) {
        self.always.push((name, Box::new(holds)));
    }

    /// Says what must hold when a run is over, whatever has failed or was aborted.
    pub fn at_end(&mut self, name: &'static str, holds: impl Fn(&Self) -> bool + 'static) {
        self.at_end.push((name, Box::new(holds)));
    }
}

/// Driving.
impl<W, A> Lab<W, A>
where
    W: Work<W, A>,
    A: Outside,
{
    /// Takes the next input, whatever that is: a crank, something from outside, a move of the clock. False if nothing more can happen.
    ///
    /// # Errors
    /// [`Finding`] if an oracle does not hold. From then on, every step gives it again.
    pub fn step(&mut self) -> Result<bool, Finding> {
        self.begin()?;
        match self.next_input() {
            Some(input) => self.take(&input).map(|()| true),
            None => Ok(false),
        }
    }

    /// Steps until nothing more can happen, and looks at what must hold then. [`Next::OnWake`] is the answer if works are left that wait for a wake
    /// that never comes.
    ///
    /// # Errors
    /// As [`Lab::step`]; a run without an end is a finding too.
    pub fn run(&mut self) -> Result<Next, Finding> {
        while self.step()? {}
        let ended = self.look_at_end();
        self.failed = self.failed.or(ended.err());
        self.verdict().map(|()| self.next())
    }

    /// Takes the inputs of a log. On a lab that was built as the one that wrote it, the events are the same. Follow it with [`Lab::run`] if the log
    /// may end before the run did.
    ///
    /// # Errors
    /// As [`Lab::step`]; a log that does not fit is a finding of [`Oracle::OneHash`].
    pub fn replay(&mut self, log: &Log) -> Result<(), Finding> {
        self.begin()?;
        log.inputs().iter().try_for_each(|input| self.take(input))
    }

    /// Ends the building.
    fn begin(&mut self) -> Result<(), Finding> {
        if self.phase == Phase::Building {
            self.phase = Phase::Running;
            self.close(None);
        }
        self.verdict()
    }

    fn verdict(&self) -> Result<(), Finding> {
        match self.failed {
            Some(violation) => Err(Finding::new(self, violation)),
            None => Ok(()),
        }
    }

    /// Chooses what happens next.
    fn next_input(&mut self) -> Option<Input> {
        let next = self.next();
        if let Some(chaos) = &mut self.chaos {
            if let Some(input) = chaos.input(self.s.view(), next) {
                return Some(input);
            }
        }
        let outside = self.acts.len() + self.world.app.pending();
        if next == Next::Now {
            if outside == 0 || !self.chooser.interrupts() {
                return Some(Input::Crank(1));
            }
            let nth = self.chooser.choose(outside);
            return Some(self.outside_input(nth));
        }
        let clock = if let Next::At(at) = next { Some(at) } else { None };
        let of = outside + usize::from(clock.is_some());
        if of == 0 {
            return self.chaos.as_mut().and_then(Chaos::last);
        }
        let nth = self.chooser.choose(of);
        if nth < outside { Some(self.outside_input(nth)) } else { clock.map(Input::Clock) }
    }

    /// Acts first, then completions.
    fn outside_input(&self, nth: usize) -> Input {
        match self.acts.get(nth) {
            Some((label, _)) => Input::Act((*label).to_string()),
            None => Input::Complete(u32::try_from(nth - self.acts.len()).unwrap_or(u32::MAX)),
        }
    }

    fn take(&mut self, input: &Input) -> Result<(), Finding> {
        match input {
            Input::Crank(times) => {
                for _ in 0..*times {
                    self.crank();
                    self.verdict()?;
                }
            }
            Input::Clock(at) => self.clock(*at),
            Input::Complete(nth) => self.complete(*nth),
            Input::Act(label) => self.act(label),
            Input::Wake(node) => drop(self.wake(*node)),
            Input::Abort(node, deadline) => drop(self.abort_by(*node, *deadline)),
            Input::Pause(node) => drop(self.pause(*node)),
            Input::Resume(node) => drop(self.resume(*node)),
            Input::Restart(node) => drop(self.restart(*node)),
            Input::Remove(node) => drop(self.remove(*node)),
            Input::Shutdown(deadline) => self.shutdown(*deadline),
            Input::Strike(fault) => self.strike(*fault),
        }
        self.verdict()
    }

    fn crank(&mut self) {
        let (s, world, now) = (&mut self.s, &mut self.world, self.now);
        let next = crate::panic::catch(|| s.crank_with(now, world));
        let panicked = if next.is_none() { self.s.interrupted() } else { None };
        self.log.push(Input::Crank(1));
        self.close(panicked);
    }

    /// Moves the clock, and looks on the way whether anything comes too early.
    fn clock(&mut self, at: Instant) {
        let before = Instant::from_micros(at.as_micros().saturating_sub(1));
        if before > self.now {
            self.now = before;
            let early = self.poll_idle();
            self.failed = self.failed.or(early.err());
        }
        self.now = self.now.max(at);
        self.log.push(Input::Clock(at));
        self.close(None);
    }

    fn complete(&mut self, nth: u32) {
        if nth as usize >= self.world.app.pending() {
            self.misfit("the log completes what is not under way");
            return;
        }
        if let Some(node) = self.world.app.complete(nth as usize) {
            // It may be gone by now, as in production.
            let _ = self.s.wake(node);
        }
        self.log.push(Input::Complete(nth));
        self.close(None);
    }

    fn act(&mut self, label: &str) {
        let Some(at) = self.acts.iter().position(|(known, _)| *known == label) else {
            self.misfit("the log has an act that the scenario does not offer");
            return;
        };
        let (_, act) = self.acts.remove(at);
        self.phase = Phase::Acting;
        act(self);
        self.phase = Phase::Running;
        self.log.push(Input::Act(label.to_string()));
        self.close(None);
    }

    fn misfit(&mut self, detail: &'static str) {
        self.failed = self.failed.or(Some(Violation::new(Oracle::OneHash, None, detail)));
    }
}
