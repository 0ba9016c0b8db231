//! Runs long, multi-step jobs as a tree of small state machines.
#![no_std]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(test)]
extern crate std;

mod abort;
#[cfg(test)]
mod check;
mod compose;
mod cx;
mod deadline;
#[cfg(feature = "alloc")]
mod dynamic;
mod engine;
mod error;
mod explain;
mod id;
mod lint;
mod node;
mod observe;
mod ops;
mod ready;
mod reason;
mod retry;
mod scheduler;
mod slots;
mod spec;
mod state;
mod status;
mod store;
#[cfg(all(test, feature = "alloc"))]
mod stress;
mod table;
mod time;
#[cfg(any(target_has_atomic = "32", feature = "portable-atomic"))]
mod wake;
mod work;

pub use cx::{Children, Cx};
#[cfg(feature = "alloc")]
pub use dynamic::{DynWork, SendWork};
pub use error::{Error, Refused};
pub use id::NodeId;
pub use lint::Lint;
pub use node::{Cold, Edge, Hot, Kind};
pub use observe::{Event, EventLog, Observer, What};
pub use reason::{Cause, Failure, Reason};
pub use retry::{Jitter, Retry};
pub use scheduler::{Metrics, Next, Scheduler};
pub use spec::{OnFailure, Spec};
pub use state::{IllegalTransition, State, Status, Transition};
pub use status::{NodeView, View};
#[cfg(feature = "alloc")]
pub use store::Boxed;
pub use store::{Borrowed, Inline, Store, Tables};
pub use time::Instant;
#[cfg(any(target_has_atomic = "32", feature = "portable-atomic"))]
pub use wake::{Notify, WakeHandle, WakeSet, WakeWord};
pub use work::{Abort, Check, Outcome, Work, Yield};
