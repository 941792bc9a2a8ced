//! What a request is to a flight.
//!
//! | key | leader | the request |
//! |---|---|---|
//! | none | none | goes alone |
//! | some | none | waits, or has waited in vain and asks for itself |
//! | some | some | leads |
//!
//! Which way it goes is said where that changes, by `go`: the one place at which times begin and end.

use http::{HeaderName, Response, response};
use singleflight_core::Leader;
#[cfg(feature = "metrics")]
use singleflight_metrics::{Stat, Timing};

use crate::answer::{Answer, Verdict};
use crate::choices::{Elapsed, Failed};
use crate::flight_key::FlightKey;
use crate::hub::{Hub, Way};
use crate::rules::shared_by;

pub(crate) struct Role {
    pub(crate) hub: Hub,
    pub(crate) key: Option<FlightKey>,
    pub(crate) leader: Option<Leader<Hub>>,
    pub(crate) may_lead_anew: bool,
    way: Way,
    #[cfg(feature = "metrics")]
    pub(crate) timing: Timing,
}

impl Role {
    pub(crate) fn new(hub: Hub, key: Option<FlightKey>) -> Self {
        Self {
            may_lead_anew: matches!(hub.settings().elapsed, Elapsed::LeadAnew),
            hub,
            key,
            leader: None,
            way: Way::Bypassed,
            #[cfg(feature = "metrics")]
            timing: Timing::default(),
        }
    }

    /// Goes this way from now on. How long it went the one before is told.
    pub(crate) fn go(&mut self, way: Way) {
        self.way = way;
        #[cfg(feature = "metrics")]
        {
            let stat = Stat::REQUESTS[way as usize];
            self.timing = self.hub.settings().meter.begin(stat);
        }
    }

    /// Runs a part of the work. A panic in it is the flight's, if there is one.
    pub(crate) fn step<T>(&mut self, part: impl FnOnce() -> T) -> T {
        match &mut self.leader {
            Some(leader) => leader.step(part),
            None => part(),
        }
    }

    /// Whether nobody waits for what the request receives. A flight that it leads has ended then.
    pub(crate) fn is_alone(&mut self) -> bool {
        self.leader.as_mut().is_none_or(Leader::close_if_alone)
    }

    /// Whether an answer that others receive is for this request, too.
    pub(crate) fn may_have(&self, answer: &Answer) -> bool {
        let Answer { vary, leader, .. } = answer;
        let agrees = |key| vary.iter().all(|name| leader.agrees(key, name));
        self.key.as_ref().is_some_and(agrees)
    }

    /// What other requests must agree about to receive this answer. `None`: it is not shared.
    pub(crate) fn shared_by(&mut self, head: &response::Parts) -> Option<Vec<HeaderName>> {
        let vary = shared_by(head)?;
        let hub = self.hub.clone();
        self.step(|| (hub.settings().share_if)(head))
            .then_some(vary)
    }

    /// Lands the flight without an answer: those who wait, if anybody does, ask for themselves.
    pub(crate) fn land_unshared(&mut self) {
        if !self.is_alone() {
            // In this order: those who come now find either the memory or the flight.
            if let Some(key) = &self.key {
                self.hub.settings().requests.memory.remember(key);
            }
            self.land(Verdict::Alone, false);
        }
    }

    /// Lands the flight. With what has `failed`, another one tries first if the layer says so.
    pub(crate) fn land(&mut self, verdict: Verdict, failed: bool) {
        if let Some(leader) = self.leader.take() {
            if failed && self.retries() {
                leader.fail();
            } else {
                drop(leader.complete(verdict));
            }
        }
    }

    /// Whether others try where the leader has failed.
    pub(crate) fn retries(&self) -> bool {
        matches!(self.hub.settings().failed, Failed::Retry)
    }

    /// Makes a response what its caller receives.
    pub(crate) fn finish<R>(&self, mut response: Response<R>) -> Response<R> {
        if let Some(values) = &self.hub.settings().cache_status {
            let value = values[self.way as usize].clone();
            response.headers_mut().append("cache-status", value);
        }
        response
    }
}
