//! The headers that the rules know by name.

use http::HeaderName;

/// By whom a request is made: with one of these it goes alone, unless the layer is told otherwise.
pub(crate) const IDENTITY: &str = "api-key authorization client-cert cookie dpop proxy-authorization x-access-token \
     x-amzn-oidc-data x-api-key x-auth-token x-forwarded-client-cert x-forwarded-email \
     x-forwarded-user x-goog-iap-jwt-assertion x-ms-client-principal";

/// What concerns one connection, and no answer. `Host` is part of every key as the authority.
pub(crate) const HOP_BY_HOP: &str =
    "connection host keep-alive proxy-connection te trailer transfer-encoding upgrade";

/// What differs in each request and says only which one it is.
pub(crate) const TRACING: &str = "b3 sentry-trace traceparent tracestate uber-trace-id x-amzn-trace-id \
     x-b3-flags x-b3-parentspanid x-b3-sampled x-b3-spanid x-b3-traceid \
     x-cloud-trace-context x-correlation-id x-request-id";

/// What changes what is asked for, or how the answer is made: part of every key that this crate
/// makes, whatever it was told to look at.
pub(crate) const ALWAYS: &str = "early-data forwarded front-end-https origin \
     x-forwarded-host x-forwarded-port x-forwarded-prefix x-forwarded-proto x-forwarded-scheme \
     x-forwarded-ssl x-forwarded-uri x-host x-original-host x-original-url x-rewrite-url x-script-name \
     x-url-scheme";

/// By what a client asks for an answer only under a condition. They are part of every key like those above.
pub(crate) const CONDITIONAL: &str = "if-match if-modified-since if-none-match if-unmodified-since";

/// With one of these a request asks for something that is its own.
pub(crate) const ALONE: &str = "expect if-range range upgrade \
     x-http-method x-http-method-override x-method-override";

/// The names of a list.
pub(crate) fn names(list: &'static str) -> impl Iterator<Item = HeaderName> {
    list.split_whitespace().map(HeaderName::from_static)
}
