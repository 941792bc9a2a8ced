//! The model of a group: what becomes of a flight. It is to be obvious, not fast, and knows
//! neither wakers nor tables. Flights are numbered, and stay in the list when they have ended.

use std::collections::BTreeMap;

use singleflight_core::{CallError, PanicPolicy, Role, Stats};

use crate::counted::Made;
use crate::options::Options;
use crate::party::{Party, Stage};
use crate::step::Fails;

#[derive(Clone, PartialEq)]
pub(crate) struct Model {
    pub(crate) options: Options,
    pub(crate) now: u64,
    pub(crate) closed: bool,
    pub(crate) flights: Vec<Flight>,
    pub(crate) parties: BTreeMap<usize, Party>,
    /// Those of leaders in hand, by flight.
    pub(crate) fences: Vec<usize>,
    /// What works were told as they ended, by party.
    pub(crate) told: Vec<(usize, Told)>,
    /// How many tasks were cancelled, since nobody waited any more.
    pub(crate) cancelled: usize,
    /// How many heirs have led on.
    pub(crate) inherited: usize,
    /// How many flights were ended by a leader that was alone.
    pub(crate) closed_alone: usize,
    /// How many clones of values there may have been.
    pub(crate) most_clones: usize,
    /// What the last step returned, if it returns something.
    pub(crate) said: Option<usize>,
    pub(crate) stats: Stats,
}

#[derive(Clone, PartialEq)]
pub(crate) struct Flight {
    key: u8,
    /// When it started.
    tick: u64,
    forgotten: bool,
    vacant: bool,
    pub(crate) waiting: Vec<(usize, Seat)>,
    /// How many works have failed.
    failures: usize,
    /// Set once it has ended: what those who wait receive.
    result: Option<Answer>,
    /// How many waited when it ended.
    followers: usize,
}

/// How a party waits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Seat {
    WithWork,
    WithoutWork,
    Handle,
    /// A spawned call with work, whose handle is gone.
    Heir,
}

/// A value or an error that a work has returned.
pub(crate) type Value = Result<Made, Made>;

/// What a flight ends with.
pub(crate) type Answer = Result<Value, Why>;

/// One caller's part of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Share {
    pub(crate) value: Value,
    pub(crate) role: Role,
    pub(crate) followers: usize,
}

impl Share {
    /// Of a leader whose value goes to nobody else.
    pub(crate) fn alone(value: Value) -> Self {
        Self {
            value,
            role: Role::Leader,
            followers: 0,
        }
    }
}

/// Why there is no value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Why {
    /// With this text.
    Panicked(String),
    Lost,
    TaskLost,
    Reentrant,
    Closed,
    TimedOut,
    TooMany,
    /// So many.
    Failures(usize),
    NotShared,
    NotReturned,
}

/// What a call becomes as it comes.
pub(crate) enum Joined {
    Leader(usize),
    Follower(usize),
}

/// What a work is told by the group while it runs.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Told {
    /// Whether its flight was forgotten.
    Forgotten(bool),
    /// Whether nobody wants its value.
    Unwanted(bool),
    /// What a call for its own key became.
    Nested(Result<Role, Why>),
}

/// One line of a listing: key, followers, whether it is vacant, whether forgotten, its age.
pub(crate) type Line = (u8, usize, bool, bool, Option<u64>);

impl Flight {
    fn is_in_table(&self) -> bool {
        self.result.is_none()
    }

    pub(crate) fn is_led(&self) -> bool {
        self.is_in_table() && !self.vacant
    }

    fn count(&self, seat: Seat) -> usize {
        let is = |(_, other): &&(usize, Seat)| *other == seat;
        self.waiting.iter().filter(is).count()
    }

    /// How many calls wait: a spawned call is one, its handle none, and none without a handle.
    fn callers(&self) -> usize {
        self.waiting.len() - self.count(Seat::Handle) - self.count(Seat::Heir)
    }

    /// Whether anybody has to learn how it ends.
    fn is_awaited(&self) -> bool {
        self.waiting.len() > self.count(Seat::Handle)
    }

    fn has_claimants(&self) -> bool {
        self.count(Seat::WithWork) + self.count(Seat::Heir) > 0
    }

    fn end(&mut self, result: Answer) {
        assert!(self.is_in_table(), "a flight ends once");
        self.followers = self.callers();
        self.result = Some(result);
        self.vacant = false;
    }
}

