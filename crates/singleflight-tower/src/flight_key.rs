//! The key of a flight: the bytes of a request's head, in one allocation.
//!
//! | part | holds | compared |
//! |---|---|---|
//! | up to `split` | method; scheme, authority, path and query; the headers of the key | always |
//! | from there | every other header | only if an answer's `Vary` names it |
//!
//! Every part stands behind its length, so that no two heads are the same bytes.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, request};

use crate::http_key::OwnKey;

#[derive(Clone)]
pub(crate) struct FlightKey {
    bytes: Arc<[u8]>,
    split: usize,
    own: Option<OwnKey>,
}

/// How a length is written.
const LENGTH: usize = size_of::<u64>();

/// Which values of a request's headers are part of its key: a bit for each, in their order.
#[derive(Clone, Copy, Default)]
pub(crate) struct InKey(u128);

impl InKey {
    /// How many there may be.
    pub(crate) const MOST: u32 = u128::BITS;

    pub(crate) const fn set(&mut self, index: u32) {
        self.0 |= 1 << index;
    }

    fn has(self, index: usize) -> bool {
        self.0 >> index & 1 == 1
    }
}

impl FlightKey {
    /// Makes the key of a request with at most [`InKey::MOST`] values of headers. `own` stands in for
    /// the URI.
    pub(crate) fn new(head: &request::Parts, own: Option<OwnKey>, in_key: InKey) -> Self {
        let key = |put: &mut dyn FnMut(&[u8])| {
            put(head.method.as_str().as_bytes());
            if own.is_none() {
                uri(head).into_iter().for_each(&mut *put);
            }
            put_headers(&head.headers, |index| in_key.has(index), put);
        };
        let others = |put: &mut dyn FnMut(&[u8])| {
            put_headers(&head.headers, |index| !in_key.has(index), put);
        };
        let mut length = 0;
        key(&mut |part| length += LENGTH + part.len());
        let split = length;
        others(&mut |part| length += LENGTH + part.len());

        // Of an iterator that knows its length: one allocation.
        let mut bytes: Arc<[u8]> = std::iter::repeat_n(0, length).collect();
        let mut rest = Arc::get_mut(&mut bytes).expect("nobody else has it yet");
        let mut put = |part: &[u8]| {
            for bytes in [&(part.len() as u64).to_le_bytes()[..], part] {
                let (at, after) = std::mem::take(&mut rest).split_at_mut(bytes.len());
                at.copy_from_slice(bytes);
                rest = after;
            }
        };
        key(&mut put);
        others(&mut put);
        Self { bytes, split, own }
    }

    pub(crate) fn is_head(&self) -> bool {
        parts(&self.bytes).next() == Some(b"HEAD")
    }

    /// Whether another request, which has an equal key, has the same values of a header.
    pub(crate) fn agrees(&self, other: &Self, name: &HeaderName) -> bool {
        self.values(name).eq(other.values(name))
    }

    fn values(&self, name: &HeaderName) -> impl Iterator<Item = &[u8]> {
        let (key, others) = self.bytes.split_at(self.split);
        // Method and URI come before the headers of the key.
        let before = if self.own.is_some() { 1 } else { 4 };
        let name = name.as_str().as_bytes();
        let mut parts = parts(key).skip(before).chain(parts(others));
        std::iter::from_fn(move || {
            loop {
                let (known, value) = (parts.next()?, parts.next()?);
                if known == name {
                    return Some(value);
                }
            }
        })
    }

    fn key(&self) -> &[u8] {
        &self.bytes[..self.split]
    }
}

/// Scheme, authority, path and query, each empty if it is not there.
fn uri(head: &request::Parts) -> [&[u8]; 3] {
    let uri = &head.uri;
    let host = head.headers.get(http::header::HOST);
    let authority = uri
        .authority()
        .map(|authority| authority.as_str().as_bytes());
    [
        uri.scheme_str().unwrap_or_default().as_bytes(),
        authority
            .or(host.map(HeaderValue::as_bytes))
            .unwrap_or_default(),
        uri.path_and_query()
            .map_or("", |path| path.as_str())
            .as_bytes(),
    ]
}

fn put_headers(headers: &HeaderMap, takes: impl Fn(usize) -> bool, put: &mut dyn FnMut(&[u8])) {
    for (index, (name, value)) in headers.iter().enumerate() {
        if takes(index) {
            put(name.as_str().as_bytes());
            put(value.as_bytes());
        }
    }
}

fn parts(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (length, rest) = bytes.split_first_chunk::<LENGTH>()?;
        let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
        let (part, rest) = rest.split_at_checked(length)?;
        bytes = rest;
        Some(part)
    })
}

impl PartialEq for FlightKey {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key() && self.own == other.own
    }
}

impl Eq for FlightKey {}

impl Hash for FlightKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
        self.own.hash(state);
    }
}
