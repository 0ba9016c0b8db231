//! The smallest use of the engine: a few works side by side, one of which is woken by an interrupt.

#![no_std]
#![no_main]

use core::cell::Cell;
use core::time::Duration;

use cortex_m::interrupt::{self, Mutex};
use cortex_m_rt::{entry, exception};
use windlass::{Cx, Inline, Next, Outcome, Reason, Scheduler, Spec, WakeHandle, Work, wake_set};
use windlass_images as board;

wake_set!(static WAKES: 16);

/// Wakes the work that listens.
static LISTENER: Mutex<Cell<Option<WakeHandle>>> = Mutex::new(Cell::new(None));

// Counted from one, so that an empty slot is zero, and the whole table needs no initial values in flash.
#[repr(u8)]
enum Task {
    /// Sleeps between its steps.
    Blink { left: u32 } = 1,
    /// Computes, step by step.
    Count { left: u32 } = 2,
    /// Waits for the interrupt.
    Listen { heard: u32 } = 3,
}

impl Work for Task {
    fn on_run(&mut self, _cx: &mut Cx<'_, Self>) -> Outcome {
        match self {
            Self::Blink { left: 0 } | Self::Count { left: 0 } => Outcome::Success,
            Self::Blink { left } => {
                *left -= 1;
                Outcome::WaitFor(Duration::from_millis(20))
            }
            Self::Count { left } => {
                *left -= 1;
                Outcome::Running
            }
            Self::Listen { heard } if *heard == board::ticks() => {
                Outcome::Failure(Reason::new("nothing new"))
            }
            Self::Listen { heard } => {
                *heard = board::ticks();
                Outcome::Waiting
            }
        }
    }
}

#[exception]
fn SysTick() {
    board::tick();
    if let Some(listener) = interrupt::free(|cs| LISTENER.borrow(cs).get()) {
        listener.wake();
    }
}

#[entry]
fn main() -> ! {
    static mut SCHEDULER: Scheduler<Inline<Task, 16>> = Scheduler::new();

    board::start_clock();
    SCHEDULER.set_wakes(&WAKES);
    let left = board::ticks();
    if let Ok(listener) = SCHEDULER.add(Spec::work("listen", Task::Listen { heard: left })) {
        let handle = SCHEDULER.wake_handle(listener).ok();
        interrupt::free(|cs| LISTENER.borrow(cs).set(handle));
    }
    for task in [Task::Blink { left }, Task::Count { left }] {
        if SCHEDULER.add(Spec::work("task", task)).is_err() {
            break;
        }
    }
    loop {
        match SCHEDULER.poll_work(board::now()) {
            Next::Now => {}
            Next::At(_) | Next::OnWake | Next::Done => board::wait_for_interrupt(),
        }
    }
}
