//! The headers that the rules know by name.

use http::HeaderName;
use http::header;

/// Names that `http` has no constant for.
const fn name(text: &'static str) -> HeaderName {
    HeaderName::from_static(text)
}

/// By whom a request is made: with one of these it goes alone, unless the layer is told otherwise.
pub(crate) static IDENTITY: [HeaderName; 5] = [
    header::AUTHORIZATION,
    header::COOKIE,
    header::PROXY_AUTHORIZATION,
    name("x-api-key"),
    name("x-auth-token"),
];

/// What concerns one connection, and no answer. `Host` is part of every key as the authority.
pub(crate) static HOP_BY_HOP: [HeaderName; 8] = [
    header::CONNECTION,
    header::HOST,
    name("keep-alive"),
    name("proxy-connection"),
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// What differs in each request and says only which one it is.
pub(crate) static TRACING: [HeaderName; 15] = [
    name("b3"),
    name("baggage"),
    name("sentry-trace"),
    name("traceparent"),
    name("tracestate"),
    name("uber-trace-id"),
    name("x-amzn-trace-id"),
    name("x-b3-flags"),
    name("x-b3-parentspanid"),
    name("x-b3-sampled"),
    name("x-b3-spanid"),
    name("x-b3-traceid"),
    name("x-cloud-trace-context"),
    name("x-correlation-id"),
    name("x-request-id"),
];

/// What changes what is asked for, or how the answer is made: part of every key that this crate
/// makes, whatever it was told to look at.
pub(crate) static ALWAYS: [HeaderName; 17] = [
    header::FORWARDED,
    header::IF_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_NONE_MATCH,
    header::IF_UNMODIFIED_SINCE,
    header::ORIGIN,
    name("x-forwarded-host"),
    name("x-forwarded-port"),
    name("x-forwarded-prefix"),
    name("x-forwarded-proto"),
    name("x-forwarded-scheme"),
    name("x-http-method"),
    name("x-http-method-override"),
    name("x-method-override"),
    name("x-original-host"),
    name("x-original-url"),
    name("x-rewrite-url"),
];

/// With one of these a request asks for something that is its own.
pub(crate) static ALONE: [HeaderName; 4] = [
    header::EXPECT,
    header::IF_RANGE,
    header::RANGE,
    header::UPGRADE,
];
