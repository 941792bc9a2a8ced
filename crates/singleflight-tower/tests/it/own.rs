//! What is one client's own: answers that others do not receive, though their requests meet.

use bytes::Bytes;
use http::header::ACCEPT;
use http::{Method, Request};
use http_body_util::Empty;
use singleflight_tower::{HttpCoalesce, HttpKey};

use crate::origin::{
    Answer, Bench, FOLLOWED, IN_VAIN, at_rest, builder, content, get, request, response, way,
    with_status,
};

fn with(name: &str, value: &str) -> Request<Empty<Bytes>> {
    request(Method::GET, "/", &[(name, value)])
}

/// Keys that do not hold every header: by names, and by a function.
fn few() -> [Bench; 2] {
    let path = HttpKey::by(|head| Some(head.uri.path().to_owned()));
    [HttpKey::uri_and([ACCEPT]), path]
        .map(|key| Bench::with(HttpCoalesce::builder(key, tokio::time::sleep).cache_status("test")))
}

/// What becomes of a request that waits for the answer to another one.
fn waits(
    bench: &Bench,
    one: Request<Empty<Bytes>>,
    other: Request<Empty<Bytes>>,
    answer: Answer,
) -> String {
    let leader = bench.begin(one);
    let asked = bench.origin.asked();
    let mut other = bench.begin(other);
    asked.answers(answer);
    drop(leader.ends());
    let got = other.poll_now().unwrap_or_else(|| {
        bench.origin.asked().answers(Ok(response(&[], "")));
        other.end()
    });
    way(&got).to_owned()
}

#[test]
fn a_status_that_speaks_of_one_client_or_its_connection() {
    at_rest(async {
        for status in [
            206, 226, 400, 401, 407, 408, 413, 417, 421, 425, 426, 428, 429, 431, 511,
        ] {
            let bench = Bench::new();
            let way = waits(&bench, get("/"), get("/"), Ok(with_status(status, "")));
            assert_eq!(way, IN_VAIN, "{status}");
        }
        for status in [200, 203, 204, 301, 404, 405, 410, 414, 451, 500, 501, 503] {
            let bench = Bench::new();
            let way = waits(&bench, get("/"), get("/"), Ok(with_status(status, "")));
            assert_eq!(way, FOLLOWED, "{status}");
        }
    });
}

/// Who asked without a condition, or with another one, has nothing to which it could refer.
#[test]
fn an_answer_to_a_condition() {
    at_rest(async {
        let [_, by_path] = few();
        for (status, name) in [(304, "if-none-match"), (412, "if-match")] {
            for (other, expected) in [
                (get("/"), IN_VAIN),
                (with(name, "\"2\""), IN_VAIN),
                (with(name, "\"1\""), FOLLOWED),
            ] {
                let answer = Ok(with_status(status, ""));
                let way = waits(&by_path, with(name, "\"1\""), other, answer);
                assert_eq!(way, expected, "{status}");
            }
        }
    });
}

#[test]
fn an_encoding_that_another_request_does_not_accept() {
    at_rest(async {
        for bench in few() {
            let by = |encodings| with("accept-encoding", encodings);
            let answer = || Ok(response(&[("content-encoding", "br")], "br"));
            assert_eq!(waits(&bench, by("br"), by("br"), answer()), FOLLOWED);
            assert_eq!(waits(&bench, by("br"), get("/"), answer()), IN_VAIN);
            assert_eq!(waits(&bench, by("br"), by("gzip"), answer()), IN_VAIN);
        }
    });
}

#[test]
fn a_cookie_in_trailers() {
    at_rest(async {
        let (body, source) = content();
        source.data("a").trailers("set-cookie", "session=alice");
        let answer = Ok(response(&[("trailer", "set-cookie")], "").map(|_| body));
        assert_eq!(waits(&Bench::new(), get("/"), get("/"), answer), IN_VAIN);
    });
}

/// RFC 9110, section 7.6.1: they would close the connections of others.
#[test]
fn the_headers_of_the_leaders_connection() {
    at_rest(async {
        let bench = Bench::new();
        let leader = bench.begin(with("connection", "close"));
        let asked = bench.origin.asked();
        let other = bench.begin(with("connection", "keep-alive"));
        let names = ["connection", "x-hop", "keep-alive", "transfer-encoding"];
        asked.answers(Ok(response(
            &[
                ("connection", "close, x-hop"),
                ("x-hop", "1"),
                ("keep-alive", "timeout=1"),
                ("transfer-encoding", "chunked"),
                ("trailer", "checksum"),
                ("x-end", "1"),
            ],
            "a",
        )));
        let (own, other) = (leader.ends().unwrap(), other.ends());
        assert_eq!(way(&other), FOLLOWED);
        let other = other.unwrap();
        for name in names {
            assert!(own.headers().contains_key(name), "{name}");
            assert!(!other.headers().contains_key(name), "{name}");
        }
        for name in ["trailer", "x-end"] {
            assert!(other.headers().contains_key(name), "{name}");
        }
    });
}

/// Application data, tenants among them, that only travels as traces do.
#[test]
fn baggage() {
    at_rest(async {
        let bench = Bench::new();
        let _tasks = ["tenant=a", "tenant=b"].map(|value| bench.begin(with("baggage", value)));
        assert_eq!(bench.origin.all().len(), 2);
    });
}

/// A tunnel.
#[test]
fn connect_though_it_is_named() {
    at_rest(async {
        let bench = Bench::with(builder().also_methods([Method::CONNECT]));
        let same = || request(Method::CONNECT, "example.com:80", &[]);
        let _tasks = [bench.begin(same()), bench.begin(same())];
        assert_eq!(bench.origin.all().len(), 2);
    });
}

/// Two such requests would meet, and one is done: it may be a write.
#[test]
fn a_request_that_stands_for_another_method_or_for_a_store() {
    at_rest(async {
        for bench in few() {
            for (name, value) in [
                ("x-http-method", "DELETE"),
                ("x-http-method-override", "DELETE"),
                ("x-method-override", "DELETE"),
                ("cache-control", "only-if-cached"),
                ("client-cert", ":1:"),
                ("dpop", "1"),
                ("x-forwarded-user", "alice"),
            ] {
                let _tasks = [
                    bench.begin(with(name, value)),
                    bench.begin(with(name, value)),
                ];
                let _read = bench.begin(get("/"));
                assert_eq!(bench.origin.all().len(), 3, "{name}");
            }
        }
    });
}
