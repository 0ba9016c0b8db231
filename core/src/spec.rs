//! What a node is to be, said once when it is added: its kind, its work, and its limits.

use core::time::Duration;

use crate::error::Error;
use crate::id::NodeId;
use crate::kind::Kind;
use crate::retry::Retry;
use crate::span::Span;
use crate::time::micros_ceil;

/// What a parent does when a child fails or is aborted on its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(all(feature = "defmt", target_os = "none"), derive(defmt::Format))]
#[non_exhaustive]
pub enum OnFailure {
    /// Abort the other children, then fail. The default, but for graphs.
    #[default]
    Stop,
    /// Let the others finish, then fail. The default for graphs, whose dependents are blocked.
    Finish,
    /// Let the others finish, then succeed all the same.
    Ignore,
}

/// Describes a node to add: a work or a composite, with its name, limits and policies.
///
/// A builder: start with a kind ([`Spec::work`], [`Spec::sequence`], ...) and change what differs from the defaults. Nothing is retried,
/// nothing times out and nothing is limited unless it is said here.
///
/// ```
/// use core::time::Duration;
/// use windlass::{Retry, Spec};
///
/// struct Fetch;
/// let spec = Spec::work("fetch", Fetch).retry(Retry::A_FEW).timeout(Duration::from_secs(30));
/// assert_eq!(spec.name(), "fetch");
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Spec<W> {
    pub(crate) work: Option<W>,
    pub(crate) settings: Settings,
}

/// The part of a [`Spec`] that does not depend on the type of the work.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub name: &'static str,
    pub kind: Kind,
    pub on_failure: OnFailure,
    pub retry: Retry,
    /// Children that may be active at once.
    pub places: u32,
    /// Whether a child lends its place while it waits for a retry.
    pub lends: bool,
    /// Quorum: how many. Batch: table slots that one item takes. Gate: microseconds between two questions, or the bits of the node waited for.
    pub param: u64,
    /// For one attempt.
    pub timeout: Span,
    /// From an abort to the forced end.
    pub drain: Span,
    pub paused: bool,
    pub detached: bool,
    pub tag: Option<u32>,
    /// The settings that were made, one bit each.
    said: u8,
}

/// A setting that only some kinds of nodes have a use for; the others refuse it when they are added, with [`Error::NoUse`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(all(feature = "defmt", target_os = "none"), derive(defmt::Format))]
#[non_exhaustive]
#[repr(u8)]
pub enum Setting {
    /// [`Spec::concurrency`]: for works and composites that may have several children at once.
    Concurrency,
    /// [`Spec::on_failure`]: for composites that do not decide by counting, as quorum and race do.
    OnFailure,
    /// [`Spec::poll_every`]: for [`Spec::when`].
    PollEvery,
    /// [`Spec::item_nodes`]: for [`Spec::batch`].
    ItemNodes,
    /// [`Spec::detached`]: for nodes at the top.
    Detached,
    /// [`Spec::lend_places`]: as [`Spec::concurrency`].
    LendPlaces,
}

impl Setting {
    const ALL: [Self; 6] = [
        Self::Concurrency,
        Self::OnFailure,
        Self::PollEvery,
        Self::ItemNodes,
        Self::Detached,
        Self::LendPlaces,
    ];

    /// The name of the method that makes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Concurrency => "concurrency",
            Self::OnFailure => "on_failure",
            Self::PollEvery => "poll_every",
            Self::ItemNodes => "item_nodes",
            Self::Detached => "detached",
            Self::LendPlaces => "lend_places",
        }
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }

    const fn has_use(self, kind: Kind, at_top: bool) -> bool {
        match self {
            Self::Concurrency | Self::LendPlaces => {
                matches!(
                    kind,
                    Kind::Work | Kind::Parallel | Kind::Quorum | Kind::Race | Kind::Batch | Kind::Graph
                )
            }
            Self::OnFailure => !matches!(kind, Kind::Work | Kind::Quorum | Kind::Race | Kind::Callback),
            Self::PollEvery => matches!(kind, Kind::When),
            Self::ItemNodes => matches!(kind, Kind::Batch),
            Self::Detached => at_top,
        }
    }
}

