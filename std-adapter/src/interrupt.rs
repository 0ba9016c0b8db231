//! Ctrl-C: the first press asks the runs to stop and clean up, the second ends the process.
//!
//! One handler serves the whole process and is installed when the first run asks for it. The invariant: *no press is
//! without effect*: it asks somebody to stop, or it ends the process. The rule itself is [`Presses`], which knows
//! neither signals nor exits. A request to terminate (SIGTERM) or a hang-up (SIGHUP) counts as a press.

use std::fmt;
use std::time::Duration;

use crate::clock::lock;
use crate::shared::Stop;
use crate::sync::{Mutex, shared_static};

/// What a process that was interrupted exits with: 128 and the number of SIGINT.
const EXIT_CODE: i32 = 130;

/// While this lives, Ctrl-C asks a run to stop.
///
/// The first press aborts everything in all runs that have one of these, with their drain times; each ends with
/// [`End::Interrupted`](crate::End::Interrupted). The second press, and any press when nobody has one, ends the
/// process at once with exit code 130. When the last one is dropped, the presses are counted afresh.
///
/// [`Driver::on_interrupt`](crate::Driver::on_interrupt) keeps one for its driver. The handler replaces one that the
/// process had for the same signals; it prints nothing.
///
/// ```no_run
/// use std::process::ExitCode;
/// use std::time::Duration;
/// use windlass::{Boxed, DynWork, Scheduler};
/// use windlass_std::Driver;
///
/// fn main() -> ExitCode {
///     let scheduler = Scheduler::<Boxed<DynWork>>::with_capacity(64);
///     // ... add works ...
///     let Ok(mut driver) = Driver::new(scheduler).on_interrupt(Duration::from_secs(10)) else {
///         return ExitCode::FAILURE;
///     };
///     let report = driver.run_until_done();
///     eprintln!("{report}");
///     report.exit_code().into()
/// }
/// ```
#[derive(Debug)]
pub struct Interrupt {
    key: u64,
}

/// The operating system refused the handler for Ctrl-C.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterruptError(String);

impl fmt::Display for InterruptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot handle Ctrl-C: {}", self.0)
    }
}

impl std::error::Error for InterruptError {}

shared_static!(PRESSES: Mutex<Presses> = Mutex::new(Presses::new()));
shared_static!(INSTALLED: Mutex<bool> = Mutex::new(false));

impl Interrupt {
    /// From now on, Ctrl-C asks `stop`'s driver to stop and gives it `drain` to clean up.
    ///
    /// # Errors
    /// [`InterruptError`] if the operating system refuses the handler, for instance because the program has called
    /// the `ctrlc` crate itself.
    pub fn new(stop: Stop, drain: Duration) -> Result<Self, InterruptError> {
        install()?;
        Ok(Self { key: lock(&PRESSES).register(stop, drain) })
    }
}

impl Drop for Interrupt {
    fn drop(&mut self) {
        lock(&PRESSES).unregister(self.key);
    }
}

fn install() -> Result<(), InterruptError> {
    let mut installed = lock(&INSTALLED);
    if !*installed {
        ctrlc::set_handler(|| press(&PRESSES, |code| std::process::exit(code)))
            .map_err(|error| InterruptError(error.to_string()))?;
        *installed = true;
    }
    Ok(())
}

/// One press: the stops are asked, and a process ended, outside the lock.
fn press(presses: &Mutex<Presses>, exit: impl FnOnce(i32)) {
    let answer = lock(presses).press();
    match answer {
        Answer::Stop(runs) => runs.iter().for_each(|(stop, drain)| stop.interrupt(*drain)),
        Answer::Exit => exit(EXIT_CODE),
    }
}

/// What a press means, given who is running and whether there was one before.
struct Presses {
    runs: Vec<(u64, Stop, Duration)>,
    next_key: u64,
    pressed: bool,
}

enum Answer {
    Stop(Vec<(Stop, Duration)>),
    Exit,
}

impl Presses {
    const fn new() -> Self {
        Self { runs: Vec::new(), next_key: 0, pressed: false }
    }

    fn register(&mut self, stop: Stop, drain: Duration) -> u64 {
        if self.pressed {
            // It begins while the others are being stopped: it is meant, too.
            stop.interrupt(drain);
        }
        self.next_key += 1;
        self.runs.push((self.next_key, stop, drain));
        self.next_key
    }

    fn unregister(&mut self, key: u64) {
        self.runs.retain(|(other, ..)| *other != key);
        if self.runs.is_empty() {
            self.pressed = false;
        }
    }

    fn press(&mut self) -> Answer {
        if self.pressed || self.runs.is_empty() {
            return Answer::Exit;
        }
        self.pressed = true;
        Answer::Stop(self.runs.iter().map(|(_, stop, drain)| (stop.clone(), *drain)).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use windlass::Instant;

    use super::*;
    use crate::clock::{Clock, Signal};
    use crate::shared::Shared;

    struct Noon;
    impl Clock for Noon {
        fn now(&self) -> Instant {
            Instant::from_secs(12)
        }
    }

    fn run() -> Arc<Shared> {
        Shared::new(Box::new(Noon), Box::new(Signal::default()))
    }

    fn exit_code(presses: &Mutex<Presses>) -> Option<i32> {
        let mut exited = None;
        press(presses, |code| exited = Some(code));
        exited
    }

    #[test]
    fn the_first_press_stops_every_run_and_the_second_exits() {
        let presses = Mutex::new(Presses::new());
        let (one, two) = (run(), run());
        lock(&presses).register(Stop(Arc::clone(&one)), Duration::from_secs(3));
        lock(&presses).register(Stop(Arc::clone(&two)), Duration::MAX);
        assert_eq!(exit_code(&presses), None);
        let asked = [&one, &two].map(|run| run.take_request().map(|it| (it.deadline, it.interrupt)));
        assert_eq!(asked, [Some((Instant::from_secs(15), true)), Some((Instant::MAX, true))]);
        assert_eq!(exit_code(&presses), Some(130));
        assert_eq!(one.take_request(), None);
    }

    #[test]
    fn a_press_with_nobody_to_stop_exits() {
        let presses = Mutex::new(Presses::new());
        assert_eq!(exit_code(&presses), Some(130));
        let key = lock(&presses).register(Stop(run()), Duration::ZERO);
        lock(&presses).unregister(key);
        assert_eq!(exit_code(&presses), Some(130));
    }

    #[test]
    fn presses_are_counted_afresh_when_the_last_run_is_over() {
        let presses = Mutex::new(Presses::new());
        let key = lock(&presses).register(Stop(run()), Duration::ZERO);
        assert_eq!(exit_code(&presses), None);
        lock(&presses).unregister(key);
        lock(&presses).register(Stop(run()), Duration::ZERO);
        assert_eq!(exit_code(&presses), None);
    }

    #[test]
    fn a_run_that_begins_after_the_press_is_stopped_as_well() {
        let presses = Mutex::new(Presses::new());
        let (one, two) = (run(), run());
        lock(&presses).register(Stop(Arc::clone(&one)), Duration::ZERO);
        assert_eq!(exit_code(&presses), None);
        lock(&presses).register(Stop(Arc::clone(&two)), Duration::ZERO);
        assert!(two.take_request().is_some());
    }
}
