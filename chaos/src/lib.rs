//! Callers that run, follow, panic, cancel, time out, forget, batch and re-enter at random, and
//! a checker that reads from the recorded history whether every promise was kept.
//!
//! [`run`] plays rounds with the [`Setup`] that its caller makes of [`Subject`]s: our own front ends
//! ([`Front`]), or a peer behind an adapter of ten lines ([`subject`]).

mod answer;
mod batch;
mod blocking;
mod caller;
mod checker;
mod clock;
mod front;
mod history;
mod log;
mod order;
mod pause;
mod quiet;
mod refusal;
mod report;
mod round;
mod rules;
mod script;
mod setup;
pub mod subject;
mod tasks;
mod value;
mod violation;
mod work;

pub use answer::Answer;
pub use batch::{BatchAnswers, BatchWork, Loaded};
pub use clock::Stamp;
pub use front::Front;
pub use order::{Order, Way};
pub use refusal::Refusal;
pub use report::Report;
pub use round::{Options, run};
pub use rules::{Rules, ticks};
pub use setup::Setup;
pub use subject::{Ability, Async, Blocking, Subject};
pub use value::{Fault, Made, OwnFault, Value};
pub use violation::{Kind, Violations};
pub use work::{Returns, Work, Working};
