//! Answers that are shared, and those that are not.

use std::time::Duration;

use http::header::ACCEPT;
use http::{Method, Response};
use singleflight_tower::{HttpCoalesce, HttpKey};

use crate::origin::{
    BYPASSED, Bench, Content, FOLLOWED, IN_VAIN, LED, at_rest, builder, get, later, read_text,
    request, response, status, told, way, with_status,
};
use crate::task::Task;

/// Answers the leader of a crowd so; says whether that was shared. If not, each of the others has asked
/// at once, while none of them had an answer.
fn is_shared(bench: &Bench, answer: Response<Content>) -> bool {
    let (leader, asked, mut followers) = bench.crowd(3);
    asked.answers(Ok(answer));
    let got = leader.ends();
    assert_eq!(way(&got), LED);
    assert_eq!(read_text(got), "answer", "the leader has its answer");
    assert_eq!(bench.layer.in_flight(), 0, "the flight is over");
    let polled: Vec<_> = followers.iter_mut().map(Task::poll_now).collect();
    let asked = bench.origin.all();
    if asked.is_empty() {
        for got in polled {
            let got = got.expect("it has its share");
            assert_eq!(way(&got), FOLLOWED);
            assert_eq!(read_text(got), "answer");
        }
        return true;
    }
    assert_eq!(asked.len(), 3, "at once and in parallel");
    assert!(polled.iter().all(Option::is_none));
    for (asked, follower) in asked.into_iter().zip(followers) {
        asked.answers(Ok(response(&[], "own")));
        let got = follower.ends();
        assert_eq!(way(&got), IN_VAIN);
        assert_eq!(read_text(got), "own");
    }
    false
}

#[test]
fn an_answer_for_all_is_shared() {
    at_rest(async {
        for headers in [
            vec![],
            vec![("content-type", "application/json"), ("etag", "\"1\"")],
            vec![("cache-control", "public, max-age=60")],
            vec![("vary", "Accept-Encoding, X-Other")],
        ] {
            assert!(
                is_shared(&Bench::new(), response(&headers, "answer")),
                "{headers:?}"
            );
        }
        for status in [200, 203, 301, 304, 404, 410, 500, 503] {
            assert!(
                is_shared(&Bench::new(), with_status(status, "answer")),
                "{status}"
            );
        }
    });
}

#[test]
fn an_answer_for_one_is_not_shared() {
    at_rest(async {
        for headers in [
            vec![("set-cookie", "session=1")],
            vec![("cache-control", "private")],
            vec![("cache-control", "max-age=60, Private=\"x\"")],
            vec![("cache-control", "public"), ("cache-control", "no-store")],
            vec![("cache-control", "no-cache")],
            vec![("vary", "*")],
            vec![("vary", "accept, *")],
            vec![("vary", "not a name")],
            vec![("content-type", "Text/Event-Stream; charset=utf-8")],
            vec![("content-type", "multipart/x-mixed-replace; boundary=x")],
        ] {
            assert!(
                !is_shared(&Bench::new(), response(&headers, "answer")),
                "{headers:?}"
            );
        }
        for status in [100, 101, 103, 206, 401, 407] {
            assert!(
                !is_shared(&Bench::new(), with_status(status, "answer")),
                "{status}"
            );
        }
    });
}

#[test]
fn a_layer_can_narrow_what_is_shared_and_widen_nothing() {
    at_rest(async {
        let narrow = || Bench::with(builder().share_if(|head| head.status.is_success()));
        assert!(is_shared(&narrow(), with_status(200, "answer")));
        assert!(!is_shared(&narrow(), with_status(404, "answer")));
        let wide = Bench::with(builder().share_if(|_| true));
        assert!(!is_shared(
            &wide,
            response(&[("set-cookie", "1")], "answer")
        ));
    });
}

#[test]
fn an_answer_that_varies_goes_to_those_who_agree_with_the_leader() {
    at_rest(async {
        let key = HttpKey::uri_and([ACCEPT]);
        let builder = HttpCoalesce::builder(key, tokio::time::sleep).cache_status("test");
        let bench = Bench::with(builder);
        let in_language = |languages: &[&str]| {
            let headers: Vec<_> = languages
                .iter()
                .map(|language| ("accept-language", *language))
                .collect();
            bench.begin(request(Method::GET, "/", &headers))
        };
        let leader = in_language(&["de"]);
        let asked = bench.origin.asked();
        let same = in_language(&["de"]);
        let others = [
            in_language(&["fr"]),
            in_language(&[]),
            in_language(&["de", "fr"]),
        ];
        asked.answers(Ok(response(
            &[("vary", "Accept, Accept-Language")],
            "deutsch",
        )));
        assert_eq!(read_text(leader.ends()), "deutsch");
        let got = same.ends();
        assert_eq!(told(got), (FOLLOWED.to_owned(), "deutsch".to_owned()));
        let mut others = others;
        others.iter_mut().for_each(Task::waits);
        for (asked, other) in bench.origin.all().into_iter().zip(others) {
            asked.answers(Ok(response(&[], "own")));
            let got = other.ends();
            assert_eq!(told(got), (IN_VAIN.to_owned(), "own".to_owned()));
        }
    });
}

#[test]
fn identities_that_are_not_looked_at_are_when_the_answer_varies_on_them() {
    at_rest(async {
        use singleflight_tower::Identity;
        let bench = Bench::with(builder().identity(Identity::SharedAcrossUsers));
        let by = |user| bench.begin(request(Method::GET, "/", &[("cookie", user)]));
        let leader = by("alice");
        let asked = bench.origin.asked();
        let mut bob = by("bob");
        asked.answers(Ok(response(&[("vary", "cookie")], "alice's")));
        assert_eq!(read_text(leader.ends()), "alice's");
        bob.waits();
        assert_eq!(bench.origin.asked().head.headers["cookie"], "bob");
    });
}

