//! Commands: the engine's side of stellar-core's "RunCommandWork test", and of the process tests below it.
//!
//! Here no process is started. A [`Command`] stands for a work that starts one: it asks the [`Shell`] for a place, waits, and is woken through
//! its handle when the exit code is there, at a virtual time; an abort ends it. So what the engine does about commands is tested here, and what an
//! operating system does about processes is not: exit codes, signals, output files.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use windlass::{
    AbortStep, DynWork, Instant, Next, NodeId, Outcome, Reason, Retry, Spec, State, WakeHandle, Work,
};
use windlass_tests::{Any, Cx, Hook, Rig, Script, World, leaf, name, note};

const NOT_STARTED: Reason = Reason::new("command not started");

const EXIT_CODE: Reason = Reason::new("exit code");

/// Runs so many commands at a time; the others queue, first come, first served.
#[derive(Clone)]
struct Shell(Rc<RefCell<Table>>);

#[derive(Default)]
struct Table {
    limit: usize,
    running: Vec<u32>,
    queue: VecDeque<(u32, Duration, u8)>,
    /// The exit codes, by process, in the order they came.
    exited: Vec<(u32, u8)>,
    waiting: Vec<(u32, WakeHandle)>,
    killed: Vec<u32>,
    next: u32,
    most: usize,
}

impl Shell {
    fn new(limit: usize) -> Self {
        Self(Rc::new(RefCell::new(Table { limit, ..Table::default() })))
    }

    fn running(&self) -> usize {
        self.0.borrow().running.len()
    }

    /// Starts, or queues, a command that takes this long and ends with this code.
    fn spawn(&self, world: &mut World, takes: Duration, code: u8, handle: WakeHandle) -> u32 {
        let mut table = self.0.borrow_mut();
        table.next += 1;
        let process = table.next;
        table.queue.push_back((process, takes, code));
        table.waiting.push((process, handle));
        drop(table);
        self.fill(world);
        process
    }

    fn fill(&self, world: &mut World) {
        let mut table = self.0.borrow_mut();
        while table.running.len() < table.limit {
            let Some((process, takes, code)) = table.queue.pop_front() else { break };
            table.running.push(process);
            table.most = table.most.max(table.running.len());
            let shell = self.clone();
            world.later(takes, move |world| shell.exit(world, process, code));
        }
    }

    /// A process has ended. The next one takes its place before anybody hears of it.
    fn exit(&self, world: &mut World, process: u32, code: u8) {
        if !self.reap(world, process) {
            return;
        }
        let mut table = self.0.borrow_mut();
        table.exited.push((process, code));
        for (_, handle) in table.waiting.iter().filter(|(waiting, _)| *waiting == process) {
            handle.wake();
        }
    }

    /// Whether it ran until now.
    fn reap(&self, world: &mut World, process: u32) -> bool {
        let mut table = self.0.borrow_mut();
        let before = table.running.len();
        table.running.retain(|running| *running != process);
        let ran = table.running.len() < before;
        drop(table);
        self.fill(world);
        ran
    }

    fn exit_code(&self, process: u32) -> Option<u8> {
        self.0.borrow().exited.iter().find(|(exited, _)| *exited == process).map(|(_, code)| *code)
    }

    fn kill(&self, world: &mut World, process: u32) {
        self.0.borrow_mut().queue.retain(|(queued, ..)| *queued != process);
        self.reap(world, process);
        self.0.borrow_mut().killed.push(process);
    }
}

/// What a [`Command`] runs.
#[derive(Clone, Copy)]
enum Line {
    Ends(Duration, u8),
    Invalid,
}

struct Command {
    shell: Shell,
    line: Line,
    process: Option<u32>,
}

impl Command {
    /// With two retries, as the reference's test has.
    fn spec(name: &'static str, shell: &Shell, line: Line) -> Spec<Any> {
        let command = Self { shell: shell.clone(), line, process: None };
        Spec::work(name, DynWork::new(command)).retry(Retry::times(2))
    }
}

