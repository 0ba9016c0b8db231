//! What is run: tasks, how they are put in, and how their end is noticed.
//!
//! The invariant: *a round that ends has run every task once*. A task is counted down when it puts in no other, and the
//! count must come to exactly zero. This file does not know who runs the tasks.

use std::hint::black_box;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::{self, Thread};

/// One run of one task.
pub(super) trait Task: Copy + Send + Unpin + 'static {
    /// Whether what it puts in is itself, to run again.
    const AGAIN: bool = false;

    fn run(self, host: &impl Host<Self>);
}

/// Whoever runs a task.
pub(super) trait Host<T> {
    /// Puts in another one.
    fn put(&self, task: T);

    /// The task that runs is about to tell others that it has ended.
    fn ending(&self) {}
}

/// All tasks of one round. A copy shares them.
pub(super) trait Load: Copy + Send + Sync + 'static {
    type Task: Task;

    /// Numbers are below this.
    fn numbers(self) -> u32;

    /// Before the clock.
    fn prepare(self);

    /// Inside the clock: puts in the first tasks and waits for the last.
    fn drive(self, put: impl Fn(Self::Task));

    /// After the clock.
    fn check(self);

    /// The number of a task, for a pool that keeps nothing but numbers. Whatever else it needs is kept here.
    fn keep(self, task: Self::Task) -> u32;

    /// The task of a number.
    fn task(self, number: u32) -> Self::Task;
}

/// A counter in cache lines of its own: neighbours are fetched in pairs.
#[repr(align(128))]
struct Counter(AtomicU32);

impl Counter {
    fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    /// Counts down; whether it has come to zero.
    fn one(&self) -> bool {
        self.0.fetch_sub(1, Ordering::AcqRel) == 1
    }
}

/// Counts down what is left, and wakes the thread that made it.
struct Left {
    count: Counter,
    waiter: Thread,
}

impl Left {
    fn new() -> Self {
        Self { count: Counter::new(), waiter: thread::current() }
    }

    fn set(&self, count: u32) {
        self.check();
        self.count.0.store(count, Ordering::Release);
    }

    fn one(&self) {
        // Afterwards the next round may begin, so nothing else is touched but the handle of the thread.
        if self.count.one() {
            self.waiter.unpark();
        }
    }

    fn wait(&self, most: u32) {
        loop {
            match self.count.0.load(Ordering::Acquire) {
                0 => return,
                left => assert!(left <= most, "more tasks have ended than there are"),
            }
            thread::park();
        }
    }

    fn check(&self) {
        assert_eq!(self.count.0.load(Ordering::Acquire), 0, "each task ends once");
    }
}

/// Lives as long as the program: tasks point at it without counting who does, which would cost more than they do.
fn shared<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

/// A binary tree of tasks, numbered from 1; the children of `n` are `2 n` and `2 n + 1`.
#[derive(Clone, Copy)]
pub(super) struct Tree {
    tasks: u32,
    steps: u32,
    leaves: &'static Leaves,
}

/// Leaves that are left, in groups of neighbours: threads that are in different parts of the tree do not meet here.
struct Leaves {
    groups: Box<[Counter]>,
    left: Left,
}

/// Neighbours that are counted together.
const GROUP: u32 = 256;

impl Tree {
    /// `tasks` is one less than a power of two.
    pub(super) fn new(tasks: u32, steps: u32) -> Self {
        assert!((tasks + 1).is_power_of_two() && tasks >= 2 * GROUP - 1);
        let groups = tasks.div_ceil(2) / GROUP;
        let groups = (0..groups).map(|_| Counter::new()).collect();
        Self { tasks, steps, leaves: shared(Leaves { groups, left: Left::new() }) }
    }
}

impl Load for Tree {
    type Task = Node;

    fn numbers(self) -> u32 {
        self.tasks + 1
    }

    fn prepare(self) {
        self.check();
        self.leaves.groups.iter().for_each(|group| group.0.store(GROUP, Ordering::Release));
        self.leaves.left.set(self.leaves.groups.len() as u32);
    }

    fn drive(self, put: impl Fn(Node)) {
        put(self.task(1));
        self.leaves.left.wait(self.leaves.groups.len() as u32);
    }

    fn check(self) {
        self.leaves.left.check();
        let counts = self.leaves.groups.iter().map(|group| group.0.load(Ordering::Acquire));
        counts.for_each(|count| assert_eq!(count, 0, "each leaf ends once"));
    }

