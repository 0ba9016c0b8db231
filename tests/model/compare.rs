//! One program on both schedulers: every line, every answer and everything that can be seen must be equal after every step.

use std::fmt::Write as _;
use std::rc::Rc;

use windlass::{Next, NodeId, State};

use crate::engine::{Engine, Watch};
use crate::model::Model;
use crate::program::{Program, Step};
use crate::script::{Effect, Hands, Line, Log, Seen, Side, take};

/// Steps in which a program ends, or is shut down; and steps in which it ends then.
const LIMIT: usize = 300;

/// Lines shown before the first difference.
const CONTEXT: usize = 12;

/// Runs a program and ends it; gives the lines that both wrote.
///
/// # Errors
/// The first difference, with what led to it.
pub(crate) fn compare(program: &Program) -> Result<Vec<Line>, String> {
    let program = Rc::new(program.clone());
    let (mut engine, mut model) = (Engine::new(&program), Model::new(&program));
    let logs = (Rc::clone(&engine.world().log), Rc::clone(&model.world().log));
    let mut pair = Pair { engine, model, logs, compared: 0 };
    for step in &program.steps {
        pair.step(step)?;
    }
    pair.unobserved(&program)?;
    pair.end()?;
    Ok(pair.logs.0.take())
}

struct Pair {
    engine: Engine<Watch>,
    model: Model,
    /// The engine's and the model's.
    logs: (Log, Log),
    /// Lines that were found equal.
    compared: usize,
}

impl Pair {
    fn step(&mut self, step: &Step) -> Result<Effect, String> {
        // The model first: where it does not know how to go on, that is told, and the engine is not in the middle of something.
        let expected = take(&mut self.model, step);
        let effect = take(&mut self.engine, step);
        let different = self.difference(&expected, &effect);
        let found = different.or_else(|| self.engine.check().err().map(|broken| broken.to_string()));
        match found {
            None => Ok(effect),
            Some(difference) => Err(format!(
                "{difference}\nin the step {step:?}\n\nthe engine's tree\n{}\nthe model's tree\n{}",
                self.engine.tree(),
                self.model.tree()
            )),
        }
    }

    fn difference(&mut self, expected: &Effect, effect: &Effect) -> Option<String> {
        if let Some(at) = self.different_line() {
            let (engine, model) = (self.logs.0.borrow(), self.logs.1.borrow());
            let mut text = String::from("the lines differ\n");
            for line in engine.iter().take(at).skip(at.saturating_sub(CONTEXT)) {
                let _ = writeln!(text, "    both   {}", show(Some(line)));
            }
            let _ = writeln!(text, "    engine {}\n    model  {}", show(engine.get(at)), show(model.get(at)));
            return Some(text);
        }
        let (engine, model) = (&self.engine, &self.model);
        let seen = (engine.nodes(), model.nodes());
        let unequal = seen.0.iter().zip(&seen.1).find(|(engine, model)| engine != model);
        if let Some((engine, model)) = unequal {
            return Some(format!("the nodes differ\n    engine {engine:?}\n    model  {model:?}"));
        }
        None.or_else(|| differ("numbers of nodes", &seen.0.len(), &seen.1.len()))
            .or_else(|| differ("effects", effect, expected))
            .or_else(|| differ("next polls", &engine.next(), &model.next()))
            .or_else(|| differ("deadlines", &engine.next_deadline(), &model.next_deadline()))
            .or_else(|| differ("stalled nodes", &engine.stalled(), &model.stalled()))
            .or_else(|| differ("metrics", &engine.metrics(), &model.metrics()))
    }

    /// The first line that is not the same on both sides.
    fn different_line(&mut self) -> Option<usize> {
        let (engine, model) = (self.logs.0.borrow(), self.logs.1.borrow());
        let lines = engine.len().max(model.len());
        let first = (self.compared..lines).find(|at| engine.get(*at) != model.get(*at));
        self.compared = lines;
        first
    }

