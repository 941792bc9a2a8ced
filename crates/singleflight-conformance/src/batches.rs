//! One call for many keys.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use futures_lite::future::{FutureExt as _, block_on, or};
use singleflight_core::{Answers, Builder, CallError, Joined, PanicPolicy, Turn, Until};

use crate::caller::{Caller, SpawnedCall, led, message};
use crate::front_end::Complete;
use crate::gate::{DEADLINE, Gate, until};
use crate::stage::{KEY, Stage};
use crate::value::{CoreGroup, Token, Value};
use crate::work::{BatchWork, Returns};

/// A batch under way.
struct Running {
    begun: Gate,
    may_end: Gate,
    cancel: Gate,
    ended: Receiver<Result<Answers<String, Value>, String>>,
}

/// What a batch that was cancelled is told to have ended with.
const CANCELLED: &str = "cancelled";

impl Running {
    fn has_begun(&self) {
        self.begun.expect("a batch's work beginning");
    }

    fn end(self) -> Result<Answers<String, Value>, String> {
        self.may_end.open();
        self.ended
            .recv_timeout(DEADLINE)
            .expect("hang: a batch did not end")
    }

    /// Cancels the batch, or where that cannot be, lets its work panic.
    fn lose<F: Complete>(self) {
        if F::CANCELS {
            self.cancel.open();
            let end = self.ended.recv_timeout(DEADLINE);
            let end = end.expect("hang: a batch was not cancelled");
            assert_eq!(end.err().as_deref(), Some(CANCELLED));
        } else {
            assert!(self.end().is_err());
        }
    }

    /// The keys and numbers of the answers.
    fn numbers(self) -> Vec<(String, u32)> {
        let answers = self.end().expect("the batch does not panic");
        let numbers = answers.iter().map(|(key, answer)| {
            let outcome = answer.expect("the key has a value");
            (key.clone(), outcome.value.as_ref().map_or(0, Token::number))
        });
        numbers.collect()
    }
}

impl<F: Complete> Stage<F> {
    fn batch(&self, keys: &[&str], returns: Returns) -> Running {
        let (begun, may_end) = (Gate::new(), Gate::new());
        let work = BatchWork {
            tally: Arc::clone(&self.tally),
            begun: begun.clone(),
            may_end: may_end.clone(),
            returns,
        };
        let keys = keys.iter().map(ToString::to_string).collect();
        let group = self.front_end();
        let (sender, ended) = channel();
        let cancel = Gate::new();
        let cancelled = cancel.clone();
        F::spawn(Box::pin(async move {
            let batch = async {
                AssertUnwindSafe(F::batch(&group, keys, work))
                    .catch_unwind()
                    .await
                    .map_err(|payload| message(&*payload))
            };
            let cancelled = async {
                cancelled.passed().await;
                Err(CANCELLED.to_owned())
            };
            let end = or(cancelled, batch).await;
            drop(group);
            let _gone = sender.send(end);
        }));
        Running {
            begun,
            may_end,
            cancel,
            ended,
        }
    }
}

fn pair(key: &str, number: u32) -> (String, u32) {
    (key.to_owned(), number)
}

/// The work is given the distinct keys that nobody is loading; the others are awaited.
pub fn a_batch_loads_what_nobody_is_loading<F: Complete>() {
    let stage = Stage::<F>::new();
    let leader = stage.call(1).key("a").may_overlap().lead();
    let batch = stage.batch(&["b", "a", "b", "c"], Returns::All(2));
    batch.has_begun();
    assert_eq!(stage.tally.batches(), [["b", "c"]]);
    let follower = stage.call(3).key("b").follow();
    assert_eq!(leader.number(), 1);
    assert_eq!(batch.numbers(), [pair("b", 2), pair("a", 1), pair("c", 2)]);
    assert_eq!(follower.number(), 2);
    let stats = stage.group.stats();
    assert_eq!(
        (stats.led, stats.followed),
        (3, 2),
        "each distinct key counts"
    );
    stage.close();
}

/// There is nothing to load, so nothing is called.
///
/// Holds P7.
pub fn an_empty_batch_calls_nothing<F: Complete>() {
    let stage = Stage::<F>::new();
    let batch = stage.batch(&[], Returns::Panic("it is called"));
    assert_eq!(batch.numbers(), []);
    assert!(stage.tally.batches().is_empty());
    assert_eq!(stage.group.stats().led, 0);
    stage.close();
}

/// Batches of the same keys load them once.
///
/// Holds P1.
pub fn equal_batches_share_one_execution<F: Complete>() {
    let stage = Stage::<F>::new();
    let first = stage.batch(&["a", "b"], Returns::All(1));
    first.has_begun();
    let others: Vec<_> = (1..=9)
        .map(|count| {
            let batch = stage.batch(&["b", "a"], Returns::All(2));
            until("a batch waiting", || {
                ["a", "b"].iter().all(|key| stage.waiting(key) == count)
            });
            batch
        })
        .collect();
    assert_eq!(first.numbers(), [pair("a", 1), pair("b", 1)]);
    for batch in others {
        assert_eq!(batch.numbers(), [pair("b", 1), pair("a", 1)]);
    }
    assert_eq!(stage.tally.batches(), [["a", "b"]]);
    stage.close();
}

