//! One call for many keys.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use futures_lite::future::{FutureExt as _, or};
use singleflight_core::{Answers, Builder, CallError, Joined, PanicPolicy, Turn};

use crate::caller::{Caller, SpawnedCall, led, message};
use crate::front_end::{Complete, Entry};
use crate::gate::{DEADLINE, Gate, until};
use crate::limits::{LONG, SHORT};
use crate::stage::{KEY, Stage};
use crate::value::{CoreGroup, Failure, Token, Value};
use crate::work::{BatchWork, Returns};

/// A batch under way.
struct Running {
    begun: Gate,
    may_end: Gate,
    cancel: Gate,
    ended: Receiver<Result<BatchResult, String>>,
}

/// What a batch comes to that does not panic.
type BatchResult = Result<Answers<String, Value>, Failure>;

/// What a batch that was cancelled is told to have ended with.
const CANCELLED: &str = "cancelled";

impl Running {
    fn has_begun(&self) {
        self.begun.expect("a batch's work beginning");
    }

    /// Waits for the end, which the work need not come to.
    fn wait(&self) -> Result<BatchResult, String> {
        let end = self.ended.recv_timeout(DEADLINE);
        end.expect("hang: a batch did not end")
    }

    /// Lets the work end and waits for it.
    fn end(self) -> Result<BatchResult, String> {
        self.may_end.open();
        self.wait()
    }

    /// Cancels the batch, or where that cannot be, lets its work panic.
    fn lose<F: Complete>(self) {
        if F::CANCELS {
            self.cancel.open();
            assert_eq!(self.wait().err().as_deref(), Some(CANCELLED));
        } else {
            assert!(self.end().is_err());
        }
    }

    /// Lets the work end and waits for the answers.
    fn answers(self) -> Answers<String, Value> {
        answers(self.end())
    }

    /// Lets the work end and waits for the error that it returns.
    fn failure(self) -> &'static str {
        match self.end() {
            Ok(Err(Failure(error))) => error,
            other => panic!("the batch did not fail: {:?}", other.map(Result::ok)),
        }
    }

    /// The keys and numbers of the answers.
    fn numbers(self) -> Vec<(String, u32)> {
        let answers: Vec<_> = self.answers().into_all().expect("each key has a value");
        let number = |value: Value| value.map_or(0, |token| token.number());
        let answers = answers.into_iter();
        answers.map(|(key, value)| (key, number(value))).collect()
    }
}

impl<F: Complete> Stage<F> {
    fn batch(&self, keys: &[&str], returns: Returns) -> Running {
        self.batch_by(Entry::Run, keys, returns)
    }

