//! How nodes show as text: the tree, and the reference's status lines.
//!
//! Nothing is stored for a display and nothing recurses; a line is made from what the tables hold when it is drawn.

use core::fmt;

use crate::kind::Kind;
use crate::marks::mark;
use crate::node::ROOT;
use crate::state::{State, Status};
use crate::time::Instant;
use crate::view::{NodeView, View};

impl<'a> View<'a> {
    /// Draws all nodes as a tree, one line each, as they are at `now`.
    pub fn tree(self, now: Instant) -> impl fmt::Display + use<'a> {
        Tree { view: self, now, describe: |_, _: &mut fmt::Formatter<'_>| Ok(()) }
    }
}

impl<'a> NodeView<'a> {
    /// The text that the reference shows for this node at `now`, such as `Retrying in 3 sec: fetch` or
    /// `Running: tree : 1/2 children completed`.
    pub fn text(&self, now: Instant) -> impl fmt::Display + use<'a> {
        Text(*self, now)
    }
}

/// The status text of stellar-core's works.
struct Text<'a>(NodeView<'a>, Instant);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut node = self.0;
        // A sequence shows the member it is at, a gate what it guards.
        loop {
            if node.kind().is_gate() {
                if !node.hot().has(mark::OPEN) && !node.state().is_done() {
                    f.write_str("Waiting before starting ")?;
                }
            } else if node.kind() != Kind::Sequence || node.state().is_done() {
                break;
            }
            let mut children = node.children();
            let inner = if node.kind() == Kind::Sequence {
                children.find(|child| !child.state().is_done())
            } else {
                children.next()
            };
            match inner {
                Some(inner) => node = inner,
                None => break,
            }
        }
        let name = node.label();
        if node.is_backing_off() {
            let eta = node.retry_eta(self.1).unwrap_or_default();
            write!(f, "Retrying in {} sec: {name}", eta.as_secs())?;
        } else {
            let text = match node.state() {
                State::Pending => "Ready to run",
                State::Running if node.status() == Status::Waiting => "Waiting",
                State::Running => "Running",
                State::Waiting | State::Retrying => "Waiting",
                State::Success => "Succeeded",
                State::Failure => "Failed",
                State::Aborting => "Aborting",
                State::Aborted => "Aborted",
            };
            write!(f, "{text}: {name}")?;
        }
        let counts = node.child_counts();
        let total = counts.total().saturating_add(counts.earlier);
        if total > 0 && node.kind() != Kind::Sequence && !node.kind().is_gate() {
            write!(f, " : {}/{total} children completed", total.saturating_sub(counts.live))?;
        }
        Ok(())
    }
}

/// Draws a tree with one line a node: branch, name, status, and what is worth saying.
pub(crate) struct Tree<'a, D> {
    pub view: View<'a>,
    pub now: Instant,
    pub describe: D,
}

impl<D: Fn(u32, &mut fmt::Formatter<'_>) -> fmt::Result> fmt::Display for Tree<'_, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut index, mut depth) = (self.view.cold.at(ROOT).children.first(), 0);
        while index != ROOT {
            self.line(f, index, depth)?;
            let child = self.view.cold.at(index).children.first();
            if child != ROOT {
                (index, depth) = (child, depth + 1);
                continue;
            }
            while index != ROOT && self.view.next_sibling(index) == ROOT {
                (index, depth) = (self.view.hot.at(index).parent, depth.saturating_sub(1));
            }
            index = if index == ROOT { ROOT } else { self.view.next_sibling(index) };
        }
        Ok(())
    }
}

impl<D: Fn(u32, &mut fmt::Formatter<'_>) -> fmt::Result> Tree<'_, D> {
    fn line(&self, f: &mut fmt::Formatter<'_>, index: u32, depth: u32) -> fmt::Result {
        let node = self.view.at(index);
        self.branch(f, index, depth)?;
        write!(f, "{} {}", mark(&node), node.label())?;
        if node.kind() != Kind::Work {
            write!(f, " ({})", node.kind().name())?;
        }
        if node.attempt() > 1 {
            write!(f, ", attempt {}", node.attempt())?;
        }
        write!(f, ": {}", node.explain(self.now))?;
        (self.describe)(index, f)?;
        f.write_str("\n")
    }

    /// The lines left of a node, three columns for each level. There is no stack, so each level's ancestor is found anew; what lies deeper
    /// than a screen is wide gets its depth as a number instead.
    fn branch(&self, f: &mut fmt::Formatter<'_>, index: u32, depth: u32) -> fmt::Result {
        const DRAWN: u32 = 32;
        if depth > DRAWN {
            write!(f, "{:width$}{depth} ", "", width = DRAWN as usize * 3)?;
        } else {
            for level in 0..depth {
                let mut ancestor = index;
                for _ in level..depth {
                    ancestor = self.view.hot.at(ancestor).parent;
                }
                let last = self.view.next_sibling(ancestor) == ROOT;
                f.write_str(if last { "   " } else { "│  " })?;
            }
        }
        f.write_str(if self.view.next_sibling(index) == ROOT { "└─ " } else { "├─ " })
    }
}

/// One character that shows how a node is doing.
fn mark(node: &NodeView<'_>) -> char {
    match node.status() {
        _ if node.state() == State::Pending => '·',
        _ if node.state() == State::Aborting => '⊘',
        Status::Running => '▶',
        Status::Waiting if node.is_backing_off() => '↻',
        Status::Waiting => '…',
        Status::Success => '✔',
        Status::Skipped => '↷',
        Status::Failure => '✘',
        Status::Aborted => '⊘',
        Status::Blocked => '⊝',
    }
}
