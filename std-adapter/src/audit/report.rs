//! What an audit found, as plain data: violations, counts and the times of steals.
//!
//! The invariant: *a report is finished when it is made*. It refers to nothing that goes on changing, so it may be
//! kept, compared and sent. What is a metric (a slow steal, a missed one) never counts as a violation.

use std::fmt::{self, Write as _};

pub use super::word::State;
use super::{Finish, Missed, QueueId, Seat};

macro_rules! kinds {
    ($($(#[$meta:meta])* $name:ident $key:literal $text:literal,)+) => {
        /// What kind of promise was broken.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Kind {
            $($(#[$meta])* $name,)+
        }

        impl Kind {
            /// Every kind, in the order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// Its name in JSON, as in `double_take`.
            #[must_use]
            pub const fn key(self) -> &'static str {
                match self { $(Self::$name => $key),+ }
            }

            const fn text(self) -> &'static str {
                match self { $(Self::$name => $text),+ }
            }
        }
    };
}

kinds! {
    /// An id was queued while it is in a queue or in somebody's hands. Typical cause: two wakes both queue it.
    MultipleOwners "multiple_owners" "queued while it already belongs to somebody",
    /// An id was queued while it runs. Typical cause: it is queued before its finish is recorded, or a wake ignores
    /// that it runs.
    QueuedWhileRunning "queued_while_running" "queued while it is running",
    /// An id was used after it was retired. Typical cause: the generation is not increased when a slot is freed.
    UseAfterRetire "use_after_retire" "used after it was retired",
    /// A slot was used with a newer generation, but the older one was never retired. Typical cause: a path that frees
    /// a slot without saying so.
    ReuseWithoutRetire "reuse_without_retire" "its slot's last occupant was never retired",
    /// An id with an old generation was used. Typical cause: a table that is searched by slot alone.
    StaleId "stale_id" "its generation is over",
    /// An id of which the audit has no slot. Typical cause: a table that is larger than the layout says, or a torn id.
    UnknownId "unknown_id" "its slot is outside the table",
    /// An id was taken that was never queued. Typical cause: a queue returns a place that was never written.
    Phantom "phantom" "taken, but it was never queued",
    /// An id was taken from another queue than it is in. Typical cause: buffers that are shared or mixed up.
    WrongQueue "wrong_queue" "taken from a queue that it is not in",
    /// An id was taken that somebody has taken already. Typical cause: no compare-and-swap for the last element.
    DoubleTake "double_take" "taken while somebody else has taken it",
    /// An id was taken or started while it runs. Typical cause: as for a double take, seen later.
    DoubleExecution "double_execution" "taken or started while it is running",
    /// A queue element was taken whose activation is over, or another than the id's. Typical cause: a thief returns a
    /// value that it read before its claim.
    StaleEntry "stale_entry" "taken by an element of another activation",
    /// An id was started, moved or released by somebody who does not have it. Typical cause: it was handed to another
    /// thread without a queue.
    NotOwner "not_owner" "used by somebody who does not have it",
    /// An id was started that nobody took. Typical cause: a path that runs an id directly.
    StartWithoutTake "start_without_take" "started, but nobody took it",
    /// An activation ended twice. Typical cause: a panic path that reports again.
    DoubleCompletion "double_completion" "ended twice",
    /// An activation ended that had not started. Typical cause: a panic before the start.
    CompletionWithoutStart "completion_without_start" "ended without having started",
    /// An activation was ended by another worker than the one that runs it. Typical cause: as for not its owner.
    ForeignCompletion "foreign_completion" "ended by a worker that does not run it",
    /// An id was retired while it is in a queue. Typical cause: an abort frees the slot but leaves the queue element.
    RetiredWhileQueued "retired_while_queued" "retired while it is in a queue",
    /// An id was retired while somebody has it or runs it. Typical cause: an abort that does not wait.
    RetiredWhileRunning "retired_while_running" "retired while somebody has it or runs it",
    /// An id was left in a queue: the pool is quiet, or the owner found the queue empty and no thief has it. Typical
    /// cause: a thief claims an element and drops it, or a queue that is full is overwritten.
    LostInQueue "lost_in_queue" "lost: still in a queue that nobody will empty",
    /// An id was taken and never started. Typical cause: a batch of which not all elements were moved.
    LostInTransfer "lost_in_transfer" "lost: taken and never started",
    /// An activation never ended. Typical cause: a panic that is not caught, a worker that has gone.
    NeverFinished "never_finished" "started and never finished",
    /// A wake while it ran was accepted, and no activation followed. Typical cause: the wake sets a mark that nobody
    /// looks at.
    LostWake "lost_wake" "woken while it ran, and not run again",
    /// The owner of a queue took another element than its newest. Typical cause: a pop at the wrong end.
    LifoOrder "lifo_order" "its owner took it although a newer one was there",
    /// An element was taken before an older one. Typical cause: a thief takes the newest, or a batch is reversed.
    FifoOrder "fifo_order" "taken in the wrong order: an older one leaves after a newer one",
    /// An element came out of a queue that had been found empty after it was pushed. Typical cause: a pop that says
    /// none while one element is left. If it does not come out, it is `LostInQueue` instead.
    EmptyWitness "empty_witness" "came out of a queue that had been found empty",
    /// The ledger: fewer elements left the queues than entered. Typical cause: as for lost in a queue.
    LedgerLost "ledger_lost" "the ledger: fewer elements left the queues than entered",
    /// The ledger: more elements left the queues than entered. Typical cause: as for a double take.
    LedgerDuplicate "ledger_duplicate" "the ledger: more elements left the queues than entered",
    /// The ledger: as many elements left as entered, but others. Typical cause: one element twice, another never.
    Unbalanced "unbalanced" "the ledger: as many elements left the queues as entered, but others",
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.text())
    }
}

