//! Bugs that are planted by name, to see the arena catch them. In every other build there are none.

/// Whether the bug of this name is planted.
#[cfg(singleflight_planted)]
pub(crate) fn planted(name: &str) -> bool {
    static PLANTED: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
    PLANTED
        .get_or_init(|| std::env::var("SINGLEFLIGHT_SEED").ok())
        .as_deref()
        == Some(name)
}

/// Whether the bug of this name is planted: never.
#[cfg(not(singleflight_planted))]
#[inline]
pub(crate) const fn planted(_name: &str) -> bool {
    false
}
