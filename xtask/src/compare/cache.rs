//! `cargo xtask compare cache`: the bars of the cache-aside, beside caches that coalesce by
//! themselves. A workspace of its own, so that the peers' dependencies are nobody else's.

use crate::project::cargo;
use crate::stop::Stop;

/// What a person asks for it by.
pub(super) const NAME: &str = "cache";

pub(super) fn command() -> Result<(), Stop> {
    cargo("run --release --quiet --manifest-path peers/cache/Cargo.toml").run()
}
