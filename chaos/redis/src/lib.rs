//! One process of those that call at random, for any subject: ours, and peers. The program starts
//! them, does the mischief, and checks what they wrote.

mod child;
mod settings;
mod subject;

pub use child::Child;
pub use settings::{Mischief, Settings, WhenDown};
pub use subject::{Answer, Subject, Work, Working};