impl Settings {
    /// Whether a node can be what they say, at the top or below another one.
    pub(crate) fn check(&self, at_top: bool) -> Result<(), Error> {
        if self.places == 0 {
            return Err(Error::ZeroConcurrency);
        }
        if self.said == 0 {
            return Ok(());
        }
        let no_use =
            |setting: &Setting| self.said & setting.bit() != 0 && !setting.has_use(self.kind, at_top);
        match Setting::ALL.into_iter().find(no_use) {
            Some(setting) => Err(Error::NoUse { setting, kind: self.kind }),
            None => Ok(()),
        }
    }
}

impl<W> Spec<W> {
    const fn new(name: &'static str, kind: Kind, work: Option<W>) -> Self {
        let settings = Settings {
            name,
            kind,
            on_failure: OnFailure::Stop,
            retry: Retry::NEVER,
            places: u32::MAX,
            lends: !matches!(kind, Kind::Batch),
            param: 0,
            timeout: Span::FOREVER,
            drain: Span::FOREVER,
            paused: false,
            detached: false,
            tag: None,
            said: 0,
        };
        Self { work, settings }
    }

    /// A work of the user's. It may have children, added by itself or from outside.
    pub const fn work(name: &'static str, work: W) -> Self {
        Self::new(name, Kind::Work, Some(work))
    }

    /// A work that is asked once, through [`Work::on_check`](crate::Work::on_check): yes is success, no is failure.
    pub const fn callback(name: &'static str, work: W) -> Self {
        Self::new(name, Kind::Callback, Some(work))
    }

    /// Children side by side; succeeds when all have succeeded.
    pub const fn parallel(name: &'static str) -> Self {
        Self::new(name, Kind::Parallel, None)
    }

    /// Children side by side; succeeds with the first success, fails when all have failed.
    pub const fn any(name: &'static str) -> Self {
        Self::quorum(name, 1)
    }

    /// Children side by side; succeeds when `needed` have succeeded, fails as soon as that is out of reach. The rest is aborted.
    pub const fn quorum(name: &'static str, needed: u32) -> Self {
        let mut spec = Self::new(name, Kind::Quorum, None);
        spec.settings.param = needed as u64;
        spec
    }

    /// Children side by side; the first to end decides, whichever way. The rest is aborted.
    pub const fn race(name: &'static str) -> Self {
        Self::new(name, Kind::Race, None)
    }

    /// Children one after the other, in the order they were added.
    pub const fn sequence(name: &'static str) -> Self {
        let mut spec = Self::new(name, Kind::Sequence, None);
        spec.settings.places = 1;
        spec
    }

    /// Children that `generator` adds when there is room, asked through [`Work::on_next`](crate::Work::on_next). Finished children give
    /// their slots back at once.
    pub const fn batch(name: &'static str, generator: W) -> Self {
        let mut spec = Self::new(name, Kind::Batch, Some(generator));
        spec.settings.param = 1;
        spec
    }

    /// One child that starts when `predicate`, asked through [`Work::on_check`](crate::Work::on_check), has said yes. Asked again
    /// after 100 ms (see [`Spec::poll_every`]) or when the node is woken; never again once it has said yes in this attempt.
    pub const fn when(name: &'static str, predicate: W) -> Self {
        let mut spec = Self::new(name, Kind::When, Some(predicate));
        spec.settings.param = 100_000;
        spec
    }

    /// One child that starts when the node `awaited` has ended, however. No polling: the end itself opens the gate.
    ///
    /// A gate that waits for a node above it is refused. Other circles (two gates that wait for each other's parents, a gate that waits for
    /// a later member of its own sequence) are not looked for; [`View::stalled`](crate::View::stalled) lists their gates when nothing else moves.
    pub const fn after(name: &'static str, awaited: NodeId) -> Self {
        let mut spec = Self::new(name, Kind::After, None);
        spec.settings.param = awaited.to_bits();
        spec
    }

    /// One child that starts when the node `awaited` has succeeded; fails if that node fails or is aborted. No polling.
    pub const fn after_success(name: &'static str, awaited: NodeId) -> Self {
        let mut spec = Self::new(name, Kind::AfterSuccess, None);
        spec.settings.param = awaited.to_bits();
        spec
    }

    /// Children with dependencies between them. A child starts when all that it depends on has succeeded, first come first served; if one has
    /// failed, everything that depends on it is blocked, transitively, and the rest goes on.
    pub const fn graph(name: &'static str) -> Self {
        let mut spec = Self::new(name, Kind::Graph, None);
        spec.settings.on_failure = OnFailure::Finish;
        spec
    }

