//! The in-process group in front: one caller for each key and process goes to Redis. Every use of
//! the core stands here.

use std::future::Future;
use std::sync::Arc;

use singleflight_core as core;

use crate::error::CallError;
use crate::key::Slot;
use crate::outcome::{Ended, Role};

/// What the caller that went to Redis brings back for all.
#[derive(Clone, Debug)]
pub(crate) struct Landing<V> {
    pub(crate) what: What<V>,
    /// It counts for those who arrived before this stamp: see `group.rs`.
    pub(crate) before: u64,
    /// The role of the caller who brings it.
    pub(crate) role: Role,
    pub(crate) lease: Ended,
    pub(crate) token: Option<u64>,
}

#[derive(Clone, Debug)]
pub(crate) enum What<V> {
    Value(V),
    Failed(CallError),
    /// Somebody else leads, and the caller does not wait.
    Busy,
}

/// An error that stays with its caller: the next one tries.
#[derive(Clone, Debug)]
pub(crate) struct Kept;

type Group<V> = core::Group<Slot, Landing<V>>;

pub(crate) struct Local<V> {
    group: Arc<Group<V>>,
}

/// The local flight from the side of the caller that leads it.
pub(crate) struct Door<'a, V> {
    group: &'a Group<V>,
    fence: core::Fence<&'a Group<V>>,
    slot: &'a Slot,
}

/// What a call came back with.
pub(crate) enum Answer<V> {
    /// Of the caller's own drive. `None`: its work failed, and it has the error.
    Own(Option<Landing<V>>),
    Other(Landing<V>),
}

impl<V: Clone> Local<V> {
    pub(crate) fn new(max_failures: u32) -> Self {
        let group = core::Builder::new().max_failures(max_failures).build();
        Self {
            group: Arc::new(group),
        }
    }

    /// Joins the local flight, or leads it with `drive`.
    pub(crate) async fn call<'a, T>(
        &'a self,
        slot: &'a Slot,
        expiry: impl Future<Output = ()>,
        drive: impl FnOnce(Door<'a, V>) -> T,
    ) -> Result<Answer<V>, CallError>
    where
        T: Future<Output = Result<Landing<V>, Kept>>,
    {
        let group: &Group<V> = &self.group;
        let fence = group.fence();
        let call = group.call(slot.clone()).fence(&fence).give_up_on(expiry);
        let outcome = call.try_run_outcome(|| drive(Door { group, fence, slot }));
        Ok(match outcome.await? {
            Ok(outcome) if outcome.is_leader() => Answer::Own(Some(outcome.value)),
            Ok(outcome) => Answer::Other(outcome.value),
            Err(Kept) => Answer::Own(None),
        })
    }

    pub(crate) fn is_led(&self, slot: &Slot) -> bool {
        self.group.followers(slot).is_some()
    }

    pub(crate) fn forget(&self, slot: &Slot) -> bool {
        self.group.forget(slot)
    }

    pub(crate) fn close(&self) {
        self.group.close();
    }

    pub(crate) async fn drained(&self) {
        self.group.drained().await;
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.group.in_flight()
    }
}

impl<V> Door<'_, V> {
    /// Whether anybody of this process waits.
    pub(crate) fn has_followers(&self) -> bool {
        self.group
            .followers(self.slot)
            .is_some_and(|count| count > 0)
    }

    /// Those who come from now on start anew.
    pub(crate) fn close(&self) {
        if !self.fence.is_forgotten() {
            self.group.forget(self.slot);
        }
    }
}
