//! What becomes of the body of an answer: untouched, shared, kept, failed.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Response};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use singleflight_tower::BodyFailed;

use crate::origin::{
    Bench, Content, FOLLOWED, IN_VAIN, LED, Source, at_rest, builder, content, get, later, read,
    read_text, request, response, told, way,
};
use crate::task::Task;

fn streamed(headers: &[(&str, &str)]) -> (Response<Content>, Source) {
    let (content, source) = content();
    (response(headers, "").map(|_| content), source)
}

#[test]
fn a_lone_request_passes_through_untouched() {
    at_rest(async {
        let bench = Bench::new();
        let leader = bench.begin(get("/"));
        let (mut answer, source) = streamed(&[("x", "1")]);
        answer.extensions_mut().insert("upgrade");
        bench.origin.asked().answers(Ok(answer));
        let got = leader.ends();
        assert_eq!(way(&got), LED);
        assert_eq!(source.frames().polls, 0, "its body is not read");
        assert_eq!(
            bench.layer.in_flight(),
            0,
            "the flight has ended with the head"
        );
        let got = got.unwrap();
        assert_eq!(got.extensions().get(), Some(&"upgrade"));
        let mut body = Task::new(got.into_body().collect());
        body.waits();
        source
            .data("slow ")
            .data("body")
            .trailers("checksum", "1")
            .ends();
        let collected = body.ends().unwrap();
        assert_eq!(collected.trailers().unwrap()["checksum"], "1");
        assert_eq!(collected.to_bytes(), "slow body");
        // Those who come now start anew.
        let _next = bench.begin(get("/"));
        bench.origin.asked();
    });
}

#[test]
fn a_shared_body_is_the_same_bytes_for_all_and_its_trailers() {
    at_rest(async {
        let bench = Bench::new();
        let (leader, asked, followers) = bench.crowd(3);
        let (answer, source) = streamed(&[]);
        source
            .data("one ")
            .data("body")
            .trailers("checksum", "1")
            .ends();
        asked.answers(Ok(answer));
        let mut places = Vec::new();
        for task in [leader].into_iter().chain(followers) {
            let body = task.ends().unwrap().into_body();
            assert_eq!(body.size_hint().exact(), None, "trailers follow");
            assert!(!body.is_end_stream());
            let frames = Task::new(async move {
                let (mut body, mut frames) = (body, Vec::new());
                while let Some(frame) = body.frame().await {
                    frames.push(frame.unwrap());
                }
                assert!(body.is_end_stream() || body.frame().await.is_none());
                frames
            });
            let mut frames = frames.ends();
            let trailers = frames.pop().unwrap().into_trailers().unwrap();
            assert_eq!(trailers["checksum"], "1");
            let frames: Vec<Bytes> = frames
                .into_iter()
                .map(|frame| frame.into_data().unwrap())
                .collect();
            assert_eq!(frames.concat(), b"one body");
            places.push(
                frames
                    .iter()
                    .map(|frame| frame.as_ptr())
                    .collect::<Vec<_>>(),
            );
        }
        assert!(
            places.iter().all(|one| *one == places[0]),
            "nothing was copied"
        );
        assert!(source.frames().is_dropped);
    });
}

/// Found by chaos: time was up between the trailers and the end, and they were lost.
#[test]
fn trailers_are_the_end_of_a_body() {
    at_rest(async {
        let bench = Bench::new();
        let (leader, asked, followers) = bench.crowd(1);
        let (answer, source) = streamed(&[]);
        source.data("body").trailers("checksum", "1");
        asked.answers(Ok(answer));
        for task in [leader].into_iter().chain(followers) {
            let (text, trailers) = read(task.ends()).unwrap();
            assert_eq!(text, b"body");
            assert_eq!(trailers.unwrap()["checksum"], "1");
        }
    });
}

#[test]
fn a_shared_body_without_trailers_has_its_size() {
    at_rest(async {
        let bench = Bench::new();
        let (leader, asked, followers) = bench.crowd(1);
        asked.answers(Ok(response(&[], "12345")));
        for task in [leader].into_iter().chain(followers) {
            let body = task.ends().unwrap().into_body();
            assert_eq!(body.size_hint().exact(), Some(5));
            assert!(!body.is_end_stream());
        }
    });
}

