//! What the tests of async works share: a scheduler of leaves with a set and a row of its own, and futures that are watched.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used)]

use super::*;
use crate::{Inline, Instant, Next, NodeId, Notify, Reason, Scheduler, State, WakeWord, Work};
extern crate std;
use core::future::{pending, poll_fn};
use std::boxed::Box;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::vec::Vec;

mod life;
mod outputs;
mod wakes;

const NODES: usize = 8;

type Table<W> = Inline<W, NODES>;
type Leaves<'a> = Scheduler<Table<AsyncLeaf<'a>>>;

fn set(notify: Option<&'static dyn Notify>) -> &'static WakeSet {
    let words = (0..WakeSet::words_for(NODES)).map(|_| WakeWord::new(0)).collect::<Vec<_>>().leak();
    Box::leak(Box::new(match notify {
        Some(notify) => WakeSet::with_notify(words, notify),
        None => WakeSet::new(words),
    }))
}

fn row(set: &'static WakeSet) -> &'static [WakeCell] {
    Box::leak(Box::new(WakeCell::row::<NODES>(set)))
}

fn scheduler<W>() -> (Scheduler<Table<W>>, &'static [WakeCell]) {
    let (set, mut s) = (set(None), Scheduler::new());
    s.set_wakes(set);
    (s, row(set))
}

/// Polls until there is nothing to do at `now`; fails if that takes for ever.
fn settle<W: Work>(s: &mut Scheduler<Table<W>>, now: Instant) -> Next {
    (0..1_000).map(|_| s.poll_work(now)).find(|next| *next != Next::Now).expect("it never rests")
}

fn failure<W>(s: &Scheduler<Table<W>>, id: NodeId) -> Reason {
    assert_eq!(s.state(id).unwrap(), State::Failure);
    s.node(id).unwrap().failure().unwrap().reason
}

/// Is waited for until somebody rings; keeps the waker of whoever asked last.
#[derive(Clone, Default)]
struct Signal(Arc<Mutex<(bool, Option<Waker>)>>);

impl Signal {
    fn ring(&self) {
        let waker = {
            let mut inner = self.0.lock().unwrap();
            inner.0 = true;
            inner.1.take()
        };
        waker.into_iter().for_each(Waker::wake);
    }

    fn waker(&self) -> Waker {
        self.0.lock().unwrap().1.clone().unwrap()
    }

    fn wait(&self) -> impl Future<Output = ()> + Send + Unpin + use<> {
        let signal = self.clone();
        poll_fn(move |cx| {
            let mut inner = signal.0.lock().unwrap();
            inner.1 = Some(cx.waker().clone());
            if inner.0 { Poll::Ready(()) } else { Poll::Pending }
        })
    }
}

/// Counts its clones.
#[derive(Clone, Default)]
struct Alive(Rc<()>);

impl Alive {
    fn count(&self) -> usize {
        Rc::strong_count(&self.0) - 1
    }

    /// A future that never ends, and counts from its first poll until it is dropped.
    async fn hold(&self) {
        let _clone = self.clone();
        pending::<()>().await;
    }
}
