//! What a layer tells the facade `metrics`, by a clock that stands still.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::time::Duration;

use http::Method;
use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use singleflight_metrics::{Meter, Registry};
use singleflight_tower::{Elapsed, Failed, HttpCoalesceBuilder};
use tokio::time::Instant;

use crate::origin::{
    Bench, Broken, at_rest, builder, content, get, later, read_text, request, response,
};

/// A layer with a meter, and a recorder for this thread.
struct Metered {
    bench: Bench,
    registry: Registry,
    recorder: DebuggingRecorder,
}

const SECOND: Duration = Duration::from_secs(1);

impl Metered {
    fn new() -> Self {
        Self::with(builder())
    }

    fn with(builder: HttpCoalesceBuilder) -> Self {
        let (registry, start) = (Registry::new(), Instant::now());
        let meter = Meter::with_clock(&registry, "edge", move || start.elapsed());
        Self {
            bench: Bench::with(builder.metrics(meter)),
            registry,
            recorder: DebuggingRecorder::new(),
        }
    }

    /// Does something that is recorded.
    fn records<T>(&self, f: impl FnOnce(&Bench) -> T) -> T {
        metrics::with_local_recorder(&self.recorder, || f(&self.bench))
    }

    /// What is told now: the counts that are not zero, and the times since it was told last.
    fn told(&self) -> Vec<String> {
        metrics::with_local_recorder(&self.recorder, || self.registry.publish());
        let all = self
            .recorder
            .snapshotter()
            .snapshot()
            .into_vec()
            .into_iter();
        let mut told: Vec<_> = all
            .filter_map(|(key, _, _, value)| {
                let key = key.key();
                let value = match value {
                    DebugValue::Counter(0) | DebugValue::Gauge(_) => return None,
                    DebugValue::Counter(count) => count.to_string(),
                    DebugValue::Histogram(times) if times.is_empty() => return None,
                    DebugValue::Histogram(times) => format!("{times:?}"),
                };
                let mut labels = key.labels();
                let group = labels.next().map(|label| (label.key(), label.value()));
                assert_eq!(group, Some(("group", "edge")));
                let others = labels.map(|label| format!("{} ", label.value()));
                let name = key.name().trim_start_matches("singleflight_");
                Some(format!("{name} {}{value}", others.collect::<String>()))
            })
            .collect();
        told.sort();
        told
    }
}

#[test]
fn followers_wait_until_they_are_answered_and_the_leader_is_none_of_them() {
    at_rest(async {
        let metered = Metered::new();
        let (mut leader, asked, mut followers) = metered.bench.crowd(2);
        later(SECOND).await;
        let mut late = metered.bench.begin(get("/"));
        later(SECOND).await;
        asked.answers(Ok(response(&[], "answer")));
        metered.records(|_| assert_eq!(read_text(leader.end()), "answer"));
        later(SECOND).await;
        metered.records(|_| {
            for follower in followers.iter_mut().chain([&mut late]) {
                assert_eq!(read_text(follower.end()), "answer");
            }
        });
        // They have ended with their answers, and not only now.
        later(SECOND).await;
        metered.records(|_| drop((leader, followers, late)));
        assert_eq!(
            metered.told(),
            [
                "calls_total followed 3",
                "calls_total led 1",
                "flights_ended_total landed 1",
                "wait_seconds [3.0, 3.0, 2.0]",
                "work_seconds [2.0]",
            ]
        );
    });
}

#[test]
fn a_work_takes_until_the_body_is_read_for_all() {
    at_rest(async {
        let metered = Metered::new();
        let (mut leader, asked, followers) = metered.bench.crowd(1);
        let (body, source) = content();
        asked.answers(Ok(response(&[], "").map(|_| body)));
        later(SECOND).await;
        leader.waits();
        later(SECOND).await;
        source.data("answer").ends();
        metered.records(|_| drop((leader.ends(), followers)));
        let told = metered.told();
        assert_eq!(told[3..], ["wait_seconds [2.0]", "work_seconds [2.0]"]);
    });
}

#[test]
fn a_lone_request_that_leads_is_no_request_that_goes_alone() {
    at_rest(async {
        let metered = Metered::new();
        let (leader, asked, _) = metered.bench.crowd(0);
        later(SECOND).await;
        asked.answers(Ok(response(&[], "answer")));
        metered.records(|_| drop(leader.ends()));
        assert_eq!(
            metered.told(),
            [
                "calls_total led 1",
                "flights_ended_total landed 1",
                "work_seconds [1.0]",
            ]
        );
    });
}

#[test]
fn requests_that_go_alone_are_told_with_why_whether_they_fail_or_not() {
    at_rest(async {
        let metered = Metered::new();
        let post = || request(Method::POST, "/", &[]);
        let alone = metered.bench.begin(post());
        metered
            .bench
            .origin
            .asked()
            .answers(Ok(response(&[], "own")));
        assert_eq!(read_text(alone.ends()), "own");
        let alone = metered.bench.begin(post());
        metered.bench.origin.asked().answers(Err(Broken("no")));
        assert!(alone.ends().is_err());
        let never_polled = metered.bench.call(post());
        drop(never_polled);
        assert_eq!(metered.told(), ["alone_total bypassed 2"]);

        let (leader, asked, followers) = metered.bench.crowd(2);
        later(SECOND).await;
        let private = [("cache-control", "private")];
        asked.answers(Ok(response(&private, "the leader's")));
        metered.records(|_| {
            drop(leader.ends());
            for mut follower in followers {
                follower.waits();
            }
        });
        assert_eq!(
            metered.told(),
            [
                "alone_total bypassed 2",
                "alone_total waited_in_vain 2",
                "calls_total followed 2",
                "calls_total led 1",
                "flights_ended_total landed 1",
                "wait_seconds [1.0, 1.0]",
                "work_seconds [1.0]",
            ]
        );

        // The key is remembered: nobody waits in vain again.
        drop(metered.bench.begin(get("/")));
        assert_eq!(
            metered.told()[..2],
            ["alone_total bypassed 3", "alone_total waited_in_vain 2"]
        );
    });
}

