//! A million polls, interrupted at random moments by two timers, one of which interrupts the other: no wake may be lost.
//!
//! Each interrupt counts one up for a node, a post, and wakes it; the node reads its count when it is cranked. Each time the main
//! loop is about to put the processor to sleep, and at the end, all posts must have been read: a wake that is lost shows then, and not only
//! if no other follows. The main loop sleeps unless it was notified, as a driver does. The image also fails if the interrupts did
//! not come where they hurt, or if the polls stand still.
//!
//! With the feature `lossy`, a post now and then comes without a wake; with `unguarded`, the main loop does not look whether it
//! was notified. Both must be found.

#![no_std]
#![no_main]

use core::cell::Cell;
use core::time::Duration;

use cortex_m::interrupt::{self, Mutex};
use cortex_m_rt::{entry, exception};
use portable_atomic::{AtomicBool, AtomicU32, Ordering};
use semihosting::println;
use windlass::{
    Cx, Error, Inline, Instant, Next, Notify, Outcome, Scheduler, Spec, WakeHandle, Work, wake_set,
};
use windlass_device::{end, timers};

const POLLS: u32 = 1_000_000;
const FAMILIES: usize = 4;
const NODES: usize = 32;

type Engine = Scheduler<Inline<Listener, { NODES + FAMILIES }>>;

wake_set!(static WAKES: NODES + FAMILIES, notify = &DRIVER);

/// What the interrupts wake; theirs to read once the timers run.
static HANDLES: Mutex<[Cell<Option<WakeHandle>>; NODES]> = Mutex::new([const { Cell::new(None) }; NODES]);
/// Posts for each node, and for all.
static POSTED: [AtomicU32; NODES] = [const { AtomicU32::new(0) }; NODES];
static POSTS: AtomicU32 = AtomicU32::new(0);

static DRIVER: Driver = Driver { notified: AtomicBool::new(false), times: AtomicU32::new(0) };
static POLLED: AtomicU32 = AtomicU32::new(0);
/// Whether the main loop is inside of `poll_work`, and the tick inside of `wake`.
static POLLING: AtomicBool = AtomicBool::new(false);
static TICKING: AtomicBool = AtomicBool::new(false);
static WAKING: AtomicBool = AtomicBool::new(false);
/// How often a post came inside of `poll_work`, inside of the tick, and inside of the tick's `wake`.
static IN_POLL: AtomicU32 = AtomicU32::new(0);
static IN_TICK: AtomicU32 = AtomicU32::new(0);
static IN_WAKE: AtomicU32 = AtomicU32::new(0);

/// How the main loop learns of wakes.
struct Driver {
    notified: AtomicBool,
    times: AtomicU32,
}

impl Notify for Driver {
    fn notify(&self) {
        self.notified.store(true, Ordering::Release);
        self.times.fetch_add(1, Ordering::Relaxed);
    }
}

/// Reads its posts, adds them to the posts that were read, and waits in one way or another.
struct Listener {
    index: usize,
    read: u32,
    random: Random,
}

impl Work<Self, u32> for Listener {
    fn on_run(&mut self, cx: &mut Cx<'_, Self, u32>) -> Outcome {
        let posted = POSTED.get(self.index).map_or(0, |posted| posted.load(Ordering::Acquire));
        *cx.app() += posted - self.read;
        self.read = posted;
        match self.random.below(8) {
            0 => Outcome::Running,
            1 => Outcome::WaitFor(Duration::from_micros(u64::from(self.random.below(8)))),
            _ => Outcome::Waiting,
        }
    }
}

#[exception]
fn SysTick() {
    static RANDOM: Random = Random::seeded(NODES);
    static mut STANDSTILL: (u32, u32) = (0, 0);

    TICKING.store(true, Ordering::Relaxed);
    post(&RANDOM, &WAKING);
    TICKING.store(false, Ordering::Relaxed);
    timers::arm_tick(RANDOM.pause());

    let polled = POLLED.load(Ordering::Relaxed);
    *STANDSTILL = if STANDSTILL.0 == polled { (polled, STANDSTILL.1 + 1) } else { (polled, 0) };
    if STANDSTILL.1 > 100_000 {
        println!("interrupts: nothing was polled for 100,000 ticks");
        end(false);
    }
}

// The alarm is the only one of the chip's interrupts that is enabled.
#[exception]
#[allow(unsafe_code)]
unsafe fn DefaultHandler(_interrupt: i16) {
    static RANDOM: Random = Random::seeded(NODES + 1);

    if TICKING.load(Ordering::Relaxed) {
        IN_TICK.fetch_add(1, Ordering::Relaxed);
    }
    if WAKING.load(Ordering::Relaxed) {
        IN_WAKE.fetch_add(1, Ordering::Relaxed);
    }
    post(&RANDOM, &AtomicBool::new(false));
    timers::arm_alarm(RANDOM.pause());
}

