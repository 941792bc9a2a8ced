//! Which requests are equal.

use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_LANGUAGE};
use http::{HeaderName, Method, Request};
use http_body_util::Empty;
use singleflight_tower::{CoalesceLayer, HttpCoalesce, HttpKey};
use tower::Layer as _;

use crate::origin::{Bench, at_rest, builder, get, request, response};
use crate::task::Task;

fn meet(bench: &Bench, one: Request<Empty<Bytes>>, other: Request<Empty<Bytes>>) -> bool {
    let one = bench.begin(one);
    let other = bench.begin(other);
    let executions = bench.origin.all().len();
    drop((one, other));
    executions == 1
}

fn with(key: HttpKey) -> Bench {
    Bench::with(HttpCoalesce::builder(key, tokio::time::sleep))
}

fn get_with(name: &str, value: &str) -> Request<Empty<Bytes>> {
    request(Method::GET, "/", &[(name, value)])
}

/// Under every key that this crate makes.
#[test]
fn method_uri_and_what_changes_the_meaning_are_part_of_every_key() {
    at_rest(async {
        let keys = [
            HttpKey::all_headers(),
            HttpKey::all_headers_except([]),
            HttpKey::uri_and([ACCEPT]),
        ];
        for key in keys {
            let bench = with(key);
            let head = |uri| request(Method::HEAD, uri, &[]);
            assert!(!meet(&bench, head("/"), get("/")), "HEAD and GET");
            assert!(meet(&bench, head("/"), head("/")));
            for (one, other) in [
                ("/", "/?"),
                ("/?a=1", "/?a=2"),
                ("/a", "/A"),
                ("/a", "/%61"),
                ("http://a/", "https://a/"),
                ("http://a/", "http://b/"),
                ("http://a/", "http://a:80/"),
                ("http://a/b", "http://ab/"),
            ] {
                assert!(!meet(&bench, get(one), get(other)), "{one} and {other}");
                assert!(meet(&bench, get(one), get(one)), "{one}");
            }
            assert!(!meet(&bench, get_with("host", "a"), get_with("host", "b")));
            for name in [
                "accept",
                "if-none-match",
                "if-modified-since",
                "if-match",
                "if-unmodified-since",
                "origin",
                "forwarded",
                "x-forwarded-host",
                "x-forwarded-port",
                "x-forwarded-proto",
                "x-forwarded-prefix",
                "x-forwarded-ssl",
                "x-original-url",
                "x-rewrite-url",
                "early-data",
                "cache-control",
            ] {
                assert!(
                    !meet(&bench, get_with(name, "1"), get_with(name, "2")),
                    "{name}"
                );
                assert!(
                    !meet(&bench, get_with(name, "1"), get("/")),
                    "{name}, or none"
                );
                assert!(
                    meet(&bench, get_with(name, "1"), get_with(name, "1")),
                    "{name}"
                );
            }
            for name in [
                "traceparent",
                "x-request-id",
                "te",
                "connection",
                "keep-alive",
            ] {
                assert!(
                    meet(&bench, get_with(name, "1"), get_with(name, "2")),
                    "{name}"
                );
            }
        }
    });
}

#[test]
fn the_host_of_http_1_and_the_authority_of_http_2_meet() {
    at_rest(async {
        let bench = Bench::new();
        let http_2 = request(Method::GET, "http://a.example/x", &[]);
        let http_1 = request(Method::GET, "http://a.example/x", &[("host", "a.example")]);
        assert!(meet(&bench, http_2, http_1));
    });
}

#[test]
fn all_headers_are_part_of_the_key_but_those_that_are_excepted() {
    at_rest(async {
        for name in ["accept-language", "user-agent", "x-tenant", "cache-control"] {
            let bench = Bench::new();
            assert!(
                !meet(&bench, get_with(name, "1"), get_with(name, "2")),
                "{name}"
            );
            let bench = with(HttpKey::all_headers_except([
                HeaderName::try_from(name).unwrap()
            ]));
            assert!(
                meet(&bench, get_with(name, "1"), get_with(name, "2")),
                "{name}"
            );
        }
    });
}