/// A crowd whose leader has its head, and reads a body that the test gives.
fn collecting(
    bench: &Bench,
    headers: &[(&str, &str)],
) -> (
    Task<crate::origin::Got>,
    Vec<Task<crate::origin::Got>>,
    Source,
) {
    let (mut leader, asked, followers) = bench.crowd(2);
    let (answer, source) = streamed(headers);
    asked.answers(Ok(answer));
    leader.waits();
    (leader, followers, source)
}

/// Each of those who waited asks for itself.
fn all_ask_alone(bench: &Bench, mut followers: Vec<Task<crate::origin::Got>>) {
    followers.iter_mut().for_each(Task::waits);
    let asked = bench.origin.all();
    assert_eq!(asked.len(), followers.len(), "at once and in parallel");
    for (asked, follower) in asked.into_iter().zip(followers) {
        asked.answers(Ok(response(&[], "own")));
        let got = follower.ends();
        assert_eq!(told(got), (IN_VAIN.to_owned(), "own".to_owned()));
    }
}

#[test]
fn newcomers_join_while_the_body_is_read() {
    at_rest(async {
        let bench = Bench::new();
        let (leader, mut followers, source) = collecting(&bench, &[]);
        source.data("body");
        followers.push(bench.begin(get("/")));
        source.ends();
        assert_eq!(read_text(leader.ends()), "body");
        for follower in followers {
            let got = follower.ends();
            assert_eq!(told(got), (FOLLOWED.to_owned(), "body".to_owned()));
        }
    });
}

#[test]
fn a_body_that_says_that_it_is_too_large_is_not_read() {
    at_rest(async {
        let bench = Bench::with(builder().body_limit(4));
        let (leader, asked, followers) = bench.crowd(2);
        let (answer, source) = streamed(&[("content-length", "5")]);
        asked.answers(Ok(answer));
        let got = leader.ends();
        assert_eq!(source.frames().polls, 0);
        all_ask_alone(&bench, followers);
        source.data("12345").ends();
        assert_eq!(read_text(got), "12345");

        let bench = Bench::with(builder().body_limit(4));
        let (leader, asked, followers) = bench.crowd(1);
        asked.answers(Ok(response(&[], "12345")));
        assert_eq!(
            read_text(leader.ends()),
            "12345",
            "its size is known without a head"
        );
        all_ask_alone(&bench, followers);
    });
}

#[test]
fn a_body_that_turns_out_too_large_is_the_leaders_whole_and_nobody_elses() {
    at_rest(async {
        let bench = Bench::with(builder().body_limit(8));
        let (mut leader, followers, source) = collecting(&bench, &[]);
        source.data("1234").data("5678");
        leader.waits();
        source.data("9");
        let got = leader.ends();
        all_ask_alone(&bench, followers);
        source.data("0").trailers("checksum", "1").ends();
        let (text, trailers) = read(got).unwrap();
        assert_eq!(text, b"1234567890");
        assert_eq!(trailers.unwrap()["checksum"], "1");
        let _alone = (bench.begin(get("/")), bench.begin(get("/")));
        assert_eq!(bench.origin.all().len(), 2, "it is remembered");
    });
}

#[test]
fn a_body_that_fails_is_an_error_for_all_behind_what_was_read() {
    at_rest(async {
        for announced in [false, true] {
            let bench = Bench::new();
            let head: &[_] = if announced {
                &[("content-length", "10")]
            } else {
                &[]
            };
            let (leader, followers, source) = collecting(&bench, head);
            source.data("12345").fails("the origin is gone");
            for task in [leader].into_iter().chain(followers) {
                let body = task.ends().unwrap().into_body();
                assert_eq!(
                    body.size_hint().exact(),
                    None,
                    "a server must not count to an end"
                );
                assert!(!body.is_end_stream());
                let (frame, error) = Task::new(async move {
                    let mut body = body;
                    (body.frame().await, body.frame().await)
                })
                .ends();
                assert_eq!(frame.unwrap().unwrap().into_data().unwrap(), "12345");
                let error = error.unwrap().unwrap_err();
                let error = error.downcast_ref::<BodyFailed>().unwrap();
                let cause = std::error::Error::source(error).unwrap();
                assert_eq!(cause.to_string(), "the origin is gone");
            }
        }
    });
}

