//! Workload: a graph of nodes that run once, each after all that it depends on; built in one clock, run in another.
//!
//! Each node depends on distinct nodes among the thousand before it, drawn before the clock starts. Inside the clock of
//! [`Part::Build`]: making the works, adding them and their edges to tables that are there; of [`Part::New`]: making the tables
//! too; of [`Part::Run`]: running all nodes. The hand-written loop is the textbook's: a count of unmet dependencies and
//! a list of dependents for each node, and a queue; what corresponds to our tables is one vector of each.
//! dagrs has nothing that could be made before its nodes. A node of it must pass a value along each edge, for that is what its edges are; it runs on one thread here, as we do.
//! Another was tried: fn_graph 0.18 needs 0.3 s to build a graph of 1,000 nodes and more than 20 GB for one of 10,000.

use std::collections::VecDeque;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use dagrs::Node;
use windlass::{Boxed, DynWork, NodeId, Scheduler, Spec, State};

use crate::clock::{Contender, Who, timed};
use crate::leaf::{self, CountDown, Engine, Step};
use crate::memory;
use crate::random::Random;

/// Which part of it is wanted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    New,
    Build,
    Run,
}

/// How many nodes, and how many dependencies each has.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) nodes: u32,
    pub(crate) edges: u32,
}

/// How far back a dependency lies at most.
const WINDOW: u32 = 1_000;

/// All that can do it at any size.
pub(crate) fn contenders(shape: Shape, part: Part) -> Vec<Contender> {
    let mut all = vec![contender(Who::Ours, engine, shape, part), contender(Who::Loop, queue, shape, part)];
    if part == Part::Run {
        all.push(memory::of_graph(shape));
    }
    all
}

/// And who is for smaller graphs.
pub(crate) fn all_contenders(shape: Shape, part: Part) -> Vec<Contender> {
    let mut all = contenders(shape, part);
    all.push(contender(Who::Dagrs, dagrs, shape, part));
    all
}

type Measure = fn(&[Vec<u32>], Part) -> Duration;

fn contender(who: Who, measure: Measure, shape: Shape, part: Part) -> Contender {
    let dependencies = dependencies(shape);
    Contender::new(who, move || measure(&dependencies, part))
}

impl Part {
    /// Makes tables, fills them and runs what is in them, a part of that inside the clock.
    fn timed<G, T, R>(
        self,
        make: impl FnOnce() -> G,
        fill: impl FnOnce(&mut G) -> T,
        run: impl FnOnce(&mut G) -> R,
    ) -> (Duration, G, T, R) {
        match self {
            Part::New => {
                let (took, (mut graph, filled)) = timed(|| {
                    let mut graph = make();
                    let filled = fill(&mut graph);
                    (graph, filled)
                });
                let result = run(&mut graph);
                (took, graph, filled, result)
            }
            Part::Build => {
                let mut graph = make();
                let (took, filled) = timed(|| fill(&mut graph));
                let result = run(&mut graph);
                (took, graph, filled, result)
            }
            Part::Run => {
                let mut graph = make();
                let filled = fill(&mut graph);
                let (took, result) = timed(|| run(&mut graph));
                (took, graph, filled, result)
            }
        }
    }
}

/// What each node depends on, earlier nodes only.
fn dependencies(shape: Shape) -> Vec<Vec<u32>> {
    let mut random = Random::new();
    let of = |node: u32| {
        let mut on: Vec<u32> = vec![];
        let reach = node.min(WINDOW);
        while (on.len() as u32) < shape.edges.min(reach) {
            let one = node - 1 - random.below(reach);
            if !on.contains(&one) {
                on.push(one);
            }
        }
        on
    };
    (0..shape.nodes).map(of).collect()
}

fn engine(dependencies: &[Vec<u32>], part: Part) -> Duration {
    let edges = dependencies.iter().map(Vec::len).sum();
    // One list for all, so that the build allocates none of its own.
    let mut on: Vec<NodeId> = Vec::with_capacity(dependencies.iter().map(Vec::len).max().unwrap_or(0));
    let mut ids = Vec::with_capacity(dependencies.len());
    let make = || -> Engine { Scheduler::with_store(Boxed::with_edges(dependencies.len() + 1, edges)) };
    let fill = |scheduler: &mut Engine| {
        let graph = scheduler.add(Spec::graph("graph")).expect("made for so many");
        for dependencies in dependencies {
            on.clear();
            on.extend(dependencies.iter().map(|&one| ids[one as usize]));
            let node = Spec::work("node", DynWork::new(CountDown(1)));
            ids.push(scheduler.add_after(graph, node, &on).expect("made for so many"));
        }
        graph
    };
    let (took, scheduler, graph, ()) = part.timed(make, fill, leaf::finish);
    assert_eq!(scheduler.metrics().cranks, dependencies.len() as u64);
    assert_eq!(scheduler.state(graph), Ok(State::Success));
    took
}

struct Queue {
    steps: Vec<Box<dyn Step>>,
    unmet: Vec<u32>,
    dependents: Vec<Vec<u32>>,
    ready: VecDeque<u32>,
}

