//! What a user chooses between.

/// What is done with a request that says whose it is, by one of the headers of
/// [`identity_headers`](crate::HttpCoalesceBuilder::identity_headers).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Identity {
    /// It is not coalesced.
    #[default]
    GoesAlone,
    /// It meets requests of the same user only: those headers are part of the key. A key by a function
    /// has to hold all that tells users apart beside them.
    PartOfKey,
    /// It is answered with what was made for another user. Right only where the service does not look
    /// at who asks, nor does anything between it and this layer.
    SharedAcrossUsers,
}

/// What happens to a request that has waited as long as it may.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Elapsed {
    /// It fails with 504.
    #[default]
    Fail,
    /// One of those who have waited leads another flight, and the others join it. Each waits anew, and
    /// fails if that is not enough either.
    LeadAnew,
}

/// What happens to those who wait when the inner service fails, answers with a status of 500 and
/// above, or breaks a body off.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Failed {
    /// They receive the failure: an origin in distress is asked once.
    #[default]
    Share,
    /// The leader keeps it and one of them tries, three works in a row at most. Those who still wait
    /// then receive 502.
    Retry,
}
