//! A request that waits for another's flight, and what becomes of it.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use singleflight_core::{CallError, Follower, Joined, Leader, Turn};

use crate::answer::Verdict;
use crate::body::SharedBody;
use crate::choices::Elapsed;
use crate::detached;
use crate::error::Shared;
use crate::flight_key::FlightKey;
use crate::hub::{Call, Hub, Way};
use crate::inner::HttpInner;
use crate::interest::Interest;
use crate::lead::{Answered, lead};
use crate::led::Led;

/// Waits for a flight; then takes its answer, asks alone, leads on, or gives up.
pub(crate) async fn follow<S: HttpInner<B>, B: Send + 'static>(
    call: Call<S, B>,
    key: FlightKey,
    mut follower: Follower<Hub>,
) -> Answered<S, B> {
    let mut may_lead_anew = matches!(call.hub.0.settings.elapsed, Elapsed::LeadAnew);
    loop {
        let flight = follower.flight_id();
        let refusal = match wait_at_most(&call.hub, follower).await {
            Some(Ok(Turn::Landed(outcome))) => return take(call, &key, outcome.value).await,
            Some(Ok(Turn::Lead(leader))) => {
                // P3: a caller whose time is up is dropped before it starts a work.
                pause().await;
                return start(call, key, leader).await;
            }
            Some(Err(error)) => error,
            None if may_lead_anew => {
                may_lead_anew = false;
                // By identity: one of those who have waited leads, and the others join it.
                call.hub.close_to_newcomers(flight);
                match call.hub.join(&key) {
                    Ok(Joined::Follower(next)) => {
                        follower = next;
                        continue;
                    }
                    Ok(Joined::Leader(leader)) => return start(call, key, leader).await,
                    Err(error) => error,
                }
            }
            None => CallError::TimedOut,
        };
        return match refusal {
            CallError::Reentrant => alone(call, Way::Bypassed).await,
            refusal => Ok(call.hub.refuse(&refusal)),
        };
    }
}

/// Leads a flight: in the caller, or in a task where the layer has a spawner.
pub(crate) async fn start<S: HttpInner<B>, B: Send + 'static>(
    call: Call<S, B>,
    key: FlightKey,
    leader: Leader<Hub>,
) -> Answered<S, B> {
    let hub = call.hub.clone();
    let led = Led { hub, key, leader };
    match call.hub.0.settings.spawner.clone() {
        Some(spawner) => detached::lead(&*spawner, call, led).await,
        None => match lead(call, led, &mut Interest::Caller).await {
            Ok(answer) => answer,
            Err(_unwanted) => unreachable!("a caller wants its own work"),
        },
    }
}

/// Takes a follower's share, if it is for its request.
async fn take<S: HttpInner<B>, B>(
    call: Call<S, B>,
    key: &FlightKey,
    verdict: Verdict,
) -> Answered<S, B> {
    match verdict {
        Verdict::Shared(answer) if answer.is_for(key) => {
            return Ok(call.hub.finish(answer.response(), Way::Followed));
        }
        Verdict::Failed(error) => {
            if let Ok(error) = Arc::downcast(error) {
                return Err(Shared::from_arc(error));
            }
        }
        Verdict::Shared(_) | Verdict::Alone => {}
    }
    alone(call, Way::WaitedInVain).await
}

/// Asks the inner service for this request alone.
pub(crate) async fn alone<S: HttpInner<B>, B>(call: Call<S, B>, way: Way) -> Answered<S, B> {
    let (hub, mut inner) = (call.hub, call.inner);
    let ready = poll_fn(|context| inner.poll_ready(context)).await;
    ready.map_err(Shared::new)?;
    let response = inner.call(call.request).await.map_err(Shared::new)?;
    Ok(hub.finish(response.map(SharedBody::own), way))
}

/// Waits for a flight, or until the time is up. What has come by then wins.
async fn wait_at_most(hub: &Hub, follower: Follower<Hub>) -> Option<Result<Turn<Hub>, CallError>> {
    let settings = &hub.0.settings;
    let mut wait = pin!(follower.wait());
    let mut expiry = (settings.timer)(settings.wait_at_most);
    poll_fn(|context| match wait.as_mut().poll(context) {
        Poll::Ready(turn) => Poll::Ready(Some(turn)),
        Poll::Pending => expiry.as_mut().poll(context).map(|()| None),
    })
    .await
}

/// Waits for the next poll, which it brings about itself.
async fn pause() {
    let mut has_paused = false;
    poll_fn(|context| {
        if has_paused {
            return Poll::Ready(());
        }
        has_paused = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