/// Trap: parts that are joined without their lengths.
#[test]
fn headers_cannot_be_moved_into_one_another() {
    at_rest(async {
        let bench = Bench::new();
        for (one, other) in [
            (vec![("a", "bc")], vec![("ab", "c")]),
            (vec![("a", "b"), ("a", "c")], vec![("a", "b, c")]),
            (vec![("a", "b"), ("c", "d")], vec![("a", "bcd")]),
            (vec![("a", "")], vec![]),
        ] {
            let [one, other] = [one, other].map(|headers| request(Method::GET, "/", &headers));
            assert!(!meet(&bench, one, other));
        }
    });
}

#[test]
fn named_headers_are_part_of_the_key_and_others_are_not() {
    at_rest(async {
        let bench = with(HttpKey::uri_and([ACCEPT, ACCEPT_LANGUAGE]));
        for (name, is_in_key) in [
            ("accept", true),
            ("accept-language", true),
            ("user-agent", false),
            ("x-tenant", false),
        ] {
            let meets = meet(&bench, get_with(name, "1"), get_with(name, "2"));
            assert_eq!(meets, !is_in_key, "{name}");
        }
    });
}

#[test]
fn an_own_key_decides_but_for_the_method() {
    at_rest(async {
        let by_path =
            || HttpKey::by(|head| (head.uri.path() != "/own").then(|| head.uri.path().len()));
        let bench = with(by_path());
        assert!(meet(&bench, get("/a?1"), get("/b?2")));
        assert!(!meet(&bench, get("/a"), get("/ab")));
        assert!(!meet(&bench, get("/a"), request(Method::HEAD, "/a", &[])));
        assert!(
            !meet(&bench, get("/own"), get("/own")),
            "none: it goes alone"
        );
        // The rules hold all the same.
        let alice = || get_with("authorization", "alice");
        assert!(!meet(&bench, alice(), alice()));
    });
}

#[test]
fn a_layer_names_the_flight_of_a_request() {
    at_rest(async {
        let bench = Bench::with(builder());
        let old = bench.begin(get("/"));
        let (head, _) = get("/").into_parts();
        assert!(bench.layer.forget(&head));
        assert!(!bench.layer.forget(&head), "it is forgotten");
        let new = bench.begin(get("/"));
        assert_eq!(bench.origin.all().len(), 2);
        assert_eq!(bench.layer.forget_all(), 1);
        let (alone, _) = get_with("cookie", "1").into_parts();
        assert!(!bench.layer.forget(&alone));
        drop((old, new));
    });
}

/// A log that shows the layer and what it makes must not hold what somebody has asked for.
#[test]
fn nothing_that_is_shown_holds_a_request_or_an_answer() {
    at_rest(async {
        let builder = builder();
        let shown = format!("{builder:?}");
        assert!(shown.starts_with("HttpCoalesceBuilder {"), "{shown}");

        let bench = Bench::with(builder);
        let layer = format!("{:?}", bench.layer);
        let asked = request(Method::GET, "/secret", &[("authorization", "secret")]);
        let waiting = bench.call(asked);
        let shown = format!("{waiting:?}");
        assert!(shown.starts_with("HttpCoalescing {"), "{shown}");
        assert!(!shown.contains("secret"), "{shown}");
        assert_eq!(layer, "HttpCoalesce { hub: Hub(0 in flight) }");
        let key = HttpKey::by(|head| Some(head.uri.path().to_owned()));
        assert_eq!(format!("{key:?}"), "HttpKey { .. }");

        let mut task = Task::new(waiting);
        task.waits();
        bench.origin.asked().answers(Ok(response(&[], "secret")));
        let body = task.ends().unwrap().into_body();
        let shown = format!("{body:?}");
        assert!(shown.starts_with("SharedBody {"), "{shown}");
        assert!(!shown.contains("secret"), "{shown}");

        let layer = CoalesceLayer::<u32, u32, u32, u32>::new(|number| Some(*number));
        let shown = format!("{:?}", layer.layer("a service"));
        let expected = r#"Coalesced { inner: "a service", layer: CoalesceLayer { group: Group {"#;
        assert!(shown.starts_with(expected), "{shown}");
    });
}