impl Work<Any, World> for Command {
    fn on_run(&mut self, cx: &mut Cx<'_>) -> Outcome {
        note(cx, Hook::Run);
        let Some(process) = self.process else {
            let (Line::Ends(takes, code), Ok(handle)) = (self.line, cx.own_wake_handle()) else {
                return Outcome::Failure(NOT_STARTED);
            };
            self.process = Some(self.shell.spawn(cx.app(), takes, code, handle));
            return Outcome::Waiting;
        };
        match self.shell.exit_code(process) {
            None => Outcome::Waiting,
            Some(0) => Outcome::Success,
            Some(code) => Outcome::Failure(EXIT_CODE.with_code(code.into())),
        }
    }

    fn on_abort(&mut self, cx: &mut Cx<'_>) -> AbortStep {
        note(cx, Hook::Abort);
        if let Some(process) = self.process {
            self.shell.kill(cx.app(), process);
        }
        AbortStep::Done
    }

    fn on_reset(&mut self, cx: &mut Cx<'_>) {
        note(cx, Hook::Reset);
        self.process = None;
    }

    fn on_success(&mut self, cx: &mut Cx<'_>) {
        note(cx, Hook::Success);
    }

    fn on_failure_retry(&mut self, cx: &mut Cx<'_>) {
        note(cx, Hook::Retry);
    }

    fn on_failure_raise(&mut self, cx: &mut Cx<'_>) {
        note(cx, Hook::Raise);
    }
}

const DATE: Line = Line::Ends(Duration::from_millis(20), 0);

const SLEEP_10: Line = Line::Ends(Duration::from_secs(10), 0);

/// "RunCommandWork test", section "one run command work".
#[test]
fn a_command_is_cranked_when_it_starts_and_when_it_has_ended() {
    let (mut rig, shell) = (Rig::new(4), Shell::new(16));
    let date = rig.add(Command::spec("date", &shell, DATE));
    rig.run_until(|rig| rig.state(date) == State::Waiting);
    assert_eq!(shell.running(), 1);
    assert_eq!(rig.run(), Next::Done);
    assert_eq!(rig.state(date), State::Success);
    // Cranked to start the command and when it had ended, and not in between.
    assert_eq!(rig.world.of("date").runs, 2);
    assert_eq!(rig.elapsed(), Duration::from_millis(20));
    assert_eq!(shell.running(), 0);
}

/// "RunCommandWork test", section "round robin with other work".
#[test]
fn other_works_run_beside_a_command() {
    let (mut rig, shell) = (Rig::new(4), Shell::new(16));
    let date = rig.add(Command::spec("date", &shell, DATE));
    rig.add(leaf().spec("other"));
    assert_eq!(rig.run(), Next::Done);
    assert_eq!(rig.state(date), State::Success);
    rig.assert_full_success("other", 3);
    assert_eq!(rig.world.order(), ["date", "other", "other", "other", "date"]);
}

/// "RunCommandWork test", section "invalid run command": fails after two retries and 3 s of delay.
#[test]
fn a_command_that_cannot_start_fails_after_its_retries() {
    let (mut rig, shell) = (Rig::new(4), Shell::new(16));
    let invalid = rig.add(Command::spec("invalid", &shell, Line::Invalid));
    assert_eq!(rig.run(), Next::Done);
    assert_eq!(rig.state(invalid), State::Failure);
    let c = rig.world.of("invalid");
    assert_eq!((c.runs, c.retries, c.failures, c.resets), (3, 2, 1, 4));
    assert_eq!(rig.node(invalid).failure().unwrap().reason, NOT_STARTED);
    assert_eq!(rig.elapsed(), Duration::from_secs(1 + 2));
}

/// The process test "subprocess fails": the exit code is the reason, and each attempt is a new process.
#[test]
fn the_exit_code_is_the_reason_and_each_attempt_a_new_process() {
    let (mut rig, shell) = (Rig::new(4), Shell::new(16));
    let command = rig.add(Command::spec("fails", &shell, Line::Ends(Duration::from_millis(5), 2)));
    assert_eq!(rig.run(), Next::Done);
    assert_eq!(rig.state(command), State::Failure);
    assert_eq!(rig.node(command).failure().unwrap().reason, EXIT_CODE.with_code(2));
    assert_eq!(rig.node(command).failure().unwrap().reason.to_string(), "exit code (2)");
    assert_eq!(shell.0.borrow().exited, [(1, 2), (2, 2), (3, 2)]);
    assert_eq!(rig.elapsed(), Duration::from_millis(3_000 + 3 * 5));
}

