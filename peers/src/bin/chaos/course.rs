//! The kinds of mischief, one at a time.

use singleflight_chaos::Ability;

/// What callers and works do beside calling, working and failing.
pub(crate) trait Course: Send + Sync + 'static {
    /// What that is, in a line.
    const ABOUT: &'static str;

    /// What is asked of every subject.
    const ABILITIES: &'static [Ability];

    /// Whether threads can do it too.
    const IS_FOR_THREADS: bool;
}

macro_rules! course {
    ($Name:ident, $abilities:expr, $is_for_threads:expr, $about:literal) => {
        pub(crate) struct $Name;

        impl Course for $Name {
            const ABOUT: &'static str = $about;
            const ABILITIES: &'static [Ability] = $abilities;
            const IS_FOR_THREADS: bool = $is_for_threads;
        }
    };
}

course!(Calls, &[], true, "calls alone");
course!(
    Lose,
    &[Ability::Lose],
    false,
    "calls are dropped half way, leaders and followers"
);
course!(Panic, &[Ability::Panic], true, "works panic");
course!(
    Nest,
    &[Ability::Nest],
    true,
    "works call for other keys, in one order, so that none waits in a circle"
);
course!(
    Sleep,
    &[Ability::Sleep],
    false,
    "a call that waits is not polled while its caller makes another for the key"
);
course!(Forget, &[Ability::Forget], false, "keys are forgotten");
