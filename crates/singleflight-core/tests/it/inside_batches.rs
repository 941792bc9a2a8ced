//! Calls for the keys of a batch by other people's code that runs while the batch leads them: it
//! would wait for itself. Needs `std`, as noticing that does.

use std::cell::{Cell, RefCell};
use std::future::{Future, pending, ready};
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use singleflight_core::{CallError, Group, Joined, Leader};

use crate::task::{Task, pause};

/// What calls for these keys come to, made here and given up at once.
fn calls<V>(group: &Group<Key, V>, keys: impl IntoIterator<Item = u64>) -> Vec<Call> {
    let call = |key| match group.join(Key(key)) {
        Ok(Joined::Leader(_)) => Call::Leads,
        Ok(Joined::Follower(_)) => Call::Waits,
        Err(CallError::Reentrant) => Call::Refused,
        Err(error) => panic!("key {key}: {error}"),
    };
    keys.into_iter().map(call).collect()
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Call {
    Leads,
    /// For itself, if it is made by code that the leader waits for.
    Waits,
    Refused,
}

type Act = Rc<dyn Fn()>;

thread_local! {
    /// Done once, as soon as a key or a value is cloned or dropped, or a waker called.
    static ON_CLONE: RefCell<Option<Act>> = const { RefCell::new(None) };
    static ON_DROP: RefCell<Option<Act>> = const { RefCell::new(None) };
    static ON_KEY_DROP: RefCell<Option<Act>> = const { RefCell::new(None) };
    static ON_WAKE: RefCell<Option<Act>> = const { RefCell::new(None) };
    /// The key whose next drop panics, or 0.
    static EXPLODES: Cell<u64> = const { Cell::new(0) };
}

fn act(on: &'static std::thread::LocalKey<RefCell<Option<Act>>>) {
    if let Some(act) = on.take() {
        act();
    }
}

#[derive(Debug, Eq, Hash, PartialEq)]
struct Key(u64);

impl Clone for Key {
    fn clone(&self) -> Self {
        act(&ON_CLONE);
        Self(self.0)
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        act(&ON_KEY_DROP);
        if EXPLODES.get() == self.0 {
            EXPLODES.set(0);
            panic!("the drop of key {}", self.0);
        }
    }
}

#[derive(Debug, PartialEq)]
struct Value(u64);

impl Clone for Value {
    fn clone(&self) -> Self {
        act(&ON_CLONE);
        Self(self.0)
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        act(&ON_DROP);
    }
}

type Shared = Rc<Group<Key, Value>>;

fn keys(numbers: impl IntoIterator<Item = u64>) -> Vec<Key> {
    numbers.into_iter().map(Key).collect()
}

fn lead(group: &Shared, key: u64) -> Leader<Shared> {
    match Group::join_owned(Rc::clone(group), Key(key)) {
        Ok(Joined::Leader(leader)) => leader,
        other => panic!("it leads: {other:?}"),
    }
}

/// A call that waits for a flight.
fn follow(group: &Shared, key: u64) -> Task<'_, Result<u64, CallError>> {
    let mut call = Task::new(async move {
        let outcome = group.run_outcome(Key(key), async || Value(0)).await?;
        Ok(outcome.value.0)
    });
    call.waits();
    call
}

/// Each key's number as its value.
fn numbers(keys: Vec<Key>) -> impl Iterator<Item = (Key, Value)> {
    keys.into_iter().map(|key| {
        let number = key.0;
        (key, Value(number))
    })
}

/// Makes an act that calls for these keys, and what the calls come to.
fn calling(group: &Shared, keys: &'static [u64]) -> (Act, Rc<RefCell<Vec<Call>>>) {
    let (group, seen) = (Rc::clone(group), Rc::new(RefCell::new(Vec::new())));
    let act = {
        let seen = Rc::clone(&seen);
        Rc::new(move || *seen.borrow_mut() = calls(&group, keys.iter().copied()))
    };
    (act, seen)
}

type End = fn() -> Poll<Vec<(Key, Value)>>;

/// The work of a batch, which waits once and does something as it is dropped.
struct Acts {
    on_drop: Act,
    has_waited: bool,
    then: End,
}

