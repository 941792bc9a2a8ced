//! Storms: many callers of one key to whom the same happens, at once or one after the other. How
//! long that takes for each, how often each is polled meanwhile, and how many works are started.

mod batch;
mod crowd;
mod departing;
mod expiring;
mod failing;
mod forgotten;
mod losing;

pub(super) use self::batch::measure as batch;
pub(super) use self::departing::measure as departing;
pub(super) use self::expiring::measure as expiring;
pub(super) use self::failing::measure as failing;
pub(super) use self::forgotten::measure as forgotten;
pub(super) use self::losing::measure as losing;