/// One broken promise.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Violation {
    /// What kind.
    pub kind: Kind,
    /// Of which id; none for the ledger, which knows only sums.
    pub id: Option<u64>,
    /// The activation that the audit knows of, 24 bits.
    pub activation: u32,
    /// What the audit knew of the id.
    pub state: State,
    /// Who reported the event; none if it was found by looking at everything.
    pub by: Option<Seat>,
    /// Who has the id, as far as the audit knows.
    pub holder: Option<Seat>,
    /// The queue of the event.
    pub queue: Option<QueueId>,
    /// The queue that the id is in, as far as the audit knows.
    pub queued_in: Option<QueueId>,
    /// The tag of the element that was taken.
    pub found: Option<u64>,
    /// The tag or the sequence that it should have come after or been.
    pub expected: Option<u64>,
    /// How many events the reporter had reported before.
    pub step: u64,
    /// The last events of the workers involved, oldest first; only [`Flight`](super::Flight) has them.
    pub recent: Vec<Recent>,
}

impl Violation {
    pub(super) fn new(kind: Kind) -> Self {
        Self {
            kind,
            id: None,
            activation: 0,
            state: State::Unused,
            by: None,
            holder: None,
            queue: None,
            queued_in: None,
            found: None,
            expected: None,
            step: 0,
            recent: Vec::new(),
        }
    }

    /// The slot of the id.
    #[must_use]
    pub fn slot(&self) -> Option<u32> {
        self.id.map(|id| id as u32)
    }

    /// The generation of the id.
    #[must_use]
    pub fn generation(&self) -> Option<u32> {
        self.id.map(|id| (id >> 32) as u32)
    }
}

/// The last events of one worker.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recent {
    /// Whose.
    pub seat: Seat,
    /// Oldest first.
    pub events: Vec<Event>,
}

/// An event that was reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event {
    /// Its place among all events of its worker, from 0.
    pub step: u64,
    /// What happened.
    pub what: What,
    /// To which id.
    pub id: Option<u64>,
    /// In which queue.
    pub queue: Option<QueueId>,
}

