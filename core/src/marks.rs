//! What is known of a node besides its phase, one bit each, and how long each is true.
//!
//! The invariant: a mark belongs to one group below, and the group says what takes it away. Nothing else lists marks by lifetime.

/// The marks of a node.
pub(crate) mod mark {
    // ---- as long as the node is in the table ----

    /// The slot has a tenant.
    pub(crate) const LIVE: u32 = 1;
    /// A wake handle was taken for it.
    pub(crate) const HANDLE: u32 = 1 << 1;
    /// Its slots are freed as soon as it has ended.
    pub(crate) const DETACHED: u32 = 1 << 2;
    /// It has had children.
    pub(crate) const PARENT: u32 = 1 << 3;
    /// It has a time limit for each attempt, or for all retries together.
    pub(crate) const LIMITED: u32 = 1 << 4;
    /// It has a limit for the time that an abort takes.
    pub(crate) const DRAINED: u32 = 1 << 5;
    /// Gates wait for this node's end, or did.
    pub(crate) const WATCHED: u32 = 1 << 6;
    /// What is known of the node that this gate waits for, for when that node is gone: it succeeded.
    pub(crate) const AWAITED_SUCCEEDED: u32 = 1 << 7;
    /// Children of it have ended that it has not seen: its list of these is not empty.
    pub(crate) const UNSEEN: u32 = 1 << 8;

    /// It has a tag.
    pub(crate) const TAGGED: u32 = 1 << 22;

    /// Its children lend their places while they wait for a retry. Only if it has a limit: without one, a place is nothing to lend.
    pub(crate) const LENDS: u32 = 1 << 9;

    const OF_THE_NODE: u32 = LIVE
        | HANDLE
        | DETACHED
        | PARENT
        | LIMITED
        | DRAINED
        | WATCHED
        | AWAITED_SUCCEEDED
        | UNSEEN
        | TAGGED
        | LENDS;

    // ---- until an attempt begins or it succeeds ----

    /// It has a failure: its own, or the first among its children.
    pub(crate) const BLAMED: u32 = 1 << 10;
    /// It, or a member of it, has failed for good: it is not tried again.
    pub(crate) const FATAL: u32 = 1 << 28;

    // ---- until it ends ----

    /// The node wants its own turn.
    pub(crate) const TURN: u32 = 1 << 11;
    /// The parent lets it run; it holds one of the parent's places.
    pub(crate) const ACTIVE: u32 = 1 << 12;
    /// The node is in its parent's ring, that is: it is runnable.
    pub(crate) const IN_RING: u32 = 1 << 13;
    /// The node is in its parent's queue for a place.
    pub(crate) const QUEUED: u32 = 1 << 14;
    /// No crank for it and what is below it.
    pub(crate) const PAUSED: u32 = 1 << 15;
    /// It has a timer.
    pub(crate) const ARMED: u32 = 1 << 16;
    /// A wake came while the node was being called.
    pub(crate) const WOKEN: u32 = 1 << 17;
    /// An abort came while a hook of its end was being called.
    pub(crate) const DOOMED: u32 = 1 << 18;

    /// It was woken, and has not had its turn since; only where it has a time limit.
    pub(crate) const FRESH: u32 = 1 << 24;
    /// Its attempt has taken too long, but it was woken before that was seen: it has one more turn to end.
    pub(crate) const LATE: u32 = 1 << 27;

    /// What an end takes away. Leaving the ring and the queue and stopping the timer takes the rest.
    pub(crate) const OF_A_LIFE: u32 = TURN | ACTIVE | PAUSED | WOKEN | DOOMED | FRESH | LATE;

    /// What an abort takes away: it lifts a pause, and its first turn comes when the children are done.
    pub(crate) const UNTIL_ABORT: u32 = TURN | PAUSED | WOKEN | FRESH | LATE;

    // ---- until it is made new ----

    /// The gate is open; the generator is exhausted.
    pub(crate) const OPEN: u32 = 1 << 19;
    /// It was ended by force.
    pub(crate) const FORCED: u32 = 1 << 20;
    /// It has succeeded, because there was nothing to do.
    pub(crate) const SKIPPED: u32 = 1 << 23;
    /// The cold half holds the node that asked for the abort.
    pub(crate) const ABORTER: u32 = 1 << 21;
    /// The cause of the abort, as its place in [`AbortCause::ALL`](crate::AbortCause::ALL), from this bit on.
    pub(crate) const CAUSE_SHIFT: u32 = 29;
    pub(crate) const CAUSE: u32 = 7 << CAUSE_SHIFT;

    /// What a new life begins with. (A pause that was asked for between the end and the new life is kept.)
    pub(crate) const INTO_A_NEW_LIFE: u32 = OF_THE_NODE | BLAMED | PAUSED;

    // ---- not of a node ----

    /// The root's alone: who looks wants to see every step.
    pub(crate) const STEPS: u32 = 1 << 26;
    /// No mark: what no node has.
    pub(crate) const NEVER: u32 = 1 << 25;
}

#[cfg(test)]
mod tests {
    use super::mark::*;

    #[test]
    fn no_two_marks_share_a_bit() {
        let marks = [
            LIVE,
            HANDLE,
            DETACHED,
            PARENT,
            LIMITED,
            DRAINED,
            WATCHED,
            AWAITED_SUCCEEDED,
            UNSEEN,
            TAGGED,
            LENDS,
            BLAMED,
            FATAL,
            TURN,
            ACTIVE,
            IN_RING,
            QUEUED,
            PAUSED,
            ARMED,
            WOKEN,
            DOOMED,
            FRESH,
            LATE,
            OPEN,
            FORCED,
            SKIPPED,
            ABORTER,
            CAUSE,
            STEPS,
            NEVER,
        ];
        let all = marks.iter().fold(0, |all, mark| {
            assert_eq!(all & mark, 0);
            all | mark
        });
        assert_eq!(all.count_ones() as usize, marks.len() + 2, "a cause takes three");
    }

    #[test]
    fn an_abort_takes_away_no_more_than_an_end() {
        assert_eq!(UNTIL_ABORT & !OF_A_LIFE, 0);
        assert_eq!(INTO_A_NEW_LIFE & OF_A_LIFE, PAUSED);
    }
}
