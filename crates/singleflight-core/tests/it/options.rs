//! Deadlines, kept errors, interest and batches, in an order that is written down.

use std::cell::Cell;
use std::future::{pending, poll_fn};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use singleflight_core::{Builder, CallError, Group, Joined, Role, Turn};

use crate::hand::{Runs, arrive};
use crate::task::{Task, pause};

/// A deadline that comes when the test says so.
#[derive(Clone, Default)]
struct Expiry(Rc<Cell<bool>>);

impl Expiry {
    fn come(&self) {
        self.0.set(true);
    }

    async fn wait(self) {
        poll_fn(|_| {
            if self.0.get() {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }
}

#[test]
fn a_leader_that_times_out_hands_over_and_a_follower_leaves() {
    let group: Group<u64, u64> = Group::new();
    let (first, second) = (Expiry::default(), Expiry::default());
    let mut leader = Task::new(group.call(1).give_up_on(first.clone().wait()).run(pending));
    leader.waits();
    let mut hurried = Task::new(group.call(1).give_up_on(second.clone().wait()).run(pending));
    hurried.waits();
    let mut patient = Task::new(group.run_outcome(1, async || 8));
    patient.waits();

    second.come();
    assert_eq!(hurried.ends().err(), Some(CallError::TimedOut));
    assert_eq!(group.followers(1), Some(1));
    first.come();
    assert_eq!(leader.ends().err(), Some(CallError::TimedOut));
    assert_eq!(patient.wakes(), 1);
    let outcome = patient.ends().expect("it leads on");
    assert_eq!((outcome.value, outcome.role), (8, Role::Leader));
    assert_eq!(group.in_flight(), 0);
}

/// The leader's own, and a follower's, which comes in the same poll as the deadline.
#[test]
fn a_value_that_is_there_wins_over_its_deadline() {
    let group: Group<u64, u64> = Group::new();
    let expired = Expiry::default();
    let work = async || {
        pause().await;
        7
    };
    let call = || group.call(1).give_up_on(expired.clone().wait());
    let mut leader = Task::new(call().run(work));
    leader.waits();
    let mut follower = Task::new(call().run(async || unreachable!("it follows")));
    follower.waits();
    expired.come();
    assert_eq!(leader.ends(), Ok(7));
    assert_eq!(follower.ends(), Ok(7));
}

/// Neither as a newcomer, nor in a lost leader's place, nor after it has claimed that.
///
/// Holds P11.
#[test]
fn a_call_whose_time_is_up_starts_no_work() {
    let group: Group<u64, u64> = Group::new();
    let expired = Expiry::default();
    let call = || {
        let call = group.call(1).give_up_on(expired.clone().wait());
        Task::new(call.run(async || unreachable!("its time is up")))
    };
    let leader = group.join(1).expect("nothing is refused");
    let (mut claims, mut follows) = (call(), call());
    claims.waits();
    follows.waits();
    drop(leader);
    assert!(claims.poll_once().is_pending());
    expired.come();
    assert_eq!(claims.ends().err(), Some(CallError::TimedOut));
    assert_eq!(follows.ends().err(), Some(CallError::TimedOut));
    assert_eq!(call().ends().err(), Some(CallError::TimedOut));
    let stats = group.stats();
    assert_eq!((stats.in_flight, stats.led, stats.handed_over), (0, 1, 1));
}

/// An outer timeout looks at its clock after it has polled the call. A call that takes over is
/// dropped by then, before it has started a work that nobody waits for.
///
/// Holds P3.
#[test]
fn a_follower_that_takes_over_starts_its_work_at_its_next_poll() {
    let group: Group<u64, u64> = Group::new();
    let leader = group.join(1).expect("nothing is refused");
    let mut dropped = Task::new(group.run(1, async || unreachable!("it is dropped before")));
    let mut leads = Task::new(group.run(1, async || 8));
    dropped.waits();
    leads.waits();
    drop(leader);
    assert!(dropped.poll_once().is_pending(), "it has claimed");
    assert_eq!(dropped.wakes(), 2, "and wakes itself");
    assert_eq!(group.stats().handed_over, 1);
    drop(dropped);
    assert_eq!(leads.ends(), Ok(8));
    assert_eq!(group.in_flight(), 0);
}

thread_local! {
    /// What the next copy or drop of a key does.
    static ACT: Cell<Option<Box<dyn FnOnce()>>> = const { Cell::new(None) };
}

/// A key whose drop acts.
#[derive(Eq, Hash, PartialEq)]
struct Falls(u64);

impl Drop for Falls {
    fn drop(&mut self) {
        ACT.take().into_iter().for_each(|act| act());
    }
}

/// A key whose copy acts.
#[derive(Debug, Eq, Hash, PartialEq)]
struct Grows(u64);

impl Clone for Grows {
    fn clone(&self) -> Self {
        ACT.take().into_iter().for_each(|act| act());
        Self(self.0)
    }
}

/// A call that is polled once and sleeps then must not have taken over a flight whose work it has
/// not begun: others would wait for it (P3).
///
/// Holds P3.
#[test]
fn a_call_whose_leader_is_lost_as_it_joins_starts_its_work_at_once() {
    let group: &'static Group<Falls, u64> = Box::leak(Box::default());
    let leader = group.join(Falls(1)).expect("nothing is refused");
    ACT.set(Some(Box::new(|| drop(leader))));
    let mut call = Task::new(group.run(Falls(1), async || 8));
    assert_eq!(call.poll_once(), Poll::Ready(Ok(8)));
    assert_eq!(group.stats().handed_over, 1);
}

/// Holds P3.
#[test]
fn a_batch_whose_leader_is_lost_as_it_joins_starts_its_work_at_once() {
    let group: &'static Group<Grows, u64> = Box::leak(Box::default());
    let leader = group.join(Grows(1)).expect("nothing is refused");
    let other = group.join(Grows(2)).expect("nothing is refused");
    let began = Cell::new(false);
    let mut batch = Task::new(group.run_many([Grows(1), Grows(2)], async |keys| {
        assert_eq!(keys, [Grows(1)]);
        began.set(true);
        [(Grows(1), 8)]
    }));
    // The first copy is of the first key, the second of the second.
    ACT.set(Some(Box::new(move || {
        ACT.set(Some(Box::new(|| drop(leader))));
    })));
    assert!(
        batch.poll_once().is_pending(),
        "the second key is loaded elsewhere"
    );
    assert!(began.get());
    drop(other);
    drop(batch);
    assert_eq!(group.in_flight(), 0);
}

/// A follower in hand is asked for by a caller that is awake.
#[test]
fn a_follower_in_hand_leads_at_once() {
    let group: Group<u64, u64> = Group::new();
    let leader = group.join(1).expect("nothing is refused");
    let Ok(Joined::Follower(follower)) = group.join(1) else {
        panic!("the second call follows");
    };
    let mut wait = Task::new(follower.wait());
    wait.waits();
    drop(leader);
    assert!(matches!(wait.poll_once(), Poll::Ready(Ok(Turn::Lead(_)))));
    assert_eq!(group.in_flight(), 0);
}

#[test]
fn options_combine() {
    let group: Group<u64, u64> = Builder::new().max_failures(3).build();
    let failing = || {
        let fence = group.fence();
        let call = group.call(1).share_if(|_| true).fence(&fence);
        let call = call.give_up_on(pending());
        Task::new(call.try_run_outcome(async move || {
            assert!(!fence.is_forgotten());
            poll_fn(move |_| Poll::Ready(())).await;
            Err("no route")
        }))
    };
    let blocker = group.join(1).expect("nothing is refused");
    let mut callers = [failing(), failing(), failing(), failing(), failing()];
    for caller in &mut callers {
        caller.waits();
    }
    drop(blocker);
    let answers = callers.map(Task::ends);
    let own = || Ok(Err("no route"));
    let told = || Err(CallError::TooManyFailures { failures: 3 });
    // After the third failure in a row the other two do not try.
    assert_eq!(answers, [own(), own(), own(), told(), told()]);
    assert_eq!(group.in_flight(), 0);
}

/// Two calls of one key that are polled side by side in one task are no circle.
#[test]
fn calls_side_by_side_in_one_task_are_no_false_alarm() {
    let group: Group<u64, u64> = Group::new();
    let mut released = false;
    let mut both = Task::new(async {
        let mut leader = Box::pin(group.run(1, || {
            poll_fn(|_| {
                if std::mem::replace(&mut released, true) {
                    Poll::Ready(7)
                } else {
                    Poll::Pending
                }
            })
        }));
        let mut follower = Box::pin(group.run(1, async || unreachable!("it follows")));
        let (mut first, mut second) = (None, None);
        poll_fn(|context| {
            if first.is_none() {
                if let Poll::Ready(value) = leader.as_mut().poll(context) {
                    first = Some(value);
                }
            }
            if second.is_none() {
                if let Poll::Ready(value) = follower.as_mut().poll(context) {
                    second = Some(value);
                }
            }
            match first.clone().zip(second.clone()) {
                Some(values) => Poll::Ready(values),
                None => Poll::Pending,
            }
        })
        .await
    });
    both.waits();
    assert_eq!(both.ends(), (Ok(7), Ok(7)));
}

/// A thread's wait bounds what it claims, not what it sees.
///
/// Holds P3.
#[cfg(feature = "std")]
#[test]
fn a_threads_wait_that_is_late_sees_a_value_and_claims_nothing() {
    use std::time::{Duration, Instant};

    use crate::hand::{follow, lead};

    let group: Group<u64, u64> = Group::new();
    let past = Instant::now();
    let deadlines = [past, past + Duration::from_secs(3_600)];
    for (deadline, is_late) in deadlines.into_iter().zip([true, false]) {
        let (leader, follower) = (lead(&group, 1), follow(&group, 1));
        assert_eq!(leader.complete(7).followers, 1);
        match follower.wait_deadline_blocking(deadline) {
            Ok(Turn::Landed(outcome)) => assert_eq!(outcome.value, 7),
            other => panic!("the value is there: {other:?}"),
        }
        let (leader, follower) = (lead(&group, 1), follow(&group, 1));
        drop(leader);
        match follower.wait_deadline_blocking(deadline) {
            Err(CallError::TimedOut) => assert!(is_late),
            Ok(Turn::Lead(leader)) => assert!(!is_late, "{leader:?} comes too late"),
            other => panic!("nothing has landed: {other:?}"),
        }
        assert_eq!(group.in_flight(), 0);
    }
}

/// A thread's call whose time is up begins nothing.
#[cfg(feature = "std")]
#[test]
fn a_threads_call_that_comes_too_late_runs_nothing() {
    use std::time::{Duration, Instant};

    use singleflight_core::TimeLimit;

    let group: Group<u64, u64> = Group::new();
    let (now, hour) = (Instant::now(), Duration::from_secs(3_600));
    for (limit, is_late) in [
        (TimeLimit::After(Duration::ZERO), true),
        (TimeLimit::At(now), true),
        (TimeLimit::After(hour), false),
        (TimeLimit::At(now + hour), false),
    ] {
        let answer = group.call(1).give_up(limit).run_blocking(|| 7);
        let expected = if is_late {
            Err(CallError::TimedOut)
        } else {
            Ok(7)
        };
        assert_eq!(answer, expected, "{limit:?}");
    }
    assert_eq!(group.stats().led, 2);
}

/// A follower that is awaited inside the work that it waits for would wait for ever.
#[cfg(feature = "std")]
#[test]
fn a_follower_that_is_moved_into_its_own_work_is_refused() {
    let group: Group<u64, u64> = Group::new();
    let Ok(Joined::Leader(leader)) = group.join(1) else {
        panic!("the first call leads");
    };
    let Ok(Joined::Follower(follower)) = group.join(1) else {
        panic!("the second call follows");
    };
    let outcome = Task::new(leader.lead(async || match follower.wait().await {
        Err(CallError::Reentrant) => 7,
        other => panic!("it waits for itself: {other:?}"),
    }))
    .ends();
    assert_eq!((outcome.value, outcome.followers), (7, 0));
}

/// Works may nest deep; the circle is found wherever it closes.
#[cfg(feature = "std")]
#[test]
fn a_circle_is_found_at_any_depth() {
    fn descend(group: &Group<u64, u64>, key: u64, bottom: u64, back: u64) -> u64 {
        let Ok(Joined::Leader(leader)) = group.join(key) else {
            panic!("{key} leads");
        };
        leader
            .lead_blocking(|| {
                if key < bottom {
                    return descend(group, key + 1, bottom, back);
                }
                assert_eq!(group.join(back).err(), Some(CallError::Reentrant), "{back}");
                key
            })
            .value
    }

    let group: Group<u64, u64> = Group::new();
    for back in [0, 7, 8, 9, 50] {
        assert_eq!(descend(&group, 0, 50, back), 50);
    }
    // Outside again, nothing is remembered.
    assert!(matches!(group.join(0), Ok(Joined::Leader(_))));
}

#[test]
fn a_task_that_nobody_wants_drops_its_work() {
    let group: Arc<Group<u64, u64>> = Arc::default();
    let arrival = arrive(&group, 1, Runs::WhileWanted);
    let (task, handle) = arrival.into_detached_task(pending);
    let mut task = Task::new(task);
    task.waits();
    let mut follower = Task::new(group.run(1, async || 8));
    follower.waits();
    drop(handle);
    task.waits();
    drop(follower);
    assert!(task.wakes() >= 1, "the last one to leave wakes it");
    task.ends();
    assert_eq!((group.in_flight(), group.stats().abandoned), (0, 1));
}

#[test]
fn a_task_that_is_dropped_tells_its_handle() {
    let group: Arc<Group<u64, u64>> = Arc::default();
    for polls in 0..2 {
        let arrival = arrive(&group, 1, Runs::ToItsEnd);
        let (task, handle) = arrival.into_detached_task(pending);
        let mut task = Task::new(task);
        (0..polls).for_each(|_| task.waits());
        drop(task);
        let lost = Task::new(handle.outcome()).ends();
        assert_eq!(lost.err(), Some(CallError::TaskLost));
    }
    assert_eq!(group.in_flight(), 0);
}

#[test]
fn a_batch_that_is_dropped_hands_over_what_it_has_claimed() {
    let group: Group<u64, u64> = Group::new();
    let mut batch = Task::new(group.run_many([1, 2], |_: Vec<u64>| pending::<Vec<_>>()));
    batch.waits();
    let mut follower = Task::new(group.run(1, async || 8));
    follower.waits();
    assert_eq!(group.in_flight(), 2);
    drop(batch);
    assert_eq!(follower.ends(), Ok(8));
    assert_eq!(group.in_flight(), 0);
}

/// Whatever is handed over to a batch in one look goes to its work in one call.
#[test]
fn keys_handed_over_together_are_loaded_together() {
    let group: Group<u64, u64> = Group::new();
    let lost = [group.join(1), group.join(2)];
    let calls = Cell::new(0);
    let mut batch = Task::new(group.run_many([1, 2, 3], |keys: Vec<u64>| {
        calls.set(calls.get() + 1);
        let pairs: Vec<_> = keys.into_iter().map(|key| (key, key * 10)).collect();
        std::future::ready(pairs)
    }));
    batch.waits();
    assert_eq!(calls.get(), 1, "for the key that nobody was loading");
    drop(lost);
    assert!(batch.poll_once().is_pending());
    assert_eq!(
        calls.get(),
        1,
        "what it has claimed waits for its next poll"
    );
    let answers = batch.ends();
    assert_eq!(calls.get(), 2, "for the two that were handed over");
    let values: Vec<_> = answers.into_all().expect("every key has a value");
    assert_eq!(values, [(1, 10), (2, 20), (3, 30)]);
}

/// A batch calls for one of its own keys from inside its work.
#[cfg(feature = "std")]
#[test]
fn a_call_from_inside_a_batch_for_one_of_its_keys_is_refused() {
    let group: Group<u64, u64> = Group::new();
    let answers = Task::new(group.run_many([1, 2, 3], |keys: Vec<u64>| {
        let group = &group;
        async move {
            for key in &keys {
                let nested = group.run_outcome(*key, async || unreachable!("it is refused"));
                assert_eq!(nested.await.err(), Some(CallError::Reentrant));
            }
            keys.into_iter().map(|key| (key, key))
        }
    }))
    .ends();
    assert_eq!(answers.len(), 3);
}
