//! The key of a flight: the bytes of a request's head, in one allocation.
//!
//! | part | holds | compared |
//! |---|---|---|
//! | up to `split` | method; scheme, authority, path and query; the headers of the key | always |
//! | from there | every other header | only if an answer's `Vary` names it |
//!
//! Every part ends with a line break, which none can hold: `http` takes it neither in a method nor in a
//! URI or a header. So no two heads are the same bytes.

use std::any::Any;
use std::hash::{Hash, Hasher};
use std::io::Write as _;
use std::iter;
use std::sync::Arc;

use http::header::HOST;
use http::{HeaderName, HeaderValue, request};

#[derive(Clone)]
pub(crate) struct FlightKey {
    bytes: Arc<[u8]>,
    split: usize,
    own: Option<Arc<dyn OwnKey>>,
}

/// Method, scheme, authority, path and query.
const BEFORE_HEADERS: usize = 4;

impl FlightKey {
    /// Makes the key of a request. `in_key` has a bit for each value of a header, in their order, that is
    /// part of the key. `own` stands in for the URI.
    pub(crate) fn new(head: &request::Parts, own: Option<Arc<dyn OwnKey>>, in_key: u128) -> Self {
        let headers = |is_in_key: bool| {
            let headers = head.headers.iter().enumerate();
            let chosen = headers.filter(move |(index, _)| (in_key >> index & 1 == 1) == is_in_key);
            chosen.flat_map(|(_, (name, value))| [name.as_str().as_bytes(), value.as_bytes()])
        };
        let start = start(head, own.is_none());
        let key = || start.into_iter().chain(headers(true));
        let split = length(key());

        // Of an iterator that knows its length: one allocation.
        let room = iter::repeat_n(0, split + length(headers(false)));
        let mut bytes: Arc<[u8]> = room.collect();
        let mut rest = Arc::get_mut(&mut bytes).expect("nobody else has it yet");
        key().chain(headers(false)).for_each(|part| {
            debug_assert!(!part.contains(&b'\n'), "no part of a head has two lines");
            let put = rest.write_all(part).and_then(|()| rest.write_all(b"\n"));
            put.expect("there is room for what was measured");
        });
        Self { bytes, split, own }
    }

    pub(crate) fn is_head(&self) -> bool {
        self.bytes.starts_with(b"HEAD\n")
    }

    /// Whether another request, which has an equal key, has the same values of a header.
    pub(crate) fn agrees(&self, other: &Self, name: &HeaderName) -> bool {
        self.values(name).eq(other.values(name))
    }

    fn values(&self, name: &HeaderName) -> impl Iterator<Item = &[u8]> {
        let name = name.as_str().as_bytes();
        let parts = self.bytes.split(|byte| *byte == b'\n');
        let mut parts = parts.skip(BEFORE_HEADERS);
        let headers = iter::from_fn(move || Some((parts.next()?, parts.next()?)));
        headers.filter_map(move |(known, value)| (known == name).then_some(value))
    }

    fn key(&self) -> &[u8] {
        &self.bytes[..self.split]
    }
}

/// Method, scheme, authority, path and query, each empty if it is not there.
fn start(head: &request::Parts, with_uri: bool) -> [&[u8]; BEFORE_HEADERS] {
    let (uri, method) = (&head.uri, head.method.as_str().as_bytes());
    if !with_uri {
        return [method, b"", b"", b""];
    }
    let authority = uri
        .authority()
        .map(|authority| authority.as_str().as_bytes());
    let host = || head.headers.get(HOST).map(HeaderValue::as_bytes);
    let path = uri.path_and_query().map_or("", |path| path.as_str());
    [
        method,
        uri.scheme_str().unwrap_or_default().as_bytes(),
        authority.or_else(host).unwrap_or_default(),
        path.as_bytes(),
    ]
}

fn length<'a, P: Iterator<Item = &'a [u8]>>(parts: P) -> usize {
    parts.map(|part| part.len() + 1).sum()
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

/// A key of the user's own type.
pub(crate) trait OwnKey: Send + Sync {
    fn as_any(&self) -> &dyn Any;
    fn is(&self, other: &dyn Any) -> bool;
    fn feed(&self, state: &mut dyn Hasher);
}

impl<K: Eq + Hash + Send + Sync + 'static> OwnKey for K {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn is(&self, other: &dyn Any) -> bool {
        other.downcast_ref::<K>() == Some(self)
    }

    fn feed(&self, mut state: &mut dyn Hasher) {
        self.hash(&mut state);
    }
}

impl PartialEq for dyn OwnKey {
    fn eq(&self, other: &Self) -> bool {
        self.is(other.as_any())
    }
}

impl Eq for dyn OwnKey {}

impl Hash for dyn OwnKey {
    fn hash<H: Hasher>(&self, mut state: &mut H) {
        self.feed(&mut state);
    }
}

#[cfg(test)]
mod tests {
    use std::hash::DefaultHasher;

    use http::Request;

    use super::*;

    fn key(method: &str, uri: &str, own: Option<Arc<dyn OwnKey>>) -> FlightKey {
        let request = Request::builder().method(method).uri(uri).body(());
        let (head, ()) = request.expect("it is one").into_parts();
        FlightKey::new(&head, own, 0)
    }

    fn own(method: &str, key: impl Eq + Hash + Send + Sync + 'static) -> FlightKey {
        self::key(method, "/a", Some(Arc::new(key)))
    }

    fn hash(key: &FlightKey) -> u64 {
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        hasher.finish()
    }

    /// A table compares few bits of a hash: keys that are not equal meet there.
    #[test]
    fn keys_differ_by_head_and_by_own_key_and_so_do_their_hashes() {
        let keys = || {
            [
                key("GET", "/a", None),
                key("GET", "/b", None),
                own("GET", 1_u32),
                own("POST", 1_u32),
                own("GET", 2_u32),
                own("GET", 1_u64),
                own("GET", "1"),
            ]
        };
        for (row, one) in keys().iter().enumerate() {
            for (column, other) in keys().iter().enumerate() {
                assert_eq!(one == other, row == column, "{row} and {column}");
                // The type of a key is compared and not hashed.
                if one == other || !matches!((row, column), (2, 5) | (5, 2)) {
                    assert_eq!(
                        hash(one) == hash(other),
                        row == column,
                        "{row} and {column}"
                    );
                }
            }
        }
    }
}
