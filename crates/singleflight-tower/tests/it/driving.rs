//! Who drives the work, and what happens when somebody goes, fails or panics.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::time::Duration;

use http::{Method, StatusCode};
use singleflight_tower::{Failed, HttpCoalesce, HttpKey};
use tower::Layer as _;

use crate::origin::{
    Bench, Broken, FOLLOWED, Got, IN_VAIN, LED, Quick, at_rest, builder, content, get, read,
    read_text, request, response, status, told, way, with_status,
};
use crate::task::Task;

#[test]
fn one_execution_answers_all_in_a_few_polls() {
    at_rest(async {
        let bench = Bench::new();
        let (leader, asked, mut followers) = bench.crowd(100);
        asked.answers(Ok(response(&[], "answer")));
        assert_eq!(read_text(leader.ends()), "answer");
        for follower in &mut followers {
            let got = follower.end();
            assert_eq!(told(got), (FOLLOWED.to_owned(), "answer".to_owned()));
            assert!(follower.polls() <= 3, "{} polls", follower.polls());
        }
        let stats = bench.layer.stats();
        assert_eq!((stats.led, stats.followed, stats.landed), (1, 100, 1));
    });
}

#[test]
fn nothing_is_registered_before_the_first_poll() {
    at_rest(async {
        let bench = Bench::new();
        let call = bench.call(get("/"));
        assert_eq!(bench.layer.in_flight(), 0);
        drop(call);
        let mut call = Task::new(bench.call(get("/")));
        call.waits();
        assert_eq!(bench.layer.in_flight(), 1);
        drop(call);
        assert_eq!(bench.layer.in_flight(), 0);
    });
}

#[test]
fn a_leader_that_goes_hands_over_to_the_first_that_is_polled_with_its_own_request() {
    at_rest(async {
        let bench = Bench::new();
        let start = |id: &str| bench.begin(request(Method::GET, "/", &[("x-request-id", id)]));
        let leader = start("1");
        let asked = bench.origin.asked();
        let (mut second, mut third) = (start("2"), start("3"));
        drop(leader);
        assert!(asked.is_dropped(), "P1: the work is gone first");
        third.waits();
        second.waits();
        let asked = bench.origin.asked();
        assert_eq!(asked.head.headers["x-request-id"], "3");
        asked.answers(Ok(response(&[], "answer")));
        let (third, second) = (third.ends(), second.ends());
        assert_eq!([way(&third), way(&second)], [LED, FOLLOWED]);
        assert_eq!(bench.layer.stats().handed_over, 1);
    });
}

#[test]
fn a_leader_that_goes_while_it_reads_the_body_hands_over() {
    at_rest(async {
        let bench = Bench::new();
        let (mut leader, asked, mut followers) = bench.crowd(1);
        let (body, source) = content();
        asked.answers(Ok(response(&[], "").map(|_| body)));
        source.data("half");
        leader.waits();
        drop(leader);
        assert!(source.frames().is_dropped);
        followers[0].waits();
        bench.origin.asked().answers(Ok(response(&[], "whole")));
        assert_eq!(read_text(followers.remove(0).ends()), "whole");
    });
}

/// A timeout around a call polls it first, and looks at its clock then.
#[test]
fn callers_that_go_together_start_no_work() {
    at_rest(async {
        let bench = Bench::new();
        let (leader, asked, followers) = bench.crowd(50);
        drop(leader);
        for mut follower in followers {
            follower.polled_once();
        }
        assert!(bench.origin.all().is_empty(), "nobody has started");
        assert!(asked.is_dropped());
        assert_eq!(bench.layer.in_flight(), 0);
    });
}

#[test]
fn when_all_are_gone_nothing_stays() {
    at_rest(async {
        let bench = Bench::new();
        let (leader, asked, followers) = bench.crowd(3);
        drop((followers, leader));
        assert!(asked.is_dropped());
        assert_eq!(bench.layer.in_flight(), 0);
    });
}

#[test]
fn an_error_is_shared_by_all_as_it_is() {
    at_rest(async {
        let bench = Bench::new();
        let (leader, asked, followers) = bench.crowd(3);
        asked.answers(Err(Broken("no origin")));
        for task in [leader].into_iter().chain(followers) {
            let error = task.ends().unwrap_err();
            assert_eq!(*error, Broken("no origin"));
            assert_eq!(error.to_string(), "no origin");
        }
        assert!(bench.origin.all().is_empty());
    });
}

