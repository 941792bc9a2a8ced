//! What a recorder of the facade is told.

mod meters;
mod names;
mod published;
mod told;
