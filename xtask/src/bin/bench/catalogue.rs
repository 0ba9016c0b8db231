//! The workloads by name: what each is, how many units it has, and who takes part.
//!
//! The one list that tables, instruction counts and the page are made from. How a workload is carried out is in its own file.

use crate::clock::Contender;
use crate::graph::{self, Part};
use crate::{abort, flat, idle, retry, stealing, timers, tree, wake};

/// One comparison.
pub(crate) struct Workload {
    /// Short, for the command line.
    pub(crate) key: &'static str,
    pub(crate) title: &'static str,
    /// What a time is divided by: how many of which.
    pub(crate) n: u64,
    pub(crate) unit: &'static str,
    /// One sentence for the page: what is done, inside the clock.
    pub(crate) about: &'static str,
    /// Rounds unless told otherwise; fewer where one takes long.
    pub(crate) rounds: usize,
    /// We come first.
    pub(crate) contenders: fn() -> Vec<Contender>,
    /// Why an aim is not met, in a sentence or two; empty while there is nothing to say.
    pub(crate) explain: &'static str,
}

const TREE: tree::Shape = tree::Shape { depth: 5, fan_out: 10, cranks: 10 };
const SMALL: graph::Shape = graph::Shape { nodes: 10_000, edges: 2 };
const LARGE: graph::Shape = graph::Shape { nodes: 1_000_000, edges: 2 };