/// A batch that is lost hands over every key that it has claimed, and leaves the others.
///
/// Holds P4.
pub fn a_lost_batch_hands_over_every_key<F: Complete>() {
    // A thread cannot be cancelled; there, a panic can be made to count as a loss.
    let policy = if F::CANCELS {
        PanicPolicy::Share
    } else {
        PanicPolicy::HandOver
    };
    let stage = Stage::<F>::with(Builder::new().panic_policy(policy));
    let elsewhere = stage.call(1).key("c").may_overlap().lead();
    let batch = stage.batch(&["a", "b", "c"], Returns::Panic("boom"));
    batch.has_begun();
    let followers = ["a", "b"].map(|key| stage.call(2).key(key).may_overlap().follow());
    batch.lose::<F>();
    for follower in followers {
        let answer = follower.answer();
        assert!(led(&answer), "it runs its own work");
    }
    until("the batch leaving", || stage.waiting("c") == 0);
    assert_eq!(elsewhere.number(), 1);
    assert_eq!(stage.runs(), 3);
    stage.close();
}

/// A key that the work did not return is absent, and whoever waits for it tries its own work;
/// a key that was not asked for is dropped.
///
/// Holds P5.
pub fn a_key_that_a_batch_does_not_return_is_handed_over<F: Complete>() {
    let stage = Stage::<F>::new();
    let batch = stage.batch(&["a", "b"], Returns::AllBut("b", 1));
    batch.has_begun();
    let returned = stage.call(2).key("a").follow();
    let missing = stage.call(3).key("b").follow();
    assert_eq!(batch.numbers(), [pair("a", 1)]);
    assert_eq!(returned.number(), 1);
    let answer = missing.answer();
    assert!(led(&answer));
    drop(answer);
    stage.close();
}

/// A panic settles every key of the batch, not only the first.
///
/// Holds P4.
pub fn a_panic_in_a_batch_settles_every_key<F: Complete>() {
    let stage = Stage::<F>::new();
    let batch = stage.batch(&["a", "b"], Returns::Panic("boom"));
    batch.has_begun();
    let followers = ["a", "b"].map(|key| stage.call(2).key(key).follow());
    assert_eq!(batch.end().err().as_deref(), Some("boom"));
    for follower in followers {
        assert!(matches!(follower.refusal(), CallError::LeaderPanicked(_)));
    }
    assert_eq!(stage.group.stats().panicked, 2);
    stage.close();
}

/// An error of the work as a whole is shared by every key that it was given.
///
/// Holds P5.
pub fn an_error_in_a_batch_settles_every_key<F: Complete>() {
    let stage = Stage::<F>::new();
    let group = stage.front_end();
    let keys = ["a", "b"].map(ToOwned::to_owned).to_vec();
    let answers = block_on(F::failing_batch(&group, keys, "no route"));
    drop(group);
    for (_, answer) in answers {
        let outcome = answer.expect("the error is a value");
        assert_eq!(outcome.value.err(), Some("no route"));
    }
    assert_eq!(stage.group.stats().landed, 2);
    stage.close();
}

/// What is handed over to a batch while it waits is given to its work again.
///
/// Holds P3.
pub fn keys_handed_over_to_a_batch_are_loaded_by_it<F: Complete>() {
    let stage = Stage::<F>::new();
    let lost = ["a", "b"].map(|key| join(&stage.group, key));
    let batch = stage.batch(&["a", "b"], Returns::All(1));
    batch.may_end.open();
    until("the batch waiting", || {
        ["a", "b"].iter().all(|key| stage.waiting(key) == 1)
    });
    drop(lost);
    assert_eq!(batch.numbers(), [pair("a", 1), pair("b", 1)]);
    let mut loaded = stage.tally.batches().concat();
    loaded.sort();
    assert_eq!(loaded, ["a", "b"]);
    stage.close();
}

/// Two batches that overlap in opposite orders do not wait for each other.
///
/// Holds P1.
pub fn overlapping_batches_do_not_wait_for_each_other<F: Complete>() {
    let stage = Stage::<F>::new();
    let first = stage.batch(&["a", "b"], Returns::All(1));
    first.has_begun();
    let second = stage.batch(&["c", "b", "a"], Returns::All(2));
    second.has_begun();
    let third = stage.batch(&["a", "c"], Returns::All(3));
    until("the third batch waiting", || stage.waiting("c") == 1);
    assert_eq!(first.numbers(), [pair("a", 1), pair("b", 1)]);
    assert_eq!(second.numbers(), [pair("c", 2), pair("b", 1), pair("a", 1)]);
    assert_eq!(third.numbers(), [pair("a", 1), pair("c", 2)]);
    stage.close();

    // Unordered, and many times.
    let stage = Stage::<F>::new();
    for _ in 0..20 {
        let batches = [["a", "b"], ["b", "a"], ["b", "c"], ["c", "a"]];
        let running = batches.map(|keys| {
            let batch = stage.batch(&keys, Returns::All(1));
            batch.may_end.open();
            batch
        });
        for batch in running {
            assert_eq!(batch.numbers().len(), 2);
        }
    }
    stage.close();
}