impl Model {
    pub(crate) fn new(options: Options) -> Self {
        Self {
            options,
            now: 0,
            closed: false,
            flights: Vec::new(),
            parties: BTreeMap::new(),
            fences: Vec::new(),
            told: Vec::new(),
            most_clones: 0,
            cancelled: 0,
            inherited: 0,
            closed_alone: 0,
            said: None,
            stats: Stats::default(),
        }
    }

    // ---- what can be asked ----

    fn is_too_old(&self, flight: &Flight) -> bool {
        let limit = self.options.max_age;
        limit.is_some_and(|ticks| self.now - flight.tick > ticks)
    }

    /// P2: the flight of a key that a call could join.
    pub(crate) fn open(&self, key: u8) -> Option<usize> {
        let is_open = |flight: &Flight| {
            let is_known = flight.key == key && flight.is_in_table();
            is_known && !flight.forgotten && !self.is_too_old(flight)
        };
        let mut open = (0..self.flights.len()).filter(|at| is_open(&self.flights[*at]));
        let first = open.next();
        // P1.
        assert_eq!(open.next(), None, "a key has one open flight at most");
        first
    }

    pub(crate) fn is_closed_to_newcomers(&self, flight: usize) -> bool {
        let flight = &self.flights[flight];
        !flight.is_in_table() || flight.forgotten || self.is_too_old(flight)
    }

    pub(crate) fn fences_say(&self) -> Vec<bool> {
        let says = |flight: &usize| self.is_closed_to_newcomers(*flight);
        self.fences.iter().map(says).collect()
    }

    /// Of all flights that ended because of it, the most works that have failed.
    pub(crate) fn most_failures(&self) -> usize {
        let ended = self.flights.iter().filter(|flight| {
            let why = flight
                .result
                .as_ref()
                .and_then(|result| result.as_ref().err());
            matches!(why, Some(Why::Failures(_) | Why::NotShared))
        });
        ended.map(|flight| flight.failures).max().unwrap_or(0)
    }

    /// The parties whose works are being executed.
    pub(crate) fn running(&self) -> Vec<usize> {
        let running = self.parties.iter().filter(|(_, party)| party.runs());
        running.map(|(number, _)| *number).collect()
    }

    fn in_table(&self) -> impl Iterator<Item = &Flight> {
        self.flights.iter().filter(|flight| flight.is_in_table())
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.in_table().count()
    }

    pub(crate) fn followers(&self, key: u8) -> Option<usize> {
        self.open(key).map(|at| self.flights[at].callers())
    }

    pub(crate) fn listing(&self) -> Vec<Line> {
        let line = |flight: &Flight| {
            let age = self.options.has_clock.then(|| self.now - flight.tick);
            let followers = flight.callers();
            (flight.key, followers, flight.vacant, flight.forgotten, age)
        };
        let mut lines: Vec<_> = self.in_table().map(line).collect();
        lines.sort_unstable();
        lines
    }

    pub(crate) fn stats(&self) -> Stats {
        let mut stats = self.stats;
        let forgotten = |flight: &&Flight| flight.forgotten;
        stats.in_flight = self.in_flight() as u64;
        stats.in_flight_forgotten = self.in_table().filter(forgotten).count() as u64;
        stats
    }

    // ---- what callers do to a flight ----

    /// A call comes, perhaps from inside the works of some flights.
    pub(crate) fn join(&mut self, party: usize, key: u8, inside: &[usize]) -> Result<Joined, Why> {
        if self.closed {
            self.stats.refused += 1;
            return Err(Why::Closed);
        }
        let Some(at) = self.open(key) else {
            self.stats.led += 1;
            self.flights.push(Flight {
                key,
                tick: self.now,
                forgotten: false,
                vacant: false,
                waiting: Vec::new(),
                failures: 0,
                result: None,
                followers: 0,
            });
            return Ok(Joined::Leader(self.flights.len() - 1));
        };
        // Without `std` it is not noticed.
        if inside.contains(&at) && cfg!(feature = "std") {
            self.stats.refused += 1;
            return Err(Why::Reentrant);
        }
        let flight = &mut self.flights[at];
        if flight.vacant {
            self.stats.led += 1;
            flight.vacant = false;
            return Ok(Joined::Leader(at));
        }
        let most = self.options.max_followers;
        if most.is_some_and(|most| flight.callers() >= most as usize) {
            self.stats.refused += 1;
            return Err(Why::TooMany);
        }
        self.stats.followed += 1;
        flight.waiting.push((party, Seat::WithWork));
        self.stats.most_followers = self.stats.most_followers.max(flight.callers() as u64);
        Ok(Joined::Follower(at))
    }

