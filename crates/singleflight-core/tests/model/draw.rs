//! Which steps can come next, and what each does to the model.

use std::fmt;

use crate::options::Options;
use crate::party::{Party, Stage};
use crate::rules::Model;
use crate::step::{Call, Fails, Form, Kind, Many, On, Order, Plan, Runs, Spawned, Step};
use proptest::prelude::{BoxedStrategy, Just, Strategy, any};
use proptest::sample::select;
use proptest::strategy::Union;
use proptest::{bool, collection, prop_oneof};
use proptest_state_machine::ReferenceStateMachine;

/// How many parties there are at one time. More are not more interesting.
const MOST_PARTIES: usize = 8;

impl ReferenceStateMachine for Model {
    type State = Self;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<Self> {
        Options::strategy().prop_map(Self::new).boxed()
    }

    fn transitions(model: &Self) -> BoxedStrategy<Step> {
        let next = model.parties.keys().last().map_or(1, |last| last + 1);
        let key = 0..model.options.keys;
        let mut steps = vec![
            (12, settle(next)),
            (2, key.clone().prop_map(Step::Forget).boxed()),
            (2, key.clone().prop_map(Step::ForgetUnshared).boxed()),
            (1, Just(Step::ForgetAll).boxed()),
            (2, Just(Step::List).boxed()),
        ];
        // Late, or most of a case would be about refusals.
        if model.parties.len() > 5 {
            steps.push((1, Just(Step::Close).boxed()));
            if cfg!(feature = "std") {
                steps.push((1, Just(Step::DrainNow).boxed()));
            }
            steps.push((1, Just(Step::Come(next, Kind::Drain, Plan::Wait)).boxed()));
        }
        if model.options.has_clock {
            steps.push((3, (1..4_u64).prop_map(Step::Tick).boxed()));
        }
        let there = |party: &&Party| !party.has_ended();
        if model.parties.values().filter(there).count() < MOST_PARTIES {
            steps.push((24, come(next, model.options.keys)));
        }
        let decide: fn(usize, Plan) -> Step = Step::Decide;
        let one: fn(usize, Doing) -> Step = |number, step| step(number);
        steps.extend(
            [
                among(model, 24, can_be_polled, POLLS, one),
                among(model, 16, has_work, PLANS, decide),
                among(model, 3, can_expire, EXPIRE, one),
                among(model, 6, |party| !party.has_ended(), DROP, one),
                among(model, 6, holds, LEADS, one),
                among(model, 6, is_in_hand, WAITS, one),
            ]
            .into_iter()
            .flatten(),
        );
        let runnable = model
            .parties
            .keys()
            .filter(|number| model.can_run(**number));
        let runnable: Vec<_> = runnable.copied().collect();
        if !runnable.is_empty() {
            steps.push((16, select(runnable).prop_map(Step::Run).boxed()));
        }
        Union::new_weighted(steps).boxed()
    }

    fn preconditions(model: &Self, step: &Step) -> bool {
        let is =
            |number: &usize, may: fn(&Party) -> bool| model.parties.get(number).is_some_and(may);
        match step {
            Step::Come(number, kind, _) => {
                let is_free = |number| !model.parties.contains_key(&number);
                is_free(*number) && (is_free(number + 1) || !matches!(kind, Kind::Spawned(_)))
            }
            Step::Poll { party, .. } => is(party, can_be_polled),
            Step::Decide(party, _) => is(party, has_work),
            Step::Expire(party) => is(party, can_expire),
            Step::Drop(party) => is(party, |party| !party.has_ended()),
            Step::Complete(party, _)
            | Step::Lead { party, .. }
            | Step::LeadNow(party, _)
            | Step::Fail(party)
            | Step::HandOver(party)
            | Step::CloseToNewcomers(party)
            | Step::CloseIfAlone(party) => is(party, holds),
            Step::Disarm(party) | Step::WaitNow(party) => is(party, is_in_hand),
            Step::Run(party) => is(party, |_| true) && model.can_run(*party),
            Step::Settle(_)
            | Step::Forget(_)
            | Step::ForgetUnshared(_)
            | Step::ForgetAll
            | Step::Close
            | Step::DrainNow
            | Step::Tick(_)
            | Step::List => true,
        }
    }

    fn apply(mut model: Self, step: &Step) -> Self {
        model.take(step);
        model
    }
}

/// Of a case, there is nothing to tell at its start but how the group was made.
impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.options.fmt(f)
    }
}

/// What can be done to a party.
type Doing = fn(usize) -> Step;

const EXPIRE: &[Doing] = &[Step::Expire];

const DROP: &[Doing] = &[Step::Drop];

const POLLS: &[Doing] = &[
    |party| Step::Poll {
        party,
        elsewhere: false,
    },
    |party| Step::Poll {
        party,
        elsewhere: true,
    },
];

const PLANS: &[Plan] = &[
    Plan::Land,
    Plan::Land,
    Plan::LandNested,
    Plan::LandSome,
    Plan::LandMore,
    Plan::Fail,
    Plan::Fail,
    Plan::PanicMaking,
    Plan::PanicPolling,
    Plan::PanicDropping,
    Plan::Wait,
];

