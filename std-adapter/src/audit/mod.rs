//! Watches a work-stealing pool while it runs, and reports when one of its promises is broken.
//!
//! The promises: *single ownership*, *no double execution*, *no lost work*, *a steal transfers ownership atomically*,
//! *LIFO for the owner and FIFO for thieves*. This module knows nothing of our own pool: any pool that reports the
//! events of [`Probe`] in the order given there can be audited. Each layer is a type, so what is not chosen is not in
//! the program.
//!
//! | layer | what it sees | for |
//! | --- | --- | --- |
//! | [`Off`] | nothing; every call is empty and every size zero | the default |

mod desk;
mod exact;
mod layout;
mod ledger;
mod off;
mod pair;
mod probe;
mod register;
mod report;
mod shadow;
#[cfg(test)]
mod tests;
mod word;

pub use exact::{Exact, Flight, FlightProbe, Ticket};
pub use layout::{Layout, Mode, Order, Queue, Settings};
pub use ledger::{Ledger, LedgerProbe, LedgerTicket};
pub use off::Off;
pub use probe::{Attempt, Audit, Finish, Missed, Moment, Probe, QueueId, Seat, Tag, Verdict};
pub use report::{
    Counts, Event, InFlight, Kind, Latency, Recent, Report, SeatCounts, State, Violation, What, Worst,
};