impl Queue {
    fn for_nodes(nodes: usize) -> Self {
        Self {
            steps: Vec::with_capacity(nodes),
            unmet: vec![0; nodes],
            dependents: vec![vec![]; nodes],
            ready: VecDeque::new(),
        }
    }

    fn add(&mut self, step: Box<dyn Step>, dependencies: &[u32]) {
        let index = self.steps.len() as u32;
        self.steps.push(step);
        self.unmet[index as usize] = dependencies.len() as u32;
        for &one in dependencies {
            self.dependents[one as usize].push(index);
        }
        if dependencies.is_empty() {
            self.ready.push_back(index);
        }
    }

    fn run(&mut self) -> usize {
        let mut done = 0;
        self.run_and_tell(|_| done += 1);
        done
    }

    fn run_and_tell(&mut self, mut done: impl FnMut(u32)) {
        while let Some(next) = self.ready.pop_front() {
            while self.steps[next as usize].step() {}
            done(next);
            for &dependent in &self.dependents[next as usize] {
                let unmet = &mut self.unmet[dependent as usize];
                *unmet -= 1;
                if *unmet == 0 {
                    self.ready.push_back(dependent);
                }
            }
        }
    }
}

/// The nodes in the order in which they are run.
pub(crate) fn first_come_first_served(shape: Shape) -> Vec<u32> {
    let mut queue = Queue::for_nodes(shape.nodes as usize);
    dependencies(shape).iter().for_each(|on| queue.add(Box::new(CountDown(1)), on));
    let mut order = vec![];
    queue.run_and_tell(|node| order.push(node));
    order
}

fn queue(dependencies: &[Vec<u32>], part: Part) -> Duration {
    // Hidden from the optimiser, which would otherwise know the one type behind the boxes.
    let step = || black_box(Box::new(CountDown(1)) as Box<dyn Step>);
    let make = || Queue::for_nodes(dependencies.len());
    let fill = |queue: &mut Queue| dependencies.iter().for_each(|on| queue.add(step(), on));
    let (took, _, (), done) = part.timed(make, fill, Queue::run);
    assert_eq!(done, dependencies.len());
    took
}

struct Act;

#[async_trait::async_trait]
impl dagrs::Action for Act {
    async fn run(
        &self,
        before: &mut dagrs::InChannels,
        after: &mut dagrs::OutChannels,
        _: Arc<dagrs::EnvVar>,
    ) -> dagrs::Output {
        before.map(drop).await;
        after.broadcast(dagrs::Content::new(())).await;
        dagrs::Output::empty()
    }
}

fn dagrs(dependencies: &[Vec<u32>], part: Part) -> Duration {
    let fill = |graph: &mut dagrs::Graph| {
        let mut table = dagrs::NodeTable::new();
        let mut ids = Vec::with_capacity(dependencies.len());
        for index in 0..dependencies.len() {
            let node = dagrs::DefaultNode::with_action(index.to_string(), Act, &mut table);
            ids.push(node.id());
            graph.add_node(node);
        }
        for (index, dependencies) in dependencies.iter().enumerate() {
            for &one in dependencies {
                graph.add_edge(ids[one as usize], vec![ids[index]]);
            }
        }
        graph.set_env(dagrs::EnvVar::new(table));
    };
    let runtime = crate::executors::tokio();
    let run = |graph: &mut dagrs::Graph| runtime.block_on(graph.async_start());
    let (took, graph, (), ended) = part.timed(dagrs::Graph::new, fill, run);
    assert!(ended.is_ok(), "{ended:?}");
    assert_eq!(graph.get_outputs().len(), dependencies.len());
    took
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_contender_runs_every_node() {
        let shape = Shape { nodes: 60, edges: 2 };
        for part in [Part::New, Part::Build, Part::Run] {
            for mut contender in all_contenders(shape, part) {
                assert!((contender.run)() > Duration::ZERO, "{}", contender.who.name());
            }
        }
    }

    #[test]
    fn dependencies_are_earlier_distinct_and_as_many_as_asked_for() {
        for (node, on) in dependencies(Shape { nodes: 3_000, edges: 4 }).iter().enumerate() {
            assert_eq!(on.len(), node.min(4));
            assert!(on.iter().all(|&one| (one as usize) < node && node - one as usize <= WINDOW as usize));
            let mut distinct = on.clone();
            distinct.sort_unstable();
            distinct.dedup();
            assert_eq!(distinct.len(), on.len());
        }
    }

    #[test]
    fn the_queue_runs_a_node_after_what_it_depends_on() {
        let mut queue = Queue::for_nodes(3);
        queue.add(Box::new(CountDown(1)), &[]);
        queue.add(Box::new(CountDown(1)), &[0]);
        queue.add(Box::new(CountDown(1)), &[0, 1]);
        assert_eq!(Vec::from(queue.ready.clone()), [0]);
        assert_eq!(queue.run(), 3);
        assert_eq!(queue.unmet, [0, 0, 0]);
    }
}
