//! The calls of each entry point, and what they come to.

use std::future::{Future, pending, poll_fn};
use std::pin::pin;
use std::rc::Rc;

use singleflight_core::{Answers, CallError, CallResult, Key, Outcome, Turn};

use crate::caller::Polled;
use crate::case::Shared;
use crate::counted::Counted;
use crate::party::End;
use crate::rules::{self, Share, Why};
use crate::step::{Call, Fails, Form, Many};
use crate::work::{Gate, Loaded, Own, Value};

pub(crate) fn share(outcome: Outcome<Value>) -> Share {
    Share {
        value: bare(outcome.value),
        role: outcome.role,
        followers: outcome.followers,
    }
}

fn bare(value: Value) -> rules::Value {
    value.map(|value| value.what).map_err(|error| error.what)
}

fn without_role(answer: CallResult<Value>) -> Polled {
    Polled::End(End::Bare(answer.map(bare).map_err(Why::from)))
}

pub(crate) fn one(answer: CallResult<Outcome<Value>>) -> Polled {
    Polled::End(End::One(answer.map(share).map_err(Why::from)))
}

/// Of a call that may end with an error of its own.
fn own<T>(answer: CallResult<Result<T, Own>>, end: fn(CallResult<T>) -> Polled) -> Polled {
    match answer {
        Ok(Err(own)) => Polled::End(End::Own(own.0.what)),
        Ok(Ok(value)) => end(Ok(value)),
        Err(error) => end(Err(error)),
    }
}

pub(crate) fn one_or_own(answer: CallResult<Result<Outcome<Value>, Own>>) -> Polled {
    own(answer, one)
}

pub(crate) fn turn(turn: Result<Turn<Shared>, CallError>) -> Polled {
    match turn {
        Ok(Turn::Lead(leader)) => Polled::Leader(leader),
        Ok(Turn::Landed(outcome)) => one(Ok(outcome)),
        Err(error) => one(Err(error)),
    }
}

/// Polls a call to its end, tells that, and keeps the call.
pub(crate) async fn tell<T>(
    gate: Rc<Gate>,
    call: impl Future<Output = T>,
    end: impl FnOnce(T) -> Polled,
) {
    let mut call = pin!(call);
    let ended = call.as_mut().await;
    *gate.polled.borrow_mut() = Some(end(ended));
    pending::<()>().await;
}

pub(crate) async fn run(group: Shared, gate: Rc<Gate>, call: Call) {
    let key = gate.key(call.key);
    if call.borrowed {
        run_for(&group, gate, call, &key).await;
    } else {
        run_for(&group, gate, call, key).await;
    }
}

async fn run_for<Q, M>(group: &Shared, gate: Rc<Gate>, call: Call, key: Q)
where
    Q: Key<Counted<u8>, M>,
{
    let told = Rc::clone(&gate);
    let fence = group.fence();
    let asks = call.form.is_fenced().then_some(|| fence.is_forgotten());
    let work = || gate.single(call.key, asks);
    let tries = || gate.trying(call.key, asks);
    match (call.form, call.fails) {
        (Form::Bare, Fails::Shares) => return tell(told, group.run(key, work), without_role).await,
        (Form::Bare, Fails::Keeps) => {
            let end = |answer| own(answer, without_role);
            return tell(told, group.try_run(key, tries), end).await;
        }
        (Form::Outcome, Fails::Shares) => {
            return tell(told, group.run_outcome(key, work), one).await;
        }
        _ => {}
    }
    let call_of_key = group.call(key);
    let described = if call.form.is_fenced() {
        call_of_key.fence(&fence)
    } else {
        call_of_key
    };
    let expiry = poll_fn(|context| gate.poll_expiry(context));
    match (call.fails, call.form) {
        (Fails::Withholds, Form::Bare) => {
            let described = described.share_if(Result::is_ok);
            tell(told, described.run(work), without_role).await;
        }
        (Fails::Shares, form) if form.is_limited() => {
            let described = described.give_up_on(expiry);
            tell(told, described.run_outcome(work), one).await;
        }
        (Fails::Shares, _) => tell(told, described.run_outcome(work), one).await,
        (Fails::Keeps, form) if form.is_limited() => {
            let described = described.give_up_on(expiry);
            tell(told, described.try_run_outcome(tries), one_or_own).await;
        }
        (Fails::Keeps, _) => tell(told, described.try_run_outcome(tries), one_or_own).await,
        (Fails::Withholds, form) if form.is_limited() => {
            let described = described.give_up_on(expiry).share_if(Result::is_ok);
            tell(told, described.run_outcome(work), one).await;
        }
        (Fails::Withholds, _) => {
            let described = described.share_if(Result::is_ok);
            tell(told, described.run_outcome(work), one).await;
        }
    }
}

pub(crate) async fn run_many(group: Shared, gate: Rc<Gate>, many: Many) {
    let keys: Vec<_> = many.keys.iter().map(|key| gate.key(*key)).collect();
    let told = Rc::clone(&gate);
    let fence = group.fence();
    let asks = many.is_fenced.then_some(|| fence.is_forgotten());
    let all = |loaded: Loaded| match loaded.failure {
        Some(failure) => Err(Own(failure)),
        None => Ok(loaded.pairs.into_iter().map(|(key, made)| (key, Ok(made)))),
    };
    let loads = |keys| gate.many(keys, asks, each);
    let tries = |keys| gate.many(keys, asks, all);
    let call = group.call_many(keys);
    let call = if many.is_fenced {
        call.fence(&fence)
    } else {
        call
    };
    let expiry = poll_fn(|context| gate.poll_expiry(context));
    match (many.tries, many.is_limited) {
        (false, false) => tell(told, call.run(loads), answers).await,
        (false, true) => tell(told, call.give_up_on(expiry).run(loads), answers).await,
        (true, false) => tell(told, call.try_run(tries), answers_or_own).await,
        (true, true) => {
            let call = call.give_up_on(expiry);
            tell(told, call.try_run(tries), answers_or_own).await;
        }
    }
}

fn answers(answers: Answers<Counted<u8>, Value>) -> Polled {
    let answer = |(key, answer): (Counted<u8>, CallResult<Value>)| {
        (key.what, answer.map(bare).map_err(Why::from))
    };
    Polled::End(End::Many(answers.into_iter().map(answer).collect()))
}

fn answers_or_own(answer: Result<Answers<Counted<u8>, Value>, Own>) -> Polled {
    match answer {
        Ok(given) => answers(given),
        Err(own) => Polled::End(End::Own(own.0.what)),
    }
}

/// Each key's own value, or its own error.
fn each(loaded: Loaded) -> Vec<(Counted<u8>, Value)> {
    let Loaded { pairs, failure } = loaded;
    let value = |made| {
        if failure.is_some() {
            Err(made)
        } else {
            Ok(made)
        }
    };
    let pairs = pairs.into_iter();
    pairs.map(|(key, made)| (key, value(made))).collect()
}