#[test]
fn a_work_that_is_lost_is_told_and_the_follower_that_leads_on_has_waited() {
    at_rest(async {
        let metered = Metered::new();
        let (leader, _asked, mut followers) = metered.bench.crowd(1);
        later(SECOND).await;
        metered.records(|_| drop(leader));
        later(SECOND).await;
        metered.records(|_| followers[0].waits());
        later(SECOND).await;
        metered
            .bench
            .origin
            .asked()
            .answers(Ok(response(&[], "answer")));
        metered.records(|_| assert_eq!(read_text(followers.remove(0).ends()), "answer"));
        assert_eq!(
            metered.told(),
            [
                "calls_total followed 1",
                "calls_total led 1",
                "flights_ended_total abandoned 1",
                "flights_ended_total landed 1",
                "handed_over_total 1",
                "wait_seconds [2.0]",
                "work_seconds [1.0, 1.0]",
            ]
        );
    });
}

#[test]
fn works_that_fail_and_panic_are_told() {
    at_rest(async {
        let metered = Metered::with(builder().failed(Failed::Retry));
        let (leader, asked, mut followers) = metered.bench.crowd(1);
        later(SECOND).await;
        asked.answers(Err(Broken("no")));
        metered.records(|_| {
            assert!(leader.ends().is_err());
            followers[0].waits();
        });
        let asked = metered.bench.origin.asked();
        later(SECOND).await;
        asked.panics();
        let panicked = metered
            .records(|_| catch_unwind(AssertUnwindSafe(|| drop(followers.remove(0).ends()))));
        assert!(panicked.is_err());
        metered
            .bench
            .origin
            .ready_fails
            .store(true, Ordering::SeqCst);
        metered
            .records(|bench| assert!(crate::task::Task::new(bench.call(get("/"))).ends().is_err()));
        let told = metered.told();
        assert!(
            told.contains(&"flights_ended_total panicked 1".to_owned()),
            "{told:?}"
        );
        let times = ["wait_seconds [1.0]", "work_seconds [1.0, 1.0, 0.0]"];
        assert_eq!(told[told.len() - 2..], times);
    });
}

#[test]
fn one_whose_time_is_up_has_waited_and_one_that_goes_as_well() {
    at_rest(async {
        let wait = 2 * SECOND;
        let metered = Metered::with(builder().wait_at_most(wait, Elapsed::Fail));
        let (_leader, _asked, mut followers) = metered.bench.crowd(2);
        later(SECOND).await;
        metered.records(|_| drop(followers.pop()));
        later(SECOND + Duration::from_millis(500)).await;
        metered.records(|_| drop(followers.remove(0).ends()));
        assert_eq!(metered.told()[2..], ["wait_seconds [1.0, 2.5]"]);
    });
}

#[test]
fn a_work_in_a_task_is_told_by_the_task() {
    at_rest(async {
        let tasks = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let spawned = std::sync::Arc::clone(&tasks);
        let spawn = move |task| spawned.lock().unwrap().push(task);
        let metered = Metered::with(builder().detached(spawn));
        let leader = metered.bench.begin(get("/"));
        let mut task = crate::task::Task::new(tasks.lock().unwrap().remove(0));
        task.waits();
        let follower = metered.bench.begin(get("/"));
        later(SECOND).await;
        metered.records(|_| drop(leader));
        later(SECOND).await;
        metered
            .bench
            .origin
            .asked()
            .answers(Ok(response(&[], "answer")));
        metered.records(|_| {
            task.ends();
            assert_eq!(read_text(follower.ends()), "answer");
        });
        let told = metered.told();
        assert_eq!(told[3..], ["wait_seconds [2.0]", "work_seconds [2.0]"]);
    });
}

#[test]
fn a_layer_that_is_gone_is_told_no_more() {
    at_rest(async {
        let metered = Metered::new();
        drop(metered.bench.begin(get("/")));
        assert_eq!(metered.registry.read().len(), 11);
        let Metered {
            bench, registry, ..
        } = metered;
        let Bench { layer, service, .. } = bench;
        drop(layer);
        assert_eq!(registry.read().len(), 11, "its service is there");
        drop(service);
        assert!(registry.read().is_empty());
    });
}

#[test]
fn a_layer_of_clones_is_told_by_its_group() {
    let layer: singleflight_tower::CoalesceLayer<u64, u64, u64, u64> =
        singleflight_tower::CoalesceLayer::new(|key| Some(*key));
    let registry = Registry::new();
    registry.register("rpc", layer.group());
    assert_eq!(registry.read().len(), 11);
    drop(layer);
    assert!(registry.read().is_empty());
}
