//! What each work does when it is cranked.
//!
//! Invariant: a crank is short, it begins something or looks whether that has ended; and a work that is woken for nothing looks, and waits on.

use core::fmt;
use core::time::Duration;

use windlass::{AbortStep, Check, Cx, Generated, Instant, Outcome, Reason, Work};

use crate::board::{Board, Part};
use crate::image::{CHUNK, PAGE, Page, checksum};
use crate::tree;
use crate::update::Update;

/// The longest that an answer may take.
const ANSWER: Duration = Duration::from_millis(40);
/// What the battery must have before anything is written.
const ENOUGH: u16 = 3_300;

/// A work of the tree. Counted from one, so that an empty slot is zeros, and a table in a `static` takes no flash.
#[derive(Debug)]
#[repr(u8)]
pub enum Step {
    /// Aborts the update when its interrupt has woken it.
    Button {
        /// Whether the interrupt knows of this work.
        listening: bool,
    } = 1,
    /// Learns what there is to install; what was asked for, and until when it may come.
    Offer(Option<(Part, Instant)>),
    /// Asks whether there is enough charge.
    Battery,
    /// Erases the seal of the spare bank.
    Unseal,
    /// Generates the pages.
    Pages {
        /// How many there were so far.
        begun: u16,
    },
    /// Fetches this page; what was asked for, and until when it may come.
    Fetch(u16, Option<(Part, Instant)>),
    /// Writes this page.
    Write(u16, Stage),
    /// Compares the checksum.
    Verify {
        /// Pages read.
        pages: u16,
        /// Their checksum.
        sum: u32,
    },
    /// Writes the seal.
    Seal(Stage),
    /// Makes the spare bank blank, if it was begun to be changed and is not sealed.
    Wipe,
}

/// How far a page is.
#[derive(Clone, Copy, Debug)]
pub enum Stage {
    /// It is to be erased.
    Erase,
    /// It is to be programmed.
    Program,
    /// It is to be compared with what it should hold.
    Compare,
}

/// The scheduler's works may be of a larger type, which a step can become a part of.
type Context<'a, B, W> = Cx<'a, W, Update<B>>;

impl<B: Board, W: From<Step>> Work<W, Update<B>> for Step {
    fn on_run(&mut self, cx: &mut Context<'_, B, W>) -> Outcome {
        match self {
            Self::Button { listening } => watch_button(listening, cx),
            Self::Offer(asked) => match ask(Part::Offer, asked, cx) {
                Ok(bytes) => match cx.app().accept(&bytes) {
                    Ok(()) => Outcome::Success,
                    Err(reason) => Outcome::Fatal(reason),
                },
                Err(not_yet) => not_yet,
            },
            Self::Unseal => unseal(cx),
            Self::Fetch(page, asked) => fetch(*page, asked, cx),
            Self::Write(page, stage) => {
                let now = cx.now();
                let Some(target) = cx.app().target(*page) else { return TOO_LARGE };
                let Some((buffer, board)) = cx.app().buffer(*page) else { return NO_BUFFER };
                let written = write(target, buffer.bytes(), stage, board, now);
                if written == Outcome::Success {
                    buffer.release();
                }
                written
            }
            Self::Verify { pages, sum } => verify(pages, sum, cx),
            Self::Seal(stage) => {
                let now = cx.now();
                let app = cx.app();
                let (Some(offer), target) = (app.offer(), app.spare().seal()) else { return NO_OFFER };
                let sealed = write(target, &offer.encode(), stage, &mut app.board, now);
                if sealed == Outcome::Success {
                    app.close();
                }
                sealed
            }
            Self::Wipe => {
                let now = cx.now();
                cx.app().wipe(now).map_or(Outcome::Success, Outcome::WaitFor)
            }
            // Asked through the hooks of their composites.
            Self::Battery | Self::Pages { .. } => Outcome::Success,
        }
    }

    /// Lets the flash end what it has begun.
    fn on_abort(&mut self, cx: &mut Context<'_, B, W>) -> AbortStep {
        let (Self::Unseal | Self::Write(..) | Self::Seal(_) | Self::Wipe) = self else {
            return AbortStep::Done;
        };
        let now = cx.now();
        cx.app().board.busy(now).map_or(AbortStep::Done, AbortStep::WaitFor)
    }

    fn on_reset(&mut self, cx: &mut Context<'_, B, W>) {
        match self {
            Self::Battery | Self::Unseal | Self::Wipe => {}
            Self::Button { listening } => *listening = false,
            Self::Offer(asked) | Self::Fetch(_, asked) => {
                if let Some((part, _)) = asked.take() {
                    cx.app().board.cancel(part);
                }
            }
            Self::Pages { begun } => *begun = 0,
            Self::Write(_, stage) | Self::Seal(stage) => *stage = Stage::Erase,
            Self::Verify { pages, sum } => (*pages, *sum) = (0, 0),
        }
    }

    fn rewinds(&self) -> bool {
        matches!(self, Self::Pages { .. })
    }

