//! The inputs of a run, small enough to be kept beside the test that failed.
//!
//! The invariant: `decode(encode(log)) == log`, and whatever else is given to `decode` is either a log or an error that says where it stops being
//! one. What a scenario builds is not in the log: the scenario builds it again. What happens inside the engine is not in the log either: it follows.
//!
//! Written as `WLAB`, a version byte, then for each input a byte that says what it is, and its numbers as LEB128; as text, the same in hexadecimal.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;
use core::time::Duration;

use windlass::{Instant, NodeId};

use crate::fault::Fault;

const MAGIC: &[u8; 4] = b"WLAB";
const VERSION: u8 = 1;

/// One thing that the outside does to a scheduler.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Input {
    /// So many polls of one crank each, at the time it is.
    Crank(u32),
    /// The clock moves to this time.
    Clock(Instant),
    /// The application's pending completion of this number, counted from 0, arrives.
    Complete(u32),
    /// What the scenario offered under this label happens.
    Act(String),
    /// A wake.
    Wake(NodeId),
    /// An abort, with the time by which it must be done; [`Instant::MAX`] is no limit.
    Abort(NodeId, Instant),
    /// A pause.
    Pause(NodeId),
    /// A resume.
    Resume(NodeId),
    /// A restart.
    Restart(NodeId),
    /// A removal.
    Remove(NodeId),
    /// A shutdown, with the time by which it must be done.
    Shutdown(Instant),
    /// This fault strikes the next call of a work that can have it.
    Strike(Fault),
}

impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Crank(1) => f.write_str("crank"),
            Self::Crank(times) => write!(f, "crank {times} times"),
            Self::Clock(at) => write!(f, "clock to {at}"),
            Self::Complete(nth) => write!(f, "complete no. {nth}"),
            Self::Act(label) => write!(f, "act {label:?}"),
            Self::Wake(node) => write!(f, "wake {node}"),
            Self::Abort(node, Instant::MAX) => write!(f, "abort {node}"),
            Self::Abort(node, by) => write!(f, "abort {node} by {by}"),
            Self::Pause(node) => write!(f, "pause {node}"),
            Self::Resume(node) => write!(f, "resume {node}"),
            Self::Restart(node) => write!(f, "restart {node}"),
            Self::Remove(node) => write!(f, "remove {node}"),
            Self::Shutdown(Instant::MAX) => f.write_str("shut down"),
            Self::Shutdown(by) => write!(f, "shut down by {by}"),
            Self::Strike(fault) => write!(f, "strike: {fault}"),
        }
    }
}

/// The inputs of a run, in order.
///
/// ```
/// use windlass::Instant;
/// use windlass_lab::{Input, Log};
///
/// let log: Log = [Input::Crank(3), Input::Clock(Instant::from_millis(20)), Input::Crank(1)].into_iter().collect();
/// assert_eq!(log.to_string(), "574c414201010302a09c010101");
/// assert_eq!("574c414201010302a09c010101".parse::<Log>().unwrap(), log);
/// assert!("574c4142010103ff".parse::<Log>().unwrap_err().to_string().contains("byte 7"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Log {
    inputs: Vec<Input>,
}

impl Log {
    /// The inputs.
    #[must_use]
    pub fn inputs(&self) -> &[Input] {
        &self.inputs
    }

    /// Adds an input; a crank is counted together with the one before.
    pub fn push(&mut self, input: Input) {
        match (self.inputs.last_mut(), &input) {
            (Some(Input::Crank(times)), Input::Crank(more)) if times.checked_add(*more).is_some() => {
                *times += more;
            }
            (_, Input::Crank(0)) => {}
            _ => self.inputs.push(input),
        }
    }

    /// How many steps a run of it has: as many as inputs, where each crank counts.
    #[must_use]
    pub fn steps(&self) -> u64 {
        let steps = |input: &Input| if let Input::Crank(times) = input { u64::from(*times) } else { 1 };
        self.inputs.iter().map(steps).sum()
    }

