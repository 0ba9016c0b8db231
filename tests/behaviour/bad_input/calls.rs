//! Calls that cannot be done: full tables, stale ids, wrong states, no concurrency, settings without use, circles.

use windlass::{Boxed, Error, EventKind, Instant, Next, NodeId, Outcome, Retry, Setting, Spec, State};
use windlass_tests::{Any, Rig, Scheduler, Script, World, parent, secs};

/// A full table: the spec comes back as it was, with its work, from each way to add; and there is room again after a removal.
#[test]
fn a_full_table_gives_every_refused_spec_back() {
    let mut rig = Rig::new(3);
    let g = rig.add(Spec::graph("g"));
    let a = rig.add_below(g, Script::waits().spec("a"));
    let p = rig.add(
        Script::new(move |cx| {
            assert_eq!(cx.free_nodes(), 0);
            for refused in [
                cx.add_child(Script::steps(1).spec("x")),
                cx.add(Script::steps(1).spec("x")),
                cx.add_below(g, Script::steps(1).spec("x")),
            ] {
                let refused = refused.unwrap_err();
                assert_eq!(refused.to_string(), "cannot add \"x\": the node table is full");
                assert!(refused.into_work().is_some());
            }
            Outcome::Success
        })
        .spec("p"),
    );
    for result in [
        rig.s.add(Script::steps(2).spec("y").retry(Retry::A_FEW)),
        rig.s.add_below(p, Script::steps(2).spec("y")),
        rig.s.add_after(g, Script::steps(2).spec("y"), &[a]),
    ] {
        let refused = result.unwrap_err();
        assert_eq!((refused.error, refused.spec.name()), (Error::Full, "y"));
        assert_eq!(format!("{refused:?}"), "Refused(Full, \"y\")");
        assert!(refused.into_work().is_some());
    }
    assert_eq!(rig.run(), Next::OnWake);
    rig.s.wake(a).unwrap();
    assert_eq!(rig.run(), Next::Done);
    let m = rig.s.metrics();
    assert_eq!((m.refused, m.added, m.nodes, m.capacity), (6, 3, 3, 3));
    let told = rig.s.observer().events.iter().filter(|event| event.kind == EventKind::Full);
    assert_eq!(told.map(|event| event.name).collect::<Vec<_>>(), ["p", "g", "p", "g"]);
    rig.s.remove(p).unwrap();
    rig.add(Script::steps(1).spec("z"));
    assert_eq!(rig.run(), Next::Done);
}

/// A refused spec can be offered again, and is the same work with the same settings.
#[test]
fn a_refused_spec_can_be_offered_again() {
    let mut rig = Rig::new(1);
    let a = rig.add(Script::steps(1).spec("a"));
    let spec = Script::fails().spec("b").retry(Retry::times(3));
    let refused = rig.s.add(spec).unwrap_err();
    assert_eq!(rig.run(), Next::Done);
    rig.s.remove(a).unwrap();
    let b = rig.add(refused.spec);
    assert_eq!((rig.run(), rig.state(b), rig.world.of("b").runs), (Next::Done, State::Failure, 4));
}

/// A full edge table: the item is not added at all.
#[test]
fn a_full_edge_table_refuses_the_whole_item() {
    let store = Boxed::with_edges(8, 3);
    let mut s: Scheduler = Scheduler::with_store(store);
    let g = s.add(Spec::graph("g")).unwrap();
    let [a, b] = ["a", "b"].map(|name| s.add_below(g, Script::steps(1).spec(name)).unwrap());
    let c = s.add_after(g, Script::steps(1).spec("c"), &[a, b]).unwrap();
    let refused = s.add_after(g, Script::steps(1).spec("d"), &[a, b]).unwrap_err();
    assert_eq!(refused.error, Error::EdgesFull);
    assert!(refused.into_work().is_some());
    assert_eq!((s.metrics().nodes, s.metrics().edges), (4, 2));
    let d = s.add_after(g, Script::steps(1).spec("d"), &[c]).unwrap();
    assert_eq!(s.depend(d, a), Err(Error::EdgesFull));
    let mut world = World::default();
    assert_eq!(s.poll_work_with(Instant::ZERO, &mut world), Next::Done);
    assert_eq!(world.order(), ["a", "b", "c", "d"]);
    // The edges come back with the graph.
    s.remove(g).unwrap();
    assert_eq!((s.metrics().nodes, s.metrics().edges), (0, 0));
    let g = s.add(Spec::graph("g")).unwrap();
    let a = s.add_below(g, Script::steps(1).spec("a")).unwrap();
    for name in ["x", "y", "z"] {
        s.add_after(g, Script::steps(1).spec(name), &[a]).unwrap();
    }
    assert_eq!(s.poll_work_with(Instant::ZERO, &mut world), Next::Done);
}