    fn on_next(&mut self, cx: &mut Context<'_, B, W>) -> Generated {
        let Self::Pages { begun } = self else { return Generated::Exhausted };
        if cx.app().offer().is_none_or(|offer| *begun >= offer.pages) {
            return Generated::Exhausted;
        }
        if tree::add_page(cx, *begun).is_err() {
            // The batch has reserved the room. If it were not there, half an item must not pass for a whole one.
            let id = cx.id();
            let _ = cx.abort(id);
        }
        *begun += 1;
        Generated::Added
    }

    fn on_check(&mut self, cx: &mut Context<'_, B, W>) -> Check {
        let now = cx.now();
        Check::from(cx.app().board.millivolts(now) >= ENOUGH)
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fetch(page, _) | Self::Write(page, _) => write!(f, "page {}", page + 1),
            _ => Ok(()),
        }
    }
}

const NO_BUFFER: Outcome = Outcome::Fatal(Reason::new("more pages under way than there are buffers"));
const NO_OFFER: Outcome = Outcome::Fatal(Reason::new("nothing was offered"));
const TOO_LARGE: Outcome = Outcome::Fatal(Reason::new("the image is larger than a bank"));

fn watch_button<B: Board, W>(listening: &mut bool, cx: &mut Context<'_, B, W>) -> Outcome {
    if !*listening {
        let Ok(handle) = cx.own_wake_handle() else { return NO_WAKES };
        cx.app().board.listen(handle);
        *listening = true;
    }
    if cx.app().board.pressed() {
        if let Some(update) = cx.parent() {
            // It is there, as we are below it.
            let _ = cx.abort(update);
        }
    }
    Outcome::Waiting
}

const NO_WAKES: Outcome = Outcome::Fatal(Reason::new("no wake set, so no interrupt can wake this"));

/// Asks for a part, unless it was asked for, and looks whether it has come; if not, what the work says.
fn ask<B: Board, W>(
    part: Part,
    asked: &mut Option<(Part, Instant)>,
    cx: &mut Context<'_, B, W>,
) -> Result<[u8; CHUNK], Outcome> {
    let now = cx.now();
    let Some((_, until)) = *asked else {
        let Ok(done) = cx.own_wake_handle() else { return Err(NO_WAKES) };
        cx.app().board.request(part, now, done);
        *asked = Some((part, now + ANSWER));
        return Err(Outcome::WaitFor(ANSWER));
    };
    let Some(frame) = cx.app().board.receive(part) else {
        return Err(if now < until {
            Outcome::WaitFor(until - now)
        } else {
            Outcome::Failure(Reason::new("no answer").with_code(part.number()))
        });
    };
    *asked = None;
    frame.bytes().copied().ok_or(Outcome::Failure(Reason::new("damaged frame").with_code(part.number())))
}

fn fetch<B: Board, W>(page: u16, asked: &mut Option<(Part, Instant)>, cx: &mut Context<'_, B, W>) -> Outcome {
    let Some((buffer, _)) = cx.app().buffer(page) else { return NO_BUFFER };
    let Some(chunk) = buffer.next_chunk() else { return Outcome::Success };
    match ask(Part::Chunk(chunk), asked, cx) {
        Ok(bytes) => {
            if let Some((buffer, _)) = cx.app().buffer(page) {
                buffer.push(&bytes);
            }
            Outcome::Running
        }
        Err(not_yet) => not_yet,
    }
}

/// One step of writing a page.
fn write<B: Board>(
    target: Page,
    bytes: &[u8; PAGE],
    stage: &mut Stage,
    board: &mut B,
    now: Instant,
) -> Outcome {
    if let Some(left) = board.busy(now) {
        return Outcome::WaitFor(left);
    }
    *stage = match stage {
        Stage::Erase => {
            board.erase(target, now);
            Stage::Program
        }
        Stage::Program => {
            board.program(target, bytes, now);
            Stage::Compare
        }
        Stage::Compare if board.read(target) == bytes => return Outcome::Success,
        Stage::Compare => {
            return Outcome::Failure(
                Reason::new("flash does not hold page").with_code(target.index() as u32),
            );
        }
    };
    board.busy(now).map_or(Outcome::Running, Outcome::WaitFor)
}

fn unseal<B: Board, W>(cx: &mut Context<'_, B, W>) -> Outcome {
    let now = cx.now();
    let app = cx.app();
    if let Some(left) = app.board.busy(now) {
        return Outcome::WaitFor(left);
    }
    let seal = app.spare().seal();
    app.open();
    if app.is_blank(seal) {
        return Outcome::Success;
    }
    app.board.erase(seal, now);
    app.board.busy(now).map_or(Outcome::Running, Outcome::WaitFor)
}

fn verify<B: Board, W>(pages: &mut u16, sum: &mut u32, cx: &mut Context<'_, B, W>) -> Outcome {
    let now = cx.now();
    let app = cx.app();
    let Some(offer) = app.offer() else { return NO_OFFER };
    if let Some(left) = app.board.busy(now) {
        return Outcome::WaitFor(left);
    }
    if *pages < offer.pages {
        let Some(page) = app.target(*pages) else { return TOO_LARGE };
        *sum = checksum(*sum, app.board.read(page));
        *pages += 1;
        return Outcome::Running;
    }
    if *sum == offer.checksum { Outcome::Success } else { Outcome::Failure(Reason::new("wrong checksum")) }
}