impl Future for Acts {
    type Output = Vec<(Key, Value)>;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        if mem::replace(&mut self.has_waited, true) {
            (self.then)()
        } else {
            Poll::Pending
        }
    }
}

impl Drop for Acts {
    fn drop(&mut self) {
        (self.on_drop)();
    }
}

/// A batch is inside of each of its keys, however many there are and however deep it nests.
#[test]
fn a_batch_is_inside_of_all_its_keys_at_any_depth() {
    const ELSEWHERE: u64 = 20_000;

    fn nest(group: &Group<u64, u64>, depth: u64, batch: u64) {
        if depth > 0 {
            let Ok(Joined::Leader(leader)) = group.join(10_000 + depth) else {
                panic!("nobody has come here before");
            };
            let outcome = leader.lead_blocking(|| {
                nest(group, depth - 1, batch);
                let again = group.join(10_000 + depth);
                assert_eq!(again.err(), Some(CallError::Reentrant), "on the way up");
                depth
            });
            assert_eq!(outcome.value, depth);
            return;
        }
        let answers = Task::new(group.run_many(0..batch, |keys: Vec<u64>| {
            for key in keys.iter().rev() {
                let again = group.join(*key);
                assert_eq!(again.err(), Some(CallError::Reentrant), "{key} of {batch}");
            }
            let other = group.join(ELSEWHERE);
            assert!(matches!(other, Ok(Joined::Follower(_))), "none of {batch}");
            ready(keys.into_iter().map(|key| (key, key)))
        }));
        assert_eq!(answers.ends().len() as u64, batch);
        assert!(group.join(0).is_ok(), "it has left");
    }

    let group = Group::new();
    let Ok(Joined::Leader(elsewhere)) = group.join(ELSEWHERE) else {
        panic!("nobody has come before");
    };
    for depth in [0, 1, 47, 48, 62, 63, 64, 70] {
        for batch in [1, 2, 16, 17, 100] {
            nest(&group, depth, batch);
            assert_eq!(group.in_flight(), 1);
        }
    }
    drop(elsewhere);
}

/// While the batch lands one key, it leads those that come after.
#[test]
fn a_clone_of_a_value_that_calls_for_a_key_of_its_batch_is_refused() {
    let group = Shared::default();
    let (act, seen) = calling(&group, &[1, 2, 3]);
    let mut batch = Task::new(group.run_many(keys([1, 2, 3]), async |keys| {
        pause().await;
        numbers(keys).collect::<Vec<_>>()
    }));
    batch.waits();
    let followers = [1, 2, 3].map(|key| follow(&group, key));
    ON_CLONE.set(Some(act));
    let answers = batch.poll();
    assert_eq!(*seen.borrow(), [Call::Leads, Call::Refused, Call::Refused]);
    let Poll::Ready(answers) = answers else {
        panic!("nobody else loads");
    };
    assert_eq!(answers.len(), 3);
    for (key, follower) in (1..).zip(followers) {
        assert_eq!(follower.ends(), Ok(key));
    }
    assert_eq!(group.in_flight(), 0);
}

/// So it is when the work has failed as a whole, and gives up one key after the other. Its error is
/// its own caller's: nobody clones it.
#[test]
fn a_drop_of_a_key_that_calls_for_a_key_of_its_failed_batch_is_refused() {
    let group = Shared::default();
    let (act, seen) = calling(&group, &[1, 2, 3]);
    let load = |keys: Vec<Key>| {
        drop(keys);
        ON_KEY_DROP.set(Some(Rc::clone(&act)));
        ON_CLONE.set(Some(Rc::new(|| panic!("nothing is cloned"))));
        ready(Err::<Vec<_>, _>(Value(7)))
    };
    let failed = Task::new(group.try_run_many(keys([1, 2, 3]), load)).ends();
    assert_eq!(failed.map(drop), Err(Value(7)));
    // The first key has been given up by then.
    assert_eq!(*seen.borrow(), [Call::Leads, Call::Refused, Call::Refused]);
    assert!(ON_CLONE.take().is_some());
    assert_eq!(group.in_flight(), 0);
}

