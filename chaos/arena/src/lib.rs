//! What it takes to try calls between processes: a Redis or Valkey of one's own, a history that
//! survives its writer, and a checker of what stands in it.

mod checker;
mod history;
mod overlaps;
mod report;
mod seen;
mod server;
mod wire;

pub use checker::check;
pub use history::{Cause, End, Event, What, Writer, now, read};
pub use report::{Limits, Report, Rule, Violation};
pub use server::{PROGRAMS, Server, command, for_test, free_port, program};
pub use wire::Wire;