#[test]
fn a_body_that_ends_before_its_length_is_an_error_for_all() {
    at_rest(async {
        let bench = Bench::new();
        let (leader, followers, source) = collecting(&bench, &[("content-length", "10")]);
        source.data("12345").ends();
        for task in [leader].into_iter().chain(followers) {
            assert!(read(task.ends()).unwrap_err().contains("broke off"));
        }
    });
}

#[test]
fn a_body_as_long_as_announced_and_as_the_limit_is_shared() {
    at_rest(async {
        for head in [&[("content-length", "5")][..], &[]] {
            let bench = Bench::with(builder().body_limit(5));
            let (leader, followers, source) = collecting(&bench, head);
            source.data("12345").ends();
            assert_eq!(read_text(leader.ends()), "12345");
            for follower in followers {
                let got = follower.ends();
                assert_eq!(way(&got), FOLLOWED);
                let mut body = got.unwrap().into_body();
                let frame = Task::new(async move { (body.frame().await, body) });
                let (frame, body) = frame.ends();
                assert_eq!(frame.unwrap().unwrap().into_data().unwrap(), "12345");
                assert!(body.is_end_stream(), "nothing more is asked for");
            }
        }
    });
}

#[test]
fn the_length_in_an_answer_to_head_is_not_that_of_a_body() {
    at_rest(async {
        let bench = Bench::with(builder().body_limit(4));
        let head = || request(Method::HEAD, "/", &[]);
        let (leader, follower) = (bench.begin(head()), bench.begin(head()));
        bench
            .origin
            .asked()
            .answers(Ok(response(&[("content-length", "1000000")], "")));
        for task in [leader, follower] {
            let got = task.ends();
            assert_eq!(got.as_ref().unwrap().headers()["content-length"], "1000000");
            assert_eq!(read_text(got), "");
        }
        // Nor is that of an answer without a body.
        let (leader, asked, followers) = bench.crowd(1);
        let mut answer = response(&[("content-length", "1000000")], "");
        *answer.status_mut() = http::StatusCode::NOT_MODIFIED;
        asked.answers(Ok(answer));
        assert_eq!(read_text(leader.ends()), "");
        for follower in followers {
            assert_eq!(way(&follower.ends()), FOLLOWED);
        }
    });
}

#[test]
fn nobody_waits_for_a_body_without_an_end() {
    at_rest(async {
        let bench = Bench::with(builder().collect_within(Duration::from_secs(2)));
        let (mut leader, mut followers, source) = collecting(&bench, &[]);
        source.data("1");
        leader.waits();
        later(Duration::from_millis(1_999)).await;
        leader.waits();
        followers.iter_mut().for_each(Task::waits);
        later(Duration::from_millis(2)).await;
        let got = leader.ends();
        all_ask_alone(&bench, followers);
        source.data("2").ends();
        assert_eq!(read_text(got), "12", "and the leader reads on");
    });
}

#[test]
fn a_leader_that_is_left_alone_is_woken_and_reads_no_further_ahead() {
    at_rest(async {
        let bench = Bench::new();
        let (mut leader, followers, source) = collecting(&bench, &[]);
        source.data("1");
        leader.waits();
        drop(followers);
        let got = leader.ends();
        assert_eq!(bench.layer.in_flight(), 0);
        let _next = bench.begin(get("/"));
        bench.origin.asked();
        source.data("2").ends();
        assert_eq!(read_text(got), "12");
        let _two = bench.begin(get("/"));
        assert!(bench.origin.all().is_empty(), "nothing is remembered");
    });
}

#[test]
fn a_reader_that_is_slow_holds_bytes_and_no_flight() {
    at_rest(async {
        let bench = Bench::new();
        let (leader, followers, source) = collecting(&bench, &[]);
        source.data("1").data("2").ends();
        let held: Vec<_> = [leader]
            .into_iter()
            .chain(followers)
            .map(Task::ends)
            .collect();
        assert_eq!(bench.layer.in_flight(), 0);
        let _next = bench.begin(get("/"));
        bench.origin.asked();
        for got in held {
            assert_eq!(read_text(got), "12");
        }
    });
}