/// And so it is when the batch is dropped.
#[test]
fn a_drop_of_a_key_that_calls_for_a_key_of_its_dropped_batch_is_refused() {
    let group = Shared::default();
    let (act, seen) = calling(&group, &[1, 2, 3]);
    let mut batch = Task::new(group.run_many(keys([1, 2, 3]), |keys: Vec<Key>| {
        drop(keys);
        pending::<Vec<(Key, Value)>>()
    }));
    batch.waits();
    ON_KEY_DROP.set(Some(act));
    drop(batch);
    assert_eq!(*seen.borrow(), [Call::Leads, Call::Refused, Call::Refused]);
    assert_eq!(group.in_flight(), 0);
}

/// A value that was not asked for is dropped while the batch still leads.
#[test]
fn a_drop_of_a_value_that_calls_for_a_key_of_its_batch_is_refused() {
    let group = Shared::default();
    let (act, seen) = calling(&group, &[1, 2]);
    let batch = Task::new(group.run_many(keys([1, 2]), |keys| {
        ON_DROP.set(Some(Rc::clone(&act)));
        let more = [(Key(9), Value(9))];
        ready(more.into_iter().chain(numbers(keys)).collect::<Vec<_>>())
    }));
    assert_eq!(batch.ends().len(), 2);
    assert_eq!(*seen.borrow(), [Call::Refused; 2]);
    assert_eq!(group.in_flight(), 0);
}

/// A batch that waits takes a flight over and, in the same look, its share of another that has
/// landed.
#[test]
fn a_clone_that_calls_for_a_key_that_its_batch_has_taken_over_is_refused() {
    let group = Shared::default();
    let (act, seen) = calling(&group, &[1]);
    let (lost, landing) = (lead(&group, 1), lead(&group, 2));
    let mut batch = Task::new(group.run_many(keys([1, 2]), |keys| {
        ready(numbers(keys).collect::<Vec<_>>())
    }));
    batch.waits();
    let follower = follow(&group, 2);
    drop(lost);
    assert_eq!(landing.complete(Value(2)).followers, 2);
    ON_CLONE.set(Some(act));
    drop(batch.poll());
    assert_eq!(*seen.borrow(), [Call::Refused]);
    assert_eq!(follower.ends(), Ok(2));
    drop(batch);
    assert_eq!(group.in_flight(), 0);
}

/// Before its work has begun a batch leads what it has claimed so far.
#[test]
fn a_clone_of_a_key_that_calls_for_a_key_of_its_batch_is_refused() {
    let group = Shared::default();
    let (act, seen) = calling(&group, &[1]);
    // The first key that is cloned is the first that the batch claims.
    ON_CLONE.set(Some(Rc::new(move || ON_CLONE.set(Some(Rc::clone(&act))))));
    let batch = Task::new(group.run_many(keys([1, 2]), |keys| {
        ready(numbers(keys).collect::<Vec<_>>())
    }));
    assert_eq!(batch.ends().len(), 2);
    assert_eq!(*seen.borrow(), [Call::Refused]);
    assert_eq!(group.in_flight(), 0);
}

/// A key that was cloned in vain, because its flight was started meanwhile, is dropped when the
/// batch holds its place in that flight. If that panics, the place is given up.
#[test]
fn a_batchs_key_whose_drop_panics_leaves_no_ghost() {
    let group = Shared::default();
    let started = Rc::new(RefCell::new(None));
    ON_CLONE.set(Some({
        let (group, started) = (Rc::clone(&group), Rc::clone(&started));
        Rc::new(move || {
            started.replace(Some(lead(&group, 1)));
            EXPLODES.set(1);
        })
    }));
    let mut batch = Task::new(group.run_many(keys([1]), |_| ready(Vec::new())));
    assert!(catch_unwind(AssertUnwindSafe(|| batch.poll())).is_err());
    drop(batch);
    assert_eq!(group.followers(Key(1)), Some(0));
    let leader = started.take().expect("it was started");
    assert_eq!(leader.complete(Value(1)).followers, 0);
}

