//! Each oracle, and something that it must notice: a stream of events with one event changed, a table with one field changed, a run with one thing wrong.
//!
//! The invariant: every mutation has a control, the same without the change, that passes; so it is the change that was noticed.
#![allow(clippy::unwrap_used)]

use super::oracle::{Oracle, Violation};

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
    (Oracle::ChildrenFirst, runs::table_parent_ends_early),
    (Oracle::NothingAfterAbort, events::start_below_an_abort),
    (Oracle::NothingAfterAbort, events::crank_below_an_abort),
    (Oracle::NothingAfterAbort, events::addition_below_an_abort),
    (Oracle::AbortReachesAll, events::abort_leaves_a_child),
    (Oracle::AbortReachesAll, runs::table_abort_leaves_a_child),
    (Oracle::EndedIsQuiet, runs::table_deadline_of_an_ended_node),
    (Oracle::EndedIsQuiet, runs::table_place_of_an_ended_node),
    (Oracle::RingIsRunnable, runs::table_ring),
    (Oracle::WakeSource, runs::table_sleep_without_deadline),
    (Oracle::WakeSource, runs::table_shut_gate_that_asks_nobody),
    (Oracle::RetryBudget, events::retries),
    (Oracle::RetryBudget, runs::table_retries),
    (Oracle::RetryDelay, events::delay_out_of_bounds),
    (Oracle::RetryDelay, events::delay_not_as_asked),
    (Oracle::RetryDelay, events::retry_too_early),
    (Oracle::RetryDelay, events::retry_too_late),
    (Oracle::SequenceOrder, events::sequence),
    (Oracle::SequenceOrder, runs::table_sequence),
    (Oracle::Width, events::width),
    (Oracle::Width, runs::table_width),
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
    (Oracle::SlotsConserved, runs::table_slot_lost),
    (Oracle::TablesAgree, runs::table_counter),
    (Oracle::TablesAgree, runs::table_heap),
    (Oracle::Ends, runs::no_end),
    (Oracle::Ends, runs::waits_for_ever),
    (Oracle::OneHash, events::one_hash),
    (Oracle::OneHash, runs::chance),
    (Oracle::Own, runs::own),
];

#[test]
fn every_oracle_has_a_mutation() {
    for oracle in Oracle::ALL {
        assert!(MUTATIONS.iter().any(|(other, _)| *other == oracle), "{oracle:?} has none");
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
