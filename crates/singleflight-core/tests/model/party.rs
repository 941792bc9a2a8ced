//! The model of those who call a group: what a poll, or being dropped, makes of each.

use singleflight_core::{Role, Until};

use crate::counted::Made;
use crate::rules::{Joined, Model, Seat, Share, Value, Why};
use crate::step::{Call, Form, Kind, Plan};

#[derive(Clone, PartialEq)]
pub(crate) struct Party {
    pub(crate) kind: Kind,
    pub(crate) stage: Stage,
    /// What its work is going to do.
    pub(crate) plan: Plan,
    /// Its time is over.
    pub(crate) is_expired: bool,
    /// Whether it is a task of the executor. What is in hand is not, until it is polled.
    pub(crate) is_task: bool,
    /// How many of its works have ended.
    pub(crate) round: usize,
    /// A spawned task has led, so its handle speaks for the leader.
    has_led: bool,
}

/// How far a party is. Numbers are flights.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Stage {
    /// It has not been polled.
    New,
    /// A leader in hand.
    Holds(usize),
    /// It waits, and would lead.
    Follows(usize),
    /// It waits, and would not.
    Watches(usize),
    /// It leads; its work has been made, or has not.
    Leads {
        flight: usize,
        runs: bool,
    },
    /// A batch, by key.
    Many {
        places: Vec<(u8, Place)>,
        runs: bool,
    },
    Ended(End),
}

/// Where a key of a batch stands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Place {
    Leads(usize),
    Waits(usize),
    Answered(Result<Share, Why>),
    Absent,
}

/// How a party has ended.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum End {
    One(Result<Share, Why>),
    /// A bare value.
    Bare(Value),
    /// Of a call that returns bare values and had none.
    Raised,
    Many(Vec<(u8, Result<Share, Why>)>),
    /// By its work's panic, with this text.
    Panicked(String),
    /// Without an answer to give.
    Done,
    Dropped,
}

impl Party {
    pub(crate) fn new(kind: Kind, stage: Stage) -> Self {
        let is_held = matches!(kind, Kind::Raw(_) | Kind::Handle(_));
        Self {
            is_task: !is_held,
            kind,
            stage,
            plan: Plan::Wait,
            is_expired: false,
            round: 0,
            has_led: false,
        }
    }

    pub(crate) fn has_ended(&self) -> bool {
        matches!(self.stage, Stage::Ended(_))
    }

    /// Whether its work is being executed.
    pub(crate) fn runs(&self) -> bool {
        matches!(
            self.stage,
            Stage::Leads { runs: true, .. } | Stage::Many { runs: true, .. }
        )
    }
}

/// The text of a work's panic.
pub(crate) fn text(party: usize) -> String {
    format!("the work of party {party}")
}

impl Model {
    pub(crate) fn party(&mut self, number: usize) -> &mut Party {
        self.parties.get_mut(&number).expect("the step is allowed")
    }

    pub(crate) fn end(&mut self, number: usize, end: End) {
        self.party(number).stage = Stage::Ended(end);
    }

    pub(crate) fn made(&self, number: usize, key: u8) -> Made {
        Made {
            party: number,
            key,
            round: self.parties[&number].round,
        }
    }

    // ---- coming ----

    pub(crate) fn come(&mut self, number: usize, kind: &Kind) {
        let stage = match kind {
            Kind::Raw(key) | Kind::Spawned { key, .. } => match self.join(number, *key) {
                Ok(Joined::Leader(flight)) if matches!(kind, Kind::Raw(_)) => Stage::Holds(flight),
                Ok(Joined::Leader(flight)) => Stage::Leads {
                    flight,
                    runs: false,
                },
                Ok(Joined::Follower(flight)) => Stage::Follows(flight),
                Err(why) => Stage::Ended(End::One(Err(why))),
            },
            _ => Stage::New,
        };
        if let Kind::Spawned { .. } = kind {
            let of_handle = match &stage {
                Stage::Leads { flight, .. } | Stage::Follows(flight) => {
                    let waiting = &mut self.flights[*flight].waiting;
                    waiting.push((number + 1, Seat::Handle));
                    Stage::Watches(*flight)
                }
                ended => ended.clone(),
            };
            let handle = Party::new(Kind::Handle(number), of_handle);
            self.parties.insert(number + 1, handle);
        }
        self.parties.insert(number, Party::new(kind.clone(), stage));
    }

    // ---- being polled ----

