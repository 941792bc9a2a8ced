//! The model of a batch: what a poll makes of it.

use singleflight_core::Role;

use crate::party::{End, Place, Stage, text};
use crate::rules::{Joined, Model};
use crate::step::Plan;

impl Model {
    pub(crate) fn poll_many(&mut self, number: usize, keys: &[u8], tries: bool) {
        if self.parties[&number].stage == Stage::New {
            let mut places: Vec<(u8, Place)> = Vec::new();
            for key in keys {
                if places.iter().all(|(known, _)| known != key) {
                    let place = match self.join(number, *key, &[]) {
                        Ok(Joined::Leader(flight)) => Place::Leads(flight),
                        Ok(Joined::Follower(flight)) => Place::Waits(flight),
                        Err(why) => Place::Answered(Err(why)),
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
            if !pauses && !self.load(number, &mut places, tries) {
                return;
            }
            let (mut waits, mut leads) = (false, pauses);
            for (_, place) in &mut places {
                let Place::Waits(flight) = *place else {
                    continue;
                };
                if let Some(share) = self.share(flight, Role::Follower) {
                    *place = Place::Answered(share);
                } else if self.claim(flight, number) {
                    *place = Place::Leads(flight);
                    leads = true;
                } else {
                    waits = true;
                }
            }
            if !leads && !waits {
                let answers = places.into_iter().filter_map(|(key, place)| match place {
                    Place::Answered(answer) => Some((key, answer)),
                    _ => None,
                });
                return self.end(number, End::Many(answers.collect()));
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

    /// Gives a batch's work the keys that it leads. Whether the batch can go on.
    fn load(&mut self, number: usize, places: &mut [(u8, Place)], tries: bool) -> bool {
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
                        Place::Answered(_) | Place::Absent => {}
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
        if plan == Plan::Fail && tries {
            // Each key is given its own.
            self.most_clones += claimed.len();
        }
        for (at, (key, place)) in claimed.iter_mut().enumerate() {
            let Place::Leads(flight) = *place else {
                continue;
            };
            let value = match plan {
                Plan::Fail if tries => Err(self.made(number, u8::MAX)),
                Plan::Fail => Err(self.made(number, *key)),
                _ => Ok(self.made(number, *key)),
            };
            *place = if plan == Plan::LandSome && at == 0 {
                self.lose(flight);
                Place::Absent
            } else {
                Place::Answered(Ok(self.land(flight, value)))
            };
        }
        let party = self.party(number);
        party.round += 1;
        // The next work waits to be told.
        party.plan = Plan::Wait;
        true
    }
}
