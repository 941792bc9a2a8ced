//! The front end for threads, as a subject.

use std::time::{Duration, Instant};

use singleflight_std::{Group, Joined, Spawned};

use super::shared::{refused, subject};
use crate::answer::Answer;
use crate::batch::BatchWork;
use crate::order::{Order, Way};
use crate::subject::{Blocking, Subject};
use crate::value::Made;
use crate::work::Work;

pub(super) struct Threads(pub(super) Group<u64, Made>);

impl Threads {
    fn group(&self) -> &Group<u64, Made> {
        &self.0
    }
}

impl Subject for Threads {
    subject!("singleflight-std");
}

impl Blocking for Threads {
    fn run(&self, key: u64, work: Work) -> Answer {
        self.0.run(key, || work.run()).into()
    }

    fn call(&self, order: Order, work: Work) -> Option<Answer> {
        let Order {
            key,
            way,
            patience,
            is_given_up,
            ..
        } = order;
        let group = &self.0;
        let answer = match way {
            Way::Run => return Some(self.run(key, work)),
            Way::KeepFaults => match patience {
                None => group.try_run(key, || work.run()).into(),
                Some(patience) => {
                    let call = group.call(key).keep_errors().timeout(patience);
                    call.run(|| work.run()).into()
                }
            },
            Way::Fence => {
                let mut call = group.call(key);
                if let Some(patience) = patience {
                    call = call.timeout(patience);
                }
                let call = call.run_fenced(|fence| work.run_fenced(|| fence.is_forgotten()));
                call.into()
            }
            Way::Spawn => match group.spawn(key, move || work.run()) {
                Ok(handle) => return outcome(handle, is_given_up),
                Err(error) => return Some(refused(error)),
            },
            Way::SpawnUnwanted => {
                let spawned = group.spawn_until_unwanted(key, move |interest| {
                    work.run_while(|| !interest.has_ended())
                });
                match spawned {
                    Ok(handle) => return outcome(handle, is_given_up),
                    Err(error) => return Some(refused(error)),
                }
            }
            Way::Watch => match group.join(key) {
                Ok(Joined::Leader(leader)) => Ok(leader.lead_blocking(|| work.run())).into(),
                Ok(Joined::Follower(follower)) => follower.without_work().wait_blocking().into(),
                Err(error) => return Some(refused(error)),
            },
            Way::Desert => match group.join(key) {
                Ok(joined) => {
                    drop(joined);
                    return None;
                }
                Err(error) => return Some(refused(error)),
            },
            _ => match patience {
                None => group.run_outcome(key, || work.run()).into(),
                Some(patience) => group.run_timeout(key, patience, || work.run()).into(),
            },
        };
        Some(answer)
    }

    fn batch(&self, keys: Vec<u64>, work: BatchWork) -> Vec<(u64, Answer)> {
        let answers = if work.fails() {
            self.0.try_run_many(keys, |keys| work.load(keys))
        } else {
            self.0.run_many(keys, |keys| {
                let loaded = work.load(keys).unwrap_or_default();
                loaded.into_iter().map(|(key, value)| (key, Ok(value)))
            })
        };
        let answers = answers.into_iter();
        answers.map(|(key, answer)| (key, answer.into())).collect()
    }

    fn drain(&self, within: Duration) -> bool {
        let deadline = Instant::now() + within;
        // At the deadline an empty group is drained, whether or not it has said so.
        self.0.drain(deadline).is_ok() && Instant::now() < deadline
    }
}

fn outcome(handle: Spawned<u64, Made>, is_given_up: bool) -> Option<Answer> {
    if is_given_up {
        drop(handle);
        return None;
    }
    Some(handle.outcome_blocking().into())
}
