//! A flight that is led: its work is run in parts, and it is landed.

use std::future::poll_fn;
use std::task::{Context, Poll};

use singleflight_core::Leader;

use crate::answer::Verdict;
use crate::choices::Failed;
use crate::flight_key::FlightKey;
use crate::hub::Hub;
use crate::interest::{Interest, Unwanted};

/// A flight that is led.
pub(crate) struct Led {
    pub(crate) hub: Hub,
    pub(crate) key: FlightKey,
    pub(crate) leader: Leader<Hub>,
}

impl Led {
    /// Polls a part of the work, as long as anybody wants it. A panic in it is the flight's.
    pub(crate) async fn step<T, A>(
        &mut self,
        interest: &mut Interest<A>,
        mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Result<T, Unwanted> {
        poll_fn(|context| {
            if interest.is_over(&self.leader, context) {
                return Poll::Ready(Err(Unwanted));
            }
            self.leader.step(|| poll(context)).map(Ok)
        })
        .await
    }

    /// Lands the flight without an answer: those who wait ask for themselves.
    pub(crate) fn land_unshared(self) {
        // In this order: those who come now find either the memory or the flight.
        self.hub.0.memory.remember(&self.key);
        self.land(Verdict::Alone, false);
    }

    /// Lands the flight. With what has `failed`, another one tries first if the layer says so.
    pub(crate) fn land(self, verdict: Verdict, failed: bool) {
        let keeps = failed && matches!(self.hub.0.settings.failed, Failed::Retry);
        if keeps {
            self.leader.fail();
        } else {
            drop(self.leader.complete(verdict));
        }
    }
}
