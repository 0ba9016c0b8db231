//! Polls, cranks and turns, and what a work's answer leads to.

use std::time::Duration;

use windlass::{AbortCause, AbortStep, EventKind, Failure, Instant, Kind, Next, Outcome, Reason, State};

use super::abort::Request;
use super::face::Running;
use super::{Key, Model, ROOT, Verdict};
use crate::script::{self, Me, Method};

impl Model {
    pub(super) fn poll_with(&mut self, now: Instant, cranks: u32) -> Next {
        self.now = self.now.max(now);
        self.raised = false;
        for slot in std::mem::take(&mut self.woken) {
            let tenant = self.nodes.iter().skip(1).position(|node| !node.gone && node.id.index() == slot);
            if let Some(key) = tenant {
                self.wake(key + 1);
            }
        }
        self.recover();
        self.sweep(ROOT);
        while let Some((at, key)) = self.first_alarm() {
            if at > self.now {
                break;
            }
            self.expire(key);
        }
        for _ in 0..cranks {
            if !self.crank() {
                break;
            }
        }
        self.next_poll()
    }

    pub(super) fn next_poll(&self) -> Next {
        if self.live(ROOT) == 0 {
            return Next::Done;
        }
        if !self.nodes[ROOT].order.is_empty() || self.running.is_some() || self.raised {
            return Next::Now;
        }
        match self.first_alarm() {
            Some((at, _)) if at <= self.now => Next::Now,
            Some((at, _)) => Next::At(at),
            None => Next::OnWake,
        }
    }

    /// An alarm rings. Where both times are due, it is the limit's.
    fn expire(&mut self, key: Key) {
        self.metrics.totals.expired += 1;
        let node = &mut self.nodes[key];
        let limit = node.limit_at <= self.now && node.limit_at != Instant::MAX;
        if limit {
            node.limit_at = Instant::MAX;
        } else {
            node.wake_at = Instant::MAX;
        }
        let (state, delayed, untimed) = (node.state, node.delayed, node.untimed);
        self.rearm(key);
        match state {
            State::Aborting if limit => self.force(key),
            State::Aborting if untimed => self.begin_drain(key),
            State::Aborting => self.ask_turn(key),
            _ if limit && self.nodes[key].settling.is_some() => self.force_children(key),
            // The wake came first.
            _ if limit && self.nodes[key].fresh => self.nodes[key].late = true,
            _ if limit => {
                self.time_out(key);
                self.ask_turn(key);
            }
            _ if delayed => self.retry_now(key),
            _ => self.wake_up(key),
        }
    }

    /// A node whose user code panicked has failed, and no more of its hooks are called.
    fn recover(&mut self) {
        let Some(key) = self.running.take() else { return };
        let node = &mut self.nodes[key];
        node.in_hook = false;
        node.woken = false;
        node.abort_asked = false;
        node.paused = false;
        match node.state {
            State::Pending => self.go(key, State::Running),
            State::Waiting => self.wake(key),
            State::Aborting => return self.force(key),
            _ => {}
        }
        if self.nodes[key].state == State::Running {
            self.blame(key, Reason::PANICKED);
            self.settle(key, Verdict::Panicked, AbortCause::ParentFailed);
        }
    }

    // ---- one crank ----

    /// Walks from the root to a node whose own turn it is. False if there is none.
    fn crank(&mut self) -> bool {
        let mut at = ROOT;
        loop {
            let node = &self.nodes[at];
            let at_end = node.position == node.order.len();
            // Works and generators have their turn when their children had theirs, composites before; but every node is started
            // before its children.
            let is_next = at_end || !node.is_dynamic() || node.state == State::Pending;
            if node.turn && is_next {
                let goes_on = if node.state == State::Pending {
                    self.start(at);
                    true
                } else {
                    if at_end {
                        self.begin_pass(at);
                    }
                    self.own_turn(at) && !self.nodes[at].order.is_empty()
                };
                if !goes_on || !self.is_reachable(at) {
                    return true;
                }
                continue;
            }
            if at_end {
                if node.order.is_empty() {
                    return false;
                }
                self.begin_pass(at);
            }
            let node = &mut self.nodes[at];
            at = node.order[node.position];
            node.position += 1;
        }
    }

