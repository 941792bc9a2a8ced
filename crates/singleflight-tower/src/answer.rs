//! What a flight lands with: an answer for all, or the word that there is none.

use std::any::Any;
use std::sync::Arc;

use http::{HeaderName, Response};

use crate::body::Piece;
use crate::flight_key::FlightKey;

/// What those who wait for a flight are told.
#[derive(Clone)]
pub(crate) enum Verdict {
    /// An answer, for each whose request agrees with it.
    Shared(Arc<Answer>),
    /// There is nothing to share: each asks for itself, at once.
    Alone,
    /// The inner service failed. Of its own error type, or else each asks for itself.
    Failed(Arc<dyn Any + Send + Sync>),
}

/// An answer that is shared.
pub(crate) struct Answer {
    /// Each has a copy, without version and extensions: they belong to the leader's connection.
    pub(crate) response: Response<Arc<[Piece]>>,
    /// In which headers a request must agree with the leader's.
    pub(crate) vary: Vec<HeaderName>,
    pub(crate) leader: FlightKey,
}
