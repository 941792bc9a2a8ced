//! The front end for threads, as a subject.

use std::time::{Duration, Instant};

use singleflight_std::{CallError, Group, Joined};

use super::shared::{each, subject};
use crate::answer::Answer;
use crate::batch::{BatchAnswers, BatchWork};
use crate::order::{Order, Way};
use crate::subject::{Blocking, Subject};
use crate::value::Made;
use crate::work::Work;

/// How long a handle is asked for at a time.
const ASKS_FOR: Duration = Duration::from_micros(100);

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
            key, way, patience, ..
        } = order;
        let group = &self.0;
        let call = || group.call(key);
        let answer = match (way, patience) {
            (Way::Run, _) => self.run(key, work),
            (Way::Owned, _) => group.call_owned(key).run_outcome(|| work.run()).into(),
            (Way::KeepFaults, None) => group.try_run(key, || work.try_run()).into(),
            (Way::KeepFaults, Some(patience)) => {
                let call = call().timeout(patience);
                call.try_run_outcome(|| work.try_run()).into()
            }
            (Way::ShareIf, None) => call().share_if(Work::shares).run(|| work.run()).into(),
            (Way::ShareIf, Some(patience)) => {
                let call = call().timeout(patience).share_if(Work::shares);
                call.run_outcome(|| work.run()).into()
            }
            (Way::Fence, patience) => {
                let fence = group.fence();
                let run = || work.run_fenced(|| fence.is_forgotten());
                let call = call().fence(&fence);
                match patience {
                    None => call.run_outcome(run).into(),
                    Some(patience) => call.timeout(patience).run_outcome(run).into(),
                }
            }
            (Way::Spawn, _) => {
                let mut handle = group.spawn(key, move || work.run());
                if order.is_given_up {
                    return None;
                }
                // Asked again and again, as long as that says that it was not long enough.
                loop {
                    match handle.join_timeout(ASKS_FOR) {
                        Err(CallError::TimedOut) => {}
                        answer => break answer.into(),
                    }
                }
            }
            (Way::SpawnKeepFaults, _) => {
                let handle = call().try_spawn(move || work.try_run());
                if order.is_given_up {
                    return None;
                }
                handle.join_outcome().into()
            }
            (Way::SpawnUnwanted, _) => {
                let call = call().while_wanted();
                let handle = call.spawn(move |wanted| work.run_while(|| wanted.is_wanted()));
                if order.is_given_up {
                    return None;
                }
                handle.join_outcome().into()
            }
            (Way::Watch, _) => match group.join(key) {
                Ok(Joined::Leader(leader)) => leader.lead_blocking(|| work.run()).into(),
                Ok(Joined::Follower(follower)) => follower.without_work().wait_blocking().into(),
                Err(error) => Answer::Refused(error.into()),
            },
            (Way::Desert, _) => match group.join(key) {
                Ok(joined) => {
                    drop(joined);
                    return None;
                }
                Err(error) => Answer::Refused(error.into()),
            },
            (_, None) => group.run_outcome(key, || work.run()).into(),
            (_, Some(patience)) => call().timeout(patience).run_outcome(|| work.run()).into(),
        };
        Some(answer)
    }

    fn batch(&self, keys: Vec<u64>, work: BatchWork) -> BatchAnswers {
        let load = |keys| work.load(keys).unwrap_or_default();
        let answers = match (work.fails(), work.patience()) {
            (true, None) => self.0.try_run_many(keys, |keys| work.load(keys))?,
            (false, None) => self.0.run_many(keys, load),
            (true, Some(patience)) => {
                let call = self.0.call_many(keys).timeout(patience);
                call.try_run(|keys| work.load(keys))?
            }
            (false, Some(patience)) => self.0.call_many(keys).timeout(patience).run(load),
        };
        Ok(each(answers))
    }

    fn drain(&self, within: Duration) -> bool {
        let began = Instant::now();
        // At the deadline an empty group is drained, whether or not it has said so.
        self.0.drain(within).is_ok() && began.elapsed() < within
    }
}