    /// How often, and after what delays, a failed attempt is repeated. The default is never.
    pub const fn retry(mut self, retry: Retry) -> Self {
        self.settings.retry = retry;
        self
    }

    /// The longest time one attempt may take; then it fails with [`Reason::TIMEOUT`](crate::Reason::TIMEOUT) and its children are
    /// aborted. Rounded up as the times of [`Retry`] are; `Duration::MAX` is no limit. Expired deadlines are looked at when a poll begins, so an attempt of
    /// no time at all may make the cranks of one poll, or none.
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.settings.timeout = Span::ceil(timeout);
        self
    }

    /// The longest time a clean-up of this node may take: its abort, and, when it ends or its attempt does, the abort of the children that are left. Then they
    /// are ended by force, and in an abort the node too. Rounded up as the times of [`Retry`] are; `Duration::MAX` is no limit.
    pub const fn cleanup_timeout(mut self, timeout: Duration) -> Self {
        self.settings.drain = Span::ceil(timeout);
        self
    }

    const fn say(&mut self, setting: Setting) {
        self.settings.said |= setting.bit();
    }

    /// How many children may be active at once; 0 is refused when the node is added. The default is no limit. A sequence has always 1.
    pub const fn concurrency(mut self, children: u32) -> Self {
        self.say(Setting::Concurrency);
        self.settings.places = children;
        self
    }

    /// Whether a child that waits for a retry lends its place to others; then it is the next to get one when its delay is over. Makes a difference only with a
    /// limit. The default is yes, but for batches: there, each place that is lent would take another item out of the generator, until the table is full of
    /// items that wait.
    pub const fn lend_places(mut self, lend: bool) -> Self {
        self.say(Setting::LendPlaces);
        self.settings.lends = lend;
        self
    }

    /// What a failed child means for this composite. A work decides that itself, and so do quorum and race.
    pub const fn on_failure(mut self, policy: OnFailure) -> Self {
        self.say(Setting::OnFailure);
        self.settings.on_failure = policy;
        self
    }

    /// How long a predicate's gate waits between two questions. Only for [`Spec::when`].
    pub const fn poll_every(mut self, interval: Duration) -> Self {
        self.say(Setting::PollEvery);
        if matches!(self.settings.kind, Kind::When) {
            self.settings.param = micros_ceil(interval);
        }
        self
    }

    /// How many table slots one item of a batch takes, so that the generator is asked only when that many are free. Only for
    /// [`Spec::batch`]; the default is 1.
    pub const fn item_nodes(mut self, nodes: u32) -> Self {
        self.say(Setting::ItemNodes);
        if matches!(self.settings.kind, Kind::Batch) {
            self.settings.param = nodes as u64;
        }
        self
    }

    /// A number that tells nodes of one name apart: `checkpoint #17`. It is in events, views and displays; the engine makes nothing of it.
    pub const fn tag(mut self, tag: u32) -> Self {
        self.settings.tag = Some(tag);
        self
    }

    /// Adds the node paused: neither it nor anything below it is cranked before [`Scheduler::resume`](crate::Scheduler::resume).
    pub const fn paused(mut self) -> Self {
        self.settings.paused = true;
        self
    }

    /// Frees the node's slots as soon as it has ended, for top-level nodes that nobody asks about afterwards.
    pub const fn detached(mut self) -> Self {
        self.say(Setting::Detached);
        self.settings.detached = true;
        self
    }

    /// The same node with another work: with one that wraps it, for example.
    ///
    /// ```
    /// use windlass::Spec;
    ///
    /// struct Fetch;
    /// struct Logged<W>(W);
    /// let spec: Spec<Logged<Fetch>> = Spec::work("fetch", Fetch).map(Logged);
    /// ```
    pub fn map<V>(self, wrap: impl FnOnce(W) -> V) -> Spec<V> {
        Spec { work: self.work.map(wrap), settings: self.settings }
    }

    /// The kind of the node.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.settings.kind
    }

    /// The name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.settings.name
    }

    /// The work, if the node has one of its own.
    #[must_use]
    pub fn into_work(self) -> Option<W> {
        self.work
    }
}
