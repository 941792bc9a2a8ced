//! How long a request waits, how old a flight gets, how many may wait.

use std::time::Duration;

use http::{Method, StatusCode};
use singleflight_tower::Elapsed;

use crate::origin::{Bench, at_rest, builder, get, later, read_text, request, response, status};
use crate::task::Task;

#[test]
fn a_request_that_has_waited_too_long_fails_and_the_flight_goes_on() {
    at_rest(async {
        let wait = Duration::from_secs(2);
        let bench = Bench::with(builder().wait_at_most(wait, Elapsed::Fail));
        let (mut leader, asked, followers) = bench.crowd(2);
        later(Duration::from_secs(1)).await;
        let mut late = bench.begin(get("/"));
        later(Duration::from_millis(1_001)).await;
        for follower in followers {
            assert_eq!(status(&follower.ends()), 504);
        }
        late.waits();
        leader.waits();
        asked.answers(Ok(response(&[], "answer")));
        assert_eq!(
            read_text(leader.ends()),
            "answer",
            "the leader is not limited"
        );
        assert_eq!(read_text(late.ends()), "answer");
    });
}

#[test]
fn of_those_who_have_waited_too_long_one_leads_anew_and_the_others_join_it() {
    at_rest(async {
        let wait = Duration::from_secs(2);
        let bench = Bench::with(builder().wait_at_most(wait, Elapsed::LeadAnew));
        let (mut leader, stuck, mut followers) = bench.crowd(5);
        later(Duration::from_millis(2_001)).await;
        followers.iter_mut().for_each(Task::waits);
        let asked = bench.origin.asked();
        assert_eq!(bench.layer.in_flight(), 2);
        assert_eq!(bench.layer.stats().forgotten, 0);
        let newcomer = bench.begin(get("/"));
        assert!(bench.origin.all().is_empty(), "it joins the second flight");
        asked.answers(Ok(response(&[], "second")));
        for follower in followers.into_iter().chain([newcomer]) {
            assert_eq!(read_text(follower.ends()), "second");
        }
        leader.waits();
        stuck.answers(Ok(response(&[], "first")));
        assert_eq!(read_text(leader.ends()), "first");
    });
}

#[test]
fn one_that_has_led_anew_and_waited_again_fails() {
    at_rest(async {
        let wait = Duration::from_secs(2);
        let bench = Bench::with(builder().wait_at_most(wait, Elapsed::LeadAnew));
        let (_leader, _stuck, mut followers) = bench.crowd(3);
        later(Duration::from_millis(2_001)).await;
        followers.iter_mut().for_each(Task::waits);
        let _stuck = bench.origin.asked();
        later(Duration::from_millis(2_001)).await;
        let ended: Vec<_> = followers.iter_mut().filter_map(Task::poll_now).collect();
        assert_eq!(ended.iter().map(status).collect::<Vec<_>>(), [504, 504]);
        assert!(bench.origin.all().is_empty(), "never all at once");
    });
}

#[test]
fn a_flight_that_is_too_old_is_joined_no_more() {
    at_rest(async {
        let bench = Bench::with(builder().max_age(Duration::ZERO));
        let mut old = bench.begin(get("/"));
        let first = bench.origin.asked();
        // By the system's clock, in milliseconds.
        let start = std::time::Instant::now();
        while start.elapsed() < Duration::from_millis(3) {
            std::thread::yield_now();
        }
        let new = bench.begin(get("/"));
        bench.origin.asked().answers(Ok(response(&[], "new")));
        assert_eq!(read_text(new.ends()), "new");
        old.waits();
        first.answers(Ok(response(&[], "old")));
        assert_eq!(read_text(old.ends()), "old");
    });
}

#[test]
fn a_full_flight_and_a_closed_layer_refuse_with_503_or_as_they_are_told() {
    at_rest(async {
        let bench = Bench::with(builder().max_followers(1));
        let (leader, asked, followers) = bench.crowd(1);
        let refused = Task::new(bench.call(get("/"))).ends();
        assert_eq!(status(&refused), 503);
        assert_eq!(refused.as_ref().unwrap().headers()["retry-after"], "1");
        assert_eq!(read_text(refused), "");

        bench.layer.close();
        assert_eq!(status(&Task::new(bench.call(get("/"))).ends()), 503);
        let alone = bench.begin(request(Method::POST, "/", &[]));
        assert_eq!(
            bench.origin.all().len(),
            1,
            "what goes alone is not refused"
        );
        drop(alone);
        let layer = bench.layer.clone();
        let mut drained = Task::new(async move { layer.drained().await });
        drained.waits();
        asked.answers(Ok(response(&[], "answer")));
        for task in [leader].into_iter().chain(followers) {
            assert_eq!(read_text(task.ends()), "answer");
        }
        drained.ends();

        let bench = Bench::with(builder().refused(|error| {
            let mut response = http::Response::new(error.to_string().into());
            *response.status_mut() = StatusCode::IM_A_TEAPOT;
            response
        }));
        bench.layer.close();
        let refused = Task::new(bench.call(get("/"))).ends();
        assert_eq!(
            (status(&refused), read_text(refused).as_str()),
            (418, "the group is closed")
        );
    });
}
