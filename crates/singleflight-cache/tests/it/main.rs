//! The scenarios over a map, with each way to look; and what needs no store of its own kind.

#[path = "../support/map.inc"]
mod map;
#[path = "../support/scenarios.rs"]
mod scenarios;

mod looks_inside {
    use singleflight_cache::Look;

    crate::scenarios::scenarios!(Look::Inside, async { Some(crate::map::Map::default()) });
}

mod looks_on_both_sides {
    use singleflight_cache::Look;

    crate::scenarios::scenarios!(Look::Both, async { Some(crate::map::Map::default()) });
}

mod builder;
mod failing;
mod loads;
#[cfg(feature = "metrics")]
mod metered;
mod sends;

/// All is in memory. When nobody can go on, the clock goes on at once.
fn waits(runtime: &mut tokio::runtime::Builder) -> &mut tokio::runtime::Builder {
    runtime.start_paused(true)
}
