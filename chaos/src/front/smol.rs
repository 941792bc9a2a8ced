//! The front end for smol, as a subject.

use std::sync::Arc;
use std::time::{Duration, Instant};

use singleflight_core::Until;
use singleflight_smol::Group;
use smol::Executor;

use super::shared::{self, CoreGroup, refused, subject};
use crate::answer::Answer;
use crate::batch::BatchWork;
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
        let until = match (order.way, order.patience) {
            (Way::Spawn, _) => Until::Done,
            (Way::SpawnUnwanted, _) => Until::Unwanted,
            (Way::Outcome, Some(patience)) if patience.subsec_micros() % 2 == 0 => {
                let call = self.group.run_timeout(key, patience, || work.future());
                return Some(call.await.into());
            }
            _ => return shared::call(&self.group, order, work).await,
        };
        let spawned = self
            .group
            .spawn_on(&self.executor, key, until, || work.future());
        match spawned {
            Ok(handle) => Some(handle.outcome().await.into()),
            Err(error) => Some(refused(error)),
        }
    }

    async fn batch(&self, keys: Vec<u64>, work: BatchWork) -> Vec<(u64, Answer)> {
        shared::batch(&self.group, keys, work).await
    }

    async fn drain(&self, within: Duration) -> bool {
        let deadline = Instant::now() + within;
        // At the deadline an empty group is drained, whether or not it has said so.
        self.group.drain(deadline).await.is_ok() && Instant::now() < deadline
    }
}