#[test]
fn a_service_that_cannot_get_ready_fails_for_all() {
    at_rest(async {
        let bench = Bench::new();
        bench.origin.is_busy.store(true, Ordering::SeqCst);
        let leader = bench.begin(get("/"));
        let follower = bench.begin(get("/"));
        bench.origin.ready_fails.store(true, Ordering::SeqCst);
        bench.origin.is_free();
        for task in [leader, follower] {
            assert_eq!(*task.ends().unwrap_err(), Broken("not ready"));
        }
        let alone = Task::new(bench.call(request(Method::POST, "/", &[])));
        assert_eq!(*alone.ends().unwrap_err(), Broken("not ready"));
    });
}

#[test]
fn readiness_is_waited_for_inside_of_the_flight() {
    at_rest(async {
        let bench = Bench::new();
        bench.origin.is_busy.store(true, Ordering::SeqCst);
        let mut leader = bench.begin(get("/"));
        let follower = bench.begin(get("/"));
        assert_eq!(bench.layer.in_flight(), 1);
        bench.origin.is_free();
        leader.waits();
        bench.origin.asked().answers(Ok(response(&[], "answer")));
        for task in [leader, follower] {
            assert_eq!(read_text(task.ends()), "answer");
        }
    });
}

#[test]
fn failures_are_shared_or_retried_three_times_as_the_layer_says() {
    at_rest(async {
        let fails = |bench: &Bench, status: u16| {
            let (mut leader, asked, mut waiting) = bench.crowd(9);
            asked.answers(Ok(with_status(status, "down")));
            let mut answered = vec![leader.end()];
            for _ in 0..20 {
                waiting.retain_mut(|task| match task.poll_now() {
                    Some(got) => {
                        answered.push(got);
                        false
                    }
                    None => true,
                });
                for asked in bench.origin.all() {
                    asked.answers(Ok(with_status(status, "down")));
                }
            }
            assert!(waiting.is_empty());
            answered
        };
        let bench = Bench::new();
        let answered = fails(&bench, 500);
        assert_eq!(answered.iter().filter(|got| way(got) == LED).count(), 1);
        assert!(answered.iter().all(|got| status(got) == 500));

        let retries = || Bench::with(builder().failed(Failed::Retry));
        let bench = retries();
        let answered = fails(&bench, 500);
        let led = |got: &&Got| {
            got.as_ref()
                .unwrap()
                .headers()
                .get("cache-status")
                .is_some_and(|way| way == "test; fwd=miss")
        };
        assert_eq!(
            answered.iter().filter(led).count(),
            3,
            "three works in a row"
        );
        assert!(answered.iter().filter(led).all(|got| status(got) == 500));
        let mut others = answered.iter().filter(|got| !led(got));
        assert!(others.all(|got| status(got) == 502), "told of the failures");
        assert_eq!(
            fails(&retries(), 404).iter().filter(led).count(),
            1,
            "no failure"
        );
    });
}

#[test]
fn a_failure_that_is_retried_stays_with_its_leader() {
    at_rest(async {
        let retries = || Bench::with(builder().failed(Failed::Retry));
        let bench = retries();
        let (leader, asked, mut followers) = bench.crowd(2);
        asked.answers(Err(Broken("a moment")));
        assert_eq!(*leader.ends().unwrap_err(), Broken("a moment"));
        followers.iter_mut().for_each(Task::waits);
        bench.origin.asked().answers(Ok(response(&[], "answer")));
        for follower in followers {
            assert_eq!(read_text(follower.ends()), "answer");
        }

        let bench = retries();
        let (mut leader, asked, mut followers) = bench.crowd(1);
        let (body, source) = content();
        asked.answers(Ok(response(&[], "").map(|_| body)));
        leader.waits();
        source.data("1").fails("broken");
        assert!(read(leader.ends()).is_err());
        followers[0].waits();
        bench.origin.asked().answers(Ok(response(&[], "whole")));
        assert_eq!(read_text(followers.remove(0).ends()), "whole");
    });
}

#[test]
fn a_panic_goes_on_in_its_caller_and_is_a_500_for_the_others() {
    at_rest(async {
        let bench = Bench::new();
        let (mut leader, asked, followers) = bench.crowd(2);
        asked.panics();
        let panicked = catch_unwind(AssertUnwindSafe(|| leader.poll_now()));
        assert!(panicked.is_err());
        for follower in followers {
            assert_eq!(status(&follower.ends()), 500);
        }
        assert_eq!(bench.layer.in_flight(), 0);
        let next = bench.begin(get("/"));
        bench.origin.asked().answers(Ok(response(&[], "answer")));
        assert_eq!(read_text(next.ends()), "answer", "the key is usable");
    });
}

