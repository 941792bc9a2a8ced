//! Which requests are coalesced, and which answers are shared. What is not sure goes alone.

use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, HOST, PRAGMA, SET_COOKIE, VARY};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, request, response};

use crate::flight_key::{FlightKey, InKey};
use crate::http_key::{HttpKey, Kind};
use crate::names::{ALONE, ALWAYS, HOP_BY_HOP, TRACING};

/// What a header of a request means.
#[derive(Clone, Copy, Default)]
struct Class {
    is_in_key: bool,
    goes_alone: bool,
    /// It goes alone if one of these words is in it.
    has_directives: bool,
}

/// Which requests are coalesced, and by which key.
pub(crate) struct Requests {
    key: Kind,
    classes: HeaderMap<Class>,
    others: Class,
    methods: Vec<Method>,
    with_body: bool,
}

impl Requests {
    /// `identity` are the headers of a user's identity, with which a request goes alone, or which are
    /// part of the key (`Some(true)`), or are not looked at (`Some(false)`).
    pub(crate) fn new(
        HttpKey(key): HttpKey,
        identity: (&[HeaderName], Option<bool>),
        methods: Vec<Method>,
        with_body: bool,
    ) -> Self {
        let mut classes = HeaderMap::default();
        let mut class = |names: &[HeaderName], set: &dyn Fn(&mut Class)| {
            for name in names {
                set(classes.entry(name).or_insert(Class::default()));
            }
        };
        let with = |class: &mut Class| class.is_in_key = true;
        let without = |class: &mut Class| class.is_in_key = false;
        let alone = |class: &mut Class| class.goes_alone = true;
        let is_all = matches!(key, Kind::AllExcept(_));
        match &key {
            Kind::AllExcept(except) => {
                class(&[CACHE_CONTROL, PRAGMA], &with);
                class(except, &without);
            }
            Kind::UriAnd(names) => class(names, &with),
            Kind::By(_) => {}
        }
        if is_all {
            class(&HOP_BY_HOP, &without);
            class(&TRACING, &without);
        }
        if !matches!(key, Kind::By(_)) {
            class(&ALWAYS, &with);
        }
        let directives = |class: &mut Class| class.has_directives = true;
        class(&[CACHE_CONTROL, PRAGMA], &directives);
        match identity.1 {
            None => class(identity.0, &alone),
            Some(true) => class(identity.0, &with),
            Some(false) => class(identity.0, &without),
        }
        class(&ALONE, &alone);
        let others = Class {
            is_in_key: is_all,
            ..Class::default()
        };
        Self {
            key,
            classes,
            others,
            methods,
            with_body,
        }
    }

    /// Returns the key of a request, or nothing if it goes alone.
    pub(crate) fn key(&self, head: &request::Parts, has_body: bool) -> Option<FlightKey> {
        if has_body && !self.with_body
            || !self.methods.contains(&head.method)
            || !has_one_authority(head)
        {
            return None;
        }
        let mut in_key = InKey::default();
        for (index, (name, value)) in (0..).zip(&head.headers) {
            let class = self.classes.get(name).unwrap_or(&self.others);
            if index >= InKey::MOST
                || class.goes_alone
                || class.has_directives && has_any(value, &[b"no-store", b"no-cache"])
            {
                return None;
            }
            if class.is_in_key {
                in_key.set(index);
            }
        }
        let own = match &self.key {
            Kind::By(own) => Some(own(head)?),
            Kind::AllExcept(_) | Kind::UriAnd(_) => None,
        };
        Some(FlightKey::new(head, own, in_key))
    }
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

/// Whether one of these words is anywhere in a value. A word in a quoted string counts as well: the
/// worst that follows is that something is not shared.
fn has_any(value: &HeaderValue, words: &[&[u8]]) -> bool {
    let value = value.as_bytes();
    let has = |word: &&[u8]| {
        value
            .windows(word.len())
            .any(|at| at.eq_ignore_ascii_case(word))
    };
    words.iter().any(has)
}

/// What other requests must agree about to receive an answer. `None`: nobody else receives it.
pub(crate) fn shared_by(head: &response::Parts) -> Option<Vec<HeaderName>> {
    let headers = &head.headers;
    let is_own = |value: &HeaderValue| has_any(value, &[b"private", b"no-store", b"no-cache"]);
    if head.status.is_informational()
        || [
            StatusCode::PARTIAL_CONTENT,
            StatusCode::UNAUTHORIZED,
            StatusCode::PROXY_AUTHENTICATION_REQUIRED,
        ]
        .contains(&head.status)
        || headers.contains_key(SET_COOKIE)
        || headers.get_all(CACHE_CONTROL).iter().any(is_own)
        || is_endless(headers)
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

/// A stream of events has no end that could be waited for.
fn is_endless(headers: &HeaderMap) -> bool {
    let is_stream =
        |value: &HeaderValue| has_any(value, &[b"text/event-stream", b"multipart/x-mixed-replace"]);
    headers.get_all(CONTENT_TYPE).iter().any(is_stream)
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

/// Whether a request's head announces a body, whatever the body says.
pub(crate) fn announces_body(head: &request::Parts) -> bool {
    let length = head.headers.get(CONTENT_LENGTH);
    length.is_some_and(|length| length.as_bytes() != b"0")
        || head.headers.contains_key(http::header::TRANSFER_ENCODING)
}
