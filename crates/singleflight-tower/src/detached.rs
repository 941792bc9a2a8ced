//! A work that runs in a task of its own, so that no client's disconnect reaches another client.

use futures_channel::oneshot;
use singleflight_core::CallError;

use crate::hub::{Call, Spawner};
use crate::inner::HttpInner;
use crate::interest::Interest;
use crate::lead::{self, Answered};
use crate::led::Led;

/// Leads in a task, and waits for what is the caller's own. The task ends early when the caller and
/// all who follow are gone.
pub(crate) async fn lead<S: HttpInner<B>, B: Send + 'static>(
    spawner: &Spawner,
    call: Call<S, B>,
    led: Led,
) -> Answered<S, B> {
    let hub = call.hub.clone();
    let (caller, answer) = oneshot::channel();
    spawner(Box::pin(async move {
        let mut interest = Interest::of(caller);
        if let Ok(answer) = lead::lead(call, led, &mut interest).await {
            interest.tell(answer);
        }
    }));
    // Without an answer the task was dropped, or the work panicked in it.
    let lost = |_| Ok(hub.refuse(&CallError::TaskLost));
    answer.await.unwrap_or_else(lost)
}
