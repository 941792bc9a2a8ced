//! The group itself, and its comparison with the model after each step.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::rc::Rc;
use std::sync::Arc;

use proptest_state_machine::StateMachineTest;
use singleflight_core::{Fence, FlightInfo, Group};

use crate::caller::Caller;
use crate::counted::{Counted, Tally};
use crate::draw::holds;
use crate::options::{Hashing, set_now};
use crate::rules::{Line, Model};
use crate::step::{Order, Step};
use crate::work::{self, Bench, Value};

pub(crate) type Shared = Rc<Group<Counted<u8>, Value, Hashing>>;

/// What the steps are done to.
pub(crate) struct Case {
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
        work::reset();
        Case {
            bench: Rc::new(Bench {
                group: Rc::new(model.options.group()),
                fences: RefCell::default(),
                told: RefCell::default(),
                values: Tally::default(),
                keys: Tally::default(),
            }),
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
        let group = Rc::clone(&self.bench.group);
        let keys = self.bench.keys.clone();
        let key = |key: &u8| keys.count(*key);
        match step {
            Step::Come(number, kind, plan) => {
                let (caller, handle) = Caller::come(&self.bench, *number, kind);
                caller.gate.decide(*plan);
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
            Step::LeadNow(number, plan) => self.caller(*number).lead_now(*plan),
            Step::Fail(number) => self.caller(*number).fail(),
            Step::HandOver(number) => self.caller(*number).hand_over(),
            Step::CloseToNewcomers(number) => self.caller(*number).close_to_newcomers(),
            Step::CloseIfAlone(number) => {
                self.said = Some(self.caller(*number).close_if_alone().into());
            }
            Step::Disarm(number) => self.caller(*number).disarm(),
            #[cfg(feature = "std")]
            Step::WaitNow(number) => self.caller(*number).wait_now(),
            #[cfg(feature = "std")]
            Step::Run(number) => self.caller(*number).run(),
            #[cfg(feature = "std")]
            Step::DrainNow => {
                let drained = group.drained_blocking(Some(std::time::Instant::now()));
                self.said = Some(drained.into());
            }
            #[cfg(not(feature = "std"))]
            Step::WaitNow(_) | Step::Run(_) | Step::DrainNow => {
                unreachable!("there are no threads without `std`")
            }
            Step::Forget(known) => self.said = Some(group.forget(key(known)).into()),
            Step::ForgetUnshared(known) => {
                self.said = Some(group.forget_unshared(&key(known)).into());
            }
            Step::ForgetAll => self.said = Some(group.forget_all()),
            Step::Close => group.close(),
            Step::Tick(_) => set_now(model.now),
            Step::List => agree("what is listed", "", &self.listing(), &model.listing()),
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
                flight.age_in_ticks(),
            )
        };
        let mut lines: Vec<_> = self.bench.group.flights().iter().map(line).collect();
        lines.sort_unstable();
        lines
    }

    /// Every promise, as far as it can be seen from outside.
    fn compare(&self, model: &Model, when: &str) {
        let group = &self.bench.group;
        for (number, party) in &model.parties {
            let caller = &self.callers[number];
            let what = format!("how party {number} ended");
            agree(&what, when, &caller.end(), &party.end());
            let what = format!("whether party {number} holds a leader");
            agree(&what, when, &caller.is_leader(), &holds(party));
            let what = format!("P1: whether party {number} was woken from within a work");
            agree(&what, when, &caller.was_woken_early(), &false);
        }
        agree("what was returned", when, &self.said, &model.said);
        agree(
            "P1: whose works run",
            when,
            &work::running(),
            &model.running(),
        );
        for key in 0..model.options.keys {
            let followers = group.followers(self.bench.keys.count(key));
            let what = format!("P2: how many wait for key {key}");
            agree(&what, when, &followers, &model.followers(key));
        }
        let fences = self.bench.fences.borrow();
        let said: Vec<_> = fences.iter().map(Fence::is_forgotten).collect();
        agree("what fences say", when, &said, &model.fences_say());
        agree(
            "what works were told",
            when,
            &*self.bench.told.borrow(),
            &model.told,
        );
        agree(
            "how many are in flight",
            when,
            &group.in_flight(),
            &model.in_flight(),
        );
        agree(
            "whether the group is closed",
            when,
            &group.is_closed(),
            &model.closed,
        );
        agree("the statistics", when, &group.stats(), &model.stats());
        let (clones, most) = (self.bench.values.clones(), model.most_clones);
        assert!(
            clones <= most,
            "P7: {clones} clones, {most} at most, after: {when}"
        );
    }

    /// P6: nothing stays behind.
    fn finish(self) {
        let stats = self.bench.group.stats();
        let leaders = stats.led + stats.handed_over;
        assert_eq!(stats.in_flight, 0, "P6: flights are left");
        assert_eq!(
            stats.landed + stats.panicked + stats.abandoned,
            leaders,
            "{stats:?}"
        );
        for (number, caller) in self.callers {
            for flag in caller.into_flags() {
                let wakers = Arc::strong_count(&flag) - 1;
                assert_eq!(wakers, 0, "P6: wakers of party {number} are left");
            }
        }
        let bench = Rc::into_inner(self.bench).expect("P6: a work is left");
        bench.fences.take().clear();
        assert_eq!(bench.values.alive(), 0, "P6: values are left");
        assert_eq!(bench.keys.alive(), 0, "P6: keys are left");
        assert_eq!(
            Rc::strong_count(&bench.group),
            1,
            "P6: handles to the group are left"
        );
    }
}

/// More rounds than any case needs for everyone to have heard of everything.
const MOST_ROUNDS: usize = 1_000;

#[track_caller]
fn agree<T: Debug + PartialEq>(what: &str, when: &str, group: &T, model: &T) {
    assert!(
        group == model,
        "{what}, after: {when}\n  the group: {group:?}\n  the model: {model:?}"
    );
}