    fn begin_pass(&mut self, key: Key) {
        let node = &mut self.nodes[key];
        node.pass += 1;
        node.position = 0;
    }

    fn start(&mut self, key: Key) {
        self.user(key, |hands, me| script::hook(hands, me, Method::Reset));
        // It may have been aborted in there.
        if self.nodes[key].state != State::Pending {
            return;
        }
        self.go(key, State::Running);
        let node = &mut self.nodes[key];
        node.retries_used = 0;
        node.started_at = self.now;
        node.turn = true;
        node.woken = false;
        self.begin_attempt(key);
        let node = &self.nodes[key];
        if node.kind == Kind::Batch && node.earlier > 0 && !node.me.rewinds() {
            self.fail(key, Reason::NOT_REWOUND, Verdict::Fatal);
        }
    }

    fn time_out(&mut self, key: Key) {
        self.emit(key, EventKind::TimedOut);
        self.wake_up(key);
        self.nodes[key].timed_out = true;
    }

    /// The node's own turn. True if the crank may go on to a child.
    fn own_turn(&mut self, key: Key) -> bool {
        self.nodes[key].fresh = false;
        let late = std::mem::take(&mut self.nodes[key].late);
        let goes_on = self.turn(key);
        let node = &self.nodes[key];
        let waits = node.state == State::Waiting && !node.delayed;
        if late && node.settling.is_none() && (node.state == State::Running || waits) {
            self.time_out(key);
            self.blame(key, Reason::TIMEOUT);
            self.settle(key, Verdict::Failure(None), AbortCause::Timeout);
            return false;
        }
        goes_on
    }

    fn turn(&mut self, key: Key) -> bool {
        let node = &self.nodes[key];
        if node.state == State::Aborting {
            self.turn_to_abort(key);
            return false;
        }
        if let Some(verdict) = node.settling {
            self.conclude(key, verdict);
            return false;
        }
        if node.timed_out {
            self.blame(key, Reason::TIMEOUT);
            self.settle(key, Verdict::Failure(None), AbortCause::Timeout);
            return false;
        }
        match node.kind {
            Kind::Work => self.run(key),
            Kind::Callback => self.ask_callback(key),
            Kind::Batch => self.ask_generator(key),
            Kind::When if !node.open => return self.ask_predicate(key),
            Kind::After | Kind::AfterSuccess if !node.open => return self.look_at_awaited(key),
            _ => return self.attend(key),
        }
        false
    }

