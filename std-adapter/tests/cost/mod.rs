//! A program that uses the pool of ids, the pool of closures and the fleet under some layer of the audit, and what of the
//! audit was linked into the executable that runs it.
//!
//! The invariant: *each test file that includes this runs one layer*, so that its executable has the code of that one
//! alone. No second program is built: a test reads the symbols of its own executable, an ELF file.

use std::collections::BTreeSet;
use std::sync::mpsc;
use std::time::Duration;

use object::{Object, ObjectSymbol};
use rustc_demangle::demangle;
use windlass::{Cx, Outcome, Spec, Work};
use windlass_std::audit::Audit;
use windlass_std::pool::{Crew, Options, Ran, Worker};
use windlass_std::{Fleet, FleetOptions, Pool};

struct Once;

impl Work for Once {
    fn on_run(&mut self, _: &mut Cx<'_, Self>) -> Outcome {
        Outcome::Success
    }
}

/// Runs ids, closures and trees: they are put in from outside and from inside, stolen, run again, and given back.
pub(crate) fn use_everything<A: Audit>() {
    let (tell, told) = mpsc::channel();
    let options = Options { local: 2, batch: 2, ..Options::new(2) };
    let crew: Crew<A> = Crew::start(&options, move |id, worker: &Worker<A>| {
        match id {
            1 => (2..20).for_each(|id| worker.put(id)),
            2 => worker.put_next(20),
            3 => worker.put_last(21),
            _ => {}
        }
        tell.send(id).ok();
        if id > 1 << 32 { Ran::Again } else { Ran::Done }
    })
    .expect("threads can be started");
    crew.put(1);
    assert_eq!(told.iter().take(21).sum::<u64>(), 231);
    crew.put(1 << 32 | 1);
    assert!(told.iter().take(2).all(|id| id == 1 << 32 | 1), "it runs again");
    assert!(crew.shutdown(Duration::from_secs(10)).unreturned.is_empty());

    let pool: Pool<A> = Pool::with_options(&Options::new(1), 4).expect("threads can be started");
    let mut job = pool.spawn(None, |_| 7).expect("there is room");
    assert_eq!(job.wait(), Ok(7));

    let fleet: Fleet<Once, A> = Fleet::start(&FleetOptions::new(1), |_| ()).expect("threads can be started");
    let tree = fleet.handle().add(Spec::work("once", Once)).expect("there is room");
    assert!(tree.wait().expect("the fleet runs it").is_success());
}

/// What of the audit's files is in this executable, by the names of its symbols, in the form `exact::FlightProbe`.
pub(crate) fn linked() -> BTreeSet<String> {
    let program = std::env::current_exe().and_then(std::fs::read).expect("a test can read itself");
    let file = object::File::parse(&*program).expect("it is an executable");
    let names = file.symbols().filter_map(|symbol| symbol.name().ok());
    names.flat_map(|name| parts(&format!("{:#}", demangle(name)))).collect()
}

/// The audit's items that a symbol names: its own path, and the types that it is made for.
///
/// What drops a value is left out: the optimiser merges functions of the same code, and the drop of a guard of any mutex
/// may be left with the name of an audit's.
fn parts(symbol: &str) -> Vec<String> {
    if symbol.starts_with("core::ptr::drop_in_place") {
        return Vec::new();
    }
    let path = |rest: &str| {
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_' && c != ':').unwrap_or(rest.len());
        rest[..end].split("::").take(2).collect::<Vec<_>>().join("::")
    };
    symbol.split("windlass_std::audit::").skip(1).map(path).collect()
}

#[test]
fn a_symbol_names_its_own_path_and_its_types() {
    let symbol = "<windlass_std::audit::exact::FlightProbe<0> as windlass_std::audit::probe::Probe>::started";
    assert_eq!(parts(symbol), ["exact::FlightProbe", "probe::Probe"]);
    assert_eq!(parts("alloc::sync::Arc<windlass_std::audit::off::Off>::drop_slow"), ["off::Off"]);
    assert!(parts("core::ptr::drop_in_place::<windlass_std::audit::off::Off>").is_empty());
    assert!(parts("windlass_std::pool::worker::Worker<A,D>::next").is_empty());
}
