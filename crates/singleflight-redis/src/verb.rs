//! What scripts there are.

/// What a script is asked for.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Verb {
    Join,
    Land,
    Look,
    Renew,
    Abandon,
    Forget,
}
