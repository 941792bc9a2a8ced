//! What the cases have to reach, or they would show less than they seem to.

use std::collections::BTreeSet;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngSeed, TestRunner};
use proptest_state_machine::ReferenceStateMachine;
use singleflight_core::Role;

use crate::party::{End, Party};
use crate::rules::{Model, Told, Value, Why};
use crate::step::{Fails, Kind};

/// How many cases are looked at.
const CASES: usize = 2_400;

/// What some case has to come to. The second are not reached without `std`.
const SIGHTS: &[&str] = &[
    "a value for the leader",
    "a value for a follower",
    "an error that is shared",
    "an error that is kept",
    "an error of a batch",
    "an error of a spawned call",
    "a value that is not shared",
    "a value that others are not given",
    "too many failures",
    "a bare call without a value",
    "a batch that waits and leads",
    "a batch without one of its keys",
    "a batch whose time is over",
    "a work that panics",
    "a handle of a leader",
    "a handle of a follower",
    "a handle whose task is lost",
    "a task that is cancelled",
    "a leader lost to all",
    "a closed group",
    "a full flight",
    "a time that is over",
    "two forgotten flights of a key",
    "a flight that is too old",
    "a fence of a forgotten flight",
    "a flight that its leader ends alone",
    "a flight of four",
    "more flights than stand in front of the table",
    "a group that is drained",
    "a nested call that leads",
    "two failures in a row that end a flight",
    "an heir that leads on",
];
const SIGHTS_WITH_STD: &[&str] = &[
    "a panic that is told",
    "a nested call that is refused",
    "a thread that nobody wants",
];

#[test]
fn the_cases_reach_what_they_are_about() {
    // The same cases every time: nothing here depends on luck.
    let config = Config {
        rng_seed: RngSeed::Fixed(3),
        ..crate::config()
    };
    let mut runner = TestRunner::new(config);
    let cases = Model::sequential_strategy(crate::STEPS);
    let mut seen = BTreeSet::new();
    for _case in 0..CASES {
        let tree = cases.new_tree(&mut runner).expect("steps can be drawn");
        let (mut model, steps, _) = tree.current();
        for step in steps {
            model.take(&step);
            look_at_flights(&model, &mut seen);
        }
        while let Some(steps) = model.ending() {
            for step in steps {
                model.take(&step);
            }
        }
        for (number, party) in &model.parties {
            look_at_party(*number, party, &mut seen);
        }
        for (_, told) in &model.told {
            seen.extend(match told {
                Told::Forgotten(true) => Some("a fence of a forgotten flight"),
                Told::Unwanted(true) => Some("a thread that nobody wants"),
                Told::Nested(Err(Why::Reentrant)) => Some("a nested call that is refused"),
                Told::Nested(Ok(Role::Leader)) => Some("a nested call that leads"),
                _ => None,
            });
        }
    }
    let with_std = SIGHTS_WITH_STD.iter().filter(|_| cfg!(feature = "std"));
    let expected: BTreeSet<_> = SIGHTS.iter().chain(with_std).copied().collect();
    let missing: Vec<_> = expected.difference(&seen).collect();
    assert!(missing.is_empty(), "no case comes to {missing:?}");
}

fn look_at_flights(model: &Model, seen: &mut BTreeSet<&'static str>) {
    let lines = model.listing();
    let forgotten = |key| lines.iter().filter(|line| line.0 == key && line.3).count();
    let mut see = |what, is: bool| {
        if is {
            seen.insert(what);
        }
    };
    see(
        "more flights than stand in front of the table",
        lines.len() > 2,
    );
    see("a flight of four", lines.iter().any(|line| line.1 >= 3));
    see(
        "two forgotten flights of a key",
        lines.iter().any(|line| forgotten(line.0) >= 2),
    );
    see("a task that is cancelled", model.cancelled > 0);
    see("an heir that leads on", model.inherited > 0);
    see(
        "a flight that its leader ends alone",
        model.closed_alone > 0,
    );
    see(
        "two failures in a row that end a flight",
        model.most_failures() >= 2,
    );
    let is_old = |age: u64| model.options.max_age.is_some_and(|most| age > most);
    see(
        "a flight that is too old",
        lines.iter().any(|line| line.4.is_some_and(is_old)),
    );
}

fn look_at_party(number: usize, party: &Party, seen: &mut BTreeSet<&'static str>) {
    let end = party.end().expect("everyone is gone");
    let is_handle = matches!(party.kind, Kind::Handle(_));
    let withholds = matches!(&party.kind, Kind::Call(call) if call.fails == Fails::Withholds);
    let what = match end {
        End::One(Ok(share)) => match (is_handle, share.role, share.value.is_ok()) {
            (true, Role::Leader, _) => "a handle of a leader",
            (true, Role::Follower, _) => "a handle of a follower",
            (false, Role::Leader, true) => "a value for the leader",
            (false, Role::Follower, true) => "a value for a follower",
            (false, Role::Leader, false) if withholds => "a value that is not shared",
            (false, _, false) => "an error that is shared",
        },
        End::One(Err(why)) => match why {
            Why::Panicked(_) => "a panic that is told",
            Why::TaskLost => "a handle whose task is lost",
            Why::Lost => "a leader lost to all",
            Why::Closed => "a closed group",
            Why::TimedOut => "a time that is over",
            Why::TooMany => "a full flight",
            Why::Failures(_) => "too many failures",
            Why::NotShared => "a value that others are not given",
            Why::Reentrant | Why::NotReturned => {
                unreachable!("only works call from inside, and only batches miss keys")
            }
        },
        End::Own(_) if is_handle => "an error of a spawned call",
        End::Own(_) if matches!(party.kind, Kind::Many(_)) => "an error of a batch",
        End::Own(_) => "an error that is kept",
        End::Bare(Err(_)) => "a bare call without a value",
        End::Panicked(_) => "a work that panics",
        End::Many(answers) => return look_at_answers(number, answers, seen),
        End::Done if matches!(party.kind, Kind::Drain) => "a group that is drained",
        End::Done | End::Bare(Ok(_)) | End::Dropped => return,
    };
    seen.insert(what);
}

fn look_at_answers(
    number: usize,
    answers: &[(u8, Result<Value, Why>)],
    seen: &mut BTreeSet<&'static str>,
) {
    let has = |is: &dyn Fn(&Result<Value, Why>) -> bool| {
        let mut answers = answers.iter();
        answers.any(|(_, answer)| is(answer))
    };
    let is_own = |value: &Value| {
        let (Ok(made) | Err(made)) = value;
        made.party == number
    };
    if has(&|answer| *answer == Err(Why::NotReturned)) {
        seen.insert("a batch without one of its keys");
    }
    if has(&|answer| *answer == Err(Why::TimedOut)) {
        seen.insert("a batch whose time is over");
    }
    let leads = has(&|answer| answer.as_ref().is_ok_and(is_own));
    let waits = has(&|answer| answer.as_ref().is_ok_and(|value| !is_own(value)));
    if leads && waits {
        seen.insert("a batch that waits and leads");
    }
}
