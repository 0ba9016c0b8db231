//! What happens to a node between its start and its end, without user code: wakes, pauses, alarms, attempts, restarts, and what follows from
//! an end.

use std::time::Duration;

use windlass::{AbortCause, Error, EventKind, Instant, Kind, State};

use super::{Key, Model, ROOT, blame_for};

impl Model {
    // ---- wake, pause, alarm ----

    /// Makes a waiting node look again.
    pub(super) fn wake(&mut self, key: Key) {
        if key == ROOT || self.nodes[key].gone {
            return;
        }
        if self.running == Some(key) {
            self.nodes[key].woken = true;
            return;
        }
        let node = &self.nodes[key];
        let waits = match node.state {
            State::Waiting => !node.delayed && !node.asleep && !self.is_queued(key),
            State::Aborting => self.live(key) == 0 && !node.turn,
            _ => false,
        };
        if !waits {
            return;
        }
        if self.nodes[key].state == State::Waiting {
            self.nodes[key].fresh = true;
        }
        self.wait_is_over(key);
    }

    /// The time has come until which it waits or sleeps.
    pub(super) fn wake_up(&mut self, key: Key) {
        let node = &mut self.nodes[key];
        if node.state == State::Waiting && !node.delayed {
            node.asleep = false;
            self.wait_is_over(key);
        }
    }

    fn wait_is_over(&mut self, key: Key) {
        self.metrics.totals.wakes += 1;
        self.nodes[key].wake_at = Instant::MAX;
        self.rearm(key);
        if self.nodes[key].state == State::Waiting {
            self.go(key, State::Running);
        }
        self.ask_turn(key);
    }

    /// Gives the node its own turn.
    pub(super) fn ask_turn(&mut self, key: Key) {
        self.nodes[key].turn = true;
        self.refresh(key);
    }

    pub(super) fn set_paused(&mut self, key: Key, paused: bool) -> Result<(), Error> {
        let node = &mut self.nodes[key];
        if node.state.is_done() || node.state == State::Aborting {
            return Err(Error::WrongState(node.state));
        }
        if node.settling.is_some() {
            return Err(Error::Ended);
        }
        if node.paused != paused {
            node.paused = paused;
            self.emit(key, EventKind::Paused(paused));
            self.refresh(key);
        }
        Ok(())
    }

    /// One alarm for the earlier of the two times. One that was set for the same time keeps its rank.
    pub(super) fn rearm(&mut self, key: Key) {
        let node = &mut self.nodes[key];
        let at = node.wake_at.min(node.limit_at);
        if at == Instant::MAX {
            node.alarm = None;
        } else if node.alarm.is_none_or(|(armed, _)| armed != at) {
            node.alarm = Some((at, self.armed));
            self.armed += 1;
        }
    }

    /// The first alarm: the earliest, and among those the one that was armed first.
    pub(super) fn first_alarm(&self) -> Option<(Instant, Key)> {
        let alarms = self.nodes.iter().enumerate().filter(|(_, node)| !node.gone);
        let alarms = alarms.filter_map(|(key, node)| node.alarm.map(|alarm| (alarm, key)));
        alarms.min().map(|((at, _), key)| (at, key))
    }

    // ---- attempts and restarts ----

    pub(super) fn begin_attempt(&mut self, key: Key) {
        self.metrics.totals.attempts += 1;
        let node = &mut self.nodes[key];
        // What the last attempt failed for. A child of this one may have been aborted before the start.
        if node.failed == 0 && node.aborted == 0 {
            node.fatal &= node.failure.is_none();
            node.failure = None;
        }
        node.limit_at = node.plan.timeout.map_or(Instant::MAX, |timeout| self.now + timeout);
        self.rearm(key);
    }

    /// Begins the delay before the next attempt.
    pub(super) fn wait_for_retry(&mut self, key: Key, delay: Duration) {
        let attempt = u32::from(self.nodes[key].retries_used) + 2;
        if let Some(failure) = self.nodes[key].failure {
            self.emit(key, EventKind::Retry { attempt, delay, failure });
        }
        self.go(key, State::Waiting);
        let node = &mut self.nodes[key];
        node.wake_at = self.now + delay;
        node.delayed = true;
        node.turn = false;
        node.woken = false;
        node.timed_out = false;
        (node.fresh, node.late) = (false, false);
        node.asleep = false;
        self.rearm(key);
        self.refresh(key);
        self.lend_place(key);
    }

    /// The delay is over.
    pub(super) fn retry_now(&mut self, key: Key) {
        self.metrics.totals.retries += 1;
        let node = &mut self.nodes[key];
        node.retries_used += 1;
        node.delayed = false;
        if node.place {
            self.go(key, State::Running);
            self.begin_attempt(key);
            self.ask_turn(key);
        } else {
            // It had a place before the others in the queue.
            let parent = self.nodes[key].parent;
            self.nodes[parent].queue.insert(0, key);
            self.fill_places(parent);
        }
    }