/// What an [`Event`] was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum What {
    /// Will be pushed.
    Enqueue,
    /// Was not pushed, as the queue was full.
    Rejected,
    /// Was popped.
    Popped,
    /// The queue was found empty.
    FoundEmpty,
    /// A steal began.
    StealBegin,
    /// Was stolen.
    Stolen,
    /// The steal got nothing.
    StealMissed(Missed),
    /// Will be pushed into another queue.
    Moved,
    /// Is about to be called.
    Started,
    /// Has returned.
    Finished(Finish),
    /// Was woken.
    Waked,
    /// Will not run.
    Released,
    /// Is no longer used.
    Retired,
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Enqueue => "enqueue",
            Self::Rejected => "rejected",
            Self::Popped => "popped",
            Self::FoundEmpty => "found empty",
            Self::StealBegin => "steal begins",
            Self::Stolen => "stolen",
            Self::StealMissed(Missed::Empty) => "steal found it empty",
            Self::StealMissed(Missed::Contended) => "steal was beaten",
            Self::StealMissed(_) => "steal given up",
            Self::Moved => "moved",
            Self::Started => "started",
            Self::Finished(Finish::Done) => "finished, done",
            Self::Finished(Finish::Pending) => "finished, pending",
            Self::Finished(_) => "finished, panicked",
            Self::Waked => "woken",
            Self::Released => "released",
            Self::Retired => "retired",
        })
    }
}

/// How often each event was reported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Pushes of new activations, including those that were rejected.
    pub enqueued: u64,
    /// Pushes that found the queue full.
    pub rejected: u64,
    /// Pops that found something.
    pub popped: u64,
    /// Pops that found nothing.
    pub found_empty: u64,
    /// Attempts to steal.
    pub attempts: u64,
    /// Elements stolen; a batch counts each.
    pub stolen: u64,
    /// Attempts that found the queue empty.
    pub missed_empty: u64,
    /// Attempts that were beaten by somebody else.
    pub missed_contended: u64,
    /// Attempts that were given up.
    pub missed_dropped: u64,
    /// Elements moved to another queue.
    pub moved: u64,
    /// Activations started.
    pub started: u64,
    /// Activations after which the task was over.
    pub done: u64,
    /// Activations after which the task wants another.
    pub pending: u64,
    /// Activations that panicked.
    pub panicked: u64,
    /// Wakes, whether the id was running or not.
    pub waked: u64,
    /// Ids that were taken and did not run.
    pub released: u64,
    /// Ids retired.
    pub retired: u64,
    /// Steals that took longer than the limit.
    pub slow_steals: u64,
}

/// Names, titles and fields of all counts, in order.
macro_rules! each_count {
    ($use:ident) => {
        $use! {
            enqueued "enqueued", rejected "rejected", popped "popped", found_empty "found empty",
            attempts "steal attempts", stolen "stolen", missed_empty "missed, empty",
            missed_contended "missed, beaten", missed_dropped "missed, given up", moved "moved",
            started "started", done "finished, done", pending "finished, pending", panicked "finished, panicked",
            waked "woken", released "released", retired "retired", slow_steals "slow steals",
        }
    };
}

macro_rules! counts {
    ($($name:ident $title:literal,)+) => {
        impl Counts {
            pub(super) fn zip(&self, other: &Self, with: impl Fn(u64, u64) -> u64) -> Self {
                Self { $($name: with(self.$name, other.$name)),+ }
            }

            /// Key, title and value of each, in order.
            fn rows(&self) -> Vec<(&'static str, &'static str, u64)> {
                vec![$((stringify!($name), $title, self.$name)),+]
            }
        }
    };
}
each_count!(counts);
pub(super) use each_count;

impl Counts {
    /// Activations that ended, however.
    #[must_use]
    pub const fn finished(&self) -> u64 {
        self.done + self.pending + self.panicked
    }

    /// What went into queues less what came out; negative for who takes more than it pushes.
    pub(super) const fn in_queues(&self) -> i64 {
        let (entered, left) = (self.enqueued + self.moved, self.rejected + self.popped + self.stolen);
        entered.wrapping_sub(left).cast_signed()
    }

