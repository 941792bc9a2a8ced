//! The model of those who call a group: what a poll makes of each.

use singleflight_core::Role;

use crate::party::{End, Stage, text};
use crate::rules::{Joined, Model, Share, Told, Why};
use crate::step::{Call, Form, Kind, Plan, Runs, Spawned};

impl Model {
    pub(crate) fn poll(&mut self, number: usize) {
        let party = self.party(number);
        party.is_task = true;
        if let Kind::Many(many) = &party.kind {
            let many = many.clone();
            return self.poll_many(number, &many);
        }
        if party.is_expired && self.gives_up_first(number) {
            self.release(number);
            return self.end(number, End::One(Err(Why::TimedOut)));
        }
        match self.parties[&number].kind.clone() {
            Kind::Call(call) => self.poll_call(number, call),
            Kind::Many(_) => unreachable!("a batch has a deadline of its own"),
            Kind::Raw(_) => self.poll_in_hand(number),
            Kind::Spawned(Spawned { key, runs, .. }) => self.poll_spawned(number, key, runs),
            Kind::Handle(task) => self.poll_handle(number, task),
            Kind::Drain => {
                self.closed = true;
                if self.in_flight() == 0 {
                    self.end(number, End::Done);
                }
            }
        }
        let party = &self.parties[&number];
        if party.is_expired && !party.has_ended() {
            match self.release(number) {
                // The panic of a work that is dropped goes on.
                End::Dropped => self.end(number, End::One(Err(Why::TimedOut))),
                panicked => self.end(number, panicked),
            }
        }
    }

    /// Whether a call whose time is up goes before it does anything: it starts no work.
    fn gives_up_first(&self, number: usize) -> bool {
        match self.parties[&number].stage {
            Stage::New | Stage::Claimed(_) => true,
            Stage::Follows(flight) => self.share(flight, Role::Follower).is_none(),
            _ => false,
        }
    }

    fn poll_call(&mut self, number: usize, call: Call) {
        let answer = |answer: Result<Share, Why>| match call.form {
            Form::Bare => End::Bare(answer.map(|share| share.value)),
            _ => End::One(answer),
        };
        let flight = match self.parties[&number].stage.clone() {
            Stage::New => match self.join(number, call.key, &[]) {
                Ok(Joined::Leader(flight)) => flight,
                Ok(Joined::Follower(flight)) => {
                    self.party(number).stage = Stage::Follows(flight);
                    return;
                }
                Err(why) => return self.end(number, answer(Err(why))),
            },
            Stage::Follows(flight) => {
                if let Some(share) = self.share(flight, Role::Follower) {
                    self.end(number, answer(share));
                } else if self.claim(flight, number) {
                    self.party(number).stage = Stage::Claimed(flight);
                }
                return;
            }
            Stage::Claimed(flight) | Stage::Leads { flight, .. } => flight,
            other => unreachable!("a call is never {other:?}"),
        };
        self.party(number).stage = Stage::Leads { flight, runs: true };
        let (made, plan) = (self.made(number, call.key), self.parties[&number].plan);
        if plan == Plan::LandNested {
            self.nest(number, call.key, &[flight]);
        }
        if plan.is_return() && call.form.is_fenced() {
            let is_forgotten = self.is_closed_to_newcomers(flight);
            self.told.push((number, Told::Forgotten(is_forgotten)));
        }
        let share = match plan {
            Plan::Wait => return,
            Plan::Land | Plan::LandNested | Plan::LandSome | Plan::LandMore => {
                self.land(flight, Ok(made))
            }
            Plan::Fail => match self.land_error(flight, made, call.fails) {
                Ok(share) => share,
                Err(own) => return self.end(number, End::Own(own)),
            },
            Plan::PanicMaking | Plan::PanicPolling | Plan::PanicDropping => {
                self.panic(flight, &text(number));
                return self.end(number, End::Panicked(text(number)));
            }
        };
        self.end(number, answer(Ok(share)));
    }

    fn poll_in_hand(&mut self, number: usize) {
        let stage = self.parties[&number].stage.clone();
        let (Stage::Follows(flight) | Stage::Watches(flight)) = stage else {
            unreachable!("a leader in hand is not polled");
        };
        if let Some(share) = self.share(flight, Role::Follower) {
            self.end(number, End::One(share));
        } else if self.claim(flight, number) {
            let party = self.party(number);
            party.stage = Stage::Holds(flight);
            party.is_task = false;
        }
    }

    fn poll_spawned(&mut self, number: usize, key: u8, runs: Runs) {
        let ends_unwanted = runs == Runs::WhileWanted;
        let flight = match self.parties[&number].stage.clone() {
            Stage::Follows(flight) => {
                if self.is_dismissed(number) {
                    return self.end(number, End::Done);
                }
                if let Some(share) = self.share(flight, Role::Follower) {
                    self.party(number).answer = Some(End::One(share));
                    return self.end(number, End::Done);
                }
                if !self.claim_spawned(flight, number, runs) {
                    return;
                }
                flight
            }
            Stage::Leads { flight, .. } => flight,
            other => unreachable!("a spawned task is never {other:?}"),
        };
        let plan = self.parties[&number].plan;
        if ends_unwanted && self.flights[flight].waiting.is_empty() {
            let panics = plan == Plan::PanicDropping && self.parties[&number].runs();
            self.lose(flight);
            self.cancelled += 1;
            // Without `std` it cannot be swallowed.
            let end = if panics && !cfg!(feature = "std") {
                End::Panicked(text(number))
            } else {
                End::Done
            };
            return self.end(number, end);
        }
        self.party(number).stage = Stage::Leads { flight, runs: true };
        if plan != Plan::Wait {
            self.settle_spawned(number, key, flight, plan);
        }
    }

    /// The work of a spawned call has ended.
    pub(crate) fn settle_spawned(&mut self, number: usize, key: u8, flight: usize, plan: Plan) {
        if plan == Plan::LandNested {
            self.nest(number, key, &[flight]);
        }
        let made = self.made(number, key);
        let Kind::Spawned(Spawned { fails, .. }) = self.parties[&number].kind else {
            unreachable!("it is spawned");
        };
        let answer = if plan == Plan::Fail {
            let answer = self.land_error(flight, made, fails);
            answer.map_or_else(End::Own, |share| End::One(Ok(share)))
        } else if plan.is_return() {
            End::One(Ok(self.land(flight, Ok(made))))
        } else {
            self.panic(flight, &text(number));
            if !cfg!(feature = "std") {
                return self.end(number, End::Panicked(text(number)));
            }
            // Its own work has panicked, whoever makes the value in the end.
            End::One(Err(Why::Panicked(text(number))))
        };
        self.party(number).answer = Some(answer);
        self.end(number, End::Done);
    }

    fn poll_handle(&mut self, number: usize, task: usize) {
        let task = &self.parties[&task];
        if task.has_ended() {
            let lost = End::One(Err(Why::TaskLost));
            let answer = task.answer.clone().unwrap_or(lost);
            self.release(number);
            self.end(number, answer);
        }
    }
}
