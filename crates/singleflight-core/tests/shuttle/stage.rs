//! What the models have in common: a group, and what is known of its executions.

use std::collections::{HashMap, HashSet};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use shuttle::rand::{Rng, thread_rng};
use shuttle::sync::Mutex;
use shuttle::thread;
use singleflight_core::{Builder, CallError, Follower, Joined, Leader, SeededHashBuilder, Turn};

pub(crate) type Group = singleflight_core::Group<u32, u32, SeededHashBuilder>;
pub(crate) type Shared = Arc<Group>;
type Settings = Builder<u32, u32, SeededHashBuilder>;

/// What happened so far. Its lock is the model's, so every look at it is a point at which
/// others may run.
#[derive(Default)]
struct Known {
    /// How many executions of a key run now.
    running: HashMap<u32, u32>,
    /// How many of them may: one, and one more for each time that the key was forgotten.
    may_run: u32,
    /// How many executions have begun. An execution's number is its value.
    begun: u32,
    /// Values that somebody has received.
    received: HashSet<u32>,
}

/// A group and what is known of its executions.
#[derive(Clone)]
pub(crate) struct Stage {
    pub(crate) group: Shared,
    known: Arc<Mutex<Known>>,
}

/// One execution, until it is dropped.
pub(crate) struct Execution {
    stage: Stage,
    key: u32,
    pub(crate) value: u32,
}

/// One caller, and what had been received before it came.
pub(crate) struct Caller {
    stage: Stage,
    key: u32,
    stale: HashSet<u32>,
}

impl Stage {
    pub(crate) fn new(settings: impl FnOnce(Settings) -> Settings) -> Self {
        let builder = Builder::with_hasher(SeededHashBuilder::new(1)).shards(1);
        Self {
            group: Arc::new(settings(builder).build()),
            known: Arc::default(),
        }
    }

    /// A caller who comes now.
    pub(crate) fn caller(&self, key: u32) -> Caller {
        Caller {
            stage: self.clone(),
            key,
            stale: self.known.lock().unwrap().received.clone(),
        }
    }

    /// Says that a key is about to be forgotten, so that one more execution may run.
    pub(crate) fn forget(&self, key: u32) {
        self.known.lock().unwrap().may_run += 1;
        self.group.forget(key);
    }

    /// Begins an execution (P1). Its value is its number.
    pub(crate) fn begin(&self, key: u32) -> Execution {
        let mut known = self.known.lock().unwrap();
        let may_run = 1 + known.may_run;
        let running = known.running.entry(key).or_default();
        *running += 1;
        assert!(
            *running <= may_run,
            "P1: {running} executions of {key} at once"
        );
        known.begun += 1;
        Execution {
            stage: self.clone(),
            key,
            value: known.begun,
        }
    }

    /// An execution on this thread.
    pub(crate) fn execute(&self, key: u32) -> u32 {
        let execution = self.begin(key);
        thread::yield_now();
        execution.value
    }

    /// P6.
    pub(crate) fn assert_empty(&self) {
        assert_eq!(self.group.in_flight(), 0, "P6: something stays behind");
    }
}

impl Drop for Execution {
    fn drop(&mut self) {
        let mut known = self.stage.known.lock().unwrap();
        if let Some(running) = known.running.get_mut(&self.key) {
            *running -= 1;
        }
    }
}

impl Caller {
    fn join(&self) -> Result<Joined<Shared>, CallError> {
        Group::join_owned(Arc::clone(&self.stage.group), self.key)
    }

    /// A whole call that ends as chance has it.
    pub(crate) fn call(&self) {
        match self.join() {
            Ok(Joined::Leader(leader)) => self.lead(leader),
            Ok(Joined::Follower(follower)) => self.follow(follower),
            // Some models drain the group meanwhile, some fill it.
            Err(error) => assert!(matches!(error, CallError::Closed | CallError::Full)),
        }
    }

    fn lead(&self, leader: Leader<Shared>) {
        if one_in(3) {
            // Lost before its work begins, or after.
            if one_in(2) {
                self.stage.execute(self.key);
            }
            drop(leader);
        } else {
            let value = self.stage.execute(self.key);
            self.receive(leader.complete(value).value);
        }
    }

    fn follow(&self, follower: Follower<Shared>) {
        if one_in(4) {
            let watched = shuttle::future::block_on(follower.without_work().wait());
            match watched {
                Ok(outcome) => self.receive(outcome.value),
                Err(error) => assert_eq!(error, CallError::LeaderLost),
            }
            return;
        }
        let mut wait = Box::pin(follower.wait());
        if one_in(3) {
            // Polled once, so that it listens, then dropped.
            if let Some(turn) = shuttle::future::block_on(poll_once(wait.as_mut())) {
                self.take(turn);
            }
            return;
        }
        self.take(shuttle::future::block_on(wait));
    }

    fn take(&self, turn: Result<Turn<Shared>, CallError>) {
        match turn.expect("nobody panics here") {
            Turn::Landed(outcome) => self.receive(outcome.value),
            Turn::Lead(leader) => self.lead(leader),
        }
    }

    /// P2: nobody had received this value before the caller came. P5: an execution made it.
    pub(crate) fn receive(&self, value: u32) {
        assert!(!self.stale.contains(&value), "P2: {value} is stale");
        let mut known = self.stage.known.lock().unwrap();
        assert!(
            (1..=known.begun).contains(&value),
            "P5: nobody made {value}"
        );
        known.received.insert(value);
    }
}

/// Polls once; `None` if it would wait.
async fn poll_once<F: Future>(mut future: Pin<&mut F>) -> Option<F::Output> {
    poll_fn(|context| {
        Poll::Ready(match future.as_mut().poll(context) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        })
    })
    .await
}

/// True once in `n` times, by the schedule's own randomness.
pub(crate) fn one_in(n: u32) -> bool {
    thread_rng().gen_range(0..n) == 0
}