    pub(crate) fn poll(&mut self, number: usize) {
        let party = self.party(number);
        party.is_task = true;
        match party.kind.clone() {
            Kind::Call(call) => self.poll_call(number, call),
            Kind::Many { keys, tries } => self.poll_many(number, &keys, tries),
            Kind::Raw(_) => self.poll_in_hand(number),
            Kind::Spawned { key, until } => self.poll_spawned(number, key, until),
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

    fn poll_call(&mut self, number: usize, call: Call) {
        let answer = |answer: Result<Share, Why>| match (call.form, answer) {
            (Form::Bare, Ok(share)) => End::Bare(share.value),
            (Form::Bare, Err(_)) => End::Raised,
            (_, answer) => End::One(answer),
        };
        let flight = match self.parties[&number].stage.clone() {
            Stage::New => match self.join(number, call.key) {
                Ok(Joined::Leader(flight)) => flight,
                Ok(Joined::Follower(flight)) => {
                    self.party(number).stage = Stage::Follows(flight);
                    return;
                }
                Err(why) => return self.end(number, answer(Err(why))),
            },
            Stage::Follows(flight) => match self.share(flight, Role::Follower) {
                Some(share) => return self.end(number, answer(share)),
                None if self.claim(flight, number) => flight,
                None => return,
            },
            Stage::Leads { flight, .. } => flight,
            other => unreachable!("a call is never {other:?}"),
        };
        self.party(number).stage = Stage::Leads { flight, runs: true };
        let (made, plan) = (self.made(number, call.key), self.parties[&number].plan);
        if plan.is_return() && call.form.is_fenced() {
            let is_forgotten = self.is_closed_to_newcomers(flight);
            self.told.push((number, is_forgotten));
        }
        let share = match plan {
            Plan::Wait => return,
            Plan::Land | Plan::LandSome | Plan::LandMore => self.land(flight, Ok(made)),
            Plan::Fail if call.keeps => self.keep(flight, Err(made)),
            Plan::Fail => self.land(flight, Err(made)),
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

    fn poll_spawned(&mut self, number: usize, key: u8, until: Until) {
        let ends_unwanted = until == Until::Unwanted;
        let flight = match self.parties[&number].stage.clone() {
            Stage::Follows(flight) => {
                if ends_unwanted && self.parties[&(number + 1)].has_ended() {
                    self.leave(flight, number);
                    return self.end(number, End::Done);
                }
                if self.share(flight, Role::Follower).is_some() {
                    return self.end(number, End::Done);
                }
                if !self.claim(flight, number) {
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
            // Without `std` it cannot be swallowed.
            let end = if panics && !cfg!(feature = "std") {
                End::Panicked(text(number))
            } else {
                End::Done
            };
            return self.end(number, end);
        }
        let made = self.made(number, key);
        self.party(number).stage = Stage::Leads { flight, runs: true };
        match plan {
            Plan::Wait => return,
            Plan::PanicMaking | Plan::PanicPolling | Plan::PanicDropping => {
                self.panic(flight, &text(number));
                if !cfg!(feature = "std") {
                    return self.end(number, End::Panicked(text(number)));
                }
            }
            Plan::Fail => _ = self.land(flight, Err(made)),
            Plan::Land | Plan::LandSome | Plan::LandMore => _ = self.land(flight, Ok(made)),
        }
        self.party(number).has_led = true;
        self.end(number, End::Done);
    }

    fn poll_handle(&mut self, number: usize, task: usize) {
        let Stage::Watches(flight) = self.parties[&number].stage else {
            unreachable!("a handle watches");
        };
        let role = if self.parties[&task].has_led {
            Role::Leader
        } else {
            Role::Follower
        };
        if let Some(share) = self.share(flight, role) {
            self.end(number, End::One(share));
        }
    }

    // ---- going away ----

    /// What a party gives up as it is dropped, and how that ends it.
    pub(crate) fn release(&mut self, number: usize) -> End {
        let party = &self.parties[&number];
        let panics = party.runs() && party.plan == Plan::PanicDropping;
        match party.stage.clone() {
            Stage::New | Stage::Ended(_) => {}
            Stage::Holds(flight) | Stage::Leads { flight, .. } => self.lose(flight),
            Stage::Follows(flight) | Stage::Watches(flight) => self.leave(flight, number),
            Stage::Many { places, .. } => {
                for (_, place) in places {
                    match place {
                        Place::Leads(flight) => self.lose(flight),
                        Place::Waits(flight) => self.leave(flight, number),
                        Place::Answered(_) | Place::Absent => {}
                    }
                }
            }
        }
        if panics {
            End::Panicked(text(number))
        } else {
            End::Dropped
        }
    }

    /// A leader in hand lands its flight with a value of its own.
    pub(crate) fn complete(&mut self, number: usize, plan: Plan) {
        let Party {
            kind: Kind::Raw(key),
            stage: Stage::Holds(flight),
            ..
        } = self.parties[&number]
        else {
            unreachable!("it holds a leader");
        };
        let made = self.made(number, key);
        let value = if plan == Plan::Fail {
            Err(made)
        } else {
            Ok(made)
        };
        self.fences.push(flight);
        let share = self.land(flight, value);
        self.end(number, End::One(Ok(share)));
    }

    /// A leader in hand is going to run a work.
    pub(crate) fn lead(&mut self, number: usize, keeps: bool) {
        let party = self.party(number);
        let (&Kind::Raw(key), &Stage::Holds(flight)) = (&party.kind, &party.stage) else {
            unreachable!("it holds a leader");
        };
        let call = Call {
            key,
            borrowed: false,
            keeps,
            form: Form::Lead,
        };
        party.stage = Stage::Leads {
            flight,
            runs: false,
        };
        party.kind = Kind::Call(call);
        party.is_task = true;
        self.fences.push(flight);
    }
}
