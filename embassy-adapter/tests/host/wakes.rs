//! Wakes: from outside the task, from another thread, at any moment.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use windlass::{Cx, Inline, Outcome, Scheduler, Spec, State, Work, wake_set};
use windlass_embassy::{Bell, run};

use crate::rig::{Diary, Rig, Script, Table};

#[test]
fn a_wake_runs_its_node_and_leaves_its_neighbour_asleep() {
    static BELL: Bell = Bell::new();
    wake_set!(static WAKES: 8, notify = &BELL);
    let diary = Diary::default();
    let mut scheduler = Table::new();
    scheduler.set_wakes(&WAKES);
    let one = scheduler.add(Spec::work("one", Script::new(&diary, vec![Outcome::Waiting]))).unwrap();
    let two = scheduler.add(Spec::work("two", Script::new(&diary, vec![Outcome::Waiting]))).unwrap();
    let (one, two) = (scheduler.wake_handle(one).unwrap(), scheduler.wake_handle(two).unwrap());
    let mut rig = Rig::new();
    let task = rig.spawn(run(&mut scheduler, &BELL));
    assert_eq!(diary.take(), ["0 one runs", "0 two runs"]);
    rig.advance(4_000_000_000_000);
    assert_eq!(rig.polls(task), 1, "nobody wakes who waits for a wake");
    two.wake();
    two.wake();
    rig.settle();
    assert_eq!(diary.take(), ["4000000000000 two runs"]);
    assert_eq!(rig.polls(task), 2, "two wakes, one poll");
    one.wake();
    rig.settle();
    assert_eq!(diary.take(), ["4000000000000 one runs"]);
    assert!(rig.is_over(task));
}

#[test]
fn a_wake_cuts_a_sleep_short_and_the_old_alarm_causes_no_crank() {
    static BELL: Bell = Bell::new();
    wake_set!(static WAKES: 8, notify = &BELL);
    let diary = Diary::default();
    let mut scheduler = Table::new();
    scheduler.set_wakes(&WAKES);
    let nap = |millis| Outcome::WaitFor(Duration::from_millis(millis));
    let node = scheduler.add(Spec::work("nap", Script::new(&diary, vec![nap(10), nap(100)]))).unwrap();
    let handle = scheduler.wake_handle(node).unwrap();
    let mut rig = Rig::new();
    let task = rig.spawn(run(&mut scheduler, &BELL));
    rig.advance(4_000);
    handle.wake();
    rig.settle();
    assert_eq!(diary.take(), ["0 nap runs", "4000 nap runs"]);
    let polls = rig.polls(task);
    rig.advance(6_000);
    assert_eq!((diary.take(), rig.polls(task)), (vec![], polls + 1), "the overtaken alarm, once");
    rig.advance(93_999);
    assert_eq!((diary.take(), rig.polls(task)), (vec![], polls + 1));
    rig.advance(1);
    assert_eq!(diary.take(), ["104000 nap runs"]);
}

#[test]
fn a_wake_before_the_first_poll_is_kept() {
    static BELL: Bell = Bell::new();
    wake_set!(static WAKES: 8, notify = &BELL);
    let diary = Diary::default();
    let mut scheduler = Table::new();
    scheduler.set_wakes(&WAKES);
    let node = scheduler.add(Spec::work("wait", Script::new(&diary, vec![Outcome::Waiting]))).unwrap();
    let handle = scheduler.wake_handle(node).unwrap();
    let mut rig = Rig::new();
    let task = rig.place(run(&mut scheduler, &BELL));
    handle.wake();
    rig.settle();
    handle.wake();
    rig.settle();
    assert!(rig.is_over(task));
}

/// Wakes itself in the middle of each crank but the last, as an interrupt might: after this poll has taken its wakes.
struct Interrupted(u32);

impl Work for Interrupted {
    fn on_run(&mut self, cx: &mut Cx<'_, Self>) -> Outcome {
        let Some(left) = self.0.checked_sub(1) else { return Outcome::Success };
        self.0 = left;
        cx.own_wake_handle().unwrap().wake();
        Outcome::Waiting
    }
}

