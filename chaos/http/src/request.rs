//! Requests at random, from a space so small that many are equal.

use std::net::SocketAddr;

use bytes::Bytes;
use fastrand::Rng;
use http::{HeaderName, HeaderValue, Method, Request};
use http_body_util::{Empty, Full};

use crate::origin::{ID, Payload, payload};

/// A header that the origin may read and that only a key of all headers holds.
pub(crate) const TENANT: HeaderName = HeaderName::from_static("x-tenant");

/// Where a request goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Target {
    /// To a service, without a wire.
    Service,
    /// To a server, by HTTP/1.1 or, if so, by HTTP/2.
    Server(SocketAddr, bool),
}

/// Makes a request at random.
pub(crate) fn draw(rng: &mut Rng, id: u64, target: Target) -> Request<Payload> {
    let method = match rng.u8(..100) {
        0..88 => Method::GET,
        88..96 => Method::HEAD,
        _ => Method::POST,
    };
    let host = rng
        .choice(["a.example", "a.example", "b.example"])
        .unwrap_or("a.example");
    let path = if rng.u8(..6) == 0 { "/2" } else { "/1?a" };
    let uri = match target {
        Target::Service => path.to_owned(),
        Target::Server(address, _) => format!("http://{address}{path}"),
    };
    let mut request = Request::new(payload(Empty::new()));
    if method == Method::POST {
        *request.body_mut() = payload(Full::new(Bytes::from("body")));
    }
    *request.method_mut() = method;
    *request.uri_mut() = uri.parse().expect("it is a URI");
    let mut put = |name: &str, value: &str| {
        let name: HeaderName = name.parse().expect("it is a name");
        let value = HeaderValue::from_str(value).expect("it is a value");
        request.headers_mut().append(name, value);
    };
    put(ID.as_str(), &id.to_string());
    match target {
        // Its authority is the server's own.
        Target::Server(_, true) => put("x-forwarded-host", host),
        _ => put("host", host),
    }
    put(
        "accept",
        if rng.u8(..10) == 0 {
            "text/html"
        } else {
            "*/*"
        },
    );
    if let Some(language) = rng
        .choice([None, None, None, None, Some("de"), Some("fr")])
        .flatten()
    {
        put("accept-language", language);
    }
    put(TENANT.as_str(), if rng.u8(..10) == 0 { "2" } else { "1" });
    let user = if rng.bool() { "alice" } else { "bob" };
    match rng.u8(..100) {
        0..4 => put("authorization", user),
        4..7 => put("cookie", user),
        7 => put("range", "bytes=0-1"),
        8 => put("cache-control", "no-cache"),
        9 => put("if-none-match", "\"1\""),
        10 => put("if-none-match", "\"2\""),
        _ => {}
    }
    request
}