    /// All events.
    pub(super) const fn events(&self) -> u64 {
        let queued = self.enqueued + self.rejected + self.popped + self.found_empty + self.moved;
        let steals =
            self.attempts + self.stolen + self.missed_empty + self.missed_contended + self.missed_dropped;
        queued + steals + self.started + self.finished() + self.waked + self.released + self.retired
    }
}

/// The counts of one seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SeatCounts {
    /// Whose.
    pub seat: Seat,
    /// All probes that it had.
    pub counts: Counts,
}

/// How many ids are under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct InFlight {
    /// In a queue.
    pub queued: usize,
    /// Taken and not started.
    pub held: usize,
    /// Running.
    pub running: usize,
}

/// The times of steals, in powers of two.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Latency {
    pub(super) buckets: [u64; Self::BUCKETS],
}

impl Latency {
    pub(super) const BUCKETS: usize = 48;

    /// How many steals took at least `2^n - 1` and less than `2^(n+1) - 1` nanoseconds, for n from 0. The last bucket
    /// has all that took longer.
    #[must_use]
    pub fn buckets(&self) -> &[u64] {
        &self.buckets
    }

    /// How many steals were timed.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.buckets.iter().sum()
    }

    pub(super) fn bucket(nanoseconds: u64) -> usize {
        (nanoseconds.saturating_add(1).ilog2() as usize).min(Self::BUCKETS - 1)
    }
}

impl Default for Latency {
    fn default() -> Self {
        Self { buckets: [0; Self::BUCKETS] }
    }
}

impl fmt::Debug for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.buckets.iter().enumerate().filter(|(_, count)| **count > 0)).finish()
    }
}

/// The steal that took longest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Worst {
    /// How long, from the first attempt on this queue.
    pub nanoseconds: u64,
    /// Who stole.
    pub thief: Seat,
    /// From which queue.
    pub victim: QueueId,
    /// What.
    pub id: u64,
}

/// What an audit found.
///
/// Its text is a table for people; [`to_json`](Self::to_json) is for programs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// How often each event was reported, in total.
    pub totals: Counts,
    /// The same for each seat that ever had a probe, workers first.
    pub seats: Vec<SeatCounts>,
    /// What was under way; only [`Exact`](super::Exact) knows.
    pub in_flight: InFlight,
    /// The times of steals; all 0 without a clock.
    pub latency: Latency,
    /// The steal that took longest; none without a clock.
    pub worst: Option<Worst>,
    /// Probes of workers that the layout does not have.
    pub strangers: u64,
    /// Probes of seats that had one at the same time. From the first, the order in that worker's queues is not judged.
    pub doubled: u64,
    /// Elements of empty queues that were not watched for loss before the next quiescent report, as too many were.
    pub unwatched: u64,
    pub(super) violations: Vec<Violation>,
    pub(super) kinds: [u64; Kind::ALL.len()],
}

impl Default for Report {
    fn default() -> Self {
        Self {
            totals: Counts::default(),
            seats: Vec::new(),
            in_flight: InFlight::default(),
            latency: Latency::default(),
            worst: None,
            strangers: 0,
            doubled: 0,
            unwatched: 0,
            violations: Vec::new(),
            kinds: [0; Kind::ALL.len()],
        }
    }
}