    /// What a caller receives, if its flight has ended.
    pub(crate) fn share(&self, at: usize, role: Role) -> Option<Result<Share, Why>> {
        let flight = &self.flights[at];
        let share = |value| Share {
            value,
            role,
            followers: flight.followers,
        };
        flight.result.clone().map(|result| result.map(share))
    }

    /// The work has returned what is shared.
    pub(crate) fn land(&mut self, at: usize, value: Value) -> Share {
        if !self.flights[at].is_in_table() {
            return Share::alone(value);
        }
        self.stats.landed += 1;
        // P7: the leader and all who wait take a share, and the last of them the value itself.
        // A task whose handle is gone has a hold on it until it is polled.
        let lingers = |(number, party): (&usize, &Party)| {
            matches!(party.stage, Stage::Follows(flight) if flight == at)
                && !self.waits(at, *number)
        };
        let is_held = self.parties.iter().any(lingers);
        self.most_clones += self.flights[at].waiting.len() + usize::from(is_held);
        self.flights[at].end(Ok(value));
        let share = self.share(at, Role::Leader).expect("it has landed");
        share.expect("it has landed with a value")
    }

    /// The work has returned an error: what its caller has of it, or the error itself.
    pub(crate) fn land_error(
        &mut self,
        at: usize,
        made: Made,
        fails: Fails,
    ) -> Result<Share, Made> {
        match fails {
            Fails::Shares => Ok(self.land(at, Err(made))),
            Fails::Keeps => {
                self.fail(at);
                Err(made)
            }
            Fails::Withholds => {
                self.end_failed(at, |_| Why::NotShared);
                Ok(Share::alone(Err(made)))
            }
        }
    }

    /// The work has failed. Somebody else tries, or those who wait are told.
    pub(crate) fn fail(&mut self, at: usize) {
        self.end_failed(at, Why::Failures);
    }

    fn end_failed(&mut self, at: usize, why: fn(usize) -> Why) {
        let most = self.options.max_failures.unwrap_or(3);
        let flight = &mut self.flights[at];
        if !flight.is_in_table() {
            return;
        }
        flight.failures += 1;
        let may_go_on = flight.has_claimants() && flight.failures < most as usize;
        if !flight.is_awaited() || may_go_on {
            return self.lose(at);
        }
        self.stats.abandoned += 1;
        flight.end(Err(why(flight.failures)));
    }

    /// The work has panicked. Where that hands over, it is one more failure.
    pub(crate) fn panic(&mut self, at: usize, text: &str) {
        let flight = &mut self.flights[at];
        if !flight.is_in_table() {
            return;
        }
        // Without `std` a panic cannot be caught: its leader is dropped.
        if !cfg!(feature = "std") {
            return self.lose(at);
        }
        let nobody_can_lead = flight.is_awaited() && !flight.has_claimants();
        if self.options.panic_policy == PanicPolicy::HandOver && !nobody_can_lead {
            return self.fail(at);
        }
        self.stats.panicked += 1;
        flight.end(Err(Why::Panicked(text.to_owned())));
    }

    /// The leader lets nobody join any more. It is not counted as forgotten.
    pub(crate) fn bar(&mut self, at: usize) {
        self.flights[at].forgotten = true;
    }

    /// The leader ends the flight, if no call waits. Whether it has ended.
    pub(crate) fn end_if_alone(&mut self, at: usize) -> bool {
        let flight = &mut self.flights[at];
        if flight.is_in_table() && flight.callers() == 0 {
            self.stats.landed += 1;
            self.closed_alone += 1;
            // An heir learns that the work is done.
            flight.end(Err(Why::TaskLost));
        }
        !flight.is_in_table()
    }

    /// The leader is gone, and has left nothing.
    pub(crate) fn lose(&mut self, at: usize) {
        let flight = &mut self.flights[at];
        if !flight.is_in_table() {
            return;
        }
        self.stats.abandoned += 1;
        flight.vacant = true;
        // The handle of a call that is lost is no interest any more.
        flight.waiting.retain(|(_, seat)| *seat != Seat::Handle);
        self.end_if_nobody_can_lead(at);
    }

