//! What is measured, in the order in which it is told.

mod fan_out;
mod lone;
mod waiting;

use crate::figure::Figure;
use crate::options::Options;

/// A group of figures that are measured together.
type Measure = fn(&Options) -> Vec<Figure>;

/// All of them, by name.
pub(crate) const ALL: &[(&str, Measure)] = &[
    ("lone", lone::measure),
    ("fan-out", fan_out::measure),
    ("waiting", waiting::measure),
];
