//! Callers that run, follow, panic, cancel, time out, forget, batch and re-enter at random, and
//! a checker that reads from the recorded history whether every promise was kept.
//!
//! [`run`] plays rounds with whatever a cast makes of [`Subject`]s: our own front ends
//! ([`Front`]), or a peer behind an adapter of ten lines ([`subject`]).

mod answer;
mod batch;
mod blocking;
mod caller;
mod checker;
mod clock;
mod ensemble;
mod front;
mod history;
mod log;
mod pause;
mod quiet;
mod report;
mod round;
mod rules;
mod script;
pub mod subject;
mod tasks;
mod value;
mod violation;
mod work;

pub use answer::{Answer, Refusal};
pub use batch::{BatchWork, Loaded};
pub use clock::Stamp;
pub use ensemble::Ensemble;
pub use front::Front;
pub use report::Report;
pub use round::{Options, run};
pub use rules::{Rules, ticks};
pub use subject::{Ability, Async, Blocking, Order, Subject, Way};
pub use value::{Fault, Made, Value};
pub use violation::{Kind, Violations};
pub use work::{Work, Working};
