//! A node's name with its tag, as every display shows them.

use core::fmt;

/// `checkpoint`, or `checkpoint #17`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Label {
    pub name: &'static str,
    pub tag: Option<u32>,
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)?;
        match self.tag {
            Some(tag) => write!(f, " #{tag}"),
            None => Ok(()),
        }
    }
}
