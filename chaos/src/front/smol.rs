//! The front end for smol, as a subject.

use std::sync::Arc;
use std::time::{Duration, Instant};

use singleflight_smol::Group;
use smol::Executor;

use super::shared::{self, CoreGroup, each, subject};
use crate::answer::Answer;
use crate::batch::{BatchAnswers, BatchWork};
use crate::order::{Order, Way};
use crate::subject::{Async, Subject};
use crate::value::Made;
use crate::work::Work;

/// Spawned calls run on an executor of the round, not on smol's global one, which lives as
/// long as the process and could hide what a round leaves behind.
pub(super) struct Tasks {
    group: Group<u64, Made>,
    executor: Arc<Executor<'static>>,
}

impl Tasks {
    /// Also returns the executor, for the callers.
    pub(super) fn new(group: &CoreGroup) -> (Self, Arc<Executor<'static>>) {
        let executor = Arc::new(Executor::new());
        let tasks = Self {
            group: Arc::clone(group).into(),
            executor: Arc::clone(&executor),
        };
        (tasks, executor)
    }

    fn group(&self) -> &Group<u64, Made> {
        &self.group
    }
}

impl Subject for Tasks {
    subject!("singleflight-smol");
}

impl Async for Tasks {
    async fn run(&self, key: u64, work: Work) -> Answer {
        self.group.run(key, || work.future()).await.into()
    }

    async fn call(&self, order: Order, work: Work) -> Option<Answer> {
        let key = order.key;
        let call = || self.group.call(key);
        let answer = match (order.way, order.patience) {
            (Way::Spawn, _) => {
                let handle = call().on(&self.executor).spawn(|| work.future());
                handle.outcome().await.into()
            }
            (Way::SpawnKeepFaults, _) => {
                let call = call().on(&self.executor);
                call.try_spawn(|| work.try_future()).await.into()
            }
            (Way::SpawnUnwanted, _) => {
                let call = call().while_wanted().on(&self.executor);
                call.spawn(|| work.future()).await.into()
            }
            (Way::Outcome, Some(patience)) if patience.subsec_micros() % 2 == 0 => {
                let call = call().timeout(patience);
                call.run_outcome(|| work.future()).await.into()
            }
            (Way::Owned, _) => {
                let call = self.group.call_owned(key);
                call.run_outcome(|| work.future()).await.into()
            }
            _ => return shared::call(self.group.shared(), order, work).await,
        };
        Some(answer)
    }

    async fn batch(&self, keys: Vec<u64>, work: BatchWork) -> BatchAnswers {
        match work.patience() {
            Some(patience) if patience.subsec_micros() % 2 == 0 => {
                let call = self.group.call_many(keys).timeout(patience);
                Ok(each(call.try_run(|keys| work.loading(keys)).await?))
            }
            _ => shared::batch(self.group.shared(), keys, work).await,
        }
    }

    async fn drain(&self, within: Duration) -> bool {
        let began = Instant::now();
        // At the deadline an empty group is drained, whether or not it has said so.
        self.group.drain(within).await.is_ok() && began.elapsed() < within
    }
}
