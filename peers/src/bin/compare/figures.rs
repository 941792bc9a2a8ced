//! What is measured, in the order in which it is told.

mod distinct;
mod fan_out;
mod hot;
mod in_flight;
mod lone;
mod lost;
mod memory;
mod service;
mod sharing;
mod spawned;
mod storms;
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
    ("sharing", sharing::measure),
    ("distinct", distinct::measure),
    ("hot", hot::measure),
    ("in-flight", in_flight::measure),
    ("memory", memory::measure),
    ("lost", lost::measure),
    ("spawned", spawned::measure),
    ("service", service::measure),
    // Last: once a clock of tokio's has stood still, reading any of them takes longer.
    ("storms-failing", storms::failing),
    ("storms-expiring", storms::expiring),
    ("storms-losing", storms::losing),
    ("storms-departing", storms::departing),
    ("storms-batch", storms::batch),
    ("storms-forgotten", storms::forgotten),
];
