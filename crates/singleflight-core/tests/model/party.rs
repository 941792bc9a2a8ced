//! The model of those who call a group: how they come and go.

use crate::counted::Made;
use crate::rules::{Joined, Model, Seat, Share, Value, Why};
use crate::step::{Kind, On, Plan, Runs, Spawned};

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
    /// What a spawned call came to, for its handle. Nothing if it was lost.
    pub(crate) answer: Option<End>,
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
    /// It has taken the lead, and begins when it is polled again.
    Claimed(usize),
    /// It waits, and would not.
    Watches(usize),
    /// The handle of a spawned call.
    Handle,
    /// It leads; its work has been made, or has not.
    Leads {
        flight: usize,
        runs: bool,
    },
    /// A batch, by key.
    Many {
        places: Vec<(u8, Place)>,
        runs: bool,
        /// It has claimed at its last poll, and loads at this one.
        pauses: bool,
    },
    Ended(End),
}

/// Where a key of a batch stands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Place {
    Leads(usize),
    Waits(usize),
    Answered(Result<Value, Why>),
}

/// How a party has ended.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum End {
    One(Result<Share, Why>),
    /// Without the role.
    Bare(Result<Value, Why>),
    /// With the error of its own work.
    Own(Made),
    Many(Vec<(u8, Result<Value, Why>)>),
    /// By its work's panic, with this text.
    Panicked(String),
    /// Without an answer to give.
    Done,
    Dropped,
}

impl Place {
    /// The flight of a key that the batch leads.
    pub(crate) fn led(&self) -> Option<usize> {
        match self {
            Self::Leads(flight) => Some(*flight),
            _ => None,
        }
    }
}

impl Party {
    pub(crate) fn new(kind: Kind, stage: Stage) -> Self {
        Self {
            is_task: matches!(
                kind,
                Kind::Call(_)
                    | Kind::Many(_)
                    | Kind::Spawned(Spawned { on: On::Task, .. })
                    | Kind::Drain
            ),
            kind,
            stage,
            plan: Plan::Wait,
            is_expired: false,
            round: 0,
            answer: None,
        }
    }

    pub(crate) fn end(&self) -> Option<&End> {
        match &self.stage {
            Stage::Ended(end) => Some(end),
            _ => None,
        }
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.end().is_some()
    }

    pub(crate) fn is_thread(&self) -> bool {
        matches!(self.kind, Kind::Spawned(Spawned { on: On::Thread, .. }))
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

    pub(crate) fn come(&mut self, number: usize, kind: &Kind) {
        let stage = match kind {
            Kind::Raw(key) | Kind::Spawned(Spawned { key, .. }) => {
                match self.join(number, *key, &[]) {
                    Ok(Joined::Leader(flight)) if matches!(kind, Kind::Raw(_)) => {
                        Stage::Holds(flight)
                    }
                    Ok(Joined::Leader(flight)) => Stage::Leads {
                        flight,
                        runs: false,
                    },
                    Ok(Joined::Follower(flight)) => Stage::Follows(flight),
                    Err(why) => Stage::Ended(End::One(Err(why))),
                }
            }
            _ => Stage::New,
        };
        if let Kind::Spawned(Spawned { runs, .. }) = kind {
            let of_handle = match &stage {
                Stage::Leads { flight, .. } => {
                    if *runs == Runs::WhileWanted {
                        let waiting = &mut self.flights[*flight].waiting;
                        waiting.push((number + 1, Seat::Handle));
                    }
                    Stage::Handle
                }
                Stage::Follows(_) => Stage::Handle,
                ended => ended.clone(),
            };
            let handle = Party::new(Kind::Handle(number), of_handle);
            self.parties.insert(number + 1, handle);
        }
        self.parties.insert(number, Party::new(kind.clone(), stage));
    }

    /// The handle of a spawned call goes.
    fn let_go(&mut self, number: usize) {
        let task = &self.parties[&(number - 1)];
        let Kind::Spawned(Spawned { runs, .. }) = task.kind else {
            unreachable!("a handle comes after its task");
        };
        if let Stage::Follows(flight) = task.stage {
            return self.cut(flight, number - 1, runs == Runs::ToItsEnd);
        }
        // Its task leads, or has led a flight that others lead on.
        for flight in 0..self.flights.len() {
            if self.waits(flight, number) {
                self.leave(flight, number);
            }
        }
    }

    /// The task of a spawned call leads on. Its handle is interested from now on.
    pub(crate) fn claim_spawned(&mut self, flight: usize, number: usize, runs: Runs) -> bool {
        let claims = self.claim(flight, number);
        if claims && runs == Runs::WhileWanted {
            self.flights[flight]
                .waiting
                .push((number + 1, Seat::Handle));
        }
        claims
    }

    /// What a party gives up as it is dropped, and how that ends it.
    pub(crate) fn release(&mut self, number: usize) -> End {
        let party = &self.parties[&number];
        let panics = party.runs() && party.plan == Plan::PanicDropping;
        match party.stage.clone() {
            Stage::New | Stage::Ended(_) => {}
            Stage::Holds(flight) | Stage::Claimed(flight) | Stage::Leads { flight, .. } => {
                self.lose(flight);
            }
            Stage::Follows(flight) | Stage::Watches(flight) => self.leave(flight, number),
            Stage::Handle => self.let_go(number),
            Stage::Many { places, .. } => {
                for (_, place) in places {
                    match place {
                        Place::Leads(flight) => self.lose(flight),
                        Place::Waits(flight) => self.leave(flight, number),
                        Place::Answered(_) => {}
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
}
