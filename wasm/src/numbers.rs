//! The numbers that Rust and JavaScript exchange, each defined once. A test writes `wasm/js/numbers.js` from them.
//!
//! The invariant: both sides mean the same by a number. The test fails when the file differs from what is compiled here;
//! `WINDLASS_BLESS=1 cargo test -p windlass-wasm numbers` writes it anew. What a number does is decided elsewhere.

/// Groups of numbers: a module of constants each, and for the test their names.
macro_rules! numbers {
    ($($(#[$about:meta])* $group:ident: $type:ty { $($(#[$doc:meta])* $name:ident = $value:expr,)* })*) => {
        $(
            $(#[$about])*
            pub(crate) mod $group {
                $($(#[$doc])* pub(crate) const $name: $type = $value;)*
            }
        )*

        /// For each group its name, and its numbers by name.
        #[cfg(test)]
        const GROUPS: &[(&str, &[(&str, i64)])] =
            &[$((stringify!($group), &[$((stringify!($name), $group::$name as i64)),*])),*];
    };
}

numbers! {
    /// How much there may be.
    limit: u32 {
        /// Nodes of a table. An id is its generation times this, plus its index; a float holds both.
        NODES = 1 << 21,
        /// Asks of one poll: what is taken is the number of rows of the log times this, plus the number of asks.
        ASKS = 1 << 26,
        /// A concurrency without a limit.
        CONCURRENCY = u32::MAX,
    }

    /// In the place of a node's id.
    all: f64 {
        /// What is above all nodes.
        NODES = -1.0,
        /// All nodes, and those to come.
        FOR_EVER = -2.0,
    }

    /// The kind in a shape.
    kind: u32 {
        WORK = 0,
        PARALLEL = 1,
        QUORUM = 2,
        RACE = 3,
        SEQUENCE = 4,
        AFTER = 5,
        AFTER_SUCCESS = 6,
        GRAPH = 7,
    }

    /// The bits of a shape.
    shape: u32 {
        KIND = 15,
        /// There is a `reset` to call.
        RESETS = 1 << 4,
        /// There is an `abort` to call.
        ABORTS = 1 << 5,
        PAUSED = 1 << 6,
        DETACHED = 1 << 7,
        /// What a failed child means. None of the three is the kind's own policy.
        STOP = 1 << 8,
        FINISH = 1 << 9,
        IGNORE = 1 << 10,
    }

    /// How delays are spread.
    jitter: u32 {
        NONE = 0,
        FULL = 1,
        EQUAL = 2,
        /// And above: by so many percent.
        PERCENT = 3,
    }

    /// When to poll again, unless it is a time.
    next: f64 {
        NOW = -1.0,
        ON_WAKE = -2.0,
        DONE = -3.0,
    }

    /// What a work asks for.
    ask: u32 {
        /// Call its `run`; the answer goes to [`Engine::answer`](crate::Engine::answer).
        RUN = 0,
        /// Cut short what is going on and clean up; answered likewise.
        ABORT = 1,
        /// A nap is over.
        WOKE = 2,
        /// Call its `reset`; there is no answer.
        RESET = 3,
        /// What is going on is of no interest any more: its time was up.
        DROP = 4,
    }

    /// The words of an ask, by their places.
    ask_row: usize {
        WHAT = 0,
        LABEL = 1,
        TICKET = 2,
        ATTEMPT = 3,
        LIVE = 4,
        FAILED = 5,
        LENGTH = 6,
    }

    /// Whether an ask is still waited for.
    claim: u32 {
        NO = 0,
        YES = 1,
        /// The node is paused, and will ask again.
        LATER = 2,
    }

    /// What a function has said.
    answer: u32 {
        RUNNING = 0,
        WAITING = 1,
        /// Asleep for a time.
        SLEEP = 2,
        SUCCESS = 3,
        FAILURE = 4,
        FATAL = 5,
        /// A failure, with the time until the next attempt.
        RETRY_AFTER = 6,
        /// As the children turn out.
        JOIN = 7,
    }

    /// What is done to a node.
    act: u32 {
        WAKE = 0,
        PAUSE = 1,
        RESUME = 2,
        RESTART = 3,
        /// Frees it, if it is at the top and has ended.
        REMOVE = 4,
    }

    /// Why a call was refused; the names are the codes of JavaScript's `SchedulerError`.
    error: i32 {
        UNKNOWN_NODE = -1,
        FULL = -2,
        EDGES_FULL = -3,
        ABORTING = -4,
        ENDED = -5,
        WRONG_STATE = -6,
        ZERO_CONCURRENCY = -7,
        WRONG_KIND = -8,
        CYCLE = -9,
        DUPLICATE = -10,
        OTHER = -11,
        /// And below: less the number of the setting that the node has no use for.
        NO_USE = -12,
    }

    /// What has happened; the names are the types of JavaScript's events.
    event: u32 {
        ADDED = 0,
        RUN = 1,
        STATE = 2,
        RETRY = 3,
        FAILED = 4,
        ABORT = 5,
        FORCED = 6,
        TIMEOUT = 7,
        OPENED = 8,
        /// Paused or, with a 0, resumed.
        PAUSED = 9,
        FREED = 10,
        FULL = 11,
    }

    /// A row of the log, by its places; what `A`, `B` and `C` are depends on what has happened.
    event_row: usize {
        WHAT = 0,
        LABEL = 1,
        ID = 2,
        AT = 3,
        A = 4,
        B = 5,
        C = 6,
        LENGTH = 7,
    }

    /// A row of a snapshot, by its places.
    node_row: usize {
        LABEL = 0,
        ID = 1,
        PARENT = 2,
        STATE = 3,
        STATUS = 4,
        ATTEMPT = 5,
        RETRIES_LEFT = 6,
        DEADLINE = 7,
        ERROR = 8,
        ORIGIN = 9,
        CAUSE = 10,
        LIVE = 11,
        SUCCEEDED = 12,
        FAILED = 13,
        FLAGS = 14,
        LENGTH = 15,
    }

    /// The flags of a snapshot's row.
    flag: u32 {
        PAUSED = 1,
        FORCED = 2,
        STALLED = 4,
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;
    use std::{env, fs, io};

    use windlass::{AbortCause, Error, Reason, Setting, State, Status};

    use super::{GROUPS, error};
    use crate::engine::code;
    use crate::log::{REASONS, from_reason};

    const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/js/numbers.js");
    const HEADER: &str = "\
// The numbers that the engine and this side exchange, and what they are called. Written by a test from `wasm/src/numbers.rs`:
// `WINDLASS_BLESS=1 cargo test -p windlass-wasm numbers`.
";

    /// In the order of their numbers; the last stands for all that JavaScript knows no better.
    const ERRORS: [Error; 11] = [
        Error::UnknownNode,
        Error::Full,
        Error::EdgesFull,
        Error::Aborting,
        Error::Ended,
        Error::WrongState(State::Pending),
        Error::ZeroConcurrency,
        Error::WrongKind,
        Error::WouldCycle,
        Error::Duplicate,
        Error::NoWakeSet,
    ];

    /// `a_name`, `A_NAME` or `AName` as JavaScript writes it: `aName`.
    fn camel(name: &str) -> String {
        let name = if name.contains('_') || !name.contains(char::is_lowercase) {
            let words = name.split('_').filter_map(|word| word.split_at_checked(1));
            words.map(|(first, rest)| first.to_uppercase() + &rest.to_lowercase()).collect()
        } else {
            name.to_owned()
        };
        name.split_at_checked(1).map_or(String::new(), |(first, rest)| first.to_lowercase() + rest)
    }

    /// A text as JavaScript writes it.
    fn quoted(text: &str) -> String {
        format!("'{}'", text.replace('\\', r"\\").replace('\'', r"\'"))
    }

    fn list(name: &str, words: impl IntoIterator<Item = String>) -> String {
        let words: Vec<String> = words.into_iter().map(|word| quoted(&word)).collect();
        format!("export const {name} = [{}];\n", words.join(", "))
    }

    /// A list of what the engine casts to a number: each must stand in its place.
    fn variants<T: Copy + Debug>(name: &str, all: &[T], number: fn(T) -> u8) -> String {
        assert!(all.iter().zip(0..).all(|(one, place)| number(*one) == place), "{all:?}");
        list(name, all.iter().map(|one| camel(&format!("{one:?}"))))
    }

    /// The names of a group whose numbers count from 0, or from -1 down, up to the one that begins a range.
    fn names(group: &str, end: Option<&str>) -> Vec<String> {
        let numbers = GROUPS.iter().filter(|(name, _)| *name == group).flat_map(|(_, numbers)| *numbers);
        let names = numbers.take_while(|(name, _)| Some(*name) != end).zip(0_i64..);
        let in_place = |((name, number), place): (&(&str, i64), i64)| {
            assert!(*number == place || *number == -1 - place, "{group} {name}");
            camel(name)
        };
        names.map(in_place).collect()
    }

    fn numbers_js() -> String {
        let mut text = HEADER.to_owned();
        for (group, numbers) in GROUPS {
            text += "\n";
            for (name, number) in *numbers {
                text += &format!("export const {}_{name} = {number};\n", group.to_uppercase());
            }
        }
        text += "\n";
        for state in State::ALL {
            let name = state.to_string().to_uppercase();
            text += &format!("export const STATE_{name} = {};\n", state as u8);
        }
        let statuses = [
            Status::Running,
            Status::Waiting,
            Status::Success,
            Status::Failure,
            Status::Aborted,
            Status::Skipped,
            Status::Blocked,
        ];
        let settings = [
            Setting::Concurrency,
            Setting::OnFailure,
            Setting::PollEvery,
            Setting::ItemNodes,
            Setting::Detached,
        ];
        text += "\n";
        text += &variants("STATES", &State::ALL, |state| state as u8);
        text += &variants("STATUSES", &statuses, |status| status as u8);
        text += &variants("CAUSES", AbortCause::ALL, |cause| cause as u8);
        text += &variants("SETTINGS", &settings, |setting| setting as u8);
        text += &list("JITTERS", names("jitter", Some("PERCENT")));
        text += &list("EVENTS", names("event", None));
        text += "\n/** Why a call was refused, from -1 down. */\nexport const ERRORS = {\n";
        for (name, error) in names("error", Some("NO_USE")).iter().zip(ERRORS) {
            let reason = if error == Error::NoWakeSet { Reason::new("refused") } else { error.into() };
            text += &format!("  {name}: {},\n", quoted(&reason.to_string()));
        }
        text += "};\n\n/** The engine's own reasons, from -1 down. */\n";
        text += &list("REASONS", REASONS.map(|reason| reason.to_string()));
        text
    }

    #[test]
    fn javascript_has_the_numbers_that_are_defined_here() -> io::Result<()> {
        let wanted = numbers_js();
        if env::var_os("WINDLASS_BLESS").is_some() {
            fs::write(PATH, &wanted)?;
        }
        let found = fs::read_to_string(PATH).unwrap_or_default();
        assert!(found == wanted, "js/numbers.js is stale: WINDLASS_BLESS=1 writes it anew");
        Ok(())
    }

    #[test]
    fn the_states_that_are_an_end_come_last() {
        assert!(State::ALL.iter().all(|state| state.is_done() == (*state as u8 >= State::Aborted as u8)));
    }

    #[test]
    fn a_time_out_is_the_first_of_the_reasons() {
        assert!(REASONS.iter().zip(1..).all(|(reason, place)| from_reason(*reason) == -f64::from(place)));
        assert_eq!(REASONS[0], Reason::TIMEOUT);
    }

    #[test]
    fn each_error_has_a_number_of_its_own() {
        assert!(ERRORS.iter().zip(1..).all(|(error, place)| code(*error) == -f64::from(place)));
        assert_eq!(f64::from(error::NO_USE), -1.0 - ERRORS.len() as f64);
    }
}