#[test]
fn a_wake_during_the_poll_is_answered_by_the_next() {
    static BELL: Bell = Bell::new();
    wake_set!(static WAKES: 8, notify = &BELL);
    let mut scheduler: Table<Interrupted> = Table::new();
    scheduler.set_wakes(&WAKES);
    let node = scheduler.add(Spec::work("busy", Interrupted(20))).unwrap();
    let mut rig = Rig::new();
    let task = rig.spawn(run(&mut scheduler, &BELL));
    assert!(rig.is_over(task));
    assert_eq!(rig.polls(task), 21, "one turn of the task for each crank");
    drop(rig);
    assert_eq!(scheduler.metrics().cranks, 21);
    assert_eq!(scheduler.state(node), Ok(State::Success));
}

#[test]
fn a_dropped_run_goes_on_where_it_was() {
    static BELL: Bell = Bell::new();
    wake_set!(static WAKES: 8, notify = &BELL);
    let diary = Diary::default();
    let mut scheduler = Table::new();
    scheduler.set_wakes(&WAKES);
    let nap = Outcome::WaitFor(Duration::from_millis(5));
    scheduler.add(Spec::work("nap", Script::new(&diary, vec![nap]))).unwrap();
    let node = scheduler.add(Spec::work("wait", Script::new(&diary, vec![Outcome::Waiting]))).unwrap();
    let handle = scheduler.wake_handle(node).unwrap();
    let mut rig = Rig::new();
    rig.spawn(async {
        for _ in 0..3 {
            let first = futures_lite::future::poll_once(run(&mut scheduler, &BELL)).await;
            assert_eq!(first, None, "dropped at its first await");
        }
        // Nobody runs it now: the wake and the deadline come meanwhile.
        handle.wake();
        embassy_time::Timer::after_millis(9).await;
        run(&mut scheduler, &BELL).await;
        assert_eq!(scheduler.next(), windlass::Next::Done);
    });
    assert_eq!(diary.take(), ["0 nap runs", "0 wait runs"], "each once, however often the run began");
    rig.advance(9_000);
    assert_eq!(diary.take(), ["9000 wait runs", "9000 nap runs"], "both in the first poll");
}

/// Waits for the thread that posts, and counts what it finds.
struct Post {
    seen: u32,
}

const LETTERS: u32 = 20_000;
static POSTED: AtomicU32 = AtomicU32::new(0);
static SEEN: AtomicU32 = AtomicU32::new(0);

impl Work for Post {
    fn on_run(&mut self, _: &mut Cx<'_, Self>) -> Outcome {
        self.seen = POSTED.load(Ordering::Acquire);
        SEEN.store(self.seen, Ordering::Release);
        if self.seen == LETTERS { Outcome::Success } else { Outcome::Waiting }
    }
}

/// The poster posts the next letter only when the last was seen, so a single lost wake would stop both.
#[test]
fn wakes_of_another_thread_are_never_lost() {
    static BELL: Bell = Bell::new();
    wake_set!(static WAKES: 1, notify = &BELL);
    let _rig = Rig::new();
    let mut scheduler: Scheduler<Inline<Post, 1>> = Scheduler::new();
    scheduler.set_wakes(&WAKES);
    let node = scheduler.add(Spec::work("post", Post { seen: 0 })).unwrap();
    let handle = scheduler.wake_handle(node).unwrap();
    let (done, is_done) = mpsc::channel();
    thread::spawn(move || {
        futures_lite::future::block_on(run(&mut scheduler, &BELL));
        done.send(scheduler.state(node)).unwrap();
    });
    thread::spawn(move || {
        for letter in 1..=LETTERS {
            POSTED.store(letter, Ordering::Release);
            handle.wake();
            // Now and then it runs ahead, so that wakes collapse too.
            while letter % 3 != 0 && SEEN.load(Ordering::Acquire) < letter {
                thread::yield_now();
            }
        }
    });
    let end = is_done.recv_timeout(Duration::from_secs(120));
    assert_eq!(end, Ok(Ok(State::Success)), "stuck at letter {}", SEEN.load(Ordering::Acquire));
}
