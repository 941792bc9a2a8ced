//! Which requests are coalesced, and which answers are shared. What is not sure goes alone.

use http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE,
    HOST, PRAGMA, SET_COOKIE, TRAILER, TRANSFER_ENCODING, VARY,
};
use http::{HeaderMap, HeaderName, Method, StatusCode, request, response};

use crate::choices::Identity;
use crate::flight_key::FlightKey;
use crate::http_key::HttpKey;
use crate::mark::Mark;
use crate::memory::Memory;
use crate::names::{CONDITIONAL, HOP_BY_HOP, names};

/// Which requests are coalesced, and by which key.
pub(crate) struct Requests {
    pub(crate) key: HttpKey,
    pub(crate) identity: Identity,
    pub(crate) methods: Vec<Method>,
    pub(crate) with_body: bool,
    pub(crate) mark: Mark,
    pub(crate) memory: Memory,
}

impl Requests {
    /// Returns the key of a request, or nothing if it goes alone.
    pub(crate) fn key(&self, head: &request::Parts, has_body: bool) -> Option<FlightKey> {
        if self.mark.is_in(&head.extensions) {
            return None;
        }
        let key = self.of_flight(head, has_body)?;
        (!self.memory.knows(&key)).then_some(key)
    }

    /// Returns the key of the flight that a request may lead or join, whatever is remembered.
    pub(crate) fn of_flight(&self, head: &request::Parts, has_body: bool) -> Option<FlightKey> {
        let headers = &head.headers;
        let has_body = has_body || announces_body(headers);
        let fresh = ["no-store", "no-cache", "only-if-cached"];
        if !self.methods.contains(&head.method)
            || head.method == Method::CONNECT
            || has_body && !self.with_body
            || !has_one_authority(head)
            || has_any(headers, CACHE_CONTROL, &fresh)
            || has_any(headers, PRAGMA, &fresh)
        {
            return None;
        }
        self.key.key(head, self.identity)
    }
}

/// Whether a request's head announces a body, whatever the body says.
fn announces_body(headers: &HeaderMap) -> bool {
    let length = headers.get(CONTENT_LENGTH);
    length.is_some_and(|length| length != "0") || headers.contains_key(TRANSFER_ENCODING)
}

/// Whether there is one host at most, which is that of the URI if that has one.
fn has_one_authority(head: &request::Parts) -> bool {
    let mut hosts = head.headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next(), head.uri.authority()) {
        // Of them upper and lower case are the same.
        (Some(host), None, Some(authority)) => host.to_str().is_ok_and(|host| authority == host),
        (_, more, _) => more.is_none(),
    }
}

/// Whether one of these words is anywhere in the values of a header. A word in a quoted string counts as
/// well: the worst that follows is that something is not shared.
fn has_any(headers: &HeaderMap, name: HeaderName, words: &[&str]) -> bool {
    let has = |value: &[u8], word: &str| {
        let mut windows = value.windows(word.len());
        windows.any(|at| at.eq_ignore_ascii_case(word.as_bytes()))
    };
    let values = headers.get_all(name);
    values
        .iter()
        .any(|value| words.iter().any(|word| has(value.as_bytes(), word)))
}

/// Whether a status speaks of one client, of its connection, or of what is wrong with its request.
fn is_of_one_client(status: StatusCode) -> bool {
    let of_requests = matches!(status.as_u16(), 400 | 401 | 407 | 408 | 413 | 417 | 421);
    let of_clients = matches!(status.as_u16(), 425 | 426 | 428 | 429 | 431 | 511);
    let of_parts = matches!(status.as_u16(), 100..=199 | 206 | 226);
    of_requests || of_clients || of_parts
}

/// The headers of an answer that are not of the leader's connection (RFC 9110, section 7.6.1).
pub(crate) fn end_to_end(headers: &HeaderMap) -> HeaderMap {
    let mut shared = headers.clone();
    let values = headers.get_all(CONNECTION).iter();
    let values = values.filter_map(|value| value.to_str().ok());
    let named = values.flat_map(|value| value.split(',').map(str::trim));
    for name in named.filter_map(|name| HeaderName::try_from(name).ok()) {
        shared.remove(name);
    }
    for name in names(HOP_BY_HOP).filter(|name| name != TRAILER) {
        shared.remove(name);
    }
    shared
}

/// What other requests must agree about to receive an answer. `None`: nobody else receives it.
pub(crate) fn shared_by(head: &response::Parts) -> Option<Vec<HeaderName>> {
    let headers = &head.headers;
    // A stream of events has no end that could be waited for.
    let streams = ["text/event-stream", "multipart/x-mixed-replace"];
    if is_of_one_client(head.status)
        || headers.contains_key(SET_COOKIE)
        || has_any(headers, CACHE_CONTROL, &["private", "no-store", "no-cache"])
        || has_any(headers, CONTENT_TYPE, &streams)
    {
        return None;
    }
    let mut agreed = Vec::new();
    // Of what it depends on whether or not the service says so.
    if matches!(head.status.as_u16(), 304 | 412) {
        agreed.extend(names(CONDITIONAL));
    }
    if headers.contains_key(CONTENT_ENCODING) {
        agreed.push(ACCEPT_ENCODING);
    }
    for value in headers.get_all(VARY) {
        // `*` is a name by the letters of a header, and by nothing else.
        for name in value.to_str().ok()?.split(',').map(str::trim) {
            match name {
                "" => {}
                "*" => return None,
                name => agreed.push(HeaderName::try_from(name).ok()?),
            }
        }
    }
    Some(agreed)
}

/// How many bytes the body has by its head, if that says so. An answer to `HEAD`, and one that has no
/// body, tells the size of another.
pub(crate) fn announced(head: &response::Parts, is_head: bool) -> Option<u64> {
    let length = head.headers.get(CONTENT_LENGTH)?.to_str().ok()?;
    let has_body = !is_head && !matches!(head.status.as_u16(), 204 | 304);
    has_body.then(|| length.trim().parse().ok()).flatten()
}
