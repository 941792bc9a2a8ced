//! What the subjects of our front ends have in common.

use std::future::pending;
use std::sync::Arc;

use singleflight_core::{Group, Joined, Turn};

use crate::answer::Answer;
use crate::batch::BatchWork;
use crate::order::{Order, Way};
use crate::pause::pauses;
use crate::refusal::Refusal;
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
    Ability::Call(Way::KeepFaults),
    Ability::Call(Way::Fence),
    Ability::Call(Way::Spawn),
    Ability::Call(Way::SpawnUnwanted),
    Ability::Call(Way::Watch),
    Ability::Call(Way::Desert),
];

/// What is asked of every front end, which dereferences to the core's group.
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

/// A call that no runtime has to help with: its deadline is counted in polls.
pub(super) async fn call(group: &Group<u64, Made>, order: Order, work: Work) -> Option<Answer> {
    let bounded = order.patience.is_some();
    let expiry = async {
        match order.patience {
            Some(patience) => pauses(patience.subsec_micros() / 64).await,
            None => pending().await,
        }
    };
    let answer = match order.way {
        Way::Run => group.run(order.key, || work.future()).await.into(),
        Way::KeepFaults if bounded => {
            let call = group.call(order.key).keep_errors().give_up_on(expiry);
            call.run(|| work.future()).await.into()
        }
        Way::KeepFaults => group.try_run(order.key, || work.future()).await.into(),
        Way::Fence => {
            let call = group.call(order.key).give_up_on(expiry);
            let call = call.run_fenced(|fence| work.future_fenced(move || fence.is_forgotten()));
            call.await.into()
        }
        Way::Watch => match group.join(order.key) {
            Ok(Joined::Leader(leader)) => Ok(leader.lead(|| work.future()).await).into(),
            Ok(Joined::Follower(follower)) => follower.without_work().wait().await.into(),
            Err(error) => Err(error).into(),
        },
        Way::Desert => match group.join(order.key) {
            Ok(Joined::Leader(leader)) => {
                leader.hand_over();
                return None;
            }
            Ok(Joined::Follower(follower)) => match follower.wait().await {
                Ok(Turn::Landed(outcome)) => Ok(outcome).into(),
                Ok(Turn::Lead(_)) => return None,
                Err(error) => Err(error).into(),
            },
            Err(error) => Err(error).into(),
        },
        _ if bounded => {
            let call = group.call(order.key).give_up_on(expiry);
            call.run(|| work.future()).await.into()
        }
        _ => group.run_outcome(order.key, || work.future()).await.into(),
    };
    Some(answer)
}

pub(super) async fn batch(
    group: &Group<u64, Made>,
    keys: Vec<u64>,
    work: BatchWork,
) -> Vec<(u64, Answer)> {
    let answers = if work.fails() {
        group.try_run_many(keys, |keys| work.loading(keys)).await
    } else {
        let load = |keys| {
            let loading = work.loading(keys);
            async {
                let loaded = loading.await.unwrap_or_default();
                loaded.into_iter().map(|(key, value)| (key, Ok(value)))
            }
        };
        group.run_many(keys, load).await
    };
    let answers = answers.into_iter();
    answers.map(|(key, answer)| (key, answer.into())).collect()
}

/// The answer of a call that could not be made.
pub(super) fn refused(refusal: impl Into<Refusal>) -> Answer {
    Answer::Refused(refusal.into())
}
