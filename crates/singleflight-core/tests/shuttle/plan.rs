//! How many schedules a model is run through.

use std::env;

/// Unless `SINGLEFLIGHT_SCHEDULES` says otherwise.
const SCHEDULES: usize = 5_000;

/// How many preemptions the second half of the schedules is made of.
const DEPTH: usize = 4;

/// Runs a model through half of the schedules at random, and through half that have a few
/// preemptions where they hurt (Burckhardt et al., "A Randomized Scheduler with Probabilistic
/// Guarantees of Finding Bugs", 2010).
pub(crate) fn explore(model: impl Fn() + Send + Sync + Clone + 'static) {
    let schedules = match env::var("SINGLEFLIGHT_SCHEDULES") {
        Ok(text) => text
            .parse()
            .expect("SINGLEFLIGHT_SCHEDULES is a number of schedules"),
        Err(_) => SCHEDULES,
    };
    shuttle::check_random(model.clone(), schedules / 2);
    shuttle::check_pct(model, schedules / 2, DEPTH);
}
