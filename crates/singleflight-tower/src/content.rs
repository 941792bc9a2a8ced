//! A body that was read for all.

use std::error::Error;
use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;

/// A body that was read to its end.
pub(crate) struct Content {
    pub(crate) frames: Vec<Bytes>,
    pub(crate) end: End,
}

/// How a body ended.
pub(crate) enum End {
    Clean(Option<HeaderMap>),
    Failed(Arc<dyn Error + Send + Sync>),
}
