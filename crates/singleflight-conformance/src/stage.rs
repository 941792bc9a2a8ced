//! Where a scenario plays: one group, its callers, and what must hold when it is over.

use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use singleflight_core::{Builder, Follower, Group, Joined, Leader};

use crate::front_end::FrontEnd;
use crate::gate::until;
use crate::value::{CoreGroup, Tally, Value};

/// The key of most scenarios.
pub(crate) const KEY: &str = "key";

/// A scenario's group, and the callers' common tally.
pub(crate) struct Stage<F> {
    pub(crate) group: CoreGroup,
    pub(crate) tally: Arc<Tally>,
    front_end: PhantomData<F>,
}

impl<F: FrontEnd> Stage<F> {
    pub(crate) fn new() -> Self {
        Self::with(Builder::new())
    }

    pub(crate) fn with(builder: Builder<String, Value>) -> Self {
        Self {
            group: Arc::new(builder.build()),
            tally: Arc::default(),
            front_end: PhantomData,
        }
    }

    /// Makes a front end's group over the shared one.
    pub(crate) fn front_end(&self) -> F::Group {
        F::Group::from(Arc::clone(&self.group))
    }

    pub(crate) fn join(&self) -> Joined<CoreGroup> {
        Group::join_owned(Arc::clone(&self.group), KEY).expect("nothing is refused")
    }

    /// Leads by a bare handle, as a front end does.
    pub(crate) fn leader_handle(&self) -> Leader<CoreGroup> {
        match self.join() {
            Joined::Leader(leader) => leader,
            Joined::Follower(_) => panic!("somebody leads already"),
        }
    }

    /// Follows by a bare handle, as a front end does.
    pub(crate) fn follower_handle(&self) -> Follower<CoreGroup> {
        match self.join() {
            Joined::Follower(follower) => follower,
            Joined::Leader(_) => panic!("nobody leads"),
        }
    }

    pub(crate) fn waiting(&self, key: &str) -> usize {
        self.group.followers(key).unwrap_or(0)
    }

    pub(crate) fn runs(&self) -> usize {
        self.tally.runs.load(Ordering::SeqCst)
    }

    pub(crate) fn clones(&self) -> usize {
        self.tally.clones.load(Ordering::SeqCst)
    }

    /// Checks what holds after every scenario: P6, the counters, and what works noticed.
    pub(crate) fn close(self) {
        // A call tells its end before its future is dropped.
        until("the last caller to let go of the group", || {
            Arc::strong_count(&self.group) == 1
        });
        assert_eq!(self.tally.broken(), None);
        assert_eq!(self.group.in_flight(), 0, "P6: a flight stays behind");
        assert!(self.group.flights().is_empty(), "P6: a flight stays behind");
        assert_eq!(
            self.tally.running.load(Ordering::SeqCst),
            0,
            "P6: an execution goes on"
        );
        // A task that nobody joins is dropped before what it returned.
        until("the last value to be dropped (P6)", || {
            self.tally.alive.load(Ordering::SeqCst) == 0
        });
        let stats = self.group.stats();
        assert_eq!(
            stats.landed + stats.panicked + stats.abandoned,
            stats.led + stats.handed_over,
            "every leader lands, panics or is lost: {stats:?}",
        );
    }
}
