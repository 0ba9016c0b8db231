//! How cost grows: the same workloads at many sizes, for the plots of the page.
//!
//! Each contender's time for one unit, over the number of nodes, the depth, the sleepers, or the edges of a node.

use crate::clock::{Contender, Who};
use crate::graph::{self, Part};
use crate::plot::Line;
use crate::{flat, interleave, tree, wake};

/// One plot.
pub(crate) struct Growth {
    /// The picture's file is `performance-` and this.
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) x: &'static str,
    pub(crate) y: &'static str,
    /// One sentence for the page.
    pub(crate) about: &'static str,
    sizes: &'static [u32],
    /// Units in one run at a size.
    units: fn(u32) -> u64,
    contenders: fn(u32) -> Vec<Named>,
}

/// A contender, under the name that its line gets.
type Named = (String, Contender);

const ROUNDS: usize = 9;

const LEAVES_OF_CHAIN: u32 = 1_000;
const CRANKS_OF_CHAIN: u32 = 100;
const NODES_OF_GRAPH: u32 = 100_000;

pub(crate) const ALL: &[Growth] = &[
    Growth {
        name: "nodes",
        title: "One crank, by how many leaves take turns",
        x: "flat leaves",
        y: "ns per crank",
        about: "Flat leaves in turns, as in `flat-1k`, a million cranks in all and at least two of each leaf. EventKind grows is \
                the cost of memory that no cache holds.",
        sizes: &[100, 1_000, 10_000, 100_000, 1_000_000],
        units: |leaves| u64::from(leaves) * u64::from(cranks(leaves)),
        contenders: |leaves| plain(flat::contenders(leaves, cranks(leaves))),
    },
    Growth {
        name: "depth",
        title: "One crank, by the depth of the leaves",
        x: "depth",
        y: "ns per crank",
        about: "A thousand leaves at the end of a chain of parallel composites: a crank walks the whole chain.",
        sizes: &[1, 2, 4, 8, 16, 32, 64],
        units: |_| u64::from(LEAVES_OF_CHAIN) * u64::from(CRANKS_OF_CHAIN),
        contenders: |depth| {
            let run = move || tree::chain(depth, LEAVES_OF_CHAIN, CRANKS_OF_CHAIN);
            plain(vec![Contender::new(Who::Ours, run)])
        },
    },
    Growth {
        name: "sleepers",
        title: "Wake one and crank it, by how many sleep",
        x: "sleepers",
        y: "ns per wake",
        about: "One sleeper after another is woken, in random order, as in `wake-1k` and `handle-100k`.",
        sizes: &[100, 1_000, 10_000, 100_000, 1_000_000],
        units: |_| wake::WAKES.into(),
        contenders: |sleepers| {
            let mut all = plain(wake::by_id(sleepers));
            all[0].0 += ", by id";
            let by_handle = wake::by_handle(sleepers).into_iter().take(1);
            all.extend(by_handle.map(|ours| ("windlass, by handle".to_string(), ours)));
            all
        },
    },
    Growth {
        name: "edges",
        title: "One node of a graph, by its dependencies",
        x: "dependencies of each node",
        y: "ns per node",
        about: "A graph of a hundred thousand nodes, built and run as in `graph-1m-build` and `graph-1m-run`.",
        sizes: &[1, 2, 4, 8, 16],
        units: |_| NODES_OF_GRAPH.into(),
        contenders: |edges| {
            let of = |part, name| {
                let contenders = graph::contenders(graph::Shape { nodes: NODES_OF_GRAPH, edges }, part);
                contenders.into_iter().map(move |one| (format!("{}, {name}", short(one.who)), one))
            };
            of(Part::Build, "build").chain(of(Part::Run, "run")).collect()
        },
    },
];

fn cranks(leaves: u32) -> u32 {
    (1_000_000 / leaves).max(2)
}

fn plain(contenders: Vec<Contender>) -> Vec<Named> {
    contenders.into_iter().map(|one| (short(one.who).to_string(), one)).collect()
}

fn short(who: Who) -> &'static str {
    if who == Who::Loop { "loop" } else { who.name() }
}

impl Growth {
    /// Measures all sizes; one line for each contender, in the order given.
    pub(crate) fn measure(&self, quick: bool) -> Vec<Line> {
        let mut lines: Vec<Line> = vec![];
        for &size in self.sizes {
            let (names, mut contenders): (Vec<_>, Vec<_>) = (self.contenders)(size).into_iter().unzip();
            let medians = interleave::medians(&mut contenders, if quick { 1 } else { ROUNDS });
            for (index, (name, whole)) in names.into_iter().zip(medians).enumerate() {
                if lines.len() == index {
                    lines.push(line(name, contenders[index].who, &lines));
                }
                let each = whole.as_secs_f64() * 1e9 / (self.units)(size) as f64;
                lines[index].points.push((size.into(), each));
            }
        }
        lines
    }
}

/// A line that has no points yet, in the colour of its contender, or another if that is taken.
fn line(name: String, who: Who, others: &[Line]) -> Line {
    let ours = who == Who::Ours;
    let taken = |hue: &usize| others.iter().any(|other| other.ours == ours && other.hue == *hue);
    let hue = (who as usize..).find(|hue| !taken(hue)).unwrap_or(0);
    Line { name, ours, hue, points: vec![] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_has_the_same_contenders_and_we_are_among_them() {
        for growth in ALL {
            let names = |size: &u32| (growth.contenders)(*size).into_iter().map(|(name, _)| name).collect();
            let all: Vec<Vec<String>> = growth.sizes.iter().take(2).map(names).collect();
            assert!(all.windows(2).all(|pair| pair[0] == pair[1]), "{}", growth.name);
            assert!(all[0].iter().any(|name| name.contains("windlass")), "{}", growth.name);
        }
    }
}