#[test]
fn what_was_not_shared_is_remembered_for_a_while_and_not_prolonged() {
    at_rest(async {
        let bench = Bench::new();
        let private = || response(&[("cache-control", "private")], "answer");
        assert!(!is_shared(&bench, private()));
        for _ in 0..2 {
            // They neither wait nor make the time longer.
            let (one, other) = (bench.begin(get("/")), bench.begin(get("/")));
            let asked = bench.origin.all();
            assert_eq!((asked.len(), bench.layer.in_flight()), (2, 0));
            for asked in asked {
                asked.answers(Ok(private()));
            }
            assert_eq!([way(&one.ends()), way(&other.ends())], [BYPASSED; 2]);
        }
        // The memory goes by the system's clock, which a paused runtime does not move.
        let bench = Bench::with(builder().remember_unshareable(Duration::ZERO, 1024));
        assert!(!is_shared(&bench, private()));
        assert!(
            is_shared(&bench, response(&[], "answer")),
            "its time is over"
        );
    });
}

/// RFC 9211: a token or a string, which holds neither quotes nor what is no letter.
#[test]
fn the_name_in_a_status_is_a_token_or_a_string() {
    at_rest(async {
        for (name, told) in [
            ("edge-1.a_b", "edge-1.a_b"),
            ("1st", r#""1st""#),
            ("two words", r#""two words""#),
            ("quo\"te\\\né", "quote"),
        ] {
            let bench = Bench::with(builder().cache_status(name));
            let lone = bench.begin(get("/"));
            bench.origin.asked().answers(Ok(response(&[], "")));
            let answer = lone.ends().unwrap();
            assert_eq!(
                answer.headers()["cache-status"],
                format!("{told}; fwd=miss")
            );
        }
    });
}

#[test]
fn what_is_remembered_for_good_is_not_forgotten_at_once() {
    at_rest(async {
        let bench = Bench::with(builder().remember_unshareable(Duration::MAX, 2));
        let private = || response(&[("cache-control", "private")], "answer");
        assert!(!is_shared(&bench, private()));
        let _two = (bench.begin(get("/")), bench.begin(get("/")));
        assert_eq!(bench.origin.all().len(), 2, "neither waits");
    });
}

/// A request that came before its key was remembered leads, and its flight may be forgotten.
#[test]
fn a_flight_whose_key_is_remembered_is_forgotten() {
    at_rest(async {
        let bench = Bench::new();
        let (leader, asked, mut followers) = bench.crowd(1);
        let late = bench.call(get("/"));
        asked.answers(Ok(response(&[("cache-control", "private")], "")));
        leader.ends().unwrap();
        followers[0].waits();
        let mut late = Task::new(late);
        late.waits();
        assert_eq!(bench.layer.in_flight(), 1, "it leads");
        let (head, _) = get("/").into_parts();
        assert!(bench.layer.forget(&head));
        assert!(!bench.layer.forget(&head), "it is forgotten");
    });
}

#[test]
fn nothing_is_remembered_where_nobody_waited() {
    at_rest(async {
        let bench = Bench::new();
        let lone = bench.begin(get("/"));
        bench
            .origin
            .asked()
            .answers(Ok(response(&[("cache-control", "private")], "")));
        assert_eq!(way(&lone.ends()), LED);
        assert!(is_shared(&bench, response(&[], "answer")));
    });
}

#[test]
fn so_many_keys_are_remembered_and_the_oldest_goes_first() {
    at_rest(async {
        let bench = Bench::with(builder().remember_unshareable(Duration::from_secs(60), 2));
        let goes_alone = |path: &str| {
            let _two = (bench.begin(get(path)), bench.begin(get(path)));
            bench.origin.all().len() == 2
        };
        for path in ["/1", "/2", "/3"] {
            let (leader, mut follower) = (bench.begin(get(path)), bench.begin(get(path)));
            bench
                .origin
                .asked()
                .answers(Ok(response(&[("vary", "*")], "")));
            leader.ends().unwrap();
            follower.waits();
            drop(bench.origin.all());
        }
        assert_eq!(["/1", "/2", "/3"].map(goes_alone), [false, true, true]);
    });
}

#[test]
fn extensions_and_version_stay_with_the_leader() {
    at_rest(async {
        let bench = Bench::new();
        let (leader, asked, followers) = bench.crowd(1);
        let mut answer = response(&[("x", "1"), ("x", "2")], "");
        answer.extensions_mut().insert("of the connection");
        *answer.version_mut() = http::Version::HTTP_10;
        asked.answers(Ok(answer));
        let got = leader.ends().unwrap();
        assert!(got.extensions().get::<&str>().is_some());
        assert_eq!(got.version(), http::Version::HTTP_10);
        for follower in followers {
            let got = follower.ends().unwrap();
            assert!(got.extensions().is_empty());
            assert_eq!(got.version(), http::Version::HTTP_11);
            assert_eq!(got.headers().get_all("x").iter().count(), 2);
        }
    });
}

#[test]
fn a_flight_that_is_over_is_joined_by_nobody() {
    at_rest(async {
        let bench = Bench::new();
        for answer in ["first", "second"] {
            let leader = bench.begin(get("/"));
            bench.origin.asked().answers(Ok(response(&[], answer)));
            assert_eq!(read_text(leader.ends()), answer);
        }
        later(Duration::from_secs(1)).await;
        assert_eq!(
            status(&{
                let leader = bench.begin(get("/"));
                bench.origin.asked().answers(Ok(with_status(204, "")));
                leader.ends()
            }),
            204
        );
    });
}