impl Report {
    /// Whether no promise was broken. `O(kinds)`.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.total() == 0
    }

    /// The violations that were kept, in the order in which they were found. There may be more: see
    /// [`total`](Self::total).
    #[must_use]
    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// How many violations of a kind there were, kept or not.
    #[must_use]
    pub fn count(&self, kind: Kind) -> u64 {
        self.kinds.get(kind as usize).copied().unwrap_or_default()
    }

    /// How many violations there were, kept or not.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.kinds.iter().sum()
    }

    /// The kinds that were found, with their numbers.
    pub fn found(&self) -> impl Iterator<Item = (Kind, u64)> + '_ {
        Kind::ALL.iter().map(|kind| (*kind, self.count(*kind))).filter(|(_, count)| *count > 0)
    }

    /// This, with the violations of another. Numbers of events are this one's, unless it has none: both layers of a
    /// pair saw the same.
    #[must_use]
    pub fn merged(self, other: Self) -> Self {
        let (mut into, from) = if self.seats.is_empty() { (other, self) } else { (self, other) };
        into.violations.extend(from.violations);
        for (count, more) in into.kinds.iter_mut().zip(from.kinds) {
            *count += more;
        }
        if from.in_flight != InFlight::default() {
            into.in_flight = from.in_flight;
        }
        into.unwatched += from.unwatched;
        into
    }

    /// The report as one JSON object: numbers and fixed names only. Ids and tags are strings, as not every reader has
    /// whole numbers of 64 bits.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut out = String::from("{\"clean\":");
        let _ = write!(out, "{},\"violations_total\":{},\"kinds\":{{", self.is_clean(), self.total());
        list(&mut out, self.found(), |out, (kind, count)| write!(out, "\"{}\":{count}", kind.key()));
        out.push_str("},\"violations\":[");
        list(&mut out, &self.violations, |out, violation| violation.json(out));
        out.push_str("],\"totals\":{");
        list(&mut out, self.totals.rows(), |out, (key, _, value)| write!(out, "\"{key}\":{value}"));
        out.push_str("},\"seats\":[");
        list(&mut out, &self.seats, |out, seat| {
            write!(out, "{{\"seat\":{}", json_seat(Some(seat.seat)))?;
            for (key, _, value) in seat.counts.rows() {
                write!(out, ",\"{key}\":{value}")?;
            }
            out.write_char('}')
        });
        let InFlight { queued, held, running } = self.in_flight;
        let _ = write!(out, "],\"in_flight\":{{\"queued\":{queued},\"held\":{held},\"running\":{running}}}");
        out.push_str(",\"steal_latency\":[");
        let used = self.latency.buckets.iter().rposition(|count| *count > 0).map_or(0, |last| last + 1);
        list(&mut out, self.latency.buckets.iter().take(used), |out, count| write!(out, "{count}"));
        out.push_str("],\"worst_steal\":");
        let _ = match self.worst {
            None => out.write_str("null"),
            Some(Worst { nanoseconds, thief, victim, id }) => write!(
                out,
                "{{\"nanoseconds\":{nanoseconds},\"thief\":{},\"victim\":{},\"id\":\"{id}\"}}",
                json_seat(Some(thief)),
                victim.0
            ),
        };
        let (strangers, doubled, unwatched) = (self.strangers, self.doubled, self.unwatched);
        let _ = write!(out, ",\"strangers\":{strangers},\"doubled\":{doubled},\"unwatched\":{unwatched}}}");
        out
    }

    fn seat_column(&self) -> usize {
        self.seats.iter().map(|seat| seat.seat.to_string().len()).max().unwrap_or(0).max("total".len())
    }
}

/// Writes items with commas between them.
fn list<T>(
    out: &mut String,
    items: impl IntoIterator<Item = T>,
    mut each: impl FnMut(&mut String, T) -> fmt::Result,
) {
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        // Writing to a string cannot fail.
        let _ = each(out, item);
    }
}

fn json_seat(seat: Option<Seat>) -> String {
    match seat {
        None => "null".to_owned(),
        Some(Seat::Worker(number)) => format!("{{\"worker\":{number}}}"),
        Some(Seat::Outside(number)) => format!("{{\"outside\":{number}}}"),
    }
}