/// The work is dropped while the batch leads: after it has returned, after it has panicked, or
/// because the batch is.
#[test]
fn a_works_drop_that_calls_for_a_key_of_its_batch_is_refused() {
    let ends: [End; 3] = [
        || Poll::Ready(Vec::new()),
        || panic!("while loading"),
        || Poll::Pending,
    ];
    for (case, then) in ends.into_iter().enumerate() {
        let group = Shared::default();
        let (on_drop, seen) = calling(&group, &[1, 2, 3]);
        let mut batch = Task::new(group.run_many(keys([1, 2, 3]), |_| Acts {
            on_drop: Rc::clone(&on_drop),
            has_waited: false,
            then,
        }));
        batch.waits();
        let polled = catch_unwind(AssertUnwindSafe(|| batch.poll().is_ready()));
        assert_eq!(polled.ok(), [Some(true), None, Some(false)][case]);
        drop(batch);
        assert_eq!(*seen.borrow(), [Call::Refused; 3], "case {case}");
        assert_eq!(group.in_flight(), 0);
    }
}

/// A key that panics as its flight is settled does not keep the others from being told of the
/// work's panic, which goes on.
#[test]
fn a_panic_is_told_to_every_key_though_one_of_them_panics_too() {
    for explodes in [1, 2, 3] {
        let group = Shared::default();
        let mut batch = Task::new(group.run_many(keys([1, 2, 3]), |_| Acts {
            on_drop: Rc::new(move || EXPLODES.set(explodes)),
            has_waited: false,
            then: || panic!("while loading"),
        }));
        batch.waits();
        let followers = [1, 2, 3].map(|key| follow(&group, key));
        let polled = catch_unwind(AssertUnwindSafe(|| batch.poll()));
        let panic = polled.map(drop).expect_err("the work panics");
        assert_eq!(panic.downcast_ref(), Some(&"while loading"));
        assert_eq!(EXPLODES.get(), 0, "the table's copy of the key was dropped");
        for follower in followers {
            assert!(matches!(follower.ends(), Err(CallError::LeaderPanicked(_))));
        }
        assert_eq!(group.in_flight(), 0);
    }
}

/// A waker belongs to another task, which is not inside of the work that happens to wake it. What
/// it polls waits, and is served when its own turn comes.
#[test]
fn a_waker_may_poll_a_follower_of_another_key_of_the_batch() {
    struct Polls;

    impl Wake for Polls {
        fn wake(self: Arc<Self>) {
            act(&ON_WAKE);
        }
    }

    for returns in [&[1, 2][..], &[]] {
        let group = Shared::default();
        let mut batch = Task::new(group.run_many(keys([1, 2]), async |_| {
            pause().await;
            numbers(keys(returns.iter().copied())).collect::<Vec<_>>()
        }));
        batch.waits();
        let waker = Waker::from(Arc::new(Polls));
        let mut woken = Box::pin(group.run_outcome(Key(1), async || Value(0)));
        let polled = woken.as_mut().poll(&mut Context::from_waker(&waker));
        assert!(polled.is_pending());

        let (other, ended) = (Rc::clone(&group), Rc::new(RefCell::new(None)));
        let mut call = Box::pin(async move {
            let outcome = other.run_outcome(Key(2), async || Value(0)).await;
            outcome.map(|outcome| outcome.value)
        });
        let mut poll = move || call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(poll().is_pending());
        let poll = Rc::new(RefCell::new(poll));
        ON_WAKE.set(Some({
            let (poll, ended) = (Rc::clone(&poll), Rc::clone(&ended));
            Rc::new(move || *ended.borrow_mut() = Some((poll.borrow_mut())()))
        }));
        let present: Vec<_> = batch.ends().into_present().expect("nothing is refused");
        assert_eq!(present.len(), returns.len());
        let polled = ended.take().expect("the first one was woken");
        assert!(polled.is_pending(), "it waits: {polled:?}");
        let last = if returns.is_empty() { 0 } else { 2 };
        let mut polled = (poll.borrow_mut())();
        if returns.is_empty() {
            // It claims first, and leads at its next poll.
            assert!(polled.is_pending());
            polled = (poll.borrow_mut())();
        }
        assert_eq!(polled, Poll::Ready(Ok(Value(last))));
        drop(woken);
        assert_eq!(group.in_flight(), 0);
    }
}
