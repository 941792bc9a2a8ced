//! What a caller is answered for whom there is no answer.

use bytes::Bytes;
use http::header::RETRY_AFTER;
use http::{HeaderValue, Response, StatusCode};
use singleflight_core::CallError;

/// The answer unless the layer is told otherwise: the status says what was wrong, the body is empty.
pub(crate) fn refused(error: &CallError) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = match error {
        CallError::TimedOut => StatusCode::GATEWAY_TIMEOUT,
        // The work panicked here or in a task, or a task was lost.
        CallError::LeaderPanicked(_) | CallError::LeaderLost | CallError::TaskLost => {
            StatusCode::INTERNAL_SERVER_ERROR
        }
        // So many services in a row have failed, each for a request of its own.
        CallError::TooManyFailures { .. } => StatusCode::BAD_GATEWAY,
        // The flight or the group is full, or closed.
        _ => {
            let seconds = HeaderValue::from_static("1");
            response.headers_mut().insert(RETRY_AFTER, seconds);
            StatusCode::SERVICE_UNAVAILABLE
        }
    };
    response
}

/// The values of `Cache-Status` (RFC 9211), in the order of [`Way`](crate::hub::Way). What cannot stand
/// in a string of a header is left out of the name.
pub(crate) fn cache_status(name: &str) -> Option<[HeaderValue; 4]> {
    let name: String = name
        .chars()
        .filter(|c| matches!(c, ' '..='~') && !r#""\"#.contains(*c))
        .collect();
    let is_token = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let is_plain =
        name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.chars().all(is_token);
    let quote = if is_plain { "" } else { "\"" };
    let value =
        |what: &str| HeaderValue::from_str(&format!("{quote}{name}{quote}; fwd={what}")).ok();
    Some([
        value("bypass")?,
        value("miss")?,
        value("miss; collapsed")?,
        value("miss; collapsed=?0")?,
    ])
}