const LEADS: &[Doing] = &[
    |party| Step::Complete(party, Plan::Land),
    |party| Step::Complete(party, Plan::Fail),
    |party| Step::Lead {
        party,
        keeps: false,
    },
    |party| Step::Lead { party, keeps: true },
    |party| Step::LeadNow(party, Plan::Land),
    |party| Step::LeadNow(party, Plan::LandNested),
    |party| Step::LeadNow(party, Plan::Fail),
    |party| Step::LeadNow(party, Plan::PanicPolling),
    Step::Fail,
    Step::Fail,
    Step::CloseToNewcomers,
    Step::CloseIfAlone,
    Step::HandOver,
];

/// What is done to a follower in hand. Waiting by a thread needs `std`.
const WAITS: &[Doing] = if cfg!(feature = "std") {
    &[Step::Disarm, Step::WaitNow]
} else {
    &[Step::Disarm]
};

/// Draws one of these for one of the parties that may, if there is one.
fn among<T: Clone + fmt::Debug + 'static>(
    model: &Model,
    weight: u32,
    may: fn(&Party) -> bool,
    these: &'static [T],
    step: fn(usize, T) -> Step,
) -> Option<(u32, BoxedStrategy<Step>)> {
    let parties = model.parties.iter().filter(|(_, party)| may(party));
    let numbers: Vec<_> = parties.map(|(number, _)| *number).collect();
    if numbers.is_empty() {
        return None;
    }
    let drawn = (select(numbers), select(these));
    Some((
        weight,
        drawn
            .prop_map(move |(number, this)| step(number, this))
            .boxed(),
    ))
}

pub(crate) fn holds(party: &Party) -> bool {
    matches!(party.stage, Stage::Holds(_))
}

pub(crate) fn can_be_polled(party: &Party) -> bool {
    !party.has_ended() && !holds(party) && !party.is_thread()
}

pub(crate) fn has_work(party: &Party) -> bool {
    let works = matches!(party.kind, Kind::Call(_) | Kind::Many(_) | Kind::Spawned(_));
    works && !party.has_ended()
}

fn can_expire(party: &Party) -> bool {
    let is_limited = match &party.kind {
        Kind::Call(call) => call.form.is_limited(),
        Kind::Many(many) => many.is_limited,
        _ => false,
    };
    is_limited && !party.is_expired && !party.has_ended()
}

/// Whether it is a follower that nobody has polled.
fn is_in_hand(party: &Party) -> bool {
    let in_hand = matches!(party.kind, Kind::Raw(_)) && !party.is_task;
    in_hand && matches!(party.stage, Stage::Follows(_))
}

fn settle(next: usize) -> BoxedStrategy<Step> {
    prop_oneof![
        Just(Order::OldestFirst),
        Just(Order::NewestFirst),
        (1..=next).prop_map(Order::From),
    ]
    .prop_map(Step::Settle)
    .boxed()
}

/// Somebody comes. Half of the works have been told already, so that much can happen in one
/// step; most that may keep their errors have some, or there would hardly be any in a row.
fn come(next: usize, keys: u8) -> BoxedStrategy<Step> {
    let plan = prop_oneof![Just(Plan::Wait), select(PLANS)];
    let come = move |(kind, plan, fails): (Kind, Plan, bool)| {
        let plan = match kind {
            Kind::Raw(_) => Plan::Wait,
            Kind::Call(call) if call.fails != Fails::Shares && fails => Plan::Fail,
            _ => plan,
        };
        Step::Come(next, kind, plan)
    };
    let fails = bool::weighted(0.6);
    (kind(keys), plan, fails).prop_map(come).boxed()
}

/// Parties are to meet: most come for the first key.
fn key(keys: u8) -> impl Strategy<Value = u8> {
    prop_oneof![2 => Just(0), 1 => 0..keys]
}

fn kind(keys: u8) -> impl Strategy<Value = Kind> {
    let forms = select(vec![
        Form::Bare,
        Form::Outcome,
        Form::Fenced,
        Form::Limited,
        Form::FencedLimited,
    ]);
    let call = (key(keys), any::<bool>(), fails(), forms);
    let call = call.prop_map(|(key, borrowed, fails, form)| Call {
        key,
        borrowed,
        fails,
        form,
    });
    let keys_of_many = collection::vec(0..keys, 0..5);
    let many = (keys_of_many, any::<bool>(), any::<bool>(), any::<bool>());
    let many = many.prop_map(|(keys, tries, is_fenced, is_limited)| Many {
        keys,
        tries,
        is_fenced,
        is_limited,
    });
    let runs = select(vec![Runs::ToItsEnd, Runs::WhileWanted]);
    // Threads need `std`.
    let on = prop_oneof![2 => Just(On::Task), u32::from(cfg!(feature = "std")) => Just(On::Thread)];
    let spawned = (key(keys), runs, on, fails());
    let spawned = spawned.prop_map(|(key, runs, on, fails)| Spawned {
        key,
        runs,
        on,
        fails,
    });
    prop_oneof![
        12 => call.prop_map(Kind::Call),
        3 => many.prop_map(Kind::Many),
        4 => key(keys).prop_map(Kind::Raw),
        5 => spawned.prop_map(Kind::Spawned),
    ]
}

/// Errors that are kept matter only in a row.
fn fails() -> impl Strategy<Value = Fails> {
    prop_oneof![
        2 => Just(Fails::Shares),
        4 => Just(Fails::Keeps),
        2 => Just(Fails::Withholds),
    ]
}
