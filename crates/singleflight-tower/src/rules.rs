//! Which requests are coalesced, and which answers are shared. What is not sure goes alone.

use http::header::{
    CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, HOST, PRAGMA, SET_COOKIE, TRANSFER_ENCODING, VARY,
};
use http::{HeaderMap, HeaderName, Method, StatusCode, request, response};

use crate::choices::Identity;
use crate::flight_key::FlightKey;
use crate::http_key::HttpKey;
use crate::mark::Mark;
use crate::memory::Memory;
use crate::names::ALONE;

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
        let headers = &head.headers;
        let has_body = has_body || announces_body(headers);
        let own = ["no-store", "no-cache"];
        if self.mark.is_in(&head.extensions)
            || !self.methods.contains(&head.method)
            || has_body && !self.with_body
            || !has_one_authority(head)
            || ALONE.iter().any(|name| headers.contains_key(name))
            || has_any(headers, CACHE_CONTROL, &own)
            || has_any(headers, PRAGMA, &own)
        {
            return None;
        }
        let key = self.key.key(head, self.identity)?;
        (!self.memory.knows(&key)).then_some(key)
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
    let (host, more) = (hosts.next(), hosts.next());
    let differs = || match (host, head.uri.authority()) {
        (Some(host), Some(authority)) => !host
            .as_bytes()
            .eq_ignore_ascii_case(authority.as_str().as_bytes()),
        _ => false,
    };
    more.is_none() && !differs()
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

/// What other requests must agree about to receive an answer. `None`: nobody else receives it.
pub(crate) fn shared_by(head: &response::Parts) -> Option<Vec<HeaderName>> {
    let (status, headers) = (head.status, &head.headers);
    let own = [
        StatusCode::PARTIAL_CONTENT,
        StatusCode::UNAUTHORIZED,
        StatusCode::PROXY_AUTHENTICATION_REQUIRED,
    ];
    // A stream of events has no end that could be waited for.
    let streams = ["text/event-stream", "multipart/x-mixed-replace"];
    if status.is_informational()
        || own.contains(&status)
        || headers.contains_key(SET_COOKIE)
        || has_any(headers, CACHE_CONTROL, &["private", "no-store", "no-cache"])
        || has_any(headers, CONTENT_TYPE, &streams)
    {
        return None;
    }
    let mut names = Vec::new();
    for value in headers.get_all(VARY) {
        // `*` is a name by the letters of a header, and by nothing else.
        for name in value.to_str().ok()?.split(',').map(str::trim) {
            match name {
                "" => {}
                "*" => return None,
                name => names.push(HeaderName::try_from(name).ok()?),
            }
        }
    }
    Some(names)
}

/// How many bytes the body has by its head, if that says so. An answer to `HEAD`, and one that has no
/// body, tells the size of another.
pub(crate) fn announced(head: &response::Parts, is_head: bool) -> Option<u64> {
    let has_none = [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED].contains(&head.status);
    let length = head
        .headers
        .get(CONTENT_LENGTH)
        .filter(|_| !is_head && !has_none)?;
    length.to_str().ok()?.trim().parse().ok()
}