    /// Runs the program once more with nobody looking: works must be called alike, and everything must be the same afterwards.
    fn unobserved(&self, program: &Rc<Program>) -> Result<(), String> {
        let mut engine = Engine::unobserved(program);
        for step in &program.steps {
            take(&mut engine, step);
        }
        let calls = |log: &Log| -> Vec<Line> {
            log.borrow().iter().filter(|line| !matches!(line, Line::Event(_))).cloned().collect()
        };
        let (blind, seen) = (calls(&engine.world().log), calls(&self.logs.0));
        let line = blind.iter().zip(&seen).find(|(blind, seen)| blind != seen);
        line.and_then(|(blind, seen)| differ("lines", blind, seen))
            .or_else(|| differ("numbers of lines", &blind.len(), &seen.len()))
            .or_else(|| differ("nodes", &engine.nodes(), &self.engine.nodes()))
            .or_else(|| differ("next polls", &engine.next(), &self.engine.next()))
            .or_else(|| differ("metrics", &engine.metrics(), &self.engine.metrics()))
            .map_or(Ok(()), |difference| Err(format!("without an observer (the first), {difference}")))
    }

    /// Lets everything end, wakes what waits for nothing, removes it all, and looks that nothing is left.
    fn end(&mut self) -> Result<(), String> {
        let (mut steps, mut idle) = (0, 0);
        while self.engine.next() != Next::Done {
            steps += 1;
            if steps > 2 * LIMIT {
                return Err(format!("it does not end\n{}", self.engine.tree()));
            }
            // Retries below retries below retries may take longer than anybody can wait.
            if steps == LIMIT {
                self.step(&Step::Shutdown(None))?;
            }
            match self.engine.next() {
                Next::At(_) => self.step(&Step::Jump)?,
                Next::OnWake => {
                    self.waits_for_somebody()?;
                    idle += 1;
                    if idle % 2 == 1 { self.wake_all()? } else { self.step(&Step::Shutdown(None))? }
                }
                Next::Now | Next::Done => self.step(&Step::Poll)?,
            };
        }
        let tops: Vec<NodeId> = self
            .engine
            .nodes()
            .into_iter()
            .filter(|node| node.parent.is_none())
            .map(|node| node.id)
            .collect();
        for id in tops {
            let (engine, model) = (self.engine.remove(id), self.model.remove(id));
            if let Some(difference) = self.difference(&Effect::Removed(model), &Effect::Removed(engine)) {
                return Err(format!("{difference}\nremoving {id}"));
            }
        }
        let left = (self.engine.metrics().nodes, self.engine.metrics().edges, self.engine.works());
        if left == (0, 0, 0) { Ok(()) } else { Err(format!("nodes, edges and works are left: {left:?}")) }
    }

    /// Two schedulers that agree may still hang both: where nothing can move, somebody outside must have to do something.
    fn waits_for_somebody(&mut self) -> Result<(), String> {
        // A retry delay that ends at the end of time is somebody's wish too.
        let never = |node: &Seen| node.retry_eta.is_some() && node.deadline.is_none();
        let wanted = self.engine.nodes().iter().any(|node| node.paused || never(node));
        if wanted || !self.engine.stalled().is_empty() || self.engine.world().has_handles() {
            return Ok(());
        }
        Err(format!("it waits, and for nothing\n{}", self.engine.tree()))
    }

    /// What waits for a wake is told to look again; those that wait for nothing that the engine knows of, and those with handles.
    fn wake_all(&mut self) -> Result<Effect, String> {
        let waiting = |node: &Seen| matches!(node.state, State::Waiting | State::Aborting);
        for node in self.engine.nodes().into_iter().filter(waiting) {
            let answers = (self.engine.wake(node.id), Hands::wake(&mut self.model, node.id));
            if answers.0 != answers.1 {
                return Err(format!("waking {}: {answers:?}", node.id));
            }
        }
        self.step(&Step::Poll)
    }
}

fn differ<T: PartialEq + std::fmt::Debug>(what: &str, engine: &T, model: &T) -> Option<String> {
    (engine != model).then(|| format!("the {what} differ\n    engine {engine:?}\n    model  {model:?}"))
}

fn show(line: Option<&Line>) -> String {
    match line {
        None => "nothing".into(),
        Some(Line::Event(event)) => event.to_string(),
        Some(line) => format!("{line:?}"),
    }
}