impl Violation {
    fn json(&self, out: &mut String) -> fmt::Result {
        write!(out, "{{\"kind\":\"{}\"", self.kind.key())?;
        if let Some(id) = self.id {
            write!(out, ",\"id\":\"{id}\",\"slot\":{},\"generation\":{}", id as u32, id >> 32)?;
            write!(out, ",\"activation\":{},\"state\":\"{}\"", self.activation, self.state)?;
        }
        write!(out, ",\"by\":{},\"holder\":{}", json_seat(self.by), json_seat(self.holder))?;
        for (key, queue) in [("queue", self.queue), ("queued_in", self.queued_in)] {
            if let Some(queue) = queue {
                write!(out, ",\"{key}\":{}", queue.0)?;
            }
        }
        for (key, tag) in [("found", self.found), ("expected", self.expected)] {
            if let Some(tag) = tag {
                write!(out, ",\"{key}\":\"{tag}\"")?;
            }
        }
        write!(out, ",\"step\":{},\"recent\":[", self.step)?;
        list(out, &self.recent, |out, recent| {
            write!(out, "{{\"seat\":{},\"events\":[", json_seat(Some(recent.seat)))?;
            list(out, &recent.events, |out, event| {
                write!(out, "{{\"step\":{},\"what\":\"{}\"", event.step, event.what)?;
                if let Some(id) = event.id {
                    write!(out, ",\"id\":\"{id}\"")?;
                }
                if let Some(queue) = event.queue {
                    write!(out, ",\"queue\":{}", queue.0)?;
                }
                out.write_char('}')
            });
            out.write_str("]}")
        });
        out.write_str("]}")
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let (Some(slot), Some(generation)) = (self.slot(), self.generation()) {
            write!(f, "id {slot} (generation {generation}, activation {}): ", self.activation)?;
        }
        write!(f, "{}", self.kind)?;
        if let Some(by) = self.by {
            write!(f, "; reported by {by} at its step {}", self.step)?;
        }
        if let Some(queue) = self.queue {
            write!(f, ", queue {}", queue.0)?;
        }
        if self.id.is_some() {
            write!(f, "; the audit knows it as {}", self.state)?;
        }
        if let Some(queue) = self.queued_in {
            write!(f, " in queue {}", queue.0)?;
        }
        if let Some(holder) = self.holder {
            write!(f, " by {holder}")?;
        }
        match (self.found, self.expected) {
            (Some(found), Some(expected)) => write!(f, "; tag {found:#x}, expected {expected:#x}")?,
            (Some(found), None) => write!(f, "; tag {found:#x}")?,
            (None, Some(expected)) => write!(f, "; expected {expected:#x}")?,
            (None, None) => {}
        }
        Ok(())
    }
}

