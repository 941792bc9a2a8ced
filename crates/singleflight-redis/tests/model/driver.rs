//! The driver against answers that it is told one by one: what it sends, when, and what it makes of an
//! answer that is late, lost or refused.

use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use futures_lite::future::{block_on, poll_once, yield_now};

use super::told::{Answer, FOREVER, LEASE, THEIRS, Told};
use crate::builder::Builder;
use crate::codec::Raw;
use crate::engine::{Failure, Reply, Verb};
use crate::error::CallError;
use crate::lease::{new_id, random};
use crate::outcome::{Alone, Ended, Outcome, Role};

/// Leads at once, and lands as it is told.
fn lands(answers: &[Answer], resends: bool) -> (Arc<Told>, Outcome<String>) {
    let answers = [&[Answer::code(1).after(10)], answers].concat();
    let (engine, group) = Told::of(&answers, resends);
    let outcome = block_on(poll_once(
        group.run_outcome("key", async |_| "value".to_owned()),
    ));
    let outcome = outcome.expect("it is told everything");
    assert!(group.inner.leading().is_empty(), "nothing is left of it");
    let outcome = outcome.expect("there is a value");
    let stats = group.stats();
    let counted =
        [Ended::Landed, Ended::Lost, Ended::Unknown].map(|end| u64::from(end == outcome.lease));
    assert_eq!([stats.landed_here, stats.lost, stats.unknown], counted);
    (engine, outcome)
}

#[test]
fn a_lease_counts_as_held_for_nine_tenths_of_it_and_is_renewed_at_each_third() {
    let unanswered = Answer::fails(Failure::Unanswered).after(10);
    let answers = [Answer::code(1), unanswered, Answer::code(1)];
    let (engine, group) = Told::group(&answers);
    let work = async |lease: crate::Lease| {
        for (at, held) in [(809, true), (810, false)] {
            engine.at(at);
            assert_eq!(lease.held(), held, "at {at}");
        }
        engine.at(0);
        yield_now().await;
        // It was sent again at a tenth.
        assert_eq!(engine.sent(Verb::Renew), [300, 400, 700]);
        for (at, held) in [(1_209, true), (1_210, false)] {
            engine.at(at);
            assert_eq!(lease.held(), held, "at {at}");
        }
        engine.state().answers.push_back(Answer::code(1));
        "value".to_owned()
    };
    let outcome = block_on(async {
        let mut call = Box::pin(group.run_outcome("key", work));
        assert!(poll_once(&mut call).await.is_none());
        poll_once(&mut call).await.expect("it lands")
    });
    assert_eq!(outcome.expect("there is a value").lease, Ended::Landed);
}

#[test]
fn a_lease_that_is_not_renewed_is_lost() {
    let (engine, group) = Told::group(&[Answer::code(1), Answer::code(0)]);
    let work = async |lease: crate::Lease| {
        yield_now().await;
        engine.at(0);
        assert!(!lease.held());
        engine.state().answers.push_back(Answer::code(0));
        "value".to_owned()
    };
    let outcome = block_on(async {
        let mut call = Box::pin(group.run_outcome("key", work));
        assert!(poll_once(&mut call).await.is_none());
        poll_once(&mut call).await.expect("it ends")
    });
    assert_eq!(outcome.expect("there is a value").lease, Ended::Lost);
    assert_eq!((engine.state().doubts, group.stats().lost), (2, 1));
}

/// A lease that may be over soon is renewed before the work begins.
#[test]
fn an_answer_that_was_late_is_renewed_at_once() {
    for (after, renewals) in [(0, 0), (299, 0), (300, 0), (301, 1), (800, 1)] {
        let mut answers = vec![Answer::code(1); 3];
        answers[0].after = after;
        let (engine, group) = Told::group(&answers);
        let value = block_on(poll_once(group.run("key", async |_| "value".to_owned())));
        assert!(value.is_some_and(|value| value.is_ok()));
        assert_eq!(engine.sent(Verb::Renew).len(), renewals, "{after} ms");
    }
}

