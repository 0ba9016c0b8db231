//! Futures as works, woken by interrupts: each awaits a timer again and again, fails, and is tried again with a fresh future.
//!
//! The main loop sleeps unless it was notified. Each time it is about to, no interrupt may have come that neither was read nor has notified
//! anybody: that would be a wake that is lost.
//!
//! With the feature `lossy`, an interrupt now and then wakes nobody, which must be found.

#![no_std]
#![no_main]

use core::cell::Cell;
use core::future::poll_fn;
use core::pin::pin;
use core::task::{Poll, Waker};
use core::time::Duration;

use cortex_m::interrupt::{self, Mutex};
use cortex_m_rt::{entry, exception};
use portable_atomic::{AtomicBool, AtomicU32, Ordering};
use semihosting::println;
use windlass::{
    AsyncLeaf, Error, Inline, Instant, Next, Notify, Reason, Retry, Routine, Scheduler, Spec, State,
    WakeCell, wake_set,
};
use windlass_device::{end, timers};

const NODES: usize = 4;
const ATTEMPTS: u32 = 100;
const AWAITS: u32 = 50;

type Engine<'a> = Scheduler<Inline<AsyncLeaf<'a>, NODES>>;

wake_set!(static WAKES: NODES, notify = &DRIVER);
static CELLS: [WakeCell; NODES] = WakeCell::row(&WAKES);

static DRIVER: Driver = Driver(AtomicBool::new(false));
static TICK: Signal = Signal::new();
static ALARM: Signal = Signal::new();

/// How the main loop learns of wakes.
struct Driver(AtomicBool);

impl Notify for Driver {
    fn notify(&self) {
        self.0.store(true, Ordering::Release);
    }
}

/// An interrupt that has come, and who waits for it.
struct Signal {
    raised: AtomicBool,
    count: AtomicU32,
    waker: Mutex<Cell<Option<Waker>>>,
}

impl Signal {
    const fn new() -> Self {
        let waker = Mutex::new(Cell::new(None));
        Self { raised: AtomicBool::new(false), count: AtomicU32::new(0), waker }
    }

    /// For the interrupt.
    fn raise(&self) {
        let count = self.count.load(Ordering::Relaxed) + 1;
        self.count.store(count, Ordering::Relaxed);
        self.raised.store(true, Ordering::Release);
        let waker = interrupt::free(|cs| self.waker.borrow(cs).take());
        if cfg!(feature = "lossy") && count.is_multiple_of(1_000) {
            return;
        }
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Arms the timer, and waits for its interrupt.
    async fn after(&self, arm: fn(u32), counts: u32) {
        arm(counts);
        poll_fn(|cx| {
            let waker = cx.waker().clone();
            interrupt::free(|cs| self.waker.borrow(cs).set(Some(waker)));
            if self.raised.swap(false, Ordering::AcqRel) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

#[exception]
fn SysTick() {
    TICK.raise();
    timers::arm_tick(LONG);
}

// The alarm is the only one of the chip's interrupts that is enabled.
#[exception]
#[allow(unsafe_code)]
unsafe fn DefaultHandler(_interrupt: i16) {
    ALARM.raise();
    timers::arm_alarm(LONG);
}

/// Longer than anybody waits here, and the most that the tick can count.
const LONG: u32 = 0x00FF_FFFF;

#[entry]
fn main() -> ! {
    let passed = drive();
    end(passed.unwrap_or_else(|error| {
        println!("futures: {error}");
        false
    }))
}

fn drive() -> Result<bool, Error> {
    let awaited = AtomicU32::new(0);
    // A future that fails but for the last attempt; the pauses take turns at being shorter.
    let awaits = async |attempts: &AtomicU32, signal: &Signal, arm: fn(u32), pause: u32| {
        let attempt = attempts.fetch_add(1, Ordering::Relaxed) + 1;
        for round in 0..AWAITS {
            signal.after(arm, pause + 37 * (round % 16)).await;
            awaited.fetch_add(1, Ordering::Relaxed);
        }
        if attempt < ATTEMPTS { Err(Reason::new("once more")) } else { Ok(()) }
    };
    let attempts = [const { AtomicU32::new(0) }; 2];
    let tick = pin!(Routine::new(|| awaits(&attempts[0], &TICK, timers::arm_tick, 1_000)));
    let alarm = pin!(Routine::new(|| awaits(&attempts[1], &ALARM, timers::arm_alarm, 1_300)));

    let retry = Retry::times(ATTEMPTS as u16).constant(Duration::ZERO);
    let mut engine: Engine<'_> = Scheduler::new();
    engine.set_wakes(&WAKES);
    let both = engine.add(Spec::parallel("both"))?;
    engine.add_below(both, Spec::work("tick", AsyncLeaf::new(tick, &CELLS)).retry(retry))?;
    engine.add_below(both, Spec::work("alarm", AsyncLeaf::new(alarm, &CELLS)).retry(retry))?;

    timers::start();
    let mut sleeps = 0;
    loop {
        DRIVER.0.store(false, Ordering::Relaxed);
        match engine.poll_work(Instant::ZERO) {
            Next::Done => break,
            Next::Now | Next::At(_) => continue,
            Next::OnWake => {}
        }
        // With interrupts masked, none can come between the look and the sleep; the processor awakes all the same.
        let lost = interrupt::free(|_| {
            if DRIVER.0.load(Ordering::Acquire) {
                return false;
            }
            if TICK.raised.load(Ordering::Relaxed) || ALARM.raised.load(Ordering::Relaxed) {
                return true;
            }
            sleeps += 1;
            cortex_m::asm::wfi();
            false
        });
        if lost {
            println!("futures: an interrupt has come, and nobody was told");
            return Ok(false);
        }
    }
    let (state, awaited) = (engine.state(both)?, awaited.load(Ordering::Relaxed));
    println!(
        "futures: {state} after {awaited} awaits, {} retries, {sleeps} sleeps",
        engine.metrics().retries
    );
    Ok(state == State::Success && awaited == 2 * ATTEMPTS * AWAITS && sleeps > awaited / 10)
}
