//! The model of what is done by hand: to leaders, followers and threads.

use singleflight_core::Role;

use crate::party::{End, Party, Stage};
use crate::rules::{Model, Told, Why};
use crate::step::{Call, Fails, Form, Kind, Plan, Runs, Spawned};

impl Model {
    /// A leader in hand lands its flight with a value of its own.
    pub(crate) fn complete(&mut self, number: usize, plan: Plan) {
        let (key, flight) = self.held(number);
        let made = self.made(number, key);
        let value = if plan == Plan::Fail {
            Err(made)
        } else {
            Ok(made)
        };
        let share = self.land(flight, value);
        self.end(number, End::One(Ok(share)));
    }

    /// A leader in hand is going to run a work.
    pub(crate) fn lead(&mut self, number: usize, keeps: bool) {
        let (key, flight) = self.held(number);
        let party = self.party(number);
        party.kind = Kind::Call(Call {
            key,
            borrowed: false,
            fails: if keeps { Fails::Keeps } else { Fails::Shares },
            form: Form::Lead,
        });
        party.stage = Stage::Leads {
            flight,
            runs: false,
        };
        party.is_task = true;
    }

    /// A leader in hand runs a work that waits for nothing.
    pub(crate) fn lead_now(&mut self, number: usize, plan: Plan) {
        self.lead(number, false);
        self.party(number).plan = plan;
        self.poll(number);
    }

    /// A leader in hand has failed.
    pub(crate) fn fail_by_hand(&mut self, number: usize) {
        let (_, flight) = self.held(number);
        self.fail(flight);
        self.end(number, End::Done);
    }

    /// A leader in hand hands over.
    pub(crate) fn hand_over(&mut self, number: usize) {
        let (_, flight) = self.held(number);
        self.lose(flight);
        self.end(number, End::Done);
    }

    /// A leader in hand lets nobody join any more.
    pub(crate) fn close_to_newcomers(&mut self, number: usize) {
        let (_, flight) = self.in_hand(number);
        self.bar(flight);
    }

    /// A leader in hand ends its flight, if nobody waits for it.
    pub(crate) fn close_if_alone(&mut self, number: usize) -> bool {
        let (_, flight) = self.in_hand(number);
        self.end_if_alone(flight)
    }

    /// The key and the flight of a leader in hand, of which a fence is kept.
    fn held(&mut self, number: usize) -> (u8, usize) {
        let (key, flight) = self.in_hand(number);
        self.fences.push(flight);
        (key, flight)
    }

    fn in_hand(&self, number: usize) -> (u8, usize) {
        let Party {
            kind: Kind::Raw(key),
            stage: Stage::Holds(flight),
            ..
        } = self.parties[&number]
        else {
            unreachable!("it holds a leader");
        };
        (key, flight)
    }

    /// A follower in hand waits on without work.
    pub(crate) fn go_without_work(&mut self, number: usize) {
        let flight = self.followed(number);
        self.disarm(flight, number);
        self.party(number).stage = Stage::Watches(flight);
    }

    /// A follower in hand waits for no time at all.
    pub(crate) fn wait_now(&mut self, number: usize) {
        let flight = self.followed(number);
        if let Some(share) = self.share(flight, Role::Follower) {
            self.end(number, End::One(share));
        } else {
            self.leave(flight, number);
            self.end(number, End::One(Err(Why::TimedOut)));
        }
    }

    fn followed(&self, number: usize) -> usize {
        match self.parties[&number].stage {
            Stage::Follows(flight) => flight,
            _ => unreachable!("it follows"),
        }
    }

    /// Whether a thread that is run now does not have to wait.
    pub(crate) fn can_run(&self, number: usize) -> bool {
        let party = &self.parties[&number];
        if !party.is_thread() {
            return false;
        }
        match party.stage {
            Stage::Leads { .. } => true,
            Stage::Follows(flight) => self.is_dismissed(number) || !self.flights[flight].is_led(),
            _ => false,
        }
    }

    /// Whether a spawned call that follows goes away, since its handle has.
    pub(crate) fn is_dismissed(&self, number: usize) -> bool {
        let party = &self.parties[&number];
        let Stage::Follows(flight) = party.stage else {
            return false;
        };
        matches!(party.kind, Kind::Spawned(_)) && !self.waits(flight, number)
    }

    /// A thread is run. It does what a task does that is polled once; but its work has to
    /// ask whether it is wanted, and if it is not, nothing is made of what it returns.
    pub(crate) fn run(&mut self, number: usize) {
        let Kind::Spawned(Spawned { key, runs, .. }) = self.parties[&number].kind else {
            unreachable!("it is spawned");
        };
        let flight = match self.parties[&number].stage {
            Stage::Leads { flight, .. } => flight,
            Stage::Follows(flight) => {
                if self.is_dismissed(number) {
                    return self.end(number, End::Done);
                }
                if !self.claim_spawned(flight, number, runs) {
                    self.party(number).answer = self.share(flight, Role::Follower).map(End::One);
                    self.leave(flight, number);
                    return self.end(number, End::Done);
                }
                flight
            }
            _ => unreachable!("it can be run"),
        };
        let unwanted = runs == Runs::WhileWanted && self.flights[flight].waiting.is_empty();
        self.told.push((number, Told::Unwanted(unwanted)));
        // What is told to wait cannot, on the only thread that there is.
        let plan = match self.parties[&number].plan {
            Plan::Wait => Plan::Land,
            plan => plan,
        };
        if unwanted {
            if plan == Plan::LandNested {
                self.nest(number, key, &[flight]);
            }
            self.lose(flight);
            self.end(number, End::Done);
        } else {
            self.settle_spawned(number, key, flight, plan);
        }
    }
}