pub(crate) const ALL: &[Workload] = &[
    Workload {
        key: "flat-1k",
        title: "crank, 1,000 flat leaves x 100",
        n: 100_000,
        unit: "crank",
        about: "A thousand works side by side are cranked in turns, each a hundred times.",
        rounds: 51,
        contenders: || flat::contenders(1_000, 100),
        explain: "Of the 72 instructions of a crank, 13 are the leaf's; the loop takes 15 with its leaf. The others find out whose turn it is (12) and that no \
                  more than a call is due (6), split the table of works so that the leaf may fill every other slot (13), make its context and call it \
                  (15), see whether something has woken it meanwhile (5), mark who runs, so that a panic is attributed to it (2), and go on (6). \
                  A crank makes 13 stores, 7 of them the context, where the loop makes 2.",
    },
    Workload {
        key: "flat-1m",
        title: "crank, 1,000,000 flat leaves x 2",
        n: 2_000_000,
        unit: "crank",
        about: "A million works side by side, far more than a cache holds, are cranked in turns, each twice.",
        rounds: 7,
        contenders: || flat::contenders(1_000_000, 2),
        explain: "Half of the cranks are a leaf's first and the other half its last, and a life costs 500 instructions more than its cranks: \
                  two state changes, two hooks, counters, the ring. The loop's leaves have no life.",
    },
    Workload {
        key: "tree",
        title: "crank, depth 5, fan-out 10, x 10",
        n: TREE.leaves() * TREE.cranks as u64,
        unit: "crank",
        about: "A hundred thousand works at the leaves of a tree of parallel composites are cranked in turns, each ten \
                times; all branches of a level take turns too.",
        rounds: 7,
        contenders: || tree::contenders(TREE),
        explain: "Every level costs a look at a ring, and the turns jump from branch to branch, so no two leaves that follow each other share a cache line: \
                  the memory alone takes most of the aim. The loop goes through its leaves as they lie in memory.",
    },
    Workload {
        key: "wake-1k",
        title: "wake 1 of 1,000 and crank it",
        n: wake::WAKES as u64,
        unit: "wake",
        about: "One of a thousand sleepers is woken through the scheduler, cranked, and goes back to sleep.",
        rounds: 51,
        contenders: || wake::by_id(1_000),
        explain: "A wake, the poll, the crank and the way back to sleep are 440 instructions and 97 stores: both ways pass the state machine and the ring, and \
                  the wake and the poll each put the tables together.",
    },
    Workload {
        key: "wake-100k",
        title: "wake 1 of 100,000 and crank it",
        n: wake::WAKES as u64,
        unit: "wake",
        about: "The same with a hundred thousand sleepers, woken in random order.",
        rounds: 51,
        contenders: || wake::by_id(100_000),
        explain: "As above; and from here on a wake waits for memory that is in no near cache, for which the aim leaves no time on this machine.",
    },
    Workload {
        key: "wake-1m",
        title: "wake 1 of 1,000,000 and crank it",
        n: wake::WAKES as u64,
        unit: "wake",
        about: "The same with a million sleepers.",
        rounds: 51,
        contenders: || wake::by_id(1_000_000),
        explain: "As above.",
    },
    Workload {
        key: "handle-100k",
        title: "wake 1 of 100,000 by its handle",
        n: wake::WAKES as u64,
        unit: "wake",
        about: "The same with a hundred thousand sleepers, woken through handles that may be used from interrupts and \
                other threads, as the wakers of the peers may.",
        rounds: 51,
        contenders: || wake::by_handle(100_000),
        explain: "",
    },
    Workload {
        key: "timers",
        title: "100,000 timers, spawn to finish",
        n: 200_000,
        unit: "run",
        about: "A hundred thousand works are added, sleep once for up to a minute, and are done, on a clock that jumps \
                from deadline to deadline; each takes two runs.",
        rounds: 11,
        contenders: || timers::contenders(100_000),
        explain: "1,200 instructions for each of the two runs, adding included; the heap of timers is nine levels deep.",
    },
    Workload {
        key: "retry",
        title: "retry storm, 10,000 leaves fail 5 times",
        n: 10_000 * (retry::FAILURES as u64 + 1),
        unit: "attempt",
        about: "Ten thousand works fail five times each, wait as the default retry policy says, and succeed, on a \
                clock that jumps from deadline to deadline.",
        rounds: 21,
        contenders: || retry::contenders(10_000),
        explain: "An attempt that fails is 1,400 instructions: two hooks, a draw from the jitter, two state changes, and into the heap and out of it again.",
    },
    Workload {
        key: "abort",
        title: "abort of 1,000,000 live leaves",
        n: 1_000_000,
        unit: "node",
        about: "The parent of a million waiting works is aborted, from the request until the last has cleaned up.",
        rounds: 7,
        contenders: || abort::contenders(1_000_000),
        explain: "The memory alone takes longer than the aim: a node of 236 bytes lies in several cache lines, and an abort visits it twice.",
    },
    Workload {
        key: "graph-10k-build",
        title: "graph, 10,000 nodes, 2 edges: build",
        n: SMALL.nodes as u64,
        unit: "node",
        about: "Ten thousand works, each of which depends on two others, are added to a graph, into tables that are there.",
        rounds: 11,
        contenders: || graph::all_contenders(SMALL, Part::Build),
        explain: "",
    },
    Workload {
        key: "graph-10k-run",
        title: "graph, 10,000 nodes, 2 edges: run",
        n: SMALL.nodes as u64,
        unit: "node",
        about: "That graph is run, each work once, after the two that it depends on.",
        rounds: 11,
        contenders: || graph::all_contenders(SMALL, Part::Run),
        explain: "",
    },
    Workload {
        key: "graph-1m-new",
        title: "graph, 1,000,000 nodes, 2 edges: from nothing",
        n: LARGE.nodes as u64,
        unit: "node",
        about: "The tables for a million works and two million edges are made, and the graph is built in them.",
        rounds: 7,
        contenders: || graph::contenders(LARGE, Part::New),
        explain: "",
    },
    Workload {
        key: "graph-1m-build",
        title: "graph, 1,000,000 nodes, 2 edges: build",
        n: LARGE.nodes as u64,
        unit: "node",
        about: "That graph is built in tables that are there.",
        rounds: 7,
        contenders: || graph::contenders(LARGE, Part::Build),
        explain: "A node is written once, 236 bytes of it, and two edges are linked at both ends.",
    },
    Workload {
        key: "graph-1m-run",
        title: "graph, 1,000,000 nodes, 2 edges: run",
        n: LARGE.nodes as u64,
        unit: "node",
        about: "That graph is run, each work once, after the two that it depends on.",
        rounds: 7,
        contenders: || graph::contenders(LARGE, Part::Run),
        explain: "The memory alone takes longer than the aim. Beside it, each node has a life (see the flat leaves), and each edge a look at its other end.",
    },
    Workload {
        key: "idle",
        title: "idle poll with 1,000,000 sleepers",
        n: idle::POLLS as u64,
        unit: "poll",
        about: "The scheduler is polled while a million works sleep until a far deadline, and cranks none of them.",
        rounds: 51,
        contenders: || idle::contenders(1_000_000),
        explain: "",
    },
    Workload {
        key: "stealing-empty-1",
        title: "pool of 1, tree of tasks, empty",
        n: stealing::TREE as u64,
        unit: "task",
        about: "A task puts in two others, seventeen levels deep, and does nothing else, on a pool of one thread.",
        rounds: 31,
        contenders: || stealing::tree(1, 0),
        explain: "",
    },
    Workload {
        key: "stealing-empty-2",
        title: "pool of 2, tree of tasks, empty",
        n: stealing::TREE as u64,
        unit: "task",
        about: "The same on two threads, which steal from each other.",
        rounds: 31,
        contenders: || stealing::tree(2, 0),
        explain: "",
    },
    Workload {
        key: "stealing-10ns-1",
        title: "pool of 1, tree of tasks, 10 ns",
        n: stealing::TREE as u64,
        unit: "task",
        about: "The same on one thread, with about 10 ns of arithmetic in each task.",
        rounds: 31,
        contenders: || stealing::tree(1, stealing::STEPS_10_NS),
        explain: "",
    },
    Workload {
        key: "stealing-10ns-2",
        title: "pool of 2, tree of tasks, 10 ns",
        n: stealing::TREE as u64,
        unit: "task",
        about: "The same on two threads.",
        rounds: 31,
        contenders: || stealing::tree(2, stealing::STEPS_10_NS),
        explain: "",
    },
    Workload {
        key: "stealing-200ns-1",
        title: "pool of 1, tree of tasks, 200 ns",
        n: stealing::TREE as u64,
        unit: "task",
        about: "The same on one thread, with about 200 ns of arithmetic in each task.",
        rounds: 15,
        contenders: || stealing::tree(1, stealing::STEPS_200_NS),
        explain: "",
    },
    Workload {
        key: "stealing-200ns-2",
        title: "pool of 2, tree of tasks, 200 ns",
        n: stealing::TREE as u64,
        unit: "task",
        about: "The same on two threads.",
        rounds: 15,
        contenders: || stealing::tree(2, stealing::STEPS_200_NS),
        explain: "",
    },
    Workload {
        key: "stealing-again-1",
        title: "pool of 1, 256 tasks x 1,000",
        n: stealing::TURNING as u64 * stealing::TURNS as u64,
        unit: "run",
        about: "256 tasks each run a thousand times, in turns, on one thread; where a task cannot run again (rayon), it spawns its successor.",
        rounds: 21,
        contenders: || stealing::again(1),
        explain: "",
    },
    Workload {
        key: "stealing-again-2",
        title: "pool of 2, 256 tasks x 1,000",
        n: stealing::TURNING as u64 * stealing::TURNS as u64,
        unit: "run",
        about: "The same on two threads.",
        rounds: 21,
        contenders: || stealing::again(2),
        explain: "",
    },
    Workload {
        key: "stealing-single-1",
        title: "pool of 1, one task from outside",
        n: stealing::PINGS as u64,
        unit: "task",
        about: "From outside, one empty task is put in and waited for, again and again, in a pool of one thread.",
        rounds: 11,
        contenders: || stealing::single(1),
        explain: "",
    },
    Workload {
        key: "stealing-single-2",
        title: "pool of 2, one task from outside",
        n: stealing::PINGS as u64,
        unit: "task",
        about: "The same on two threads.",
        rounds: 11,
        contenders: || stealing::single(2),
        explain: "",
    },
    Workload {
        key: "stealing-batch-1",
        title: "pool of 1, 64 tasks from outside",
        n: stealing::BATCHES as u64 * stealing::BATCH as u64,
        unit: "task",
        about: "From outside, 64 empty tasks are put in one by one, and then waited for, in a pool of one thread.",
        rounds: 21,
        contenders: || stealing::batches(1),
        explain: "",
    },
    Workload {
        key: "stealing-batch-2",
        title: "pool of 2, 64 tasks from outside",
        n: stealing::BATCHES as u64 * stealing::BATCH as u64,
        unit: "task",
        about: "The same on two threads.",
        rounds: 21,
        contenders: || stealing::batches(2),
        explain: "",
    },
    Workload {
        key: "stealing-audit-empty",
        title: "audit, tree of tasks, empty",
        n: stealing::TREE as u64,
        unit: "task",
        about: "The tree of empty tasks on a Crew of one thread, under each layer of the audit.",
        rounds: 31,
        contenders: || stealing::audited_tree(0),
        explain: "",
    },
    Workload {
        key: "stealing-audit-100ns",
        title: "audit, tree of tasks, 100 ns",
        n: stealing::TREE as u64,
        unit: "task",
        about: "The same, with about 100 ns of arithmetic in each task.",
        rounds: 21,
        contenders: || stealing::audited_tree(stealing::STEPS_100_NS),
        explain: "",
    },
    Workload {
        key: "stealing-audit-again",
        title: "audit, 256 tasks x 1,000",
        n: stealing::TURNING as u64 * stealing::TURNS as u64,
        unit: "run",
        about: "256 tasks that each run a thousand times on a Crew of one thread, under each layer of the audit.",
        rounds: 21,
        contenders: || stealing::audited_again(),
        explain: "",
    },
];

/// The workloads whose keys begin with `name`: one of them, or a family such as `wake`.
pub(crate) fn named(name: &str) -> Vec<&'static Workload> {
    ALL.iter().filter(|workload| workload.key.starts_with(name)).collect()
}

/// All keys, for messages.
pub(crate) fn keys() -> String {
    ALL.iter().map(|workload| workload.key).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_finds_one_workload_or_a_family() {
        let keys = |name| named(name).iter().map(|workload| workload.key).collect::<Vec<_>>();
        assert_eq!(keys("flat-1m"), ["flat-1m"]);
        assert_eq!(keys("wake"), ["wake-1k", "wake-100k", "wake-1m"]);
        assert!(keys("speed").is_empty());
    }

    #[test]
    fn every_key_is_used_once() {
        for workload in ALL {
            assert_eq!(ALL.iter().filter(|other| other.key == workload.key).count(), 1, "{}", workload.key);
        }
    }
}
