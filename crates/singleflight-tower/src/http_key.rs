//! What makes two requests equal, as the user chooses it.

use std::fmt;
use std::hash::Hash;
use std::sync::Arc;

use http::header::CACHE_CONTROL;
use http::{HeaderMap, HeaderName, request};

use crate::choices::Identity;
use crate::flight_key::{FlightKey, OwnKey};
use crate::names::{ALWAYS, CONDITIONAL, HOP_BY_HOP, IDENTITY, TRACING, names};

/// What makes two requests equal. There is no default: choose one.
///
/// The method is part of every key, so `HEAD` and `GET` never meet. The first three hold scheme,
/// authority, path and query as well, and what changes the meaning of a request: conditional
/// headers, `Origin`, `Forwarded`, `X-Forwarded-Host`, `-Port`, `-Proto`, `-Prefix` and
/// their like, overrides of the URL. Nothing is normalized: requests that are spelled differently do not
/// meet.
///
/// A request with more than 128 lines of headers has none, and goes alone.
///
/// # Examples
///
/// ```
/// use singleflight_tower::HttpKey;
/// use http::header::{ACCEPT, ACCEPT_LANGUAGE};
///
/// let strictest = HttpKey::all_headers();
/// let usual = HttpKey::uri_and([ACCEPT, ACCEPT_LANGUAGE]);
/// let own = HttpKey::by(|head| Some((head.uri.path().to_owned(), head.headers.len())));
/// # drop((strictest, usual, own));
/// ```
#[derive(Clone)]
#[must_use = "a key is chosen for a layer"]
pub struct HttpKey {
    named: HeaderMap<Class>,
    /// What every other header means.
    others: Class,
    own: Option<Arc<ByHead>>,
}

type ByHead = dyn Fn(&request::Parts) -> Option<Arc<dyn OwnKey>> + Send + Sync;

/// What a header of a request means.
#[derive(Clone, Copy)]
pub(crate) enum Class {
    InKey,
    NotInKey,
    /// It says by whom a request is made: what that means is the layer's choice.
    Identity,
    /// A request that has it is not coalesced.
    GoesAlone,
}

impl HttpKey {
    /// Takes the URI and every header, but for those of one connection (`Connection`, `TE`, ..) and
    /// those that only trace a request (`traceparent`, `x-request-id`, ..).
    ///
    /// Nothing that the service reads can be forgotten. Clients that send different headers, a
    /// `User-Agent` for example, do not meet.
    ///
    /// # Examples
    ///
    /// ```
    /// # mod asking { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/asking.in")); }
    /// # use asking::*;
    /// # run(async {
    /// use singleflight_tower::{HttpCoalesce, HttpKey};
    /// use tokio::time::sleep;
    ///
    /// let layer = HttpCoalesce::builder(HttpKey::all_headers(), sleep).build();
    /// let by = |agent| with("user-agent", agent);
    /// assert_eq!(ask(&layer, [by("one"), by("one"), by("other")], ok).await.0, 2);
    /// # });
    /// ```
    pub fn all_headers() -> Self {
        Self::all_headers_except([])
    }

    /// As [`all_headers`](Self::all_headers), without headers that the service does not read.
    ///
    /// What is part of every key stays in it, and what says whose a request is
    /// ([`identity`](crate::HttpCoalesceBuilder::identity)) keeps its meaning: to except `Cookie` here
    /// changes nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// # mod asking { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/asking.in")); }
    /// # use asking::*;
    /// # run(async {
    /// use http::header::USER_AGENT;
    /// use singleflight_tower::{HttpCoalesce, HttpKey};
    /// use tokio::time::sleep;
    ///
    /// let key = HttpKey::all_headers_except([USER_AGENT]);
    /// let layer = HttpCoalesce::builder(key, sleep).build();
    /// let by = |agent| with("user-agent", agent);
    /// assert_eq!(ask(&layer, [by("one"), by("other")], ok).await.0, 1);
    /// # });
    /// ```
    pub fn all_headers_except(excepted: impl IntoIterator<Item = HeaderName>) -> Self {
        Self::of(Class::InKey)
            .with(excepted, Class::NotInKey)
            .with(names(HOP_BY_HOP), Class::NotInKey)
            .with(names(TRACING), Class::NotInKey)
            .of_every_key()
    }