    /// Calls user code, if the node has any; a panic in there is its own.
    pub(super) fn user<R>(&mut self, key: Key, call: impl FnOnce(&mut Running<'_>, Me) -> R) -> Option<R> {
        if !self.nodes[key].plan.has_work() {
            return None;
        }
        self.running = Some(key);
        let me = self.nodes[key].me;
        let result = call(&mut Running { model: self, own: key }, me);
        self.running = None;
        Some(result)
    }

    /// As [`Model::user`], and it counts as a crank.
    pub(super) fn crank_work<R>(
        &mut self,
        key: Key,
        call: impl FnOnce(&mut Running<'_>, Me) -> R,
    ) -> Option<R> {
        self.metrics.totals.cranks += 1;
        self.emit(key, EventKind::Cranked);
        self.user(key, call)
    }

    fn hook(&mut self, key: Key, method: Method) {
        self.nodes[key].in_hook = true;
        self.user(key, |hands, me| script::hook(hands, me, method));
        self.nodes[key].in_hook = false;
    }

    fn run(&mut self, key: Key) {
        let Some(outcome) = self.crank_work(key, |hands, me| script::on_run(hands, me)) else { return };
        let mut woken = std::mem::take(&mut self.nodes[key].woken);
        // A work that aborted itself is not asked what it thinks of that.
        if self.nodes[key].state != State::Running {
            return;
        }
        let failure = match outcome {
            Outcome::Failure(reason) => Some((reason, Verdict::Failure(None))),
            Outcome::Fatal(reason) => Some((reason, Verdict::Fatal)),
            Outcome::RetryAfter(delay, reason) => {
                // In whole microseconds, rounded up.
                let delay = (Instant::ZERO + delay) - Instant::ZERO;
                Some((reason, Verdict::Failure(Some(delay))))
            }
            _ => None,
        };
        if let Some((reason, verdict)) = failure {
            self.fail(key, reason, verdict);
            return;
        }
        // It has seen its ended children, and only a failed work keeps them to look at.
        self.sweep(key);
        woken |= std::mem::take(&mut self.nodes[key].woken);
        match outcome {
            Outcome::Waiting if !woken => self.wait(key, Instant::MAX),
            Outcome::WaitFor(time) if !woken => self.wait(key, self.now + time),
            Outcome::Sleep(time) => self.fall_asleep(key, self.now + time),
            Outcome::SleepUntil(time) => self.fall_asleep(key, time),
            Outcome::Success => self.settle(key, Verdict::Success, AbortCause::ParentDone),
            Outcome::Skipped => {
                self.nodes[key].skipped = true;
                self.settle(key, Verdict::Success, AbortCause::ParentDone);
            }
            _ => {}
        }
    }

    /// No turn before a wake or `until`.
    pub(super) fn wait(&mut self, key: Key, until: Instant) {
        self.go(key, State::Waiting);
        self.sleep(key, until);
    }

    /// No turn before `until`, whatever wakes it.
    fn fall_asleep(&mut self, key: Key, until: Instant) {
        if until > self.now {
            self.nodes[key].asleep = true;
            self.wait(key, until);
        }
    }

    fn sleep(&mut self, key: Key, until: Instant) {
        self.nodes[key].wake_at = until;
        self.rearm(key);
        self.nodes[key].turn = false;
        self.refresh(key);
    }

    fn turn_to_abort(&mut self, key: Key) {
        // Composites have nothing of their own to clean up.
        if self.nodes[key].kind != Kind::Work {
            self.conclude(key, Verdict::Aborted);
            return;
        }
        let Some(answer) = self.crank_work(key, |hands, me| script::on_abort(hands, me)) else { return };
        let woken = std::mem::take(&mut self.nodes[key].woken);
        if self.nodes[key].state != State::Aborting {
            return;
        }
        match answer {
            AbortStep::Done => self.conclude(key, Verdict::Aborted),
            AbortStep::Waiting if !woken => self.sleep(key, Instant::MAX),
            AbortStep::WaitFor(time) if !woken => self.sleep(key, self.now + time),
            _ => {}
        }
    }

    // ---- from a verdict to an end ----

    /// Notes why a node fails. A work that only says that a child failed keeps what is known of that.
    pub(super) fn blame(&mut self, key: Key, reason: Reason) {
        let node = &mut self.nodes[key];
        if reason != Reason::CHILD_FAILED || node.failure.is_none() {
            node.failure = Some(Failure { reason, origin: node.id });
        }
    }

    pub(super) fn fail(&mut self, key: Key, reason: Reason, verdict: Verdict) {
        self.blame(key, reason);
        self.settle(key, verdict, AbortCause::ParentFailed);
    }

    /// Aborts what lives below, and ends the node now or when that has drained.
    pub(super) fn settle(&mut self, key: Key, verdict: Verdict, cause: AbortCause) {
        let node = &mut self.nodes[key];
        (node.wake_at, node.limit_at) = (Instant::MAX, Instant::MAX);
        self.rearm(key);
        if self.live(key) > 0 {
            let node = &mut self.nodes[key];
            node.turn = false;
            node.timed_out = false;
            node.settling = Some(verdict);
            node.limit_at = node.plan.drain.map_or(Instant::MAX, |drain| self.now + drain);
            self.rearm(key);
            self.abort_children(key, cause);
            self.refresh(key);
        }
        if self.live(key) == 0 {
            self.conclude(key, verdict);
        }
    }

    /// Ends the node, or begins its retry delay; its end may decide its parent.
    pub(super) fn conclude(&mut self, key: Key, verdict: Verdict) {
        match verdict {
            Verdict::Success => {
                self.nodes[key].failure = None;
                self.hook(key, Method::Success);
                self.end(key, State::Success);
            }
            Verdict::Aborted => {
                self.hook(key, Method::Reset);
                self.end(key, State::Aborted);
            }
            Verdict::Failure(asked) => {
                if let Some(delay) = self.next_delay(key, asked) {
                    self.retry(key, delay);
                    return;
                }
                self.raise(key, true);
            }
            Verdict::Fatal | Verdict::Panicked => {
                self.nodes[key].fatal = true;
                self.raise(key, matches!(verdict, Verdict::Fatal));
            }
        }
        self.release_dependents(key);
        self.child_ended(self.nodes[key].parent);
    }

    fn raise(&mut self, key: Key, hooks: bool) {
        if hooks {
            self.hook(key, Method::FailureRaise);
            self.hook(key, Method::Reset);
        }
        if let Some(failure) = self.nodes[key].failure {
            self.emit(key, EventKind::Failed(failure));
        }
        self.end(key, State::Failure);
    }

    /// The delay before the next attempt, if there is one.
    fn next_delay(&self, key: Key, asked: Option<Duration>) -> Option<Duration> {
        let node = &self.nodes[key];
        if node.retries_used >= node.retry.budget() || node.kind == Kind::Batch && !node.me.rewinds() {
            return None;
        }
        let delay = asked.unwrap_or_else(|| {
            let key = node.id.to_bits() ^ u64::from(node.lives) << 48;
            node.retry.delay(self.seed, key, node.retries_used)
        });
        let after = (self.now - node.started_at).saturating_add(delay);
        let in_time = node.retry.elapsed_limit().is_none_or(|limit| after <= limit);
        in_time.then_some(delay)
    }

    fn retry(&mut self, key: Key, delay: Duration) {
        self.nodes[key].limit_at = Instant::MAX;
        self.rearm(key);
        self.hook(key, Method::FailureRetry);
        self.hook(key, Method::Reset);
        let node = &mut self.nodes[key];
        node.settling = None;
        if std::mem::take(&mut node.abort_asked) {
            let request = Request { cause: node.cause, by: node.aborted_by, deadline: node.limit_at };
            self.abort(key, request);
            return;
        }
        self.renew_below(key, false);
        self.go(key, State::Retrying);
        self.wait_for_retry(key, delay);
    }

    /// A child has ended in the crank loop.
    fn child_ended(&mut self, parent: Key) {
        let node = &self.nodes[parent];
        let (kind, state) = (node.kind, node.state);
        if parent == ROOT {
            self.sweep(ROOT);
            return;
        }
        let live = self.live(parent);
        if let (State::Running, Some(verdict)) = (state, node.settling) {
            if live == 0 {
                self.conclude(parent, verdict);
            }
            return;
        }
        match state {
            // A work's own on_abort comes in its turn.
            State::Aborting if live == 0 && kind != Kind::Work => self.conclude(parent, Verdict::Aborted),
            State::Running if kind != Kind::Work => {
                let decision = self.decide(parent);
                if kind == Kind::Batch && !matches!(decision, Some((Verdict::Failure(_) | Verdict::Fatal, _)))
                {
                    self.sweep(parent);
                    self.ask_turn(parent);
                }
                match decision {
                    Some((verdict, cause)) => self.settle(parent, verdict, cause),
                    None => self.fill_places(parent),
                }
            }
            _ => self.tell_parent(parent),
        }
    }
}