/// The second JOIN finds the lease of the first, which was not answered.
#[test]
fn a_lease_that_is_adopted_is_renewed_at_once_and_given_up_under_both_ids() {
    let adopted = Answer {
        adopts: true,
        ..Answer::code(1)
    };
    let unanswered = Answer::fails(Failure::Unanswered);
    let (engine, group) = Told::group(&[unanswered, adopted, Answer::code(1)]);
    let mut call = Box::pin(group.run("key", async |_| pending().await));
    assert!(block_on(poll_once(&mut call)).is_none());
    assert_eq!(engine.sent(Verb::Renew)[0], 0);
    let second = engine.args(Verb::Join)[0].clone();
    let first = engine.args(Verb::Renew)[0].clone();
    assert_ne!(first, second);
    drop(call);
    let abandoned = engine.args(Verb::Abandon);
    assert_eq!(abandoned[5..], [second, first]);
    assert_ne!(
        abandoned[3], b"0",
        "the one that was not answered is marked"
    );
    assert!(group.inner.leading().is_empty());
}

#[test]
fn a_send_is_marked_only_if_a_copy_of_it_may_come() {
    for resends in [false, true] {
        let (engine, group) = Told::of(&[Answer::code(1)], resends);
        let mut call = Box::pin(group.run("key", async |_| pending().await));
        assert!(block_on(poll_once(&mut call)).is_none());
        drop(call);
        // By ABANDON only what was not answered is.
        assert_eq!(engine.args(Verb::Abandon)[3], b"0");
        let join = engine.args(Verb::Join);
        assert_eq!(join[5..].contains(&join[0]), resends);
        assert_eq!(block_on(poll_once(group.forget("key"))), None, "it is sent");
        let forget = engine.args(Verb::Forget);
        assert_eq!(forget[2..].contains(&forget[0]), resends);
    }
}

#[test]
fn what_is_not_answered_is_sent_three_times() {
    let (engine, group) = Told::group(&vec![Answer::fails(Failure::Unanswered); 20]);
    let call = group.run_outcome("key", async |_| "value".to_owned());
    let outcome = block_on(poll_once(call)).expect("Redis is down");
    assert_eq!(
        outcome.map(|outcome| outcome.role),
        Ok(Role::Alone(Alone::Down))
    );
    for verb in [Verb::Join, Verb::Abandon] {
        assert_eq!(engine.sent(verb).len(), 3);
    }
    assert_eq!((group.stats().down, group.stats().alone), (1, 1));
}

#[test]
fn what_becomes_of_a_landing() {
    let unanswered = || Answer::fails(Failure::Unanswered);
    let refused = || Answer::fails(Failure::Refused);
    let (none, landed) = (Answer::code(0), Answer::code(1));
    let mut other_run = none.clone();
    other_run.says = other_run.says.map(|reply| Reply {
        run: b"other".as_slice().into(),
        ..reply
    });
    for (resends, answers, ended) in [
        (false, vec![landed.clone()], Ended::Landed),
        (false, vec![unanswered(), landed.clone()], Ended::Landed),
        (
            false,
            vec![unanswered(), refused(), landed.clone()],
            Ended::Landed,
        ),
        (false, vec![none.clone()], Ended::Lost),
        (false, vec![refused(), landed.clone()], Ended::Lost),
        // It may have landed: on this run nothing can come any more.
        (false, vec![unanswered(), none.clone()], Ended::Unknown),
        // On another, or with a client that sends by itself again, something can.
        (
            false,
            vec![unanswered(), other_run, landed.clone()],
            Ended::Landed,
        ),
        (true, vec![none.clone(), landed.clone()], Ended::Landed),
        (true, vec![refused(), landed], Ended::Landed),
    ] {
        let (engine, outcome) = lands(&answers, resends);
        assert_eq!(outcome.lease, ended, "{} answers", answers.len());
        let is_refused = matches!(answers[0].says, Err(Failure::Refused(_)));
        let left = usize::from(is_refused && !resends);
        assert_eq!(engine.sent(Verb::Abandon).len(), left, "it is given up");
        let doubts = usize::from(ended == Ended::Lost && left == 0);
        assert_eq!(engine.state().doubts, doubts);
    }
}

/// Its value is held back until the lease has surely ended: 10 ms, when JOIN was answered, 900, and 2 since
/// expiry is told in whole milliseconds.
#[test]
fn a_landing_that_is_never_answered_is_repeated_as_long_as_the_lease_may_be_there() {
    let unanswered = vec![Answer::fails(Failure::Unanswered); 20];
    let (engine, outcome) = lands(&unanswered, false);
    assert_eq!(outcome.lease, Ended::Unknown);
    let sent = [
        10, 19, 37, 73, 145, 235, 325, 415, 505, 595, 685, 775, 865, 912,
    ];
    assert_eq!(engine.sent(Verb::Land), sent);
}