    /// Takes the URI, `Cache-Control` and the headers that are named: all that the service reads.
    /// An answer that says by `Vary` that it depends on another one is not shared with a request in which
    /// that differs.
    ///
    /// # Examples
    ///
    /// ```
    /// # mod asking { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/asking.in")); }
    /// # use asking::*;
    /// # run(async {
    /// use http::header::ACCEPT;
    /// use singleflight_tower::{HttpCoalesce, HttpKey};
    /// use tokio::time::sleep;
    ///
    /// let layer = HttpCoalesce::builder(HttpKey::uri_and([ACCEPT]), sleep).build();
    /// let wants = |format| with("accept", format);
    /// assert_eq!(ask(&layer, [wants("text/html"), wants("text/html")], ok).await.0, 1);
    /// assert_eq!(ask(&layer, [wants("text/html"), wants("text/csv")], ok).await.0, 2);
    /// # });
    /// ```
    pub fn uri_and(read: impl IntoIterator<Item = HeaderName>) -> Self {
        Self::of(Class::NotInKey)
            .with(read, Class::InKey)
            .with([CACHE_CONTROL], Class::InKey)
            .of_every_key()
    }

    /// Takes what the function makes of the head of a request, and the method. `None`: it goes alone.
    ///
    /// The key has to hold all that the answer depends on, the host included. A tuple keeps its parts
    /// apart; strings that are joined do not.
    ///
    /// # Examples
    ///
    /// ```
    /// # mod asking { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/asking.in")); }
    /// # use asking::*;
    /// # run(async {
    /// use singleflight_tower::{HttpCoalesce, HttpKey};
    /// use tokio::time::sleep;
    ///
    /// // The service reads nothing but host and path.
    /// let key = HttpKey::by(|head| {
    ///     let host = head.headers.get("host").cloned();
    ///     Some((head.uri.authority().cloned(), host, head.uri.path().to_owned()))
    /// });
    /// let layer = HttpCoalesce::builder(key, sleep).build();
    /// assert_eq!(ask(&layer, [get("/a?x=1"), get("/a?x=2"), get("/b")], ok).await.0, 2);
    /// # });
    /// ```
    pub fn by<K, F>(key: F) -> Self
    where
        K: Eq + Hash + Send + Sync + 'static,
        F: Fn(&request::Parts) -> Option<K> + Send + Sync + 'static,
    {
        let own =
            move |head: &request::Parts| -> Option<Arc<dyn OwnKey>> { Some(Arc::new(key(head)?)) };
        Self {
            own: Some(Arc::new(own)),
            ..Self::of(Class::NotInKey).with(names(IDENTITY), Class::Identity)
        }
    }

    fn of(others: Class) -> Self {
        Self {
            named: HeaderMap::default(),
            others,
            own: None,
        }
    }

    fn of_every_key(self) -> Self {
        self.with(names(ALWAYS), Class::InKey)
            .with(names(CONDITIONAL), Class::InKey)
            .with(names(IDENTITY), Class::Identity)
    }

    /// Says what headers mean, whatever was said of them before.
    pub(crate) fn with(
        mut self,
        headers: impl IntoIterator<Item = HeaderName>,
        class: Class,
    ) -> Self {
        for name in headers {
            self.named.insert(name, class);
        }
        self
    }

    /// Makes the key of a request, unless that goes alone.
    pub(crate) fn key(&self, head: &request::Parts, identity: Identity) -> Option<FlightKey> {
        let mut in_key = 0;
        for (index, (name, _)) in (0..).zip(&head.headers) {
            // A request that has too many goes alone.
            let bit = 1_u128.checked_shl(index)?;
            match (self.named.get(name).unwrap_or(&self.others), identity) {
                (Class::InKey, _) | (Class::Identity, Identity::PartOfKey) => in_key |= bit,
                (Class::NotInKey, _) | (Class::Identity, Identity::SharedAcrossUsers) => {}
                (Class::GoesAlone, _) | (Class::Identity, Identity::GoesAlone) => return None,
            }
        }
        let own = match &self.own {
            Some(own) => Some(own(head)?),
            None => None,
        };
        Some(FlightKey::new(head, own, in_key))
    }
}

impl fmt::Debug for HttpKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpKey").finish_non_exhaustive()
    }
}
