//! The headers that the rules know by name.

use http::HeaderName;

/// By whom a request is made: with one of these it goes alone, unless the layer is told otherwise.
pub(crate) const IDENTITY: &str = "authorization cookie proxy-authorization x-api-key x-auth-token";

/// What concerns one connection, and no answer. `Host` is part of every key as the authority.
pub(crate) const HOP_BY_HOP: &str =
    "connection host keep-alive proxy-connection te trailer transfer-encoding upgrade";

/// What differs in each request and says only which one it is.
pub(crate) const TRACING: &str = "b3 baggage sentry-trace traceparent tracestate uber-trace-id x-amzn-trace-id \
     x-b3-flags x-b3-parentspanid x-b3-sampled x-b3-spanid x-b3-traceid \
     x-cloud-trace-context x-correlation-id x-request-id";

/// What changes what is asked for, or how the answer is made: part of every key that this crate
/// makes, whatever it was told to look at.
pub(crate) const ALWAYS: &str = "forwarded if-match if-modified-since if-none-match if-unmodified-since origin \
     x-forwarded-host x-forwarded-port x-forwarded-prefix x-forwarded-proto x-forwarded-scheme \
     x-http-method x-http-method-override x-method-override \
     x-original-host x-original-url x-rewrite-url";

/// With one of these a request asks for something that is its own.
pub(crate) const ALONE: &str = "expect if-range range upgrade";

/// The names of a list.
pub(crate) fn names(list: &'static str) -> impl Iterator<Item = HeaderName> {
    list.split_whitespace().map(HeaderName::from_static)
}
