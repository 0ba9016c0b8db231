//! Each oracle, and something that it must notice: a stream of events with one event changed, a run with one thing wrong. Tables with one field changed are
//! beside the invariants of the tables, in the engine.
//!
//! The invariant: every mutation has a control, the same without the change, that passes; so it is the change that was noticed.
#![allow(clippy::unwrap_used)]

use alloc::format;
use alloc::string::ToString;

use windlass::door::{self, Invariant};

use crate::oracle::{Oracle, Violation};

mod events;
mod runs;

type Looked = Result<(), Violation>;

/// Fails exactly if it is told to doctor what it looks at.
type Look = fn(bool) -> Looked;

/// The oracle that must notice, and the look.
const MUTATIONS: &[(Oracle, Look)] = &[
    (Oracle::LegalMoves, events::moves),
    (Oracle::LegalMoves, events::crank_of_a_waiting_node),
    (Oracle::ChildrenFirst, events::parent_settles_early),
    (Oracle::ChildrenFirst, events::parent_cleans_up_early),
    (Oracle::NothingAfterAbort, events::start_below_an_abort),
    (Oracle::NothingAfterAbort, events::crank_below_an_abort),
    (Oracle::NothingAfterAbort, events::addition_below_an_abort),
    (Oracle::AbortReachesAll, events::abort_leaves_a_child),
    (Oracle::RetryBudget, events::retries),
    (Oracle::RetryDelay, events::delay_out_of_bounds),
    (Oracle::RetryDelay, events::delay_not_as_asked),
    (Oracle::RetryDelay, events::retry_too_early),
    (Oracle::RetryDelay, events::retry_too_late),
    (Oracle::SequenceOrder, events::sequence),
    (Oracle::Concurrency, events::concurrency),
    (Oracle::Gate, events::start_behind_a_shut_gate),
    (Oracle::Gate, events::gate_opens_early),
    (Oracle::Gate, events::gate_opens_after_a_failure),
    (Oracle::Gate, events::gate_opens_without_a_yes),
    (Oracle::GraphOrder, events::graph),
    (Oracle::Pause, events::pause),
    (Oracle::IdlePoll, runs::idle_poll),
    (Oracle::StaleId, runs::stale_id),
    (Oracle::SlotsConserved, events::freed_while_it_lives),
    (Oracle::SlotsConserved, events::a_node_too_few),
    (Oracle::Ends, runs::no_end),
    (Oracle::Ends, runs::waits_for_ever),
    (Oracle::OneHash, events::one_hash),
    (Oracle::OneHash, runs::chance),
    (Oracle::Own, runs::own),
];

#[test]
fn every_oracle_has_a_mutation_or_is_an_invariant_of_the_tables() {
    for oracle in Oracle::ALL {
        let of_the_tables = Invariant::ALL.into_iter().any(|invariant| Oracle::from(invariant) == oracle);
        let has_one = MUTATIONS.iter().any(|(other, _)| *other == oracle);
        assert!(has_one || of_the_tables, "{oracle:?} has none");
    }
}

#[test]
fn an_invariant_that_does_not_hold_reads_the_same_as_the_oracle_of_that_name() {
    for invariant in Invariant::ALL {
        let found = door::Violation { invariant, node: None, detail: "a detail" };
        let violation = Violation::from(found);
        assert_eq!(format!("{:?}", violation.oracle), format!("{invariant:?}"));
        assert_eq!(violation.to_string(), found.to_string());
    }
}

#[test]
fn every_mutation_is_noticed_by_its_oracle_and_by_no_other() {
    for (nth, (oracle, look)) in MUTATIONS.iter().enumerate() {
        assert_eq!(look(false), Ok(()), "control of mutation {nth}, {oracle:?}");
        let noticed = look(true).map_err(|violation| violation.oracle);
        assert_eq!(noticed, Err(*oracle), "mutation {nth}");
    }
}