/// A table of no slots: nothing can be added, everything else works.
#[test]
fn a_table_without_slots_refuses_every_node() {
    let mut rig = Rig::new(0);
    assert_eq!(rig.s.add(Script::steps(1).spec("a")).unwrap_err().error, Error::Full);
    assert_eq!((rig.s.next(), rig.run()), (Next::Done, Next::Done));
    assert_eq!((rig.s.next_deadline(), rig.s.capacity(), rig.s.nodes().count()), (None, 0, 0));
    assert_eq!(rig.tree().to_string(), "");
    rig.s.shutdown(Instant::MAX);
    assert_eq!(rig.s.poll_work_with(Instant::MAX, &mut rig.world), Next::Done);
}

/// Every call with an id that is stale, of an index that never was, or of the largest index there is.
#[test]
fn every_call_with_a_stale_id_says_so() {
    let mut rig = Rig::new(4);
    let stale = rig.add(Script::steps(1).spec("a"));
    assert_eq!(rig.run(), Next::Done);
    rig.s.remove(stale).unwrap();
    let tenant = rig.add(Script::says(Outcome::Waiting).spec("tenant"));
    assert_eq!((tenant.index(), tenant.generation()), (stale.index(), stale.generation() + 1));
    rig.run_until_idle();
    let before = rig.s.metrics();

    let unknown = [
        stale,
        NodeId::from_bits(1 << 32 | 3).unwrap(),
        NodeId::from_bits(1 << 32 | 99).unwrap(),
        NodeId::from_bits(u64::MAX).unwrap(),
        NodeId::from_bits(7 << 32 | u64::from(tenant.index())).unwrap(),
    ];
    for id in unknown {
        let s = &mut rig.s;
        let gone = Err(Error::UnknownNode);
        assert_eq!(s.wake(id), gone);
        assert_eq!(s.abort(id), gone);
        assert_eq!(s.abort_by(id, Instant::ZERO), gone);
        assert_eq!(s.restart(id), gone);
        assert_eq!(s.pause(id), gone);
        assert_eq!(s.resume(id), gone);
        assert_eq!(s.depend(id, tenant), gone);
        assert_eq!(s.depend(tenant, id), gone);
        assert_eq!(s.remove(id).map(|_| ()), gone);
        assert_eq!(s.work_mut(id).map(|_| ()), gone);
        assert_eq!(s.work(id).map(|_| ()), gone);
        assert_eq!(s.node(id).map(|_| ()), gone);
        assert_eq!(s.state(id).map(|_| ()), gone);
        assert_eq!(s.status(id).map(|_| ()), gone);
        assert_eq!(s.wake_handle(id).map(|_| ()), gone);
        assert_eq!(s.add_below(id, Script::steps(1).spec("x")).unwrap_err().error, Error::UnknownNode);
        assert_eq!(s.add_after(id, Script::steps(1).spec("x"), &[]).unwrap_err().error, Error::UnknownNode);
        assert_eq!(s.add(Spec::after("x", id)).unwrap_err().error, Error::UnknownNode);
        assert_eq!(s.add(Spec::after_success("x", id)).unwrap_err().error, Error::UnknownNode);
    }
    assert_eq!(rig.s.metrics(), before, "the tenant was not touched");
    assert_eq!(NodeId::from_bits(3), None);

    // And from inside a running work.
    let inside = rig.add(
        Script::new(move |cx| {
            for id in unknown {
                let gone = Err(Error::UnknownNode);
                assert_eq!(cx.wake(id), gone);
                assert_eq!(cx.abort(id), gone);
                assert_eq!(cx.abort_by(id, Instant::ZERO), gone);
                assert_eq!(cx.restart(id), gone);
                assert_eq!(cx.pause(id), gone);
                assert_eq!(cx.resume(id), gone);
                assert_eq!(cx.depend(id, id), gone);
                assert_eq!(cx.view().node(id).map(|_| ()), gone);
                assert_eq!(
                    cx.add_below(id, Script::steps(1).spec("x")).unwrap_err().error,
                    Error::UnknownNode
                );
            }
            Outcome::Success
        })
        .spec("inside"),
    );
    rig.run_until(|rig| rig.state(inside) == State::Success);
}

