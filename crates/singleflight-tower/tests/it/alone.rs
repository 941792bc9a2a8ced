//! Requests that are not coalesced, and those that are.

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{Empty, Full};
use singleflight_tower::{HttpCoalesce, HttpKey, Identity};
use tower::{Layer as _, Service as _};

use crate::origin::{BYPASSED, Bench, Origin, at_rest, builder, get, request, response, way};
use crate::task::Task;

/// Whether two requests share an execution.
fn meet(bench: &Bench, one: Request<Empty<Bytes>>, other: Request<Empty<Bytes>>) -> bool {
    let one = bench.begin(one);
    let other = bench.begin(other);
    let executions = bench.origin.all().len();
    drop((one, other));
    assert_eq!(bench.layer.in_flight(), 0);
    executions == 1
}

#[test]
fn requests_that_may_not_be_shared_go_alone() {
    at_rest(async {
        let bench = Bench::new();
        for (name, value) in [
            ("authorization", "Bearer alice"),
            ("cookie", "session=1"),
            ("proxy-authorization", "Basic x"),
            ("x-api-key", "1"),
            ("x-auth-token", "1"),
            ("range", "bytes=0-1"),
            ("if-range", "\"1\""),
            ("upgrade", "websocket"),
            ("expect", "100-continue"),
            ("cache-control", "no-store"),
            ("cache-control", "max-age=0, No-Cache"),
            ("pragma", "no-cache"),
            ("content-length", "5"),
            ("transfer-encoding", "chunked"),
        ] {
            let same = || request(Method::GET, "/", &[(name, value)]);
            assert!(!meet(&bench, same(), same()), "{name}: {value}");
        }
        for method in [
            Method::POST,
            Method::PUT,
            Method::DELETE,
            Method::PATCH,
            Method::OPTIONS,
            Method::CONNECT,
            Method::TRACE,
        ] {
            let same = || request(method.clone(), "example.com:80", &[]);
            assert!(!meet(&bench, same(), same()), "{method}");
        }
        assert!(meet(&bench, get("/"), get("/")), "and others do not");
        assert!(meet(
            &bench,
            request(Method::HEAD, "/", &[("content-length", "0")]),
            request(Method::HEAD, "/", &[("content-length", "0")])
        ));
    });
}

#[test]
fn a_request_that_goes_alone_is_passed_through_and_says_so() {
    at_rest(async {
        let bench = Bench::new();
        let task = bench.begin(request(Method::POST, "/", &[]));
        assert_eq!(bench.layer.in_flight(), 0);
        bench.origin.asked().answers(Ok(response(&[], "own")));
        let got = task.ends();
        assert_eq!(way(&got), BYPASSED);
        assert_eq!(crate::origin::read_text(got), "own");
    });
}

#[test]
fn a_request_with_a_body_goes_alone() {
    at_rest(async {
        let origin = Origin::default();
        let service = builder().build().layer(origin.clone());
        let mut tasks: Vec<_> = (0..2)
            .map(|_| {
                Task::new(
                    service
                        .clone()
                        .call(Request::new(Full::<Bytes>::from("body"))),
                )
            })
            .collect();
        tasks.iter_mut().for_each(Task::waits);
        assert_eq!(origin.all().len(), 2);
    });
}

#[test]
fn a_host_that_is_not_that_of_the_uri_goes_alone() {
    at_rest(async {
        let bench = Bench::new();
        let with = |hosts: &[(&str, &str)]| request(Method::GET, "http://a.example/", hosts);
        let other = [("host", "b.example")];
        assert!(!meet(&bench, with(&other), with(&other)));
        let two = [("host", "a.example"), ("host", "a.example")];
        assert!(!meet(&bench, with(&two), with(&two)));
        let same = [("host", "A.example")];
        assert!(meet(&bench, with(&same), with(&same)));
    });
}

#[test]
fn a_request_with_more_headers_than_are_looked_at_goes_alone() {
    at_rest(async {
        let bench = Bench::new();
        let with = |count: usize| {
            let mut request = get("/");
            for index in 0..count {
                let name: http::HeaderName = format!("x-{index}").parse().unwrap();
                request.headers_mut().insert(name, "1".parse().unwrap());
            }
            request
        };
        assert!(meet(&bench, with(128), with(128)));
        assert!(!meet(&bench, with(129), with(129)));
    });
}

#[test]
fn identity_is_part_of_the_key_or_ignored_only_where_the_layer_is_told_so() {
    at_rest(async {
        let by = |value: &str| request(Method::GET, "/", &[("authorization", value)]);
        for key in [HttpKey::all_headers(), HttpKey::uri_and([])] {
            let with = |identity| {
                let builder = HttpCoalesce::builder(key.clone(), tokio::time::sleep);
                Bench::with(builder.identity(identity))
            };
            let bench = with(Identity::GoesAlone);
            assert!(!meet(&bench, by("alice"), by("alice")));
            let bench = with(Identity::PartOfKey);
            assert!(meet(&bench, by("alice"), by("alice")));
            assert!(!meet(&bench, by("alice"), by("bob")));
            assert!(!meet(&bench, by("alice"), get("/")));
            let bench = with(Identity::SharedAcrossUsers);
            assert!(meet(&bench, by("alice"), by("bob")));
        }
    });
}

#[test]
fn other_headers_can_be_an_identity() {
    at_rest(async {
        let session = http::HeaderName::from_static("x-session");
        let bench = Bench::with(builder().identity_headers([session]));
        let same = || request(Method::GET, "/", &[("x-session", "1")]);
        assert!(!meet(&bench, same(), same()));
        let same = || request(Method::GET, "/", &[("cookie", "1")]);
        assert!(!meet(&bench, same(), same()), "the others stay");
    });
}

#[test]
fn other_methods_and_bodies_meet_only_where_the_layer_is_told_so() {
    at_rest(async {
        let bench = Bench::with(builder().also_methods([Method::POST]));
        let post = || request(Method::POST, "/", &[]);
        assert!(meet(&bench, post(), post()));

        let by_body = HttpKey::by(|head| head.extensions.get::<&'static str>().copied());
        let layer = HttpCoalesce::builder(by_body, tokio::time::sleep)
            .also_methods([Method::POST])
            .body_is_in_key()
            .build();
        let origin = Origin::default();
        let service = layer.layer(origin.clone());
        let begin = |body: &'static str| {
            let mut request = Request::new(Full::<Bytes>::from(body));
            *request.method_mut() = Method::POST;
            request.extensions_mut().insert(body);
            let mut task = Task::new(service.clone().call(request));
            task.waits();
            task
        };
        let _tasks = ["one", "other", "one"].map(begin);
        assert_eq!(origin.all().len(), 2);
    });
}
