//! What reaches a lab's scheduler from outside the engine, by the calls that a scheduler has.
//!
//! The invariant: while the scenario builds, and in what it offers, a call is no input of its own; at any other time it is one, and closes a step.

use alloc::string::ToString;

use windlass::{Error, Instant, NodeId, Refused, Scheduler, Spec, Work};

use crate::fault::Fault;
use crate::guest::Guest;
use crate::log::Input;
use crate::order::Outside;
use crate::run::{Engine, Lab, Phase};

impl<W, A> Lab<W, A>
where
    W: Work<W, A>,
    A: Outside,
{
    /// As [`Scheduler::wake`].
    ///
    /// # Errors
    /// As there.
    pub fn wake(&mut self, node: NodeId) -> Result<(), Error> {
        self.outside(Input::Wake(node), |s| s.wake(node))
    }

    /// As [`Scheduler::abort`].
    ///
    /// # Errors
    /// As there.
    pub fn abort(&mut self, node: NodeId) -> Result<(), Error> {
        self.abort_by(node, Instant::MAX)
    }

    /// As [`Scheduler::abort_by`].
    ///
    /// # Errors
    /// As there.
    pub fn abort_by(&mut self, node: NodeId, deadline: Instant) -> Result<(), Error> {
        self.outside(Input::Abort(node, deadline), |s| s.abort_by(node, deadline))
    }

    /// As [`Scheduler::pause`].
    ///
    /// # Errors
    /// As there.
    pub fn pause(&mut self, node: NodeId) -> Result<(), Error> {
        self.outside(Input::Pause(node), |s| s.pause(node))
    }

    /// As [`Scheduler::resume`].
    ///
    /// # Errors
    /// As there.
    pub fn resume(&mut self, node: NodeId) -> Result<(), Error> {
        self.outside(Input::Resume(node), |s| s.resume(node))
    }

    /// As [`Scheduler::restart`].
    ///
    /// # Errors
    /// As there.
    pub fn restart(&mut self, node: NodeId) -> Result<(), Error> {
        self.outside(Input::Restart(node), |s| s.restart(node))
    }

    /// As [`Scheduler::remove`].
    ///
    /// # Errors
    /// As there.
    pub fn remove(&mut self, node: NodeId) -> Result<Option<W>, Error> {
        let removed = self.outside(Input::Remove(node), |s| s.remove(node))?;
        Ok(removed.map(|guest| guest.work))
    }

    /// As [`Scheduler::depend`]. Only while building, or in what [`Lab::offer`] offers: it is no input of its own.
    ///
    /// # Errors
    /// As there.
    pub fn depend(&mut self, node: NodeId, dependency: NodeId) -> Result<(), Error> {
        self.s.depend(node, dependency)
    }

    /// As [`Scheduler::shutdown`].
    pub fn shutdown(&mut self, deadline: Instant) {
        self.outside(Input::Shutdown(deadline), |s| s.shutdown(deadline));
    }

    /// Lets this fault strike the next call of a work that can have it.
    pub fn strike(&mut self, fault: Fault) {
        self.world.script.strike_next(fault);
        self.outside(Input::Strike(fault), |_| ());
    }

    fn outside<R>(&mut self, input: Input, call: impl FnOnce(&mut Engine<W>) -> R) -> R {
        // Whoever has begun to run the lab has ended the building.
        if self.phase != Phase::Running {
            return call(&mut self.s);
        }
        let result = call(&mut self.s);
        self.log.push(input);
        self.close(None);
        result
    }

    /// As [`Scheduler::add`].
    ///
    /// # Errors
    /// As there.
    pub fn add(&mut self, spec: Spec<W>) -> Result<NodeId, Refused<W>> {
        self.addition(spec, Scheduler::add)
    }

    /// As [`Scheduler::add_below`].
    ///
    /// # Errors
    /// As there.
    pub fn add_below(&mut self, parent: NodeId, spec: Spec<W>) -> Result<NodeId, Refused<W>> {
        self.addition(spec, |s, spec| s.add_below(parent, spec))
    }

    /// As [`Scheduler::add_after`].
    ///
    /// # Errors
    /// As there.
    pub fn add_after(
        &mut self,
        graph: NodeId,
        spec: Spec<W>,
        dependencies: &[NodeId],
    ) -> Result<NodeId, Refused<W>> {
        self.addition(spec, |s, spec| s.add_after(graph, spec, dependencies))
    }

    fn addition(
        &mut self,
        spec: Spec<W>,
        add: impl FnOnce(&mut Engine<W>, Spec<Guest<W>>) -> Result<NodeId, Refused<Guest<W>>>,
    ) -> Result<NodeId, Refused<W>> {
        let input = Input::Act(spec.name().to_string());
        let added = self.outside(input, |s| add(s, spec.map(Guest::new)));
        added.map_err(|refused| Refused { error: refused.error, spec: refused.spec.map(|guest| guest.work) })
    }
}
