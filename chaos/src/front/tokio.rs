//! The front end for tokio, as a subject.

use std::time::Duration;

use singleflight_tokio::Group;
use tokio::time::Instant;

use super::shared::{self, each, subject};
use crate::answer::Answer;
use crate::batch::{BatchAnswers, BatchWork};
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
        let answer = match (order.way, order.patience) {
            (Way::Spawn, _) => {
                let handle = self.0.spawn(key, || work.future());
                handle.outcome().await.into()
            }
            (Way::SpawnKeepFaults, _) => {
                let call = self.0.call(key);
                call.try_spawn(|| work.try_future()).await.into()
            }
            (Way::SpawnUnwanted, _) => {
                let call = self.0.call(key).while_wanted();
                call.spawn(|| work.future()).await.into()
            }
            (Way::Outcome, Some(patience)) if patience >= TICK => {
                let call = self.0.call(key).timeout(patience);
                call.run_outcome(|| work.future()).await.into()
            }
            (Way::Owned, _) => {
                let call = self.0.call_owned(key);
                call.run_outcome(|| work.future()).await.into()
            }
            _ => return shared::call(self.0.shared(), order, work).await,
        };
        Some(answer)
    }

    async fn batch(&self, keys: Vec<u64>, work: BatchWork) -> BatchAnswers {
        match work.patience() {
            Some(patience) if patience >= TICK => {
                let call = self.0.call_many(keys).timeout(patience);
                Ok(each(call.try_run(|keys| work.loading(keys)).await?))
            }
            _ => shared::batch(self.0.shared(), keys, work).await,
        }
    }

    async fn drain(&self, within: Duration) -> bool {
        let began = Instant::now();
        // At the deadline an empty group is drained, whether or not it has said so.
        self.0.drain(within).await.is_ok() && began.elapsed() < within
    }
}