    /// The log as bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(5 + 3 * self.inputs.len());
        bytes.extend_from_slice(MAGIC);
        bytes.push(VERSION);
        self.inputs.iter().for_each(|input| write(&mut bytes, input));
        bytes
    }

    /// Reads what [`Log::encode`] wrote.
    ///
    /// # Errors
    /// [`LogError`] with the place of the first byte that does not fit.
    pub fn decode(bytes: &[u8]) -> Result<Self, LogError> {
        let Some((magic, rest)) = bytes.split_first_chunk::<4>() else {
            return Err(LogError { at: bytes.len(), wrong: Wrong::Cut });
        };
        if magic != MAGIC {
            return Err(LogError { at: 0, wrong: Wrong::Magic });
        }
        match rest.first() {
            None => return Err(LogError { at: 4, wrong: Wrong::Cut }),
            Some(&VERSION) => {}
            Some(version) => return Err(LogError { at: 4, wrong: Wrong::Version(*version) }),
        }
        let mut reader = Reader { bytes, at: 5 };
        let mut log = Self::default();
        while reader.at < bytes.len() {
            log.push(reader.input()?);
        }
        Ok(log)
    }
}

impl FromIterator<Input> for Log {
    fn from_iter<T: IntoIterator<Item = Input>>(inputs: T) -> Self {
        let mut log = Self::default();
        inputs.into_iter().for_each(|input| log.push(input));
        log
    }
}

/// Hexadecimal, on one line.
impl fmt::Display for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.encode().iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Reads what the display wrote.
impl FromStr for Log {
    type Err = LogError;

    fn from_str(text: &str) -> Result<Self, LogError> {
        let text = text.trim().as_bytes();
        let mut bytes = Vec::with_capacity(text.len() / 2);
        for (at, pair) in text.chunks(2).enumerate() {
            let digits = pair.iter().try_fold(0, |byte, digit| {
                char::from(*digit).to_digit(16).map(|digit| byte << 4 | digit as u8)
            });
            match digits {
                Some(byte) if pair.len() == 2 => bytes.push(byte),
                _ => return Err(LogError { at, wrong: Wrong::Hexadecimal }),
            }
        }
        Self::decode(&bytes)
    }
}

/// Why something is not a log, and from which byte on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogError {
    at: usize,
    wrong: Wrong,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrong {
    Magic,
    Version(u8),
    Cut,
    Input(u8),
    Fault(u8),
    Number,
    Node,
    Label,
    Hexadecimal,
}

impl LogError {
    /// The byte at which it stops being a log.
    #[must_use]
    pub const fn at(&self) -> usize {
        self.at
    }
}

impl fmt::Display for LogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a log at byte {}: ", self.at)?;
        match self.wrong {
            Wrong::Magic => f.write_str("it does not begin with WLAB"),
            Wrong::Version(version) => write!(f, "its version is {version}, and only {VERSION} is known"),
            Wrong::Cut => f.write_str("it is cut off"),
            Wrong::Input(tag) => write!(f, "no input has the number {tag}"),
            Wrong::Fault(tag) => write!(f, "no fault has the number {tag}"),
            Wrong::Number => f.write_str("the number is out of range"),
            Wrong::Node => f.write_str("no node has this id"),
            Wrong::Label => f.write_str("the label is not UTF-8"),
            Wrong::Hexadecimal => f.write_str("two hexadecimal digits were expected"),
        }
    }
}

impl core::error::Error for LogError {}