    /// A follower is polled: whether it is its turn to lead.
    pub(crate) fn claim(&mut self, at: usize, party: usize) -> bool {
        let flight = &mut self.flights[at];
        let inherits = flight.waiting.contains(&(party, Seat::Heir));
        let may = inherits || flight.waiting.contains(&(party, Seat::WithWork));
        let claims = flight.vacant && may;
        if claims {
            self.stats.handed_over += 1;
            self.inherited += usize::from(inherits);
            flight.vacant = false;
            flight.waiting.retain(|(other, _)| *other != party);
        }
        claims
    }

    /// A follower, a watcher or a handle goes away.
    pub(crate) fn leave(&mut self, at: usize, party: usize) {
        let flight = &mut self.flights[at];
        flight.waiting.retain(|(other, _)| *other != party);
        self.end_if_nobody_can_lead(at);
    }

    /// A follower waits on without work.
    pub(crate) fn disarm(&mut self, at: usize, party: usize) {
        let flight = &mut self.flights[at];
        for (other, seat) in &mut flight.waiting {
            if *other == party {
                *seat = Seat::WithoutWork;
            }
        }
        self.end_if_nobody_can_lead(at);
    }

    /// A vacant flight has a follower with work, or has ended.
    fn end_if_nobody_can_lead(&mut self, at: usize) {
        let flight = &mut self.flights[at];
        if flight.vacant && !flight.has_claimants() {
            flight.end(Err(Why::Lost));
        }
    }

    /// A work calls for a key from inside these flights, and goes away at once.
    pub(crate) fn nest(&mut self, party: usize, key: u8, inside: &[usize]) {
        let role = match self.join(party, key, inside) {
            Ok(Joined::Leader(flight)) => {
                self.lose(flight);
                Ok(Role::Leader)
            }
            Ok(Joined::Follower(flight)) => {
                self.leave(flight, party);
                Ok(Role::Follower)
            }
            Err(why) => Err(why),
        };
        self.told.push((party, Told::Nested(role)));
    }

    /// The handle goes of a spawned call that follows: it goes, too, or stays as the heir.
    pub(crate) fn cut(&mut self, at: usize, party: usize, may_stay: bool) {
        let flight = &mut self.flights[at];
        if may_stay && flight.is_in_table() && flight.count(Seat::Heir) == 0 {
            for (other, seat) in &mut flight.waiting {
                if *other == party {
                    *seat = Seat::Heir;
                }
            }
        } else {
            self.leave(at, party);
        }
    }

    /// Whether a party waits for a flight, as it sees it.
    pub(crate) fn waits(&self, at: usize, party: usize) -> bool {
        let mut waiting = self.flights[at].waiting.iter();
        waiting.any(|(other, _)| *other == party)
    }

    /// Forgets the flights of a key that nobody waits for, or all of them.
    pub(crate) fn forget(&mut self, key: Option<u8>, even_shared: bool) -> usize {
        let mut forgotten = 0;
        for at in 0..self.flights.len() {
            // What is too old is closed already.
            let is_young = !self.is_too_old(&self.flights[at]);
            let flight = &mut self.flights[at];
            let is_asked = key.is_none_or(|key| flight.key == key);
            let is_meant = is_young && is_asked && flight.is_in_table();
            if is_meant && !flight.forgotten && (even_shared || flight.callers() == 0) {
                flight.forgotten = true;
                self.stats.forgotten += 1;
                forgotten += 1;
            }
        }
        forgotten
    }
}

impl From<CallError> for Why {
    fn from(error: CallError) -> Self {
        match error {
            CallError::LeaderPanicked(panicked) => Self::Panicked(panicked.message().to_owned()),
            CallError::LeaderLost => Self::Lost,
            CallError::TaskLost => Self::TaskLost,
            CallError::Reentrant => Self::Reentrant,
            CallError::Closed => Self::Closed,
            CallError::TimedOut => Self::TimedOut,
            CallError::TooManyFollowers => Self::TooMany,
            CallError::TooManyFailures { failures } => Self::Failures(failures),
            CallError::NotShared => Self::NotShared,
            CallError::NotReturned => Self::NotReturned,
            other => unreachable!("no step leads to {other:?}"),
        }
    }
}
