//! Showing how a job goes: as a tree that is redrawn in place, as lines, as JSON lines, or not at all.
//!
//! Invariant: a [`Screen`] writes where it was told and nowhere else, and it never holds up the job: what cannot be written (a pipe was closed) ends
//! the showing, not the job. Errors are not its business; the program says those on standard error.

mod json;
mod plain;
mod tree;

use std::fmt;
use std::io::{self, BufWriter, IsTerminal as _, Write};

use windlass::{Event, EventKind, Observer, State, View};
use windlass_catchup_job::{Catchup, Outside, SharedJournal};

use crate::cli::Progress;
use crate::run::Ending;

/// How to show, decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A tree, redrawn in place; with colours or without.
    Tree {
        /// Whether colours may be used.
        colours: bool,
    },
    /// A line an event.
    Plain,
    /// A JSON object an event.
    Json,
    /// Only how it ended.
    Quiet,
}

impl Form {
    /// What `progress` means here: `auto` is a tree where standard output is a terminal that can redraw and nobody records it.
    pub fn decide(progress: Progress) -> Form {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let tree = Form::Tree { colours: !set("NO_COLOR") };
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        match progress {
            Progress::Auto if io::stdout().is_terminal() && !dumb && !set("CI") => tree,
            Progress::Auto | Progress::Plain => Form::Plain,
            Progress::Tree => tree,
            Progress::Json => Form::Json,
            Progress::None => Form::Quiet,
        }
    }
}

/// Where progress is shown.
pub struct Screen {
    form: Form,
    out: Option<BufWriter<Box<dyn Write>>>,
    journal: SharedJournal,
    /// Lines of the tree that are on the terminal.
    lines: usize,
}

impl Screen {
    /// Shows in this form on `out`.
    pub fn new(form: Form, out: impl Write + 'static) -> Screen {
        Screen { form, out: Some(BufWriter::new(Box::new(out))), journal: SharedJournal::default(), lines: 0 }
    }

    /// Shows on standard output.
    pub fn stdout(form: Form) -> Screen {
        Screen::new(form, io::stdout())
    }

    /// Takes the names of things from this journal.
    #[must_use]
    pub fn reading(mut self, journal: SharedJournal) -> Screen {
        self.journal = journal;
        self
    }

    /// Draws the tree as it is now; nothing in other forms.
    pub fn draw<O: Outside>(&self, view: View<'_>, app: &Catchup<O>) -> Vec<String> {
        match self.form {
            Form::Tree { colours } => tree::draw(view, app, tree::Size::of_terminal(), colours),
            Form::Plain | Form::Json | Form::Quiet => Vec::new(),
        }
    }

    /// Puts a drawn tree in the place of the last one, and passes on what is still held back.
    pub fn show(&mut self, drawn: &[String]) {
        let before = std::mem::replace(&mut self.lines, drawn.len());
        self.write(|out| {
            if before > 0 {
                write!(out, "\x1b[{before}A\r")?;
            }
            for line in drawn {
                writeln!(out, "{line}\x1b[K")?;
            }
            if before > drawn.len() {
                write!(out, "\x1b[J")?;
            }
            out.flush()
        });
    }

    /// Says how it ended.
    pub fn finish(&mut self, ending: &Ending) {
        let form = self.form;
        self.write(|out| {
            match form {
                Form::Json => json::ending(out, ending)?,
                Form::Tree { .. } | Form::Plain | Form::Quiet => writeln!(out, "{ending}")?,
            }
            out.flush()
        });
    }

    fn write(&mut self, show: impl FnOnce(&mut dyn Write) -> io::Result<()>) {
        if let Some(out) = &mut self.out {
            if show(out).is_err() {
                // What is still in the buffer would only fail again.
                self.out.take().map(BufWriter::into_parts);
            }
        }
    }
}

impl Observer for Screen {
    fn on_event(&mut self, event: &Event) {
        if !matches!(self.form, Form::Plain | Form::Json) || !is_worth_a_line(event) {
            return;
        }
        let (form, journal) = (self.form, self.journal.clone());
        // The running work has given the journal back before the engine says what came of it.
        let Ok(journal) = journal.try_borrow() else { return };
        self.write(|out| match form {
            Form::Json => json::event(out, event, &journal),
            _ => plain::event(out, event, &journal),
        });
    }
}

impl fmt::Debug for Screen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Screen").field("form", &self.form).finish_non_exhaustive()
    }
}

/// Every start and every end, with retries and aborts in between. Left out: turns, the coming and going between running and waiting, and
/// moves that an event of their own tells better.
fn is_worth_a_line(event: &Event) -> bool {
    match event.kind {
        EventKind::Moved(moved) => {
            moved.from == State::Pending && moved.to == State::Running
                || matches!(moved.to, State::Success | State::Aborted)
        }
        EventKind::Retry { .. }
        | EventKind::Failed(_)
        | EventKind::AbortBegan { .. }
        | EventKind::Forced
        | EventKind::TimedOut => true,
        _ => false,
    }
}
