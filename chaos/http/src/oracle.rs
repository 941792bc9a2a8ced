//! Whether an answer may be what a client received: only if the origin could have made it for that very
//! request.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body::Body;
use http_body_util::BodyExt as _;

use crate::origin::{FOR, ID, LENGTH, OWN, PLAN, READ, SAW, byte, seen};
use crate::sabotage::Mode;

/// What must not be.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Violation {
    /// An answer for another method, or another path.
    OtherRequest,
    /// An answer for another host.
    OtherHost,
    /// An answer that depends on a header in which the requests differ.
    OtherHeader,
    /// An answer for somebody, or to somebody, who has said who they are.
    Identity,
    /// An answer of which the origin has said that it is nobody else's.
    Private,
    /// A request that must not be coalesced was.
    NotCoalescable,
    /// A body that ends well and is not whole.
    ShortBody,
    /// A body, or trailers, of another answer.
    OtherBody,
    /// Trailers that are missing.
    NoTrailers,
    /// A request without an answer in time.
    Hang,
    /// A flight that stays when everybody is gone.
    LeftBehind,
}

/// What a client has noted of its own request before it was sent.
pub(crate) struct Asked {
    method: Method,
    id: u64,
    /// Method, path, and the headers, as the origin would see them.
    line: String,
}

/// What a client found.
#[derive(Clone, Copy, Default)]
pub(crate) struct Found {
    pub(crate) violation: Option<Violation>,
    /// It had the answer of another's flight.
    pub(crate) is_shared: bool,
    /// There was no answer: a failure that is reported as one.
    pub(crate) is_failure: bool,
}

impl Found {
    pub(crate) const FAILURE: Self = Self {
        violation: None,
        is_shared: false,
        is_failure: true,
    };

    const fn violates(violation: Violation) -> Self {
        Self {
            violation: Some(violation),
            is_shared: true,
            is_failure: false,
        }
    }
}

/// The headers that decide for which host a request is.
const HOSTS: [&str; 2] = ["host", "x-forwarded-host"];
/// What tells users apart.
const IDENTITY: [&str; 2] = ["authorization", "cookie"];
/// What only traces a request, or concerns one connection.
const IRRELEVANT: [&str; 3] = ["x-request-id", "connection", "te"];

fn parse(line: &str) -> (&str, BTreeMap<&str, Vec<&str>>) {
    let mut parts = line.split('|');
    let start = parts.next().unwrap_or_default();
    let mut headers = BTreeMap::<_, Vec<_>>::new();
    for part in parts {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        headers.entry(name).or_default().push(value);
    }
    (start, headers)
}

impl Asked {
    pub(crate) fn note<B>(request: &Request<B>) -> Self {
        let id = request.headers().get(ID);
        Self {
            method: request.method().clone(),
            id: id
                .and_then(|id| id.to_str().ok()?.parse().ok())
                .unwrap_or_default(),
            line: seen(request),
        }
    }

    /// Reads an answer to its end, and judges it. `has_trailers`: the way here keeps them.
    pub(crate) async fn judge<B>(
        &self,
        response: Response<B>,
        mode: Mode,
        has_trailers: bool,
    ) -> Found
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let (head, body) = response.into_parts();
        let Some(saw) = head.headers.get(SAW).and_then(|saw| saw.to_str().ok()) else {
            // Refused, or an error of the server's.
            return Found::FAILURE;
        };
        let number = |name| {
            head.headers
                .get(name)
                .and_then(|value| value.to_str().ok()?.parse::<u64>().ok())
        };
        let made_for = number(FOR).unwrap_or_default();
        let is_shared = made_for != self.id;
        if is_shared {
            if let Some(violation) = self.may_not_have(saw, head.status, &head.headers, mode) {
                return Found::violates(violation);
            }
        }
        let length = usize::try_from(number(LENGTH).unwrap_or_default()).unwrap_or(usize::MAX);
        let plan = head
            .headers
            .get(PLAN)
            .map_or(&b""[..], |plan| plan.as_bytes());
        let (read, trailers) = match read(body, made_for).await {
            Ok(read) => read,
            Err(Some(violation)) => return Found::violates(violation),
            Err(None) => {
                return Found {
                    is_shared,
                    ..Found::FAILURE
                };
            }
        };
        // To HEAD there is no body over a wire, whatever was planned.
        let is_whole = read == length || self.method == Method::HEAD;
        let violation = if plan == b"fails" || !is_whole {
            Some(Violation::ShortBody)
        } else if plan == b"trailers" && has_trailers {
            let told =
                trailers.and_then(|trailers| trailers.get(FOR)?.to_str().ok()?.parse::<u64>().ok());
            match told {
                None => Some(Violation::NoTrailers),
                Some(told) => (told != made_for).then_some(Violation::OtherBody),
            }
        } else {
            None
        };
        Found {
            violation,
            is_shared,
            is_failure: false,
        }
    }

    /// Why an answer that was made for another request is not for this one.
    fn may_not_have(
        &self,
        saw: &str,
        status: StatusCode,
        answer: &HeaderMap,
        mode: Mode,
    ) -> Option<Violation> {
        let ((own_start, own), (its_start, its)) = (parse(&self.line), parse(saw));
        let differs = |name: &&str| own.get(name) != its.get(name);
        if own_start != its_start {
            return Some(Violation::OtherRequest);
        }
        if HOSTS.iter().any(differs) {
            return Some(Violation::OtherHost);
        }
        if IDENTITY
            .iter()
            .any(|name| own.contains_key(name) || its.contains_key(name))
        {
            return Some(Violation::Identity);
        }
        if answer.contains_key(OWN) || [401, 206].contains(&status.as_u16()) {
            return Some(Violation::Private);
        }
        if self.method == Method::POST
            || own.contains_key("range")
            || own.contains_key("cache-control")
        {
            return Some(Violation::NotCoalescable);
        }
        // What the origin has read; with a key of all headers, every one.
        let read = answer
            .get_all(READ)
            .iter()
            .filter_map(|name| name.to_str().ok());
        let read = read.chain(["accept", "if-none-match"]);
        let all = own.keys().chain(its.keys()).copied();
        let all = all.filter(|name| mode == Mode::AllHeaders && !IRRELEVANT.contains(name));
        read.chain(all)
            .any(|name| differs(&name))
            .then_some(Violation::OtherHeader)
    }
}

/// Reads a body; says how long it was. The error is a violation, or none if the body broke off.
async fn read<B>(mut body: B, id: u64) -> Result<(usize, Option<HeaderMap>), Option<Violation>>
where
    B: Body<Data = Bytes> + Unpin,
{
    let (mut at, mut trailers) = (0, None);
    while let Some(frame) = body.frame().await {
        match frame.map_err(|_| None)?.into_data() {
            Ok(data) => {
                for (index, found) in data.iter().enumerate() {
                    if *found != byte(id, at + index) {
                        return Err(Some(Violation::OtherBody));
                    }
                }
                at += data.len();
            }
            Err(frame) => trailers = frame.into_trailers().ok(),
        }
    }
    Ok((at, trailers))
}
