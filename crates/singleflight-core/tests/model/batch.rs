//! The model of a batch: what a poll makes of it.

use singleflight_core::Role;

use crate::party::{End, Place, Stage, text};
use crate::rules::{Joined, Model, Told, Why};
use crate::step::{Many, Plan};

impl Model {
    pub(crate) fn poll_many(&mut self, number: usize, many: &Many) {
        let is_expired = self.parties[&number].is_expired;
        if self.parties[&number].stage == Stage::New {
            let mut places: Vec<(u8, Place)> = Vec::new();
            for key in &many.keys {
                if places.iter().all(|(known, _)| known != key) {
                    let place = if is_expired {
                        Place::Answered(Err(Why::TimedOut))
                    } else {
                        match self.join(number, *key, &[]) {
                            Ok(Joined::Leader(flight)) => Place::Leads(flight),
                            Ok(Joined::Follower(flight)) => Place::Waits(flight),
                            Err(why) => Place::Answered(Err(why)),
                        }
                    };
                    places.push((*key, place));
                }
            }
            let stage = Stage::Many {
                places,
                runs: false,
                pauses: false,
            };
            self.party(number).stage = stage;
        }
        loop {
            let Stage::Many {
                mut places, pauses, ..
            } = self.parties[&number].stage.clone()
            else {
                unreachable!("a batch has places");
            };
            if !pauses && !self.load(number, &mut places, many) {
                if is_expired && !self.parties[&number].has_ended() {
                    self.give_up_many(number, places);
                }
                return;
            }
            if is_expired {
                return self.give_up_many(number, places);
            }
            let (mut waits, mut leads) = (false, pauses);
            for (_, place) in &mut places {
                let Place::Waits(flight) = *place else {
                    continue;
                };
                if let Some(share) = self.share(flight, Role::Follower) {
                    *place = Place::Answered(share.map(|share| share.value));
                } else if self.claim(flight, number) {
                    *place = Place::Leads(flight);
                    leads = true;
                } else {
                    waits = true;
                }
            }
            if !leads && !waits {
                return self.answer_many(number, places);
            }
            // What is claimed at one poll is loaded at the next.
            self.party(number).stage = Stage::Many {
                places,
                runs: false,
                pauses: leads && !pauses,
            };
            if !pauses {
                return;
            }
        }
    }

    fn answer_many(&mut self, number: usize, places: Vec<(u8, Place)>) {
        let answers = places.into_iter().map(|(key, place)| match place {
            Place::Answered(answer) => (key, answer),
            other => unreachable!("key {key} has an answer: {other:?}"),
        });
        let end = End::Many(answers.collect());
        self.end(number, end);
    }

    /// The time of a batch is over: it has what is there.
    fn give_up_many(&mut self, number: usize, mut places: Vec<(u8, Place)>) {
        for (_, place) in &mut places {
            let late = Err(Why::TimedOut);
            *place = Place::Answered(match place.clone() {
                Place::Leads(flight) => {
                    self.lose(flight);
                    late
                }
                Place::Waits(flight) => {
                    if let Some(share) = self.share(flight, Role::Follower) {
                        share.map(|share| share.value)
                    } else {
                        self.leave(flight, number);
                        late
                    }
                }
                Place::Answered(answer) => answer,
            });
        }
        self.answer_many(number, places);
    }

    /// Gives a batch's work the keys that it leads. Whether the batch can go on.
    fn load(&mut self, number: usize, places: &mut [(u8, Place)], many: &Many) -> bool {
        let leads = |(_, place): &&mut (u8, Place)| matches!(place, Place::Leads(_));
        let plan = self.parties[&number].plan;
        let mut claimed: Vec<_> = places.iter_mut().filter(leads).collect();
        if claimed.is_empty() {
            return true;
        }
        match plan {
            Plan::Wait => {
                if let Stage::Many { runs, .. } = &mut self.party(number).stage {
                    *runs = true;
                }
                return false;
            }
            Plan::PanicMaking | Plan::PanicPolling | Plan::PanicDropping => {
                for (_, place) in places {
                    match place {
                        Place::Leads(flight) => self.panic(*flight, &text(number)),
                        Place::Waits(flight) => self.leave(*flight, number),
                        Place::Answered(_) => {}
                    }
                }
                self.end(number, End::Panicked(text(number)));
                return false;
            }
            _ => {}
        }
        let inside: Vec<_> = claimed
            .iter()
            .filter_map(|(_, place)| place.led())
            .collect();
        if plan == Plan::LandNested {
            // For the last of the keys: it stands elsewhere than the first.
            let key = claimed.last().map_or(0, |(key, _)| *key);
            self.nest(number, key, &inside);
        }
        if many.is_fenced {
            let is_forgotten = |flight: &usize| self.is_closed_to_newcomers(*flight);
            let told = Told::Forgotten(inside.iter().any(is_forgotten));
            self.told.push((number, told));
        }
        if plan == Plan::Fail && many.tries {
            let own = self.made(number, u8::MAX);
            for (_, place) in places {
                match place {
                    Place::Leads(flight) => self.fail(*flight),
                    Place::Waits(flight) => self.leave(*flight, number),
                    Place::Answered(_) => {}
                }
            }
            self.end(number, End::Own(own));
            return false;
        }
        for (at, (key, place)) in claimed.iter_mut().enumerate() {
            let Place::Leads(flight) = *place else {
                continue;
            };
            let value = match plan {
                Plan::Fail => Err(self.made(number, *key)),
                _ => Ok(self.made(number, *key)),
            };
            *place = if plan == Plan::LandSome && at == 0 {
                self.fail(flight);
                Place::Answered(Err(Why::NotReturned))
            } else {
                Place::Answered(Ok(self.land(flight, value).value))
            };
        }
        let party = self.party(number);
        party.round += 1;
        // The next work waits to be told.
        party.plan = Plan::Wait;
        true
    }
}
