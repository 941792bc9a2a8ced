//! Where bugs can be planted. A build that has them takes `tests/model/planted.rs` instead.

/// Whether the bug of this name is planted.
pub(crate) const fn planted(_name: &str) -> bool {
    false
}

/// A script, with what is planted in it.
pub(crate) fn with_bugs(_name: &str, body: &str) -> String {
    body.to_owned()
}
