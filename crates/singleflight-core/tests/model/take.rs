//! What each step does to the model, and the steps that bring a case to its end.

use crate::draw::{can_be_polled, has_work};
use crate::party::Party;
use crate::rules::Model;
use crate::step::{Order, Plan, Step};

impl Model {
    pub(crate) fn take(&mut self, step: &Step) {
        self.said = None;
        match step {
            Step::Come(number, kind, plan) => {
                self.come(*number, kind);
                self.party(*number).plan = *plan;
            }
            Step::Poll { party, .. } => self.poll(*party),
            Step::Settle(order) => self.settle(*order),
            Step::Decide(number, plan) => self.party(*number).plan = *plan,
            Step::Expire(number) => self.party(*number).is_expired = true,
            Step::Drop(number) => {
                let end = self.release(*number);
                self.end(*number, end);
            }
            Step::Complete(number, plan) => self.complete(*number, *plan),
            Step::Lead { party, keeps } => self.lead(*party, *keeps),
            Step::LeadNow(number, plan) => self.lead_now(*number, *plan),
            Step::Fail(number) => self.fail_by_hand(*number),
            Step::HandOver(number) => self.hand_over(*number),
            Step::CloseToNewcomers(number) => self.close_to_newcomers(*number),
            Step::CloseIfAlone(number) => {
                self.said = Some(usize::from(self.close_if_alone(*number)));
            }
            Step::Disarm(number) => self.go_without_work(*number),
            Step::WaitNow(number) => self.wait_now(*number),
            Step::Run(number) => self.run(*number),
            Step::DrainNow => {
                self.closed = true;
                self.said = Some(usize::from(self.in_flight() == 0));
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