/// "RunCommandWork test", section "run command aborted", and the process tests "shutdown while running" and "tryProcessShutdown".
#[test]
fn an_abort_ends_the_process_of_a_command() {
    let (mut rig, shell) = (Rig::new(4), Shell::new(16));
    let sleep = rig.add(Command::spec("sleep", &shell, SLEEP_10));
    let other = rig.add(Script::steps(3_000).takes_time().spec("other"));
    rig.run_until(|rig| rig.elapsed() >= Duration::from_secs(2));
    assert_eq!(rig.state(sleep), State::Waiting);
    assert_eq!(shell.running(), 1);

    rig.s.shutdown(Instant::MAX);
    assert_eq!(rig.state(sleep), State::Aborting);
    rig.run_until(|rig| rig.s.next() == Next::Done);
    assert_eq!((rig.state(sleep), rig.state(other)), (State::Aborted, State::Aborted));
    assert_eq!(shell.running(), 0);
    assert_eq!(shell.0.borrow().killed, [1]);
    let c = rig.world.of("sleep");
    assert_eq!((c.runs, c.aborts, c.resets), (1, 1, 2));
    assert!(rig.elapsed() < Duration::from_secs(3), "the ten seconds are not waited for");

    // The exit that comes too late finds nobody, even if somebody kept the handle.
    for (_, handle) in &shell.0.borrow().waiting {
        handle.wake();
    }
    let cranks = rig.cranks();
    rig.step();
    assert_eq!(rig.s.next(), Next::Done);
    assert_eq!(rig.cranks(), cranks);
    assert_eq!(rig.state(sleep), State::Aborted);
}

/// A command that was aborted while it queued for a place never starts.
#[test]
fn a_command_aborted_in_the_queue_never_starts() {
    let (mut rig, shell) = (Rig::new(4), Shell::new(1));
    let first = rig.add(Command::spec("first", &shell, SLEEP_10));
    let second = rig.add(Command::spec("second", &shell, SLEEP_10));
    rig.run_until(|rig| rig.state(second) == State::Waiting);
    assert_eq!(shell.running(), 1);
    rig.s.abort(second).unwrap();
    assert_eq!(rig.run(), Next::Done);
    assert_eq!((rig.state(first), rig.state(second)), (State::Success, State::Aborted));
    assert_eq!(shell.0.borrow().exited, [(1, 0)]);
    assert_eq!(rig.elapsed(), Duration::from_secs(10));
}

/// The process test "storm": a hundred commands, never more than the limit at a time, and all of them done. The limit is the shell's, as in
/// the reference, or that of a parallel composite; the time is the same.
#[test]
fn a_hundred_commands_never_exceed_the_limit() {
    const LIMIT: usize = 16;
    const TAKES: Duration = Duration::from_millis(7);
    for by_shell in [true, false] {
        let (mut rig, shell) = (Rig::new(128), Shell::new(if by_shell { LIMIT } else { usize::MAX }));
        let width = if by_shell { u32::MAX } else { LIMIT as u32 };
        let storm = rig.add(Spec::parallel("storm").concurrency(width));
        let moves: Vec<NodeId> = (0..100)
            .map(|k| {
                let spec = Command::spec(name(format!("mv-{k}")), &shell, Line::Ends(TAKES, 0));
                rig.add_below(storm, spec)
            })
            .collect();
        while rig.s.next() != Next::Done {
            rig.step();
            assert!(shell.running() <= LIMIT);
        }
        assert_eq!(rig.state(storm), State::Success);
        assert!(moves.iter().all(|id| rig.state(*id) == State::Success));
        let table = shell.0.borrow();
        assert_eq!(table.most, LIMIT);
        // First come, first served: all take the same time, so they end in the order they were added.
        let exited: Vec<u32> = table.exited.iter().map(|(process, _)| *process).collect();
        assert_eq!(exited, (1..=100).collect::<Vec<_>>());
        // Seven rounds of up to sixteen.
        assert_eq!(rig.elapsed(), TAKES * 7);
        // Two runs each: nobody was woken for nothing.
        assert_eq!(rig.cranks(), 200);
    }
}