fn write(bytes: &mut Vec<u8>, input: &Input) {
    let (tag, numbers): (u8, [Option<u64>; 3]) = match input {
        Input::Crank(times) => (1, [Some(u64::from(*times)), None, None]),
        Input::Clock(at) => (2, [Some(at.as_micros()), None, None]),
        Input::Complete(nth) => (3, [Some(u64::from(*nth)), None, None]),
        Input::Act(label) => (4, [Some(label.len() as u64), None, None]),
        Input::Wake(node) => node_input(5, *node),
        Input::Abort(node, Instant::MAX) => node_input(6, *node),
        Input::Abort(node, by) => {
            let (tag, [index, generation, _]) = node_input(7, *node);
            (tag, [index, generation, Some(by.as_micros())])
        }
        Input::Pause(node) => node_input(8, *node),
        Input::Resume(node) => node_input(9, *node),
        Input::Restart(node) => node_input(10, *node),
        Input::Remove(node) => node_input(11, *node),
        Input::Shutdown(Instant::MAX) => (12, [None; 3]),
        Input::Shutdown(by) => (13, [Some(by.as_micros()), None, None]),
        Input::Strike(fault) => {
            let delay = if let Fault::Delay(delay) = fault {
                Some((Instant::ZERO + *delay).as_micros())
            } else {
                None
            };
            (14, [Some(u64::from(fault.tag())), delay, None])
        }
    };
    bytes.push(tag);
    numbers.into_iter().flatten().for_each(|number| write_number(bytes, number));
    if let Input::Act(label) = input {
        bytes.extend_from_slice(label.as_bytes());
    }
}

fn node_input(tag: u8, node: NodeId) -> (u8, [Option<u64>; 3]) {
    (tag, [Some(u64::from(node.index())), Some(u64::from(node.generation())), None])
}

fn write_number(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn input(&mut self) -> Result<Input, LogError> {
        let at = self.at;
        Ok(match self.byte()? {
            1 => Input::Crank(self.small(1)?),
            2 => Input::Clock(Instant::from_micros(self.number()?)),
            3 => Input::Complete(self.small(0)?),
            4 => Input::Act(self.label()?),
            5 => Input::Wake(self.node()?),
            6 => Input::Abort(self.node()?, Instant::MAX),
            7 => Input::Abort(self.node()?, Instant::from_micros(self.number()?)),
            8 => Input::Pause(self.node()?),
            9 => Input::Resume(self.node()?),
            10 => Input::Restart(self.node()?),
            11 => Input::Remove(self.node()?),
            12 => Input::Shutdown(Instant::MAX),
            13 => Input::Shutdown(Instant::from_micros(self.number()?)),
            14 => Input::Strike(self.fault()?),
            tag => return Err(LogError { at, wrong: Wrong::Input(tag) }),
        })
    }

    fn byte(&mut self) -> Result<u8, LogError> {
        let byte = self.bytes.get(self.at).ok_or(LogError { at: self.at, wrong: Wrong::Cut })?;
        self.at += 1;
        Ok(*byte)
    }

    fn number(&mut self) -> Result<u64, LogError> {
        let at = self.at;
        let mut number = 0;
        for shift in (0..70).step_by(7) {
            let byte = self.byte()?;
            let part = u64::from(byte & 0x7f);
            if shift == 63 && part > 1 {
                break;
            }
            number |= part << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(LogError { at, wrong: Wrong::Number })
    }

    fn small(&mut self, least: u32) -> Result<u32, LogError> {
        let at = self.at;
        match u32::try_from(self.number()?) {
            Ok(number) if number >= least => Ok(number),
            _ => Err(LogError { at, wrong: Wrong::Number }),
        }
    }

    fn node(&mut self) -> Result<NodeId, LogError> {
        let at = self.at;
        let (index, generation) = (self.small(0)?, self.small(0)?);
        let bits = u64::from(generation) << 32 | u64::from(index);
        NodeId::from_bits(bits).ok_or(LogError { at, wrong: Wrong::Node })
    }

    fn label(&mut self) -> Result<String, LogError> {
        let length = self.number()?;
        let at = self.at;
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let end = at.checked_add(length).filter(|end| *end <= self.bytes.len());
        let Some(end) = end else {
            return Err(LogError { at: self.bytes.len(), wrong: Wrong::Cut });
        };
        self.at = end;
        let label = core::str::from_utf8(self.bytes.get(at..end).unwrap_or_default());
        label.map(ToString::to_string).map_err(|_| LogError { at, wrong: Wrong::Label })
    }

    fn fault(&mut self) -> Result<Fault, LogError> {
        let at = self.at;
        let tag = self.byte()?;
        let delay = if tag == Fault::Delay(Duration::ZERO).tag() { self.number()? } else { 0 };
        Fault::from_tag(tag, Duration::from_micros(delay)).ok_or(LogError { at, wrong: Wrong::Fault(tag) })
    }
}
