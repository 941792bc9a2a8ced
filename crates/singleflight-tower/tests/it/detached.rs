//! Works that run in tasks of their own.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use http::Method;

use crate::origin::{
    BYPASSED, Bench, FOLLOWED, Got, LED, at_rest, builder, content, get, read_text, request,
    response, status, told,
};
use crate::task::Task;

type Spawned = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A layer whose tasks the test polls.
struct Detached {
    bench: Bench,
    spawned: Arc<Mutex<Vec<Spawned>>>,
}

impl Detached {
    fn new() -> Self {
        let spawned: Arc<Mutex<Vec<Spawned>>> = Arc::default();
        let tasks = Arc::clone(&spawned);
        Self {
            bench: Bench::with(builder().detached(move |task| tasks.lock().unwrap().push(task))),
            spawned,
        }
    }

    /// The one task that was spawned, polled until it sleeps.
    fn task(&self) -> Task<()> {
        let mut spawned = self.spawned.lock().unwrap();
        assert_eq!(spawned.len(), 1);
        Task::new(spawned.remove(0))
    }

    fn crowd(&self, followers: usize) -> (Task<Got>, Task<()>, Vec<Task<Got>>) {
        let leader = self.bench.begin(get("/"));
        let mut task = self.task();
        task.waits();
        let followers = (0..followers).map(|_| self.bench.begin(get("/"))).collect();
        (leader, task, followers)
    }
}

#[test]
fn a_lone_request_passes_through_untouched() {
    at_rest(async {
        let detached = Detached::new();
        let (mut leader, task, _) = detached.crowd(0);
        leader.waits();
        let (body, source) = content();
        let mut answer = response(&[], "").map(|_| body);
        answer.extensions_mut().insert("upgrade");
        detached.bench.origin.asked().answers(Ok(answer));
        task.ends();
        let got = leader.ends();
        assert_eq!(got.as_ref().unwrap().extensions().get(), Some(&"upgrade"));
        assert_eq!(source.frames().polls, 0);
        source.data("body").ends();
        assert_eq!(told(got), (LED.to_owned(), "body".to_owned()));
    });
}

#[test]
fn all_are_answered_from_the_task() {
    at_rest(async {
        let detached = Detached::new();
        let (leader, task, followers) = detached.crowd(3);
        detached
            .bench
            .origin
            .asked()
            .answers(Ok(response(&[], "answer")));
        task.ends();
        assert_eq!(told(leader.ends()), (LED.to_owned(), "answer".to_owned()));
        for mut follower in followers {
            let got = follower.end();
            assert_eq!(told(got), (FOLLOWED.to_owned(), "answer".to_owned()));
            assert!(follower.polls() <= 3);
        }
    });
}

#[test]
fn the_leaders_client_may_go_and_nothing_changes_for_the_others() {
    at_rest(async {
        let detached = Detached::new();
        let (leader, mut task, followers) = detached.crowd(3);
        let asked = detached.bench.origin.asked();
        drop(leader);
        task.waits();
        assert!(!asked.is_dropped());
        asked.answers(Ok(response(&[], "answer")));
        task.ends();
        for follower in followers {
            assert_eq!(read_text(follower.ends()), "answer");
        }
        assert_eq!(detached.bench.layer.stats().abandoned, 0);
        assert!(detached.bench.origin.all().is_empty(), "one execution");
    });
}

#[test]
fn the_work_is_dropped_when_the_last_is_gone() {
    at_rest(async {
        for leader_goes_first in [true, false] {
            let detached = Detached::new();
            let (leader, mut task, mut followers) = detached.crowd(2);
            let asked = detached.bench.origin.asked();
            if leader_goes_first {
                drop(leader);
                task.waits();
                followers.pop();
                task.waits();
                drop(followers);
            } else {
                drop(followers);
                task.waits();
                drop(leader);
            }
            assert!(!asked.is_dropped());
            task.ends();
            assert!(asked.is_dropped());
            assert_eq!(detached.bench.layer.in_flight(), 0);
        }
    });
}

#[test]
fn the_work_is_dropped_while_it_waits_or_reads_a_body_too() {
    at_rest(async {
        let detached = Detached::new();
        detached
            .bench
            .origin
            .is_busy
            .store(true, std::sync::atomic::Ordering::SeqCst);
        let (leader, task, _) = detached.crowd(0);
        drop(leader);
        task.ends();
        assert_eq!(detached.bench.layer.in_flight(), 0);

        let detached = Detached::new();
        let (leader, mut task, followers) = detached.crowd(1);
        let (body, source) = content();
        let answer = response(&[], "").map(|_| body);
        detached.bench.origin.asked().answers(Ok(answer));
        task.waits();
        source.data("half");
        drop(leader);
        task.waits();
        assert!(!source.frames().is_dropped);
        drop(followers);
        task.ends();
        assert!(source.frames().is_dropped);
        assert_eq!(detached.bench.layer.in_flight(), 0);
    });
}

#[test]
fn one_that_comes_while_the_unwanted_work_is_dropped_leads_on() {
    at_rest(async {
        let detached = Detached::new();
        let (leader, task, _) = detached.crowd(0);
        let asked = detached.bench.origin.asked();
        drop(leader);
        let mut newcomer = detached.bench.begin(get("/"));
        // The task learns only now that its caller is gone: somebody else is there.
        let mut task = task;
        task.waits();
        asked.answers(Ok(response(&[], "answer")));
        task.ends();
        assert_eq!(read_text(newcomer.end()), "answer");
    });
}

#[test]
fn a_task_that_is_lost_hands_over_to_a_task_of_another() {
    at_rest(async {
        let detached = Detached::new();
        let (leader, task, mut followers) = detached.crowd(2);
        let asked = detached.bench.origin.asked();
        drop(task);
        assert!(asked.is_dropped());
        assert_eq!(status(&leader.ends()), 500, "its own task is lost");
        followers.iter_mut().for_each(Task::waits);
        let mut task = detached.task();
        task.waits();
        detached
            .bench
            .origin
            .asked()
            .answers(Ok(response(&[], "answer")));
        task.ends();
        for follower in followers {
            assert_eq!(read_text(follower.ends()), "answer");
        }
    });
}

#[test]
fn a_panic_goes_on_in_the_task_and_is_a_500_for_all() {
    at_rest(async {
        let detached = Detached::new();
        let (leader, mut task, followers) = detached.crowd(2);
        detached.bench.origin.asked().panics();
        assert!(catch_unwind(AssertUnwindSafe(|| task.poll_now())).is_err());
        drop(task);
        for caller in [leader].into_iter().chain(followers) {
            assert_eq!(status(&caller.ends()), 500);
        }
        assert_eq!(detached.bench.layer.in_flight(), 0);
    });
}

#[test]
fn a_spawner_that_panics_hands_over() {
    at_rest(async {
        let bench = Bench::with(builder().detached(|_| panic!("no runtime")));
        let mut first = Task::new(bench.call(get("/")));
        assert!(catch_unwind(AssertUnwindSafe(|| first.poll_now())).is_err());
        assert_eq!(bench.layer.in_flight(), 0);
    });
}

#[test]
fn requests_that_go_alone_need_no_task() {
    at_rest(async {
        let detached = Detached::new();
        let alone = detached.bench.begin(request(Method::POST, "/", &[]));
        assert!(detached.spawned.lock().unwrap().is_empty());
        detached
            .bench
            .origin
            .asked()
            .answers(Ok(response(&[], "own")));
        assert_eq!(told(alone.ends()), (BYPASSED.to_owned(), "own".to_owned()));
    });
}