/// Posts for a random node, and wakes it.
fn post(random: &Random, waking: &AtomicBool) {
    let node = random.below(NODES as u32) as usize;
    let handle = interrupt::free(|cs| HANDLES.borrow(cs).get(node).and_then(Cell::get));
    let (Some(handle), Some(posted)) = (handle, POSTED.get(node)) else { return };
    if POLLING.load(Ordering::Relaxed) {
        IN_POLL.fetch_add(1, Ordering::Relaxed);
    }
    POSTS.fetch_add(1, Ordering::Relaxed);
    posted.fetch_add(1, Ordering::Release);
    if cfg!(feature = "lossy") && random.below(10_000) == 0 {
        return;
    }
    waking.store(true, Ordering::Relaxed);
    handle.wake();
    waking.store(false, Ordering::Relaxed);
}

#[entry]
fn main() -> ! {
    static mut ENGINE: Engine = Scheduler::new();

    let passed = drive(ENGINE);
    end(passed.unwrap_or_else(|error| {
        println!("interrupts: {error}");
        false
    }))
}

fn drive(engine: &mut Engine) -> Result<bool, Error> {
    engine.set_wakes(&WAKES);
    build(engine)?;
    timers::start();
    timers::arm_tick(100);
    timers::arm_alarm(100);

    let (mut read, mut sleeps) = (0, 0);
    for polls in 0..POLLS {
        DRIVER.notified.store(false, Ordering::Relaxed);
        POLLED.store(polls, Ordering::Relaxed);
        POLLING.store(true, Ordering::Relaxed);
        let next = engine.poll_work_with(Instant::from_micros(polls.into()), &mut read);
        POLLING.store(false, Ordering::Relaxed);
        if next != Next::OnWake {
            continue;
        }
        // With interrupts masked, none can come between the look and the sleep; the processor awakes all the same.
        let unread = interrupt::free(|_| {
            if DRIVER.notified.load(Ordering::Acquire) && !cfg!(feature = "unguarded") {
                return 0;
            }
            sleeps += 1;
            cortex_m::asm::wfi();
            POSTS.load(Ordering::Relaxed) - read
        });
        if unread > 0 {
            println!("interrupts: asleep after poll {polls}, with {unread} posts unread");
            return Ok(false);
        }
    }

    interrupt::disable();
    let mut now = Instant::from_micros(POLLS.into());
    while engine.poll_work_with(now, &mut read) != Next::OnWake {
        now = now + Duration::from_micros(1);
    }
    Ok(report(engine, read, sleeps))
}

/// Listeners in families, so that a wake has a way to go.
fn build(engine: &mut Engine) -> Result<(), Error> {
    let mut nodes = 0..NODES;
    for _ in 0..FAMILIES {
        let family = engine.add(Spec::parallel("family"))?;
        for index in nodes.by_ref().take(NODES / FAMILIES) {
            let listener = Listener { index, read: 0, random: Random::seeded(index) };
            let id = engine.add_below(family, Spec::work("listener", listener))?;
            let handle = engine.wake_handle(id)?;
            interrupt::free(|cs| HANDLES.borrow(cs)[index].set(Some(handle)));
        }
    }
    Ok(())
}

/// Prints what happened. False if something was lost, or if too little happened for that to be seen.
fn report(engine: &Engine, read: u32, sleeps: u32) -> bool {
    let listeners = engine.nodes().filter_map(|node| engine.work(node.id()).ok().flatten());
    let behind = listeners.filter(|work| work.read != POSTED[work.index].load(Ordering::Relaxed)).count();
    let posts = POSTS.load(Ordering::Relaxed);
    println!(
        "interrupts: {POLLS} polls, {posts} posts, {read} read; {behind} nodes have not read their last"
    );
    let mut passed = behind == 0 && read == posts;
    for (what, count, least) in [
        ("posts inside of poll_work", IN_POLL.load(Ordering::Relaxed), POLLS / 10),
        ("posts inside of the tick", IN_TICK.load(Ordering::Relaxed), POLLS / 500),
        ("posts inside of the tick's wake", IN_WAKE.load(Ordering::Relaxed), POLLS / 1_000),
        ("notifications", DRIVER.times.load(Ordering::Relaxed), POLLS / 10),
        ("sleeps", sleeps, POLLS / 100),
    ] {
        println!("interrupts: {count} {what}");
        if count < least {
            println!("interrupts: {least} are needed for this to be a test");
            passed = false;
        }
    }
    passed
}

/// Numbers that look random. Not for two at a time, which would draw the same.
struct Random(AtomicU32);

impl Random {
    const fn seeded(seed: usize) -> Self {
        Self(AtomicU32::new(0x6C07_8965 ^ (seed as u32).wrapping_mul(0x9E37_79B9)))
    }

    fn below(&self, end: u32) -> u32 {
        let mut drawn = self.0.load(Ordering::Relaxed);
        drawn ^= drawn << 13;
        drawn ^= drawn >> 17;
        drawn ^= drawn << 5;
        self.0.store(drawn, Ordering::Relaxed);
        (drawn >> 8) % end
    }

    /// How long a timer is quiet: hardly, for a while, or long enough for the main loop to sleep.
    fn pause(&self) -> u32 {
        match self.below(8) {
            0 | 1 => 30 + self.below(100),
            2..=5 => 500 + self.below(1_500),
            _ => 2_000 + self.below(6_000),
        }
    }
}
