//! Which steps can come next, and what each does to the model.

use std::fmt;

use proptest::prelude::{BoxedStrategy, Just, Strategy, any};
use proptest::sample::select;
use proptest::strategy::Union;
use proptest::{collection, prop_oneof};
use proptest_state_machine::ReferenceStateMachine;
use singleflight_core::Until;

use crate::options::Options;
use crate::party::{Party, Stage};
use crate::rules::Model;
use crate::step::{Call, Form, Kind, Order, Plan, Step};

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
            steps.push((1, Just(Step::Come(next, Kind::Drain)).boxed()));
        }
        if model.options.has_clock {
            steps.push((4, (1..4_u64).prop_map(Step::Tick).boxed()));
        }
        let there = |party: &&Party| !party.has_ended();
        if model.parties.values().filter(there).count() < MOST_PARTIES {
            let kind = kind(model.options.keys);
            steps.push((
                24,
                kind.prop_map(move |kind| Step::Come(next, kind)).boxed(),
            ));
        }
        let mut among =
            |weight, may: fn(&Party) -> bool, step: BoxedStrategy<fn(usize) -> Step>| {
                let parties = model.parties.iter().filter(|(_, party)| may(party));
                let numbers: Vec<_> = parties.map(|(number, _)| *number).collect();
                if !numbers.is_empty() {
                    let drawn = (select(numbers), step).prop_map(|(number, step)| step(number));
                    steps.push((weight, drawn.boxed()));
                }
            };
        among(24, can_be_polled, select(POLLS).boxed());
        among(16, has_work, select(PLANS).boxed());
        among(3, can_expire, one(Step::Expire));
        among(6, |party| !party.has_ended(), one(Step::Drop));
        among(6, holds, select(LEADS).boxed());
        among(4, can_be_disarmed, one(Step::Disarm));
        Union::new_weighted(steps).boxed()
    }

    fn preconditions(model: &Self, step: &Step) -> bool {
        let is =
            |number: &usize, may: fn(&Party) -> bool| model.parties.get(number).is_some_and(may);
        match step {
            Step::Come(number, kind) => {
                let is_free = |number| !model.parties.contains_key(&number);
                is_free(*number) && (is_free(number + 1) || !matches!(kind, Kind::Spawned { .. }))
            }
            Step::Poll { party, .. } => is(party, can_be_polled),
            Step::Decide(party, _) => is(party, has_work),
            Step::Expire(party) => is(party, can_expire),
            Step::Drop(party) => is(party, |party| !party.has_ended()),
            Step::Complete(party, _) | Step::Lead { party, .. } => is(party, holds),
            Step::Disarm(party) => is(party, can_be_disarmed),
            Step::Settle(_)
            | Step::Forget(_)
            | Step::ForgetUnshared(_)
            | Step::ForgetAll
            | Step::Close
            | Step::Tick(_)
            | Step::List => true,
        }
    }

    fn apply(mut model: Self, step: &Step) -> Self {
        model.take(step);
        model
    }
}

impl Model {
    pub(crate) fn take(&mut self, step: &Step) {
        self.said = None;
        match step {
            Step::Come(number, kind) => self.come(*number, kind),
            Step::Poll { party, .. } => self.poll(*party),
            Step::Settle(order) => self.settle(*order),
            Step::Decide(number, plan) => self.change(*number, |party| party.plan = *plan),
            Step::Expire(number) => self.change(*number, |party| party.is_expired = true),
            Step::Drop(number) => {
                let end = self.release(*number);
                self.change(*number, |party| party.stage = Stage::Ended(end));
            }
            Step::Complete(number, plan) => self.complete(*number, *plan),
            Step::Lead { party, keeps } => self.lead(*party, *keeps),
            Step::Disarm(number) => {
                let Stage::Follows(flight) = self.parties[number].stage else {
                    unreachable!("it follows");
                };
                self.disarm(flight, *number);
                self.change(*number, |party| party.stage = Stage::Watches(flight));
            }
            Step::Forget(key) => self.said = Some(self.forget(Some(*key), true).min(1)),
            Step::ForgetUnshared(key) => {
                self.forget(Some(*key), false);
                self.said = Some(usize::from(self.open(*key).is_none()));
            }
            Step::ForgetAll => self.said = Some(self.forget(None, true)),
            Step::Close => self.closed = true,
            Step::Tick(ticks) => self.now += ticks,
            Step::List => {}
        }
    }