/// A wake handle that outlives its node, and its node's slot: harmless.
#[test]
fn a_stale_wake_handle_is_harmless() {
    let mut rig = Rig::new(1);
    let a = rig.add(Script::waits().spec("a"));
    let handle = rig.s.wake_handle(a).unwrap();
    handle.wake();
    rig.s.abort(a).unwrap();
    handle.wake();
    rig.s.remove(a).unwrap();
    let b = rig.add(Script::says(Outcome::Waiting).spec("b"));
    assert_eq!(rig.run(), Next::OnWake);
    assert_eq!(rig.world.of("b").runs, 1, "a wake from before its time is forgotten");
    handle.wake();
    assert_eq!((handle.id(), rig.run()), (a, Next::OnWake));
    assert_eq!(rig.world.of("b").runs, 2, "a spurious wake means look again");
    assert_eq!(rig.state(b), State::Waiting);
}

/// A scheduler without a wake set, or with one that is too small.
#[test]
fn without_a_wake_set_there_is_no_handle() {
    let mut s: Scheduler = Scheduler::with_capacity(64);
    let ids: Vec<_> = (0..64).map(|_| s.add(Script::steps(1).spec("a")).unwrap()).collect();
    assert_eq!(s.wake_handle(ids[0]).map(|_| ()), Err(Error::NoWakeSet));
    s.set_wakes(windlass::WakeSet::leaked(1, None));
    assert!(s.wake_handle(ids[31]).is_ok());
    assert_eq!(s.wake_handle(ids[32]).map(|_| ()), Err(Error::NoWakeSet));
}

/// One spec of each kind, all for a scheduler in which `awaited` lives.
fn one_of_each(awaited: NodeId) -> [Spec<Any>; 12] {
    let act = || Script::steps(1).boxed();
    [
        Spec::work("x", act()),
        Spec::parallel("x"),
        Spec::any("x"),
        Spec::quorum("x", 2),
        Spec::race("x"),
        Spec::sequence("x"),
        Spec::batch("x", act()),
        Spec::when("x", act()),
        Spec::after("x", awaited),
        Spec::after_success("x", awaited),
        Spec::callback("x", act()),
        Spec::graph("x"),
    ]
}

/// A concurrency of 0 is refused for every kind, a sequence included, and the spec comes back.
#[test]
fn a_concurrency_of_nothing_is_refused_by_every_kind() {
    let mut rig = Rig::new(4);
    let a = rig.add(Script::steps(1).spec("a"));
    for spec in one_of_each(a) {
        let refused = rig.s.add(spec.concurrency(0)).unwrap_err();
        assert_eq!((refused.error, refused.spec.name()), (Error::ZeroConcurrency, "x"));
        match rig.s.add(refused.spec.concurrency(1)) {
            Ok(again) => {
                rig.s.abort(again).unwrap();
                rig.s.remove(again).unwrap();
            }
            Err(refused) => assert!(matches!(refused.error, Error::NoUse { .. })),
        }
    }
    assert_eq!(rig.s.metrics().refused, 0, "the table was not full");
}

/// A setting that a kind has no use for is refused by name, and those that it has a use for are not.
#[test]
fn a_setting_without_use_is_refused_by_name() {
    type Set = fn(Spec<Any>) -> Spec<Any>;
    let settings: [(Setting, Set, &[&str]); 4] = [
        (
            Setting::Concurrency,
            |spec| spec.concurrency(2),
            &["work", "parallel", "quorum", "race", "batch", "graph"],
        ),
        (
            Setting::OnFailure,
            |spec| spec.on_failure(windlass::OnFailure::Finish),
            &["parallel", "sequence", "batch", "when", "after", "after success", "graph"],
        ),
        (Setting::PollEvery, |spec| spec.poll_every(secs(1)), &["when"]),
        (Setting::ItemNodes, |spec| spec.item_nodes(2), &["batch"]),
    ];
    for (setting, set, of_use) in settings {
        let mut rig = Rig::new(16);
        let a = rig.add(Script::steps(1).spec("a"));
        for spec in one_of_each(a) {
            let kind = spec.kind();
            let added = rig.s.add(set(spec)).map_err(|refused| refused.error);
            if of_use.contains(&kind.name()) {
                assert!(added.is_ok(), "{setting:?} of {kind:?}");
                continue;
            }
            let error = added.unwrap_err();
            assert_eq!(error, Error::NoUse { setting, kind });
            assert_eq!(error.to_string(), format!("a {} has no use for `{}`", kind.name(), setting.name()));
        }
    }
}