/// Batches share flights with calls and handles, on threads and in tasks.
///
/// Holds P9.
pub fn batches_share_flights_with_every_entry_point<F: Complete>() {
    let stage = Stage::<F>::new();
    let batch = stage.batch(&["a", "b"], Returns::All(1));
    batch.has_begun();
    let callers = ["a", "b"].map(|key| stage.call(2).key(key).follow());
    let thread = thread::spawn({
        let joined = join(&stage.group, "a");
        move || match joined {
            Joined::Follower(follower) => follower.wait_blocking().is_ok(),
            Joined::Leader(_) => false,
        }
    });
    until("three callers waiting", || {
        stage.waiting("a") == 2 && stage.waiting("b") == 1
    });
    assert_eq!(batch.numbers().len(), 2);
    assert_eq!(callers.map(Caller::number), [1, 1]);
    assert!(thread.join().expect("the thread was served"));
    stage.close();
}

/// The kinds of callers that can meet in one flight.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    /// The front end's own call.
    Call,
    /// A bare thread with a handle.
    Thread,
    /// A spawned call.
    Spawned,
    /// A batch that names the key.
    Batch,
}

/// Whoever leads, in whatever way, serves whoever follows, in whatever way; once.
///
/// Holds P9.
pub fn every_kind_of_caller_joins_every_other<F: Complete>() {
    let kinds = [Kind::Call, Kind::Thread, Kind::Spawned, Kind::Batch];
    for (leads, follows) in kinds
        .iter()
        .flat_map(|one| kinds.map(|other| (*one, other)))
    {
        let stage = Stage::<F>::new();
        let leader = Party::start(&stage, leads, 1);
        leader.has_begun();
        let follower = Party::start(&stage, follows, 2);
        until("the second one joining", || stage.waiting(KEY) == 1);
        assert_eq!(leader.number(), 1, "{leads:?} leads, {follows:?} follows");
        assert_eq!(follower.number(), 1, "{leads:?} leads, {follows:?} follows");
        let executions = stage.runs() + stage.tally.batches().len();
        assert_eq!(executions, usize::from(leads != Kind::Thread));
        stage.close();
    }
}

/// A caller of any kind.
enum Party {
    Call(Caller),
    Thread(Gate, thread::JoinHandle<u32>),
    Spawned(SpawnedCall),
    Batch(Running),
}

impl Party {
    fn start<F: Complete>(stage: &Stage<F>, kind: Kind, number: u32) -> Self {
        match kind {
            Kind::Call => Self::Call(stage.call(number).start()),
            Kind::Spawned => Self::Spawned(stage.call(number).spawn(Until::Done)),
            Kind::Batch => Self::Batch(stage.batch(&[KEY], Returns::All(number))),
            Kind::Thread => {
                let (joined, gate) = (join(&stage.group, KEY), Gate::new());
                let (tally, may_end) = (Arc::clone(&stage.tally), gate.clone());
                let thread = thread::spawn(move || {
                    let value = match joined {
                        Joined::Leader(leader) => {
                            may_end.passed_blocking();
                            leader.complete(Ok(Token::new(number, &tally))).value
                        }
                        Joined::Follower(follower) => match follower.wait_blocking() {
                            Ok(Turn::Landed(outcome)) => outcome.value,
                            other => panic!("the flight lands: {other:?}"),
                        },
                    };
                    value.map_or(0, |token| token.number())
                });
                Self::Thread(gate, thread)
            }
        }
    }

    /// Waits until the work has begun.
    fn has_begun(&self) {
        match self {
            Self::Call(caller) => caller.has_begun(),
            Self::Thread(..) => {}
            Self::Spawned(spawned) => spawned.has_begun(),
            Self::Batch(batch) => batch.has_begun(),
        }
    }

    /// Lets the work end and waits for the number of the value.
    fn number(self) -> u32 {
        match self {
            Self::Call(caller) => caller.number(),
            Self::Thread(gate, thread) => {
                gate.open();
                thread.join().expect("the thread was served")
            }
            Self::Spawned(spawned) => spawned.number(),
            Self::Batch(batch) => batch.numbers()[0].1,
        }
    }
}

fn join(group: &CoreGroup, key: &str) -> Joined<CoreGroup> {
    singleflight_core::Group::join_owned(Arc::clone(group), key).expect("nothing is refused")
}
