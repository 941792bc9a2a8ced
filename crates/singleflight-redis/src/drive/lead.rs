//! The caller that leads: it runs the work while the lease is renewed, and lands.

use std::future::Future;
use std::panic::{AssertUnwindSafe, resume_unwind};

use futures_lite::FutureExt as _;
use futures_lite::future::or;

use super::{Drive, Kept};
use crate::error::CallError;
use crate::held::Held;
use crate::inner::Landing;
use crate::lease::Lease;
use crate::outcome::{Outcome, Role};
use crate::payload;

impl<V, W, F, E> Drive<'_, V, W, E>
where
    V: Clone + Send + Sync + 'static,
    W: FnOnce(Lease) -> F,
    F: Future<Output = Result<V, E>>,
{
    pub(super) async fn lead(mut self, mut held: Held<'_, V>) -> Result<Landing<V>, Kept> {
        let inner = self.inner;
        // Until it is renewed, the lease may have been lost before the work began. Then another's work
        // may have begun earlier and land later: unless this one lands, its value is for its own
        // caller alone.
        held.before = 0;
        let (work, lease) = (self.begins(), held.lease.clone());
        // P1: the work's future is gone before anything is told.
        let result = {
            let run = AssertUnwindSafe(async move { work(lease).await }).catch_unwind();
            or(run, held.renewals()).await
        };
        match result {
            Ok(Ok(value)) => {
                self.close();
                let payload = payload::of_value(&value, &*inner.codec, inner.settings.max_value);
                let payload = payload.unwrap_or_else(|| {
                    inner.counts.too_large.add();
                    payload::TOO_LARGE.to_vec()
                });
                let lease = held.land(payload, true).await;
                inner.counts.landed(lease);
                let outcome = Outcome {
                    value,
                    role: Role::Leader,
                    lease,
                    token: held.lease.token(),
                };
                Ok(Landing {
                    answer: Ok(Some(outcome)),
                    before: held.before,
                })
            }
            Ok(Err(error)) => {
                *self.error = Some(error);
                let followers = inner.flights.followers(self.slot);
                let others_wait = followers.is_some_and(|count| count > 0);
                match held.fail(others_wait).await {
                    Some(failures) => Ok(Landing::of(Err(CallError::TooManyFailures { failures }))),
                    None => Err(Kept),
                }
            }
            Err(panic) => {
                held.land(payload::of_panic(&*panic), false).await;
                drop(held);
                resume_unwind(panic)
            }
        }
    }

    /// Those who come to this process from now on start anew.
    fn close(&self) {
        if !self.fence.is_forgotten() {
            self.inner.flights.forget(self.slot);
        }
    }
}