/// Only a node at the top can give its slot back as soon as it has ended: below, its parent decides.
#[test]
fn a_child_cannot_be_detached() {
    let mut rig = Rig::new(4);
    let parent = rig.add(Spec::parallel("p"));
    let refused = rig.s.add_below(parent, Script::steps(1).spec("child").detached()).unwrap_err();
    assert_eq!(refused.error.to_string(), "only a node at the top can be `detached`");
    rig.s.add(refused.spec).unwrap();
}

/// A child for a parent that has ended, is aborting, or does not take any.
#[test]
fn a_parent_that_takes_no_child_says_why() {
    let mut rig = Rig::new(16);
    let success = rig.add(Script::steps(1).spec("success"));
    let failure = rig.add(Script::fails().spec("failure"));
    let aborted = rig.add(Script::steps(1).spec("aborted"));
    let aborting = rig.add(Script::waits().on_abort(|_| windlass::AbortStep::Waiting).spec("aborting"));
    let callback = rig.add(Spec::callback("callback", Script::steps(1).boxed()).paused());
    let batch = rig.add(Spec::batch("batch", Script::steps(1).boxed()).paused());
    rig.s.abort(aborted).unwrap();
    rig.run_until_idle();
    rig.s.abort(aborting).unwrap();
    for (id, error) in [
        (success, Error::Ended),
        (failure, Error::Ended),
        (aborted, Error::Ended),
        (aborting, Error::Aborting),
        (callback, Error::WrongKind),
        (batch, Error::WrongKind),
    ] {
        let refused = rig.s.add_below(id, Script::steps(1).spec("x")).unwrap_err();
        assert_eq!(refused.error, error, "{}", rig.node(id).name());
        assert!(refused.into_work().is_some());
    }
}

/// Circles, short and long: a chain of 2,000 items cannot be closed at any place.
#[test]
fn a_circle_of_dependencies_is_refused_however_long() {
    let mut rig = Rig::new(2_002);
    let g = rig.add(Spec::graph("g"));
    let mut chain: Vec<NodeId> = Vec::new();
    for _ in 0..2_000 {
        let on = chain.last().copied();
        chain.push(rig.s.add_after(g, Script::steps(1).spec("item"), on.as_slice()).unwrap());
    }
    for (from, to) in [(0, 1), (0, 1_999), (1_000, 1_001), (500, 1_500), (0, 0), (1_999, 1_999)] {
        assert_eq!(rig.s.depend(chain[from], chain[to]), Err(Error::WouldCycle), "{from} on {to}");
    }
    // Short cuts forwards are no circles.
    for (from, to) in [(1_999, 0), (1_500, 500), (2, 0)] {
        assert_eq!(rig.s.depend(chain[from], chain[to]), Ok(()));
        assert_eq!(rig.s.depend(chain[from], chain[to]), Err(Error::Duplicate));
    }
    while rig.s.poll_work_with(Instant::ZERO, &mut rig.world) == Next::Now {}
    assert_eq!((rig.s.next(), rig.state(g)), (Next::Done, State::Success));
}

/// Pause, resume and remove where they make no sense; and a parent's removal with everything below it.
#[test]
fn a_call_in_the_wrong_state_is_refused() {
    let mut rig = Rig::new(8);
    let p = rig.add(parent("p"));
    let a = rig.add_below(p, Script::says(Outcome::Running).spec("a"));
    rig.step();
    assert_eq!(rig.s.remove(p).map(|_| ()), Err(Error::WrongState(State::Running)));
    assert_eq!(rig.s.remove(a).map(|_| ()), Err(Error::WrongKind));
    assert_eq!(rig.s.depend(a, a), Err(Error::WrongKind));
    assert_eq!(rig.s.restart(p), Err(Error::WrongState(State::Running)));
    rig.s.resume(p).unwrap();
    rig.s.abort(p).unwrap();
    assert_eq!(rig.s.resume(p), Err(Error::WrongState(State::Aborting)));
    assert_eq!(rig.s.remove(p).map(|_| ()), Err(Error::WrongState(State::Aborting)));
    assert_eq!(rig.run(), Next::Done);
    rig.s.remove(p).unwrap();
    assert_eq!(rig.s.state(a), Err(Error::UnknownNode));
    for error in [Error::WrongState(State::Running), Error::UnknownNode, Error::Full] {
        assert!(!error.to_string().is_empty());
    }
}
