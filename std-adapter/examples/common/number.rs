//! Reads a number from the command line, for the examples that take some.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// A whole number in this range.
pub(crate) fn number<N>(option: &str, value: &str, range: RangeInclusive<N>) -> Result<N, String>
where
    N: FromStr + PartialOrd + Display,
{
    let (least, most) = range.into_inner();
    match value.parse() {
        Ok(number) if number >= least && number <= most => Ok(number),
        _ => Err(format!("{option} needs a whole number from {least} to {most}, not \"{value}\"")),
    }
}
