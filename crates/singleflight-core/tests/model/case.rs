//! The group itself, and its comparison with the model after each step.

use std::collections::BTreeMap;
use std::rc::Rc;

use proptest_state_machine::StateMachineTest;
use singleflight_core::{FlightInfo, Group};

use crate::caller::Caller;
use crate::counted::Counted;
use crate::draw::holds;
use crate::options::{Hashing, set_now};
use crate::party::{self, Party};
use crate::rules::{Line, Model};
use crate::step::{Order, Step};
use crate::work::{Bench, Value};

pub(crate) type Shared = Rc<Group<Counted<u8>, Value, Hashing>>;

/// What the steps are done to.
pub(crate) struct Case {
    group: Shared,
    bench: Rc<Bench>,
    callers: BTreeMap<usize, Caller>,
    /// What the last step returned, if it returns something.
    said: Option<usize>,
}

pub(crate) struct Comparison;

impl StateMachineTest for Comparison {
    type SystemUnderTest = Case;
    type Reference = Model;

    fn init_test(model: &Model) -> Case {
        set_now(0);
        Case {
            group: Rc::new(model.options.group()),
            bench: Rc::default(),
            callers: BTreeMap::new(),
            said: None,
        }
    }

    fn apply(mut case: Case, model: &Model, step: Step) -> Case {
        case.take(model, &step);
        case.compare(model, &format!("{step:?}"));
        case
    }

    /// Lets every work end and everyone go: nothing may be left.
    fn teardown(mut case: Case, mut model: Model) {
        while let Some(steps) = model.ending() {
            for step in steps {
                model.take(&step);
                case.take(&model, &step);
                case.compare(&model, &format!("at the end, {step:?}"));
            }
        }
        case.finish();
    }
}

impl Case {
    /// Does a step, of which the model knows already what it leads to.
    fn take(&mut self, model: &Model, step: &Step) {
        self.said = None;
        let key = |key: &u8| self.bench.keys.count(*key);
        match step {
            Step::Come(number, kind) => {
                let (caller, handle) = Caller::come(&self.group, &self.bench, *number, kind);
                self.callers.insert(*number, caller);
                self.callers
                    .extend(handle.map(|handle| (number + 1, handle)));
            }
            Step::Poll { party, elsewhere } => self.caller(*party).poll(*elsewhere),
            Step::Settle(order) => self.settle(*order),
            Step::Decide(number, plan) => self.caller(*number).gate.decide(*plan),
            Step::Expire(number) => self.caller(*number).gate.expire(),
            Step::Drop(number) => self.caller(*number).go(),
            Step::Complete(number, plan) => self.caller(*number).complete(*plan),
            Step::Lead { party, keeps } => self.caller(*party).lead(*keeps),
            Step::Disarm(number) => self.caller(*number).disarm(),
            Step::Forget(known) => self.said = Some(self.group.forget(key(known)).into()),
            Step::ForgetUnshared(known) => {
                self.said = Some(self.group.forget_unshared(&key(known)).into());
            }
            Step::ForgetAll => self.said = Some(self.group.forget_all()),
            Step::Close => self.group.close(),
            Step::Tick(_) => set_now(model.now),
            Step::List => assert_eq!(self.listing(), model.listing(), "what is listed"),
        }
    }

    fn caller(&mut self, number: usize) -> &mut Caller {
        self.callers.get_mut(&number).expect("the step is allowed")
    }

    /// Polls those who are due until nobody is.
    fn settle(&mut self, order: Order) {
        let mut numbers: Vec<_> = self.callers.keys().copied().collect();
        order.sort(&mut numbers);
        for _round in 0..MOST_ROUNDS {
            let mut any = false;
            for number in &numbers {
                let caller = self.caller(*number);
                if caller.is_due() {
                    caller.poll(false);
                    any = true;
                }
            }
            if !any {
                return;
            }
        }
        panic!("tasks wake each other for ever");
    }

    fn listing(&self) -> Vec<Line> {
        let line = |flight: &FlightInfo<Counted<u8>>| {
            let (vacant, forgotten) = (flight.is_vacant(), flight.is_forgotten());
            (
                flight.key().what,
                flight.followers(),
                vacant,
                forgotten,
                flight.age(),
            )
        };
        let mut lines: Vec<_> = self.group.flights().iter().map(line).collect();
        lines.sort_unstable();
        lines
    }

    /// Every promise, as far as it can be seen from outside.
    fn compare(&self, model: &Model, when: &str) {
        for (number, party) in &model.parties {
            let end = match &party.stage {
                party::Stage::Ended(end) => Some(end),
                _ => None,
            };
            let caller = &self.callers[number];
            assert_eq!(caller.end(), end, "how party {number} ended, after: {when}");
            let (holds, expected) = (caller.is_leader(), holds(party));
            assert_eq!(
                holds, expected,
                "party {number} holds a leader, after: {when}"
            );
        }
        assert_eq!(self.said, model.said, "what was returned by: {when}");
        let runs = |(number, party): (&usize, &Party)| party.runs().then_some(*number);
        let running: Vec<_> = model.parties.iter().filter_map(runs).collect();
        let runs: Vec<_> = self.bench.running.borrow().iter().copied().collect();
        assert_eq!(runs, running, "P1: whose works run, after: {when}");
        for key in 0..model.options.keys {
            let followers = self.group.followers(self.bench.keys.count(key));
            let expected = model.followers(key);
            assert_eq!(
                followers, expected,
                "P2: who waits for key {key}, after: {when}"
            );
        }
        for (fence, flight) in self.bench.fences.borrow().iter().zip(&model.fences) {
            let expected = model.is_closed_to_newcomers(*flight);
            assert_eq!(
                fence.is_forgotten(),
                expected,
                "what a fence says, after: {when}"
            );
        }
        assert_eq!(
            *self.bench.told.borrow(),
            model.told,
            "what fences said, after: {when}"
        );
        assert_eq!(
            self.group.in_flight(),
            model.in_flight(),
            "in flight, after: {when}"
        );
        assert_eq!(
            self.group.is_closed(),
            model.closed,
            "closed, after: {when}"
        );
        assert_eq!(
            self.group.stats(),
            model.stats(),
            "the statistics, after: {when}"
        );
    }

    /// P6: nothing stays behind.
    fn finish(self) {
        let Self {
            group,
            bench,
            callers,
            ..
        } = self;
        let stats = group.stats();
        let leaders = stats.led + stats.handed_over;
        assert_eq!(group.in_flight(), 0, "P6: flights are left");
        assert_eq!(
            stats.landed + stats.panicked + stats.abandoned,
            leaders,
            "{stats:?}"
        );
        bench.fences.borrow_mut().clear();
        for (number, caller) in callers {
            caller.gate.clear();
            assert!(
                !caller.has_wakers(),
                "P6: a waker of party {number} is left"
            );
        }
        assert_eq!(bench.values.alive(), 0, "P6: values are left");
        assert_eq!(bench.keys.alive(), 0, "P6: keys are left");
        assert_eq!(
            Rc::strong_count(&group),
            1,
            "P6: a handle to the group is left"
        );
    }
}

/// More rounds than any case needs for everyone to have heard of everything.
const MOST_ROUNDS: usize = 1_000;