#[test]
fn a_call_that_panics_harms_nobody_else() {
    at_rest(async {
        let bench = Bench::new();
        bench.origin.is_busy.store(true, Ordering::SeqCst);
        let mut leader = bench.begin(get("/"));
        let follower = bench.begin(get("/"));
        bench.origin.call_panics.store(true, Ordering::SeqCst);
        bench.origin.is_free();
        assert!(catch_unwind(AssertUnwindSafe(|| leader.poll_now())).is_err());
        assert_eq!(status(&follower.ends()), 500);
        drop(leader);
        bench.origin.call_panics.store(false, Ordering::SeqCst);
        let next = bench.begin(get("/"));
        bench.origin.asked().answers(Ok(response(&[], "answer")));
        assert_eq!(read_text(next.ends()), "answer");
    });
}

#[test]
fn a_key_or_a_rule_that_panics_harms_nobody_else() {
    at_rest(async {
        let key = HttpKey::by(|head| {
            assert!(head.uri.path() != "/bad", "no key");
            Some(head.uri.path().to_owned())
        });
        let builder = HttpCoalesce::builder(key, tokio::time::sleep);
        let bench = Bench::with(builder.share_if(|head| {
            assert!(head.status != StatusCode::IM_A_TEAPOT, "no rule");
            true
        }));
        assert!(catch_unwind(AssertUnwindSafe(|| bench.call(get("/bad")))).is_err());
        assert_eq!(bench.layer.in_flight(), 0);
        let (mut leader, asked, followers) = bench.crowd(1);
        asked.answers(Ok(with_status(418, "")));
        assert!(catch_unwind(AssertUnwindSafe(|| leader.poll_now())).is_err());
        for follower in followers {
            assert_eq!(status(&follower.ends()), 500);
        }
    });
}

#[test]
fn a_timer_or_a_size_that_panics_harms_nobody_else() {
    const READING: Duration = Duration::from_secs(3);
    let timer = |time| {
        assert!(time != READING, "no timer");
        tokio::time::sleep(time)
    };
    at_rest(async {
        for is_timer in [true, false] {
            let key = HttpKey::all_headers();
            let bench = Bench::with(if is_timer {
                HttpCoalesce::builder(key, timer).collect_within(READING)
            } else {
                HttpCoalesce::builder(key, tokio::time::sleep)
            });
            let (mut leader, asked, followers) = bench.crowd(2);
            let (content, source) = content();
            source.frames().size_panics = !is_timer;
            asked.answers(Ok(response(&[], "").map(|_| content)));
            assert!(catch_unwind(AssertUnwindSafe(|| leader.poll_now())).is_err());
            // It is there still, and polled no more.
            for follower in followers {
                assert_eq!(status(&follower.ends()), 500, "{is_timer}");
            }
        }
    });
}

#[test]
fn services_that_one_layer_makes_share_their_flights() {
    at_rest(async {
        let bench = Bench::new();
        let _leader = bench.begin(get("/"));
        let other = bench.layer.clone().layer(bench.origin.clone());
        let mut follower = Task::new(tower::Service::call(&mut other.clone(), get("/")));
        follower.waits();
        assert_eq!(bench.origin.all().len(), 1);
    });
}

#[test]
fn a_failure_of_another_type_of_service_is_nobody_elses() {
    at_rest(async {
        let bench = Bench::new();
        let (leader, asked, _) = bench.crowd(0);
        let mut quick = bench.layer.layer(Quick);
        let mut follower = Task::new(tower::Service::call(&mut quick, get("/")));
        follower.waits();
        asked.answers(Err(Broken("no origin")));
        assert!(leader.ends().is_err());
        let got = follower.ends().unwrap();
        assert_eq!(
            got.headers()["cache-status"],
            format!("test; fwd={IN_VAIN}")
        );
    });
}

#[test]
fn a_service_that_cannot_fail_still_cannot() {
    fn cannot_fail<S: tower::Service<http::Request<String>>>(_: &S)
    where
        S::Error: Into<std::convert::Infallible>,
    {
    }
    cannot_fail(&builder().build().layer(Quick));
}