impl fmt::Display for Seat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Worker(number) => write!(f, "worker {number}"),
            Self::Outside(number) => write!(f, "outside {number}"),
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>8}  {}", self.step, self.what)?;
        if let Some(id) = self.id {
            write!(f, " id {} (generation {})", id as u32, id >> 32)?;
        }
        if let Some(queue) = self.queue {
            write!(f, " queue {}", queue.0)?;
        }
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_clean() {
            writeln!(f, "audit: clean")?;
        } else {
            writeln!(f, "audit: {} violations", self.total())?;
            for (kind, count) in self.found() {
                writeln!(f, "{count:>10}  {kind}")?;
            }
            for violation in &self.violations {
                writeln!(f, "  {violation}")?;
                for recent in &violation.recent {
                    writeln!(f, "    last events of {}:", recent.seat)?;
                    for event in &recent.events {
                        writeln!(f, "      {event}")?;
                    }
                }
            }
        }
        let width = self.seat_column();
        let title = |f: &mut fmt::Formatter<'_>, name: &str| write!(f, "  {name:<width$}");
        if !self.seats.is_empty() {
            title(f, "")?;
            for name in
                ["enqueued", "popped", "stolen", "attempts", "moved", "started", "finished", "released"]
            {
                write!(f, " {name:>11}")?;
            }
            writeln!(f)?;
        }
        let total = (!self.seats.is_empty()).then_some(("total".to_owned(), self.totals));
        for (name, counts) in self.seats.iter().map(|seat| (seat.seat.to_string(), seat.counts)).chain(total)
        {
            title(f, &name)?;
            for count in [
                counts.enqueued,
                counts.popped,
                counts.stolen,
                counts.attempts,
                counts.moved,
                counts.started,
                counts.finished(),
                counts.released,
            ] {
                write!(f, " {count:>11}")?;
            }
            writeln!(f)?;
        }
        for (key, name, count) in self.totals.rows() {
            let rare = ["rejected", "missed", "panicked", "pending", "waked", "retired", "slow"];
            if count > 0 && rare.iter().any(|start| key.starts_with(start)) {
                writeln!(f, "  {name}: {count}")?;
            }
        }
        let InFlight { queued, held, running } = self.in_flight;
        if queued + held + running > 0 {
            writeln!(f, "  under way: {queued} queued, {held} held, {running} running")?;
        }
        if self.latency.total() > 0 {
            writeln!(f, "  time of steals, in ns:")?;
            for (bucket, count) in self.latency.buckets.iter().enumerate().filter(|(_, count)| **count > 0) {
                writeln!(f, "    from {:>12}: {count:>11}", (1u64 << bucket) - 1)?;
            }
        }
        if let Some(Worst { nanoseconds, thief, victim, id }) = self.worst {
            let (slot, generation) = (id as u32, id >> 32);
            writeln!(
                f,
                "  slowest steal: {nanoseconds} ns, {thief} from queue {}, id {slot} (generation {generation})",
                victim.0
            )?;
        }
        for (count, what) in [
            (self.strangers, "probes of workers that the layout does not have"),
            (self.doubled, "probes of seats that had one at the same time"),
            (self.unwatched, "elements not watched for loss"),
        ] {
            if count > 0 {
                writeln!(f, "  {what}: {count}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let mut report = Report::default();
        let counts = Counts { enqueued: 12, stolen: 3, ..Counts::default() };
        report.totals = counts;
        report.seats.push(SeatCounts { seat: Seat::Worker(1), counts });
        report.kinds[Kind::DoubleTake as usize] = 2;
        report.violations.push(Violation {
            id: Some(3 << 32 | 7),
            activation: 9,
            state: State::Held,
            by: Some(Seat::Worker(1)),
            holder: Some(Seat::Outside(0)),
            queue: Some(QueueId(4)),
            found: Some(16),
            step: 100,
            ..Violation::new(Kind::DoubleTake)
        });
        report
    }

    #[test]
    fn kinds_have_names_of_their_own() {
        for (index, kind) in Kind::ALL.iter().enumerate() {
            assert_eq!(*kind as usize, index);
            let alike = |other: &&Kind| other.key() == kind.key() || other.text() == kind.text();
            assert_eq!(Kind::ALL.iter().filter(alike).count(), 1, "{kind:?}");
        }
    }

    #[test]
    fn a_violation_is_one_line_that_says_what_where_and_who() {
        assert_eq!(
            report().violations()[0].to_string(),
            "id 7 (generation 3, activation 9): taken while somebody else has taken it; reported by worker 1 at its \
             step 100, queue 4; the audit knows it as held by outside 0; tag 0x10"
        );
    }

    #[test]
    fn a_report_reads_as_a_table() {
        let text = report().to_string();
        assert!(text.starts_with("audit: 2 violations\n         2  taken while"), "{text}");
        assert!(text.contains("  worker 1          12           0           3"), "{text}");
        assert_eq!(Report::default().to_string(), "audit: clean\n");
    }

    #[test]
    fn json_has_the_same() {
        let json = report().to_json();
        assert!(
            json.starts_with("{\"clean\":false,\"violations_total\":2,\"kinds\":{\"double_take\":2}"),
            "{json}"
        );
        assert!(json.contains("\"slot\":7,\"generation\":3,\"activation\":9,\"state\":\"held\""), "{json}");
        assert!(json.contains("\"seat\":{\"worker\":1},\"enqueued\":12"), "{json}");
        for (open, close) in [('{', '}'), ('[', ']')] {
            assert_eq!(json.matches(open).count(), json.matches(close).count());
        }
        assert!(!json.contains(",,") && !json.contains(",}") && !json.contains(",]"));
    }

    #[test]
    fn merging_adds_violations_and_keeps_one_set_of_numbers() {
        let both = report().merged(report());
        assert_eq!((both.total(), both.violations().len(), both.totals.enqueued), (4, 2, 12));
        assert_eq!(Report::default().merged(report()).totals.enqueued, 12);
    }

    #[test]
    fn a_time_falls_into_its_power_of_two() {
        assert_eq!([0, 1, 2, 3, 6, 7, u64::MAX].map(Latency::bucket), [0, 1, 1, 2, 2, 3, 47]);
    }
}