/// Nobody waits for a panic: it goes on in its caller.
#[test]
fn a_panic_is_told_three_times_at_most() {
    let mut answers = vec![Answer::fails(Failure::Unanswered); 20];
    answers[0] = Answer::code(1);
    let (engine, group) = Told::group(&answers);
    let call = group.run("key", async |_| panic!("boom"));
    let call = AssertUnwindSafe(|| block_on(poll_once(call)));
    assert!(catch_unwind(call).is_err());
    assert_eq!(engine.sent(Verb::Land).len(), 3);
}

/// The third in a row, in all processes together: those who wait in its process learn it.
#[test]
fn the_last_failure_is_told_to_those_who_wait_beside_it() {
    let failed = Answer::data(2, b"F3");
    let (engine, group) = Told::group(&[Answer::code(1)]);
    block_on(async {
        let fails = async |_| {
            yield_now().await;
            Err("it failed")
        };
        let mut leads = Box::pin(group.try_run("key", fails));
        let mut waits = Box::pin(group.try_run("key", async |_| unreachable!("it is told")));
        assert!(poll_once(&mut leads).await.is_none());
        assert!(poll_once(&mut waits).await.is_none());
        engine.state().answers.push_back(failed);
        let own = poll_once(leads).await.expect("it is told");
        assert_eq!(own, Ok(Err("it failed")));
        assert_eq!(engine.args(Verb::Abandon)[4], b"1", "somebody waits");
        let told = poll_once(waits).await.expect("it is told");
        let many: Result<Result<_, &str>, _> = Err(CallError::TooManyFailures { failures: 3 });
        assert_eq!(told, many);
    });
}

#[test]
fn a_failure_for_which_nobody_waits_is_not_counted_on() {
    let (engine, group) = Told::group(&[Answer::code(1), Answer::code(1)]);
    let call = group.try_run("key", async |_| Err::<String, _>("it failed"));
    assert_eq!(block_on(poll_once(call)), Some(Ok(Err("it failed"))));
    let abandoned = engine.args(Verb::Abandon);
    assert_eq!(
        (&abandoned[0][..], &abandoned[4][..]),
        (&b"1"[..], &b"0"[..])
    );
}

/// Its value may have reached somebody elsewhere already.
#[test]
fn who_comes_while_a_landing_is_on_its_way_joins_anew() {
    let (engine, group) = Told::group(&[Answer::code(1)]);
    block_on(async {
        let mut lands = Box::pin(group.run("key", async |_| "one".to_owned()));
        assert!(poll_once(&mut lands).await.is_none());
        assert_eq!(engine.sent(Verb::Land).len(), 1);
        engine.state().answers.push_back(Answer::code(1));
        let mut comes = Box::pin(group.run("key", async |_| "two".to_owned()));
        assert!(poll_once(&mut comes).await.is_none());
        assert_eq!(engine.sent(Verb::Join).len(), 2);
    });
}

#[test]
fn a_follower_looks_at_each_poll() {
    let answers = [
        Answer::data(0, &THEIRS),
        Answer::code(0),
        Answer::data(1, b"Vtheirs"),
    ];
    let (engine, group) = Told::group(&answers);
    let call = group.run_outcome("key", async |_| unreachable!("another leads"));
    let outcome = block_on(poll_once(call))
        .expect("it has landed")
        .expect("a value");
    assert_eq!(
        (outcome.value.as_str(), outcome.role),
        ("theirs", Role::Remote)
    );
    assert_eq!(engine.sent(Verb::Look), [250, 500]);
    let stats = group.stats();
    assert_eq!((stats.polls, stats.pushes, stats.received), (2, 0, 1));
}

#[test]
fn a_follower_looks_when_its_flight_is_told() {
    let (engine, group) = Told::follows();
    block_on(async {
        let mut call = Box::pin(group.run("key", async |_| unreachable!("another leads")));
        assert!(poll_once(&mut call).await.is_none());
        engine.inbox.push(&[8; 16]);
        engine.inbox.push(&THEIRS);
        engine
            .state()
            .answers
            .push_back(Answer::data(1, b"Vtheirs"));
        let value = poll_once(&mut call).await.expect("it has landed");
        assert_eq!(value.as_deref(), Ok("theirs"));
    });
    assert_eq!(engine.sent(Verb::Look), [0]);
    let stats = group.stats();
    assert_eq!((stats.polls, stats.pushes), (0, 1));
}

