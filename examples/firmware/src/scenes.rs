//! Four updates of one board, what happens to each, and how it must end.
//!
//! Invariant: a scene is judged by what the board would start, not by what the job says.

use core::time::Duration;

use semihosting::{print, println, process};
use windlass::{Error, Instant, State, Store, Work};
use windlass_update_job::sim::{Image, Link};
use windlass_update_job::{PAGES, Planted, Step, boot, plant};

use crate::devkit::Weather;
use crate::{Engine, Job};

/// The exit code if a scene did not end as it must.
pub const FAULT: i32 = 3;

/// All scenes, in the order in which they are played.
pub const SCENES: [Scene; 4] = [
    Scene { flaky: 20, ..Scene::new("a link that loses and damages frames", Ending::Updated) },
    Scene {
        charged_after: Duration::from_millis(250),
        ..Scene::new("a battery that is low at first", Ending::Updated)
    },
    Scene { press_after: Duration::from_millis(120), ..Scene::new("the button is pressed", Ending::Aborted) },
    Scene { forged: true, ..Scene::new("an image that is not what it says", Ending::RolledBack) },
];

/// One update, and what happens meanwhile.
#[derive(Debug)]
pub struct Scene {
    about: &'static str,
    ending: Ending,
    /// Of a hundred frames, so many are lost, and as many damaged.
    flaky: u8,
    charged_after: Duration,
    press_after: Duration,
    forged: bool,
}

/// How an update can end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// The new image starts next.
    Updated,
    /// It was told to stop; the old image starts, and nothing is left of the new one.
    Aborted,
    /// It failed; the old image starts, and nothing is left of the new one.
    RolledBack,
}

impl Scene {
    const fn new(about: &'static str, ending: Ending) -> Self {
        let (charged_after, press_after) = (Duration::ZERO, Duration::MAX);
        Self { about, ending, flaky: 0, charged_after, press_after, forged: false }
    }

    /// The board starts, and is offered the next version.
    ///
    /// # Errors
    /// [`Error::Full`] if the engine has no room for an update.
    pub fn begin<W: From<Step>, S: Store<Work = W>>(
        &self,
        engine: &mut Engine<S>,
        update: &mut Job,
        now: Instant,
    ) -> Result<Planted, Error> {
        update.restart();
        let running = version(update);
        let mut image = Image::new(running + 1, PAGES);
        if self.forged {
            image = image.forged();
        }
        update.board.expose(Weather {
            link: Link::new(image, u64::from(running)).flaky(self.flaky),
            charged_at: now + self.charged_after,
            press_at: now + self.press_after,
        });
        engine.observer_mut().begin(now);
        println!("\n== {}: version {running} runs, {} is offered", self.about, running + 1);
        plant(engine)
    }

    /// Prints what became of it, makes room for the next one, and says whether it is what must.
    ///
    /// # Errors
    /// Those of the engine if it does not know the nodes, or if they have not ended.
    pub fn end<W: Work<W, Job>, S: Store<Work = W>>(
        &self,
        engine: &mut Engine<S>,
        update: &Job,
        nodes: Planted,
    ) -> Result<bool, Error> {
        let next = boot(&update.board).map_or(0, |(_, seal)| seal.version);
        let is_new = next > version(update);
        let is_wiped = update.board.is_blank(update.spare());
        let ending = match engine.state(nodes.update)? {
            State::Success if is_new => Some(Ending::Updated),
            State::Aborted if !is_new && is_wiped => Some(Ending::Aborted),
            State::Failure if !is_new && is_wiped => Some(Ending::RolledBack),
            _ => None,
        };
        print!("{}", engine.described_tree::<Job>(engine.view().now()));
        println!("At its next start the board runs version {next}.");
        if ending != Some(self.ending) {
            println!("FAULT: it should have been {:?}.", self.ending);
        }
        engine.remove(nodes.update)?;
        engine.remove(nodes.clean_up)?;
        Ok(ending == Some(self.ending))
    }
}

/// Ends the image: whether all scenes ended as they must.
pub fn finish(all: Result<bool, Error>) -> ! {
    match all {
        Ok(true) => {
            println!("\nAll scenes ended as they must.");
            process::exit(0)
        }
        Ok(false) => println!("\nFAULT: not all scenes ended as they must."),
        Err(error) => println!("\nFAULT: {error}"),
    }
    process::exit(FAULT)
}

fn version(update: &Job) -> u32 {
    update.running().map_or(0, |(_, seal)| seal.version)
}