    pub(super) fn restart(&mut self, key: Key) -> Result<(), Error> {
        let (state, parent) = (self.nodes[key].state, self.nodes[key].parent);
        if !state.is_done() {
            return Err(Error::WrongState(state));
        }
        self.accepts(parent)?;
        let above = &mut self.nodes[parent];
        if above.kind != Kind::Work {
            return Err(Error::WrongKind);
        }
        above.ended.retain(|child| *child != key);
        match state {
            State::Success => above.succeeded -= 1,
            State::Failure => above.failed -= 1,
            _ => above.aborted -= 1,
        }
        self.make_new(key);
        self.offer(key);
        if self.running != Some(parent) {
            self.wake(parent);
        }
        self.renew_below(key, true);
        Ok(())
    }

    /// Takes an ended node back to its beginning.
    fn make_new(&mut self, key: Key) {
        self.go(key, State::Pending);
        let node = &mut self.nodes[key];
        node.turn = true;
        node.open = false;
        node.forced = false;
        node.skipped = false;
        node.fatal = false;
        node.lives = node.lives.wrapping_add(1);
        node.retries_used = 0;
        node.failure = None;
        node.aborted_by = None;
    }

    /// Makes everything below a node as new: what a work or a generator added is freed, the members of composites are pending again.
    ///
    /// Members that somebody has aborted stay so, but in a restart.
    pub(super) fn renew_below(&mut self, key: Key, restart: bool) {
        let earlier = self.total(key) - self.live(key);
        let node = &mut self.nodes[key];
        node.open = false;
        node.earlier += earlier;
        (node.succeeded, node.failed, node.aborted) = (0, 0, 0);
        let dynamic = node.is_dynamic();
        let mut children = self.nodes[key].children.clone();
        assert!(
            children.iter().all(|child| self.nodes[*child].state.is_done()),
            "nothing lives below an end"
        );
        if !dynamic && !restart {
            let stays = |node: &super::Node| node.state == State::Aborted && node.cause == AbortCause::User;
            let stay = children.iter().filter(|child| stays(&self.nodes[**child])).count();
            self.nodes[key].aborted = u32::try_from(stay).unwrap();
            children.retain(|child| !stays(&self.nodes[*child]));
        }
        for child in &children {
            if dynamic {
                self.free(*child);
            } else {
                self.make_new(*child);
            }
        }
        if dynamic {
            self.nodes[key].ended.clear();
            return;
        }
        for child in children {
            self.offer(child);
            self.renew_below(child, restart);
        }
    }

    // ---- the end ----

    /// Ends a node. What its parent makes of that comes later.
    pub(super) fn end(&mut self, key: Key, to: State) {
        self.go(key, to);
        let node = &mut self.nodes[key];
        (node.wake_at, node.limit_at) = (Instant::MAX, Instant::MAX);
        node.turn = false;
        node.settling = None;
        node.in_hook = false;
        node.woken = false;
        node.abort_asked = false;
        node.timed_out = false;
        (node.fresh, node.late) = (false, false);
        node.asleep = false;
        node.untimed = false;
        node.delayed = false;
        node.paused = false;
        let (parent, detached) = (node.parent, node.detached);
        let blocked = to == State::Aborted && node.cause == AbortCause::Dependency;
        self.rearm(key);
        self.leave_queue(key);
        self.give_place_back(key);
        let above = &mut self.nodes[parent];
        match to {
            State::Success => above.succeeded += 1,
            State::Failure => above.failed += 1,
            _ => above.aborted += 1,
        }
        match to {
            State::Success => self.metrics.totals.succeeded += 1,
            State::Failure => self.metrics.totals.failed += 1,
            _ if blocked => self.metrics.totals.blocked += 1,
            _ => self.metrics.totals.aborted += 1,
        }
        // What was meant for good is so for the composite, too.
        let node = &self.nodes[key];
        let meant = node.fatal || to == State::Aborted && node.cause == AbortCause::User;
        let above = &mut self.nodes[parent];
        if to != State::Success && parent != ROOT && !above.is_ending() && above.kind != Kind::Work && meant {
            above.fatal = true;
        }
        // The first failure of an attempt is the parent's, if that fails for its children's sake.
        let above = &self.nodes[parent];
        let first = above.failed + above.aborted == 1;
        if to != State::Success && parent != ROOT && !above.is_ending() && (first || above.failure.is_none())
        {
            self.nodes[parent].failure = Some(blame_for(&self.nodes[key]));
        }
        if self.nodes[parent].is_dynamic() && (parent != ROOT || detached) {
            self.nodes[parent].ended.push(key);
        }
        // The gates that wait for this end, the latest one first.
        for gate in (0..self.nodes.len()).rev() {
            if self.nodes[gate].awaited == Some(key) {
                self.wake(gate);
            }
        }
    }

    /// A node has ended outside the crank loop: its parent looks at that in its next turn.
    pub(super) fn tell_parent(&mut self, parent: Key) {
        if parent == ROOT {
            return;
        }
        if self.nodes[parent].is_ending() {
            // Its turn comes when its last child is done.
            if self.live(parent) == 0 {
                self.ask_turn(parent);
            }
            return;
        }
        match self.nodes[parent].state {
            State::Running => self.ask_turn(parent),
            State::Waiting => self.wake(parent),
            _ => {}
        }
        self.fill_places(parent);
    }
}