    fn batch_by(&self, entry: Entry, keys: &[&str], returns: Returns) -> Running {
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
                AssertUnwindSafe(F::batch(&group, entry, keys, work))
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

fn answers(end: Result<BatchResult, String>) -> Answers<String, Value> {
    match end {
        Ok(Ok(answers)) => answers,
        Ok(Err(Failure(error))) => panic!("the batch failed: {error}"),
        Err(panic) => panic!("the batch panicked: {panic}"),
    }
}

/// Why a key of a batch has no value.
fn error<'a>(answers: &'a Answers<String, Value>, key: &str) -> Option<&'a CallError> {
    answers.get(key).and_then(Result::err)
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

/// A key that the work did not return says so, and whoever waits for it tries its own work; a key
/// that was not asked for is dropped.
///
/// Holds P5.
pub fn a_key_that_a_batch_does_not_return_is_handed_over<F: Complete>() {
    let stage = Stage::<F>::new();
    let batch = stage.batch(&["a", "b"], Returns::AllBut("b", 1));
    batch.has_begun();
    let returned = stage.call(2).key("a").follow();
    let missing = stage.call(3).key("b").follow();
    let answers = batch.answers();
    assert_eq!(answers.len(), 2);
    assert_eq!(error(&answers, "a"), None);
    assert_eq!(error(&answers, "b"), Some(&CallError::NotReturned));
    let present: Vec<_> = answers.into_present().expect("nothing else is wrong");
    assert_eq!(present.len(), 1);
    drop(present);
    assert_eq!(returned.number(), 1);
    let answer = missing.answer();
    assert!(led(&answer));
    drop(answer);
    assert_eq!(stage.group.stats().abandoned, 1);
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

/// An error of the work as a whole is its caller's, at once: the keys that the work was given are
/// handed over, and those that the batch waits for are left.
///
/// Holds P5.
pub fn an_error_in_a_batch_stays_with_its_caller<F: Complete>() {
    let stage = Stage::<F>::new();
    let elsewhere = stage.call(1).key("c").may_overlap().lead();
    let keys = ["a", "b", "c"];
    let batch = stage.batch_by(Entry::TryRun, &keys, Returns::Error("no route"));
    batch.has_begun();
    let followers = ["a", "b"].map(|key| stage.call(2).key(key).may_overlap().follow());
    assert_eq!(batch.failure(), "no route");
    until("the batch leaving", || stage.waiting("c") == 0);
    for follower in followers {
        let answer = follower.answer();
        assert!(led(&answer), "it runs its own work");
    }
    assert_eq!(elsewhere.number(), 1);
    let stats = stage.group.stats();
    assert_eq!((stats.abandoned, stats.landed), (2, 3));
    stage.close();
}

/// It counts towards the failures in a row of each of its keys, as does a key that a work did not
/// return.
pub fn failures_of_batches_are_counted_for_each_key<F: Complete>() {
    let stage = Stage::<F>::with(Builder::new().max_failures(1));
    let failures = CallError::TooManyFailures { failures: 1 };
    let batch = stage.batch_by(Entry::TryRun, &["a", "b"], Returns::Error("no route"));
    batch.has_begun();
    let follower = stage.call(2).key("a").follow();
    let other = stage.batch(&["b"], Returns::All(3));
    until("the other batch waiting", || stage.waiting("b") == 1);
    assert_eq!(batch.failure(), "no route");
    assert_eq!(follower.refusal(), failures);
    let answers = other.answers();
    assert_eq!(error(&answers, "b"), Some(&failures));

    let batch = stage.batch(&["a"], Returns::AllBut("a", 1));
    batch.has_begun();
    let follower = stage.call(2).key("a").follow();
    drop(batch.answers());
    assert_eq!(follower.refusal(), failures);
    assert_eq!(stage.runs(), 0);
    stage.close();
}

/// When a batch's time is up, keys whose values are there have them. A work that is under way is
/// dropped, and its keys are handed over; on threads it is not cut off.
pub fn a_batchs_deadline_ends_its_waits<F: Complete>() {
    let stage = Stage::<F>::new();
    let hung = stage.call(1).key("a").may_overlap().lead();
    let patient = stage.batch_by(Entry::Timeout(LONG), &["a"], Returns::All(2));
    until("the patient batch waiting", || stage.waiting("a") == 1);
    let hurried = stage.batch_by(Entry::Timeout(SHORT), &["a", "b"], Returns::All(2));
    if F::CANCELS {
        let answers = answers(hurried.wait());
        for key in ["a", "b"] {
            assert_eq!(error(&answers, key), Some(&CallError::TimedOut));
        }
        until("its key being handed over", || stage.group.in_flight() == 1);
    } else {
        let answers = hurried.answers();
        assert_eq!(error(&answers, "a"), Some(&CallError::TimedOut));
    }
    until("the hurried batch leaving", || stage.waiting("a") == 1);
    assert_eq!((hung.number(), patient.numbers()), (1, vec![pair("a", 1)]));
    stage.close();
}

/// A batch whose time is up starts no work.
pub fn a_batch_whose_time_is_up_starts_no_work<F: Complete>() {
    let stage = Stage::<F>::new();
    let late = stage.batch_by(Entry::Timeout(Duration::ZERO), &["a", "b"], Returns::All(1));
    let answers = late.answers();
    assert_eq!(answers.len(), 2);
    for (_, answer) in answers {
        assert_eq!(answer.err(), Some(CallError::TimedOut));
    }
    assert!(stage.tally.batches().is_empty());
    assert_eq!(stage.group.in_flight(), 0);
    stage.close();
}

/// A fence that is given to a batch tells its work whether one of its keys was forgotten.
pub fn a_fence_is_bound_to_a_batch<F: Complete>() {
    let stage = Stage::<F>::new();
    for forgotten in [None, Some("a"), Some("b")] {
        let before = stage.tally.fences().len();
        let batch = stage.batch_by(Entry::Fence, &["a", "b"], Returns::All(1));
        batch.has_begun();
        if let Some(key) = forgotten {
            assert!(stage.group.forget(key));
        }
        assert_eq!(batch.numbers(), [pair("a", 1), pair("b", 1)]);
        let told = [false, forgotten.is_some()];
        assert_eq!(stage.tally.fences()[before..], told, "{forgotten:?}");
    }
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
            Kind::Spawned => Self::Spawned(stage.call(number).spawn()),
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
