//! The demo page's half in Rust: the catch-up job, which the page starts, polls, looks at and acts on.
//!
//! ```text
//! lib      Demo: one run of the job           fetch    its downloads, which the page makes
//! news     what happened, for the page        standing where the job stands, for the page
//! ```
//!
//! Invariant: nothing here calls the page but to begin and cancel a download, and neither of these calls back at once; so the scheduler is never
//! asked for while it runs. The works and their tree are those of the program for hosts, from `windlass_catchup_job`. There is no clock here and no
//! timer: the page's driver polls. A new run is a new [`Demo`]; its wake set of a few bytes a node is never given back.

mod fetch;
mod news;
mod standing;

use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use wasm_bindgen::prelude::*;
use windlass::{Boxed, Instant, Jitter, Next, NodeId, Retry, Scheduler, WakeSet, Work};
use windlass_catchup_job::in_place::{Errand, InPlace};
use windlass_catchup_job::layout::Frequency;
use windlass_catchup_job::{Ask, Catchup, Step, capacity, plant};

pub use crate::fetch::{Done, Fetcher, Transfer};
use crate::fetch::{Page, Under};
use crate::news::News;

type Works = Step<Errand<Under>>;
type App = Catchup<InPlace<Page>>;

/// What [`Demo::poll`] answers when there is more to do at once, nothing before a download ends, nothing ever.
const NOW: f64 = -1.0;
const ON_WAKE: f64 = -2.0;
const DONE: f64 = -3.0;

/// The most that one run may do at a time; its table has 12 nodes for each.
const MOST_AT_A_TIME: u16 = 512;

/// One run of the job.
#[wasm_bindgen]
pub struct Demo {
    scheduler: Scheduler<Boxed<Works>, News>,
    app: App,
    root: NodeId,
}

#[wasm_bindgen]
impl Demo {
    /// A run over an archive of `frequency` ledgers a checkpoint, with so many checkpoints at a time. A file that fails is tried again `retries` times,
    /// at first after up to `base` milliseconds, then after up to twice as long each time.
    ///
    /// # Errors
    /// A frequency that no archive has; nothing, or more than 512 checkpoints, at a time.
    #[wasm_bindgen(constructor)]
    pub fn new(
        fetcher: Fetcher,
        frequency: u32,
        concurrency: u16,
        retries: u16,
        base: u32,
        seed: u32,
    ) -> Result<Demo, JsError> {
        if !(1..=MOST_AT_A_TIME).contains(&concurrency) {
            return Err(JsError::new(&format!(
                "{concurrency} at a time: 1 to {MOST_AT_A_TIME} are possible"
            )));
        }
        let base = Duration::from_millis(base.into());
        let ask = Ask {
            frequency: Frequency::new(frequency)?,
            from: None,
            to: None,
            trusted: None,
            concurrency,
            retry: Retry::times(retries).exponential(base, 2, base.saturating_mul(32)).jitter(Jitter::Full),
            deadline: Duration::MAX,
        };
        let nodes = capacity(concurrency);
        let app = Catchup::new(ask.clone(), InPlace::new(Page::new(fetcher)));
        let store: Boxed<Works> = Boxed::with_capacity(nodes);
        let mut scheduler = Scheduler::with_store(store).observed_by(News::new(app.journal().clone()));
        scheduler.set_wakes(WakeSet::leaked(nodes, None));
        scheduler.set_seed(seed.into());
        // Not longer at a time than the check of one file.
        scheduler.set_budget(NonZeroU32::MIN);
        let root = plant(&mut scheduler, &ask)?;
        Ok(Demo { scheduler, app, root })
    }

    /// Cranks once, and says when to come again: a time in ms, or one of the three numbers that are no time.
    pub fn poll(&mut self, now: f64) -> f64 {
        match self.scheduler.poll_work_with(instant(now), &mut self.app) {
            Next::Now => NOW,
            Next::At(at) => at.as_micros() as f64 / 1_000.0,
            Next::OnWake => ON_WAKE,
            Next::Done => DONE,
        }
    }

    /// What has happened since the last time, oldest first, as a JSON array. Times are those of `performance.now()`.
    pub fn news(&mut self) -> String {
        self.scheduler.observer_mut().take()
    }

    /// Where the job stands, as a JSON object.
    pub fn standing(&self) -> String {
        standing::json(&self.scheduler, &self.app, self.root)
    }

    /// Why a node does not move, or how it ended; nothing for a node that is gone.
    pub fn explain(&self, node: u64, now: f64) -> Option<String> {
        let id = NodeId::from_bits(node)?;
        let mut text = standing::explain(self.scheduler.view(), instant(now), &self.app, id)?;
        if let Ok(Some(work)) = self.scheduler.work(id) {
            let described = Described(work).to_string();
            if !described.is_empty() {
                text = format!("{text}; {described}");
            }
        }
        Some(text)
    }

    /// Asks a node and all below it to end; the whole job if none is named.
    ///
    /// # Errors
    /// The node is gone.
    pub fn abort(&mut self, node: Option<u64>) -> Result<(), JsError> {
        Ok(self.scheduler.abort(self.named(node)?)?)
    }

    /// Holds a node and all below it; the whole job if none is named. Downloads that are under way go on.
    ///
    /// # Errors
    /// The node is gone, or it is ending.
    pub fn pause(&mut self, node: Option<u64>) -> Result<(), JsError> {
        Ok(self.scheduler.pause(self.named(node)?)?)
    }

    /// Lets a node go on.
    ///
    /// # Errors
    /// The node is gone, or it is ending.
    pub fn resume(&mut self, node: Option<u64>) -> Result<(), JsError> {
        Ok(self.scheduler.resume(self.named(node)?)?)
    }
}

impl Demo {
    fn named(&self, node: Option<u64>) -> Result<NodeId, windlass::Error> {
        match node {
            None => Ok(self.root),
            Some(bits) => NodeId::from_bits(bits).ok_or(windlass::Error::UnknownNode),
        }
    }
}

impl fmt::Debug for Demo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Demo").field("nodes", &self.scheduler.view()).finish_non_exhaustive()
    }
}

/// What a work says of itself.
struct Described<'a>(&'a Works);

impl fmt::Display for Described<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Work::<_, App>::describe(self.0, f)
    }
}

/// Clocks round down, and casts of floats saturate.
fn instant(millis: f64) -> Instant {
    Instant::from_micros((millis * 1_000.0) as u64)
}
