//! What the subjects of our front ends have in common.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use singleflight_core::{Answers, Group, Joined, Turn};

use crate::answer::Answer;
use crate::batch::{BatchAnswers, BatchWork};
use crate::order::{Order, Way};
use crate::pause::pauses;
use crate::subject::Ability;
use crate::value::Made;
use crate::work::Work;

/// The group of a round.
pub(super) type CoreGroup = Arc<Group<u64, Made>>;

/// What every front end can do.
pub(super) const ABILITIES: &[Ability] = &[
    Ability::Lose,
    Ability::Panic,
    Ability::Nest,
    Ability::Reenter,
    Ability::Sleep,
    Ability::DropFirst,
    Ability::Forget,
    Ability::ForgetUnshared,
    Ability::ForgetAll,
    Ability::Age,
    Ability::Close,
    Ability::Batch,
    Ability::Deadline,
    Ability::Free,
    Ability::Call(Way::Outcome),
    Ability::Call(Way::Owned),
    Ability::Call(Way::KeepFaults),
    Ability::Call(Way::ShareIf),
    Ability::Call(Way::Fence),
    Ability::Call(Way::Spawn),
    Ability::Call(Way::SpawnKeepFaults),
    Ability::Call(Way::SpawnUnwanted),
    Ability::Call(Way::Watch),
    Ability::Call(Way::Desert),
];

/// What is asked of every front end.
macro_rules! subject {
    ($name:literal) => {
        const NAME: &'static str = $name;
        const ABILITIES: &'static [crate::subject::Ability] = crate::front::shared::ABILITIES;

        fn in_flight(&self) -> Option<usize> {
            Some(self.group().in_flight())
        }

        fn forget(&self, key: u64) -> bool {
            self.group().forget(key)
        }

        fn forget_unshared(&self, key: u64) -> bool {
            self.group().forget_unshared(key)
        }

        fn forget_all(&self) {
            self.group().forget_all();
        }

        fn close(&self) {
            self.group().close();
        }
    };
}
pub(super) use subject;

/// Deadlines are counted in polls where a runtime has no timer that is fine enough.
async fn expiry(patience: Option<Duration>) {
    match patience {
        Some(patience) => pauses(patience.subsec_micros() / 64).await,
        None => pending().await,
    }
}

/// A call that no runtime has to help with.
pub(super) async fn call(group: &CoreGroup, order: Order, work: Work) -> Option<Answer> {
    let Order {
        key, way, patience, ..
    } = order;
    let bounded = || group.call(key).give_up_on(expiry(patience));
    let is_bounded = patience.is_some();
    let answer = match way {
        Way::Run => group.run(key, || work.future()).await.into(),
        Way::Owned => {
            let call = Group::call_owned(Arc::clone(group), key);
            call.run_outcome(|| work.future()).await.into()
        }
        Way::KeepFaults if is_bounded => {
            bounded().try_run_outcome(|| work.try_future()).await.into()
        }
        Way::KeepFaults => group.try_run(key, || work.try_future()).await.into(),
        Way::ShareIf if is_bounded => {
            let call = bounded().share_if(Work::shares);
            call.run_outcome(|| work.future()).await.into()
        }
        Way::ShareIf => {
            let call = group.call(key).share_if(Work::shares);
            call.run(|| work.future()).await.into()
        }
        Way::Fence => {
            let fence = group.fence();
            let call = bounded().fence(&fence);
            let call = call.run_outcome(|| work.future_fenced(|| fence.is_forgotten()));
            call.await.into()
        }
        Way::Watch => match group.join(key) {
            Ok(Joined::Leader(leader)) => leader.lead(|| work.future()).await.into(),
            Ok(Joined::Follower(follower)) => follower.without_work().wait().await.into(),
            Err(error) => Answer::Refused(error.into()),
        },
        Way::Desert => match group.join(key) {
            Ok(Joined::Leader(leader)) => {
                leader.hand_over();
                return None;
            }
            Ok(Joined::Follower(follower)) => match follower.wait().await {
                Ok(Turn::Landed(outcome)) => outcome.into(),
                Ok(Turn::Lead(_)) => return None,
                Err(error) => Answer::Refused(error.into()),
            },
            Err(error) => Answer::Refused(error.into()),
        },
        _ if is_bounded => bounded().run_outcome(|| work.future()).await.into(),
        _ => group.run_outcome(key, || work.future()).await.into(),
    };
    Some(answer)
}

pub(super) async fn batch(group: &CoreGroup, keys: Vec<u64>, work: BatchWork) -> BatchAnswers {
    let patience = work.patience();
    let fails = work.fails();
    let try_load = |keys| work.loading(keys);
    let load = |keys| {
        let loading = work.loading(keys);
        async { loading.await.unwrap_or_default() }
    };
    let answers = match (fails, patience) {
        (true, None) => group.try_run_many(keys, try_load).await?,
        (false, None) => group.run_many(keys, load).await,
        (true, Some(_)) => {
            let call = group.call_many(keys).give_up_on(expiry(patience));
            call.try_run(try_load).await?
        }
        (false, Some(_)) => {
            let call = group.call_many(keys).give_up_on(expiry(patience));
            call.run(load).await
        }
    };
    Ok(each(answers))
}

/// The answer of each key.
pub(super) fn each(answers: Answers<u64, Made>) -> Vec<(u64, Answer)> {
    let answers = answers.into_iter();
    answers.map(|(key, answer)| (key, answer.into())).collect()
}