/// The connection was away for a while.
#[test]
fn a_follower_looks_once_if_messages_may_have_been_missed() {
    let (engine, group) = Told::follows();
    block_on(async {
        let mut call = Box::pin(group.run("key", async |_| unreachable!("another leads")));
        assert!(poll_once(&mut call).await.is_none());
        engine.inbox.push_all();
        engine.state().answers.push_back(Answer::code(0));
        for _ in 0..2 {
            assert!(poll_once(&mut call).await.is_none());
        }
    });
    assert_eq!(engine.sent(Verb::Look), [0]);
}

#[test]
fn a_closed_group_refuses_and_sends_nothing() {
    let (engine, group) = Told::group(&[]);
    group.close();
    let call = group.run("key", async |_| unreachable!("it is refused"));
    assert_eq!(block_on(poll_once(call)), Some(Err(CallError::Closed)));
    assert!(engine.sent(Verb::Join).is_empty());
}

/// What the flight lands counts for a caller only if it was still led when that came. So it is looked
/// at again, and not more often than each 5 ms.
#[test]
fn a_follower_looks_again_for_a_caller_that_comes_later() {
    let (engine, group) = Told::follows();
    block_on(async {
        let mut waits = Box::pin(group.run("key", async |_| unreachable!("another leads")));
        assert!(poll_once(&mut waits).await.is_none());
        let mut calls = Vec::new();
        for _ in 0..2 {
            let call = group.run("key", async |_| unreachable!("another leads"));
            calls.push(Box::pin(call));
            assert!(
                poll_once(calls.last_mut().expect("one came"))
                    .await
                    .is_none()
            );
            engine.state().answers.push_back(Answer::code(0));
            assert!(poll_once(&mut waits).await.is_none());
        }
        assert_eq!(engine.sent(Verb::Look), [5, 10]);
        engine.inbox.push(&THEIRS);
        engine
            .state()
            .answers
            .push_back(Answer::data(1, b"Vtheirs"));
        let value = poll_once(&mut waits).await.expect("it has landed");
        assert_eq!(value.as_deref(), Ok("theirs"));
        for mut call in calls {
            let value = poll_once(&mut call).await.expect("it counts for it");
            assert_eq!(value.as_deref(), Ok("theirs"));
        }
    });
    assert_eq!(engine.sent(Verb::Join).len(), 1);
}

#[test]
fn settings_that_do_not_fit_are_refused_by_their_names() {
    let (millisecond, day) = (Duration::from_millis(1), Duration::from_secs(86_400));
    let nanosecond = Duration::from_nanos(1);
    let (engine, _) = Told::group(&[]);
    let builder = || {
        let builder: Builder<str, String> = Builder::over(Arc::<Told>::clone(&engine), "told");
        builder.codec(Raw)
    };
    let sound = || builder().wait_at_most(FOREVER);
    let refused = [
        (builder(), "wait_at_most"),
        (sound().wait_at_most(Duration::ZERO), "wait_at_most"),
        (sound().lease(Duration::from_micros(29_999)), "lease"),
        (sound().lease(day + nanosecond), "lease"),
        (sound().poll(Duration::from_micros(999)), "poll"),
        (sound().keep(Duration::from_micros(999)), "keep"),
        (sound().keep(day + nanosecond), "keep"),
        (sound().max_failures(0), "max_failures"),
        (
            Builder::over(Arc::<Told>::clone(&engine), "told").wait_at_most(FOREVER),
            "codec",
        ),
    ];
    for (builder, name) in refused {
        let told = builder.build().expect_err(name).to_string();
        assert!(told.contains(&format!("`{name}`")), "{told}");
    }
    for builder in [
        sound().wait_at_most(nanosecond),
        sound()
            .lease(millisecond * 30)
            .poll(millisecond)
            .keep(millisecond),
        sound().lease(day).keep(day).max_failures(1),
    ] {
        assert!(builder.build().is_ok());
    }
}

/// Longer than copies of a script, and what it left, can be about.
#[test]
fn a_mark_is_kept_for_two_leases_and_a_result() {
    let (engine, group) = Told::group(&[Answer::code(1)]);
    let mut call = Box::pin(group.run("key", async |_| pending().await));
    assert!(block_on(poll_once(&mut call)).is_none());
    let kept = LEASE * 2 + Duration::from_secs(5);
    let join = engine.args(Verb::Join);
    assert_eq!(join[4], kept.as_millis().to_string().into_bytes());
}

#[test]
fn an_id_is_of_its_process_and_no_two_are_the_same() {
    let ids = [new_id(), new_id()];
    assert_ne!(ids[0], ids[1]);
    assert_eq!(ids[0][8..], ids[1][8..]);
    assert_ne!(ids[0][8..], [0; 8]);
    assert_ne!(random(), random());
}
