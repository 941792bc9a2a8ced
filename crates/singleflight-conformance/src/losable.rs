//! Callers that are going to be lost: calls that are cancelled, or where calls cannot be,
//! the handles of which they are made.

use singleflight_core::{Follower, Leader};

use crate::caller::{Caller, End};
use crate::front_end::FrontEnd;
use crate::stage::Stage;
use crate::value::CoreGroup;

/// A leader that can be lost: a call that can be cancelled, or where there is none, a handle.
pub(crate) enum Losable {
    Call(Caller),
    Handle(Leader<CoreGroup>),
}

impl<F: FrontEnd> Stage<F> {
    /// Starts a leader that is going to be lost.
    pub(crate) fn losable(&self) -> Losable {
        if F::CANCELS {
            Losable::Call(self.leader(0))
        } else {
            Losable::Handle(self.leader_handle())
        }
    }
}

impl Losable {
    pub(crate) fn lose(self) {
        match self {
            Self::Call(caller) => {
                caller.cancel.open();
                let end = caller.end();
                assert!(
                    matches!(end, End::Cancelled),
                    "the call ended by itself: {end:?}"
                );
            }
            Self::Handle(leader) => drop(leader),
        }
    }
}

/// A follower that can leave: a call that can be cancelled, or where there is none, a handle.
pub(crate) enum Leaver {
    Call(Caller),
    Handle(Follower<CoreGroup>),
}

impl<F: FrontEnd> Stage<F> {
    /// Starts a follower that is going to leave.
    pub(crate) fn leaver(&self) -> Leaver {
        if F::CANCELS {
            Leaver::Call(self.follower(0))
        } else {
            Leaver::Handle(self.follower_handle())
        }
    }
}

impl Leaver {
    pub(crate) fn leave(self) {
        match self {
            Self::Call(caller) => {
                caller.cancel.open();
                assert!(
                    matches!(caller.end(), End::Cancelled),
                    "the follower was served"
                );
            }
            Self::Handle(follower) => drop(follower),
        }
    }
}