    fn keep(self, task: Node) -> u32 {
        task.number
    }

    fn task(self, number: u32) -> Node {
        Node { number, tree: self }
    }
}

#[derive(Clone, Copy)]
pub(super) struct Node {
    number: u32,
    tree: Tree,
}

impl Task for Node {
    fn run(self, host: &impl Host<Self>) {
        let Self { number, tree } = self;
        if tree.steps > 0 {
            black_box(arithmetic(number.into(), tree.steps));
        }
        if 2 * number < tree.tasks {
            host.put(Self { number: 2 * number, ..self });
            host.put(Self { number: 2 * number + 1, ..self });
            return;
        }
        let leaf = number - tree.tasks.div_ceil(2);
        host.ending();
        if tree.leaves.groups[(leaf / GROUP) as usize].one() {
            tree.leaves.left.one();
        }
    }
}

/// So many steps, each of which needs the result of the one before: a multiplication, a shift, an exclusive or.
fn arithmetic(seed: u64, steps: u32) -> u64 {
    // Hidden, so that no two multiplications become one.
    let factor = black_box(0x9E37_79B9_7F4A_7C15_u64);
    (0..steps).fold(seed, |x, _| {
        let x = x.wrapping_mul(factor);
        x ^ (x >> 32)
    })
}

/// Tasks that want to run again, so often.
#[derive(Clone, Copy)]
pub(super) struct Turns {
    times: u32,
    state: &'static Turning,
}

struct Turning {
    left: Left,
    /// How often each runs again, for pools that keep only numbers.
    kept: Box<[Counter]>,
}

impl Turns {
    pub(super) fn new(tasks: u32, times: u32) -> Self {
        let kept = (0..tasks).map(|_| Counter::new()).collect();
        Self { times, state: shared(Turning { left: Left::new(), kept }) }
    }
}

impl Load for Turns {
    type Task = Turn;

    fn numbers(self) -> u32 {
        self.state.kept.len() as u32
    }

    fn prepare(self) {
        self.state.left.set(self.numbers());
        self.state.kept.iter().for_each(|kept| kept.0.store(self.times, Ordering::Release));
    }

    fn drive(self, put: impl Fn(Turn)) {
        (0..self.numbers()).for_each(|number| put(Turn { number, left: self.times, turns: self }));
        self.state.left.wait(self.numbers());
    }

    fn check(self) {
        self.state.left.check();
    }

    fn keep(self, task: Turn) -> u32 {
        self.state.kept[task.number as usize].0.store(task.left, Ordering::Relaxed);
        task.number
    }

    fn task(self, number: u32) -> Turn {
        Turn { number, left: self.state.kept[number as usize].0.load(Ordering::Relaxed), turns: self }
    }
}

#[derive(Clone, Copy)]
pub(super) struct Turn {
    number: u32,
    left: u32,
    turns: Turns,
}

impl Task for Turn {
    const AGAIN: bool = true;

    fn run(self, host: &impl Host<Self>) {
        if self.left > 1 {
            host.put(Self { left: self.left - 1, ..self });
        } else {
            host.ending();
            self.turns.state.left.one();
        }
    }
}

/// Batches of empty tasks, each batch put in from outside when the one before has ended.
#[derive(Clone, Copy)]
pub(super) struct Pings {
    batches: u32,
    batch: u32,
    left: &'static Left,
}

impl Pings {
    pub(super) fn new(batches: u32, batch: u32) -> Self {
        Self { batches, batch, left: shared(Left::new()) }
    }
}

impl Load for Pings {
    type Task = Ping;

    fn numbers(self) -> u32 {
        self.batch
    }

    fn prepare(self) {}

    fn drive(self, put: impl Fn(Ping)) {
        for _ in 0..self.batches {
            self.left.set(self.batch);
            (0..self.batch).for_each(|number| put(Ping { number, pings: self }));
            self.left.wait(self.batch);
        }
    }

    fn check(self) {
        self.left.check();
    }

    fn keep(self, task: Ping) -> u32 {
        task.number
    }

    fn task(self, number: u32) -> Ping {
        Ping { number, pings: self }
    }
}

#[derive(Clone, Copy)]
pub(super) struct Ping {
    number: u32,
    pings: Pings,
}

impl Task for Ping {
    fn run(self, host: &impl Host<Self>) {
        host.ending();
        self.pings.left.one();
    }
}
