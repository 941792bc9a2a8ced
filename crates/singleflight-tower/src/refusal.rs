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
pub(crate) fn cache_status(name: &str) -> [HeaderValue; 4] {
    let can_stand = |c: &char| matches!(c, ' '..='~') && !r#""\"#.contains(*c);
    let mut name: String = name.chars().filter(can_stand).collect();
    let in_token = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if !name.starts_with(|c: char| c.is_ascii_alphabetic()) || !name.chars().all(in_token) {
        name = format!("\"{name}\"");
    }
    ["bypass", "miss", "miss; collapsed", "miss; collapsed=?0"].map(|what| {
        let value = HeaderValue::try_from(format!("{name}; fwd={what}"));
        value.expect("what cannot stand in a header was left out")
    })
}
