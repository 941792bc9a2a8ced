//! The front end for tokio, as a subject.

use std::time::Duration;

use singleflight_tokio::Group;
use tokio::time::Instant;

use super::shared::{self, refused, subject};
use crate::answer::Answer;
use crate::batch::BatchWork;
use crate::order::{Order, Way};
use crate::subject::{Async, Subject};
use crate::value::Made;
use crate::work::Work;

/// The finest that tokio's timers tell apart; less is counted in polls.
const TICK: Duration = Duration::from_millis(1);

pub(super) struct Tasks(pub(super) Group<u64, Made>);

impl Tasks {
    fn group(&self) -> &Group<u64, Made> {
        &self.0
    }
}

impl Subject for Tasks {
    subject!("singleflight-tokio");
}

impl Async for Tasks {
    async fn run(&self, key: u64, work: Work) -> Answer {
        self.0.run(key, || work.future()).await.into()
    }

    async fn call(&self, order: Order, work: Work) -> Option<Answer> {
        let key = order.key;
        let spawned = match (order.way, order.patience) {
            (Way::Spawn, _) => self.0.spawn(key, || work.future()),
            (Way::SpawnUnwanted, _) => self.0.spawn_until_unwanted(key, || work.future()),
            (Way::Outcome, Some(patience)) if patience >= TICK => {
                let call = self.0.run_timeout(key, patience, || work.future());
                return Some(call.await.into());
            }
            _ => return shared::call(&self.0, order, work).await,
        };
        match spawned {
            Ok(handle) => Some(handle.outcome().await.into()),
            Err(error) => Some(refused(error)),
        }
    }

    async fn batch(&self, keys: Vec<u64>, work: BatchWork) -> Vec<(u64, Answer)> {
        shared::batch(&self.0, keys, work).await
    }

    async fn drain(&self, within: Duration) -> bool {
        let deadline = Instant::now() + within;
        // At the deadline an empty group is drained, whether or not it has said so.
        self.0.drain(deadline).await.is_ok() && Instant::now() < deadline
    }
}
