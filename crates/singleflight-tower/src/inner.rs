//! What a service must be to be coalesced.

use std::error::Error;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

pub(crate) type BoxError = Box<dyn Error + Send + Sync>;

/// A service whose HTTP requests can be coalesced: every one of the right shape is.
///
/// It takes `http::Request`s and answers with `http::Response`s, whose bodies have `Bytes` for data; its
/// futures are `Send`. (`reqwest::Client` takes requests of its own: wrap its `execute` in
/// `tower::service_fn`.)
pub trait HttpInner<B>:
    Service<Request<B>, Response = Response<Self::Body>, Error: Send + Sync + 'static, Future: Send>
    + Send
    + 'static
{
    /// The body of its responses.
    type Body: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static;
}

impl<S, B, R> HttpInner<B> for S
where
    S: Service<Request<B>, Response = Response<R>, Error: Send + Sync + 'static, Future: Send>
        + Send
        + 'static,
    R: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    type Body = R;
}
