//! The calls of each entry point, and what they come to.

use std::future::{Future, pending, poll_fn};
use std::pin::pin;
use std::rc::Rc;

use singleflight_core::{Answers, CallError, Fence, Key, Outcome, Turn};

use crate::caller::Polled;
use crate::case::Shared;
use crate::counted::Counted;
use crate::party::End;
use crate::rules::{self, Share, Why};
use crate::step::{Call, Form};
use crate::work::{Gate, Loaded, Value};

type Answer = Result<Outcome<Value>, CallError>;

pub(crate) fn share(answer: Answer) -> Result<Share, Why> {
    let share = |outcome: Outcome<Value>| Share {
        value: bare(outcome.value),
        role: outcome.role,
        followers: outcome.followers,
    };
    answer.map(share).map_err(Why::from)
}

fn bare(value: Value) -> rules::Value {
    value.map(|value| value.what).map_err(|error| error.what)
}

pub(crate) fn one(answer: Answer) -> Polled {
    Polled::End(End::One(share(answer)))
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
    let work = || gate.single(call.key, None::<fn() -> bool>);
    let fenced = |fence: Fence<_>| gate.single(call.key, Some(move || fence.is_forgotten()));
    let value = |value| Polled::End(End::Bare(bare(value)));
    match (call.form, call.keeps) {
        (Form::Bare, true) => {
            let value = |tried| value(tried);
            tell(told, group.try_run(key, work), value).await;
        }
        (Form::Bare, false) => tell(told, group.run(key, work), value).await,
        (Form::Outcome, _) => tell(told, group.run_outcome(key, work), one).await,
        (_, keeps) => {
            let described = group.call(key);
            let described = if keeps {
                described.keep_errors()
            } else {
                described
            };
            let expiry = poll_fn(|context| gate.poll_expiry(context));
            match (call.form.is_limited(), call.form.is_fenced()) {
                (false, false) => tell(told, described.run(work), one).await,
                (false, true) => tell(told, described.run_fenced(fenced), one).await,
                (true, false) => {
                    tell(told, described.give_up_on(expiry).run(work), one).await;
                }
                (true, true) => {
                    let described = described.give_up_on(expiry);
                    tell(told, described.run_fenced(fenced), one).await;
                }
            }
        }
    }
}

pub(crate) async fn run_many(group: Shared, gate: Rc<Gate>, keys: Vec<u8>, tries: bool) {
    let keys: Vec<_> = keys.into_iter().map(|key| gate.key(key)).collect();
    let told = Rc::clone(&gate);
    let end = |answers: Answers<Counted<u8>, Value>| {
        let answer = |(key, answer): (Counted<u8>, _)| (key.what, share(answer));
        Polled::End(End::Many(answers.into_iter().map(answer).collect()))
    };
    if tries {
        let all = |loaded: Loaded| loaded.failure.map_or(Ok(loaded.pairs), Err);
        let load = |keys| gate.many(keys, all);
        tell(told, group.try_run_many(keys, load), end).await;
    } else {
        let load = |keys| gate.many(keys, each);
        tell(told, group.run_many(keys, load), end).await;
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