    /// The steps that bring a case to its end: works may end, and then parties go, the oldest
    /// first. Nothing if everyone is gone.
    pub(crate) fn ending(&self) -> Option<Vec<Step>> {
        let there = |(_, party): &(&usize, &Party)| !party.has_ended();
        let mut parties = self.parties.iter().filter(there);
        let waits = |(_, party): &(&usize, &Party)| has_work(party) && party.plan == Plan::Wait;
        let to_be_told = parties.clone().filter(waits);
        let mut steps: Vec<_> = to_be_told
            .map(|(number, _)| Step::Decide(*number, Plan::Land))
            .collect();
        if steps.is_empty() {
            steps.push(Step::Drop(*parties.next()?.0));
        }
        steps.push(Step::Settle(Order::NewestFirst));
        Some(steps)
    }

    fn change(&mut self, number: usize, how: impl FnOnce(&mut Party)) {
        how(self.parties.get_mut(&number).expect("the step is allowed"));
    }

    /// Polls every task until nothing changes. The group's tasks are polled only if they were
    /// woken: if that makes a difference, a wake was lost.
    fn settle(&mut self, order: Order) {
        let mut tasks: Vec<_> = self.parties.keys().copied().collect();
        order.sort(&mut tasks);
        loop {
            let mut any = false;
            for number in &tasks {
                if self.parties[number].is_task && can_be_polled(&self.parties[number]) {
                    // Whatever a poll changes, the party's stage is among it, or it is the
                    // first to close the group.
                    let before = (self.parties[number].stage.clone(), self.closed);
                    self.poll(*number);
                    any |= before != (self.parties[number].stage.clone(), self.closed);
                }
            }
            if !any {
                return;
            }
        }
    }
}

/// Of a case, there is nothing to tell at its start but how the group was made.
impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.options.fmt(f)
    }
}

const POLLS: &[fn(usize) -> Step] = &[
    |party| Step::Poll {
        party,
        elsewhere: false,
    },
    |party| Step::Poll {
        party,
        elsewhere: true,
    },
];

const PLANS: &[fn(usize) -> Step] = &[
    |party| Step::Decide(party, Plan::Land),
    |party| Step::Decide(party, Plan::Land),
    |party| Step::Decide(party, Plan::LandSome),
    |party| Step::Decide(party, Plan::LandMore),
    |party| Step::Decide(party, Plan::Fail),
    |party| Step::Decide(party, Plan::Fail),
    |party| Step::Decide(party, Plan::PanicMaking),
    |party| Step::Decide(party, Plan::PanicPolling),
    |party| Step::Decide(party, Plan::PanicDropping),
    |party| Step::Decide(party, Plan::Wait),
];

const LEADS: &[fn(usize) -> Step] = &[
    |party| Step::Complete(party, Plan::Land),
    |party| Step::Complete(party, Plan::Fail),
    |party| Step::Lead {
        party,
        keeps: false,
    },
    |party| Step::Lead { party, keeps: true },
];

fn one(step: fn(usize) -> Step) -> BoxedStrategy<fn(usize) -> Step> {
    Just(step).boxed()
}

pub(crate) fn holds(party: &Party) -> bool {
    matches!(party.stage, Stage::Holds(_))
}

pub(crate) fn can_be_polled(party: &Party) -> bool {
    !party.has_ended() && !holds(party)
}

fn has_work(party: &Party) -> bool {
    let works = matches!(
        party.kind,
        Kind::Call(_) | Kind::Many { .. } | Kind::Spawned { .. }
    );
    works && !party.has_ended()
}

fn can_expire(party: &Party) -> bool {
    let is_limited = matches!(party.kind, Kind::Call(call) if call.form.is_limited());
    is_limited && !party.is_expired && !party.has_ended()
}

fn can_be_disarmed(party: &Party) -> bool {
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

fn kind(keys: u8) -> impl Strategy<Value = Kind> {
    let forms = select(vec![
        Form::Bare,
        Form::Outcome,
        Form::Fenced,
        Form::Limited,
        Form::FencedLimited,
    ]);
    let call = (0..keys, any::<bool>(), any::<bool>(), forms);
    let call = call.prop_map(|(key, borrowed, keeps, form)| Call {
        key,
        borrowed,
        keeps: keeps && form != Form::Outcome,
        form,
    });
    let many = (collection::vec(0..keys, 0..5), any::<bool>());
    let until = select(vec![Until::Done, Until::Unwanted]);
    prop_oneof![
        8 => call.prop_map(Kind::Call),
        3 => many.prop_map(|(keys, tries)| Kind::Many { keys, tries }),
        4 => (0..keys).prop_map(Kind::Raw),
        5 => (0..keys, until).prop_map(|(key, until)| Kind::Spawned { key, until }),
    ]
}
