//! The connection on which this process hears that flights have ended. It is subscribed once, to
//! one channel; when it breaks it is made anew, and everybody who waits looks.

use std::pin::pin;
use std::sync::{Arc, PoisonError, Weak};
use std::time::Duration;

use futures_lite::StreamExt as _;
use futures_lite::future::or;
use redis::RedisError;
use redis::aio::{PubSub, PubSubSink, PubSubStream};

use super::link::Link;
use crate::engine::{Boxed, Engine as _};
use crate::seeds::planted;

/// How often an idle connection is asked whether it lives.
const PING: Duration = Duration::from_secs(5);

/// How long after a failure the next attempt comes.
const AGAIN: Duration = Duration::from_millis(100);

/// Why messages are no longer received.
enum Ended {
    Broken,
    Gone,
}

/// Connects, and returns when the server has confirmed the subscription.
pub(super) async fn subscribe(link: &Link) -> Result<PubSub, RedisError> {
    let attempt = async {
        let last = link
            .last
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let client = match last {
            Some(client) => client,
            None => link.client().await?,
        };
        let mut messages = client.get_async_pubsub().await?;
        messages.subscribe(&link.inbox.channel).await?;
        Ok(messages)
    };
    let late = async {
        link.runtime.sleep(link.connect_timeout).await;
        let late = std::io::Error::from(std::io::ErrorKind::TimedOut);
        Err(RedisError::from(late))
    };
    or(attempt, late).await
}

/// Receives until the link is gone.
pub(super) fn receive(link: &Arc<Link>, first: Option<PubSub>) -> Boxed<'static, ()> {
    let weak = Arc::downgrade(link);
    let gone = Arc::clone(&link.gone);
    let runtime = link.runtime.clone();
    Box::pin(async move {
        let mut next = first;
        loop {
            let Some(link) = weak.upgrade() else { return };
            let listener = gone.listen();
            // The first one was confirmed before anybody could wait.
            let made = if let Some(made) = next.take() {
                Ok(made)
            } else {
                let made = subscribe(&link).await;
                // What was published meanwhile has reached nobody.
                if made.is_ok() && !planted("no-look-after-subscribing") {
                    link.inbox.push_all();
                }
                made
            };
            drop(link);
            if let Ok(made) = made {
                let (sink, stream) = made.split();
                let until_gone = async {
                    listener.await;
                    Ended::Gone
                };
                let received = or(messages(&weak, stream), pings(&weak, sink));
                match or(until_gone, received).await {
                    Ended::Broken => {}
                    Ended::Gone => return,
                }
            } else {
                // The server that was the master may be so no longer.
                if let Some(link) = weak.upgrade() {
                    *link.last.lock().unwrap_or_else(PoisonError::into_inner) = None;
                }
            }
            or(runtime.sleep(AGAIN), gone.listen()).await;
        }
    })
}

async fn messages(link: &Weak<Link>, stream: PubSubStream) -> Ended {
    let mut stream = pin!(stream);
    while let Some(message) = stream.next().await {
        let Some(link) = link.upgrade() else {
            return Ended::Gone;
        };
        link.inbox.push(message.get_payload_bytes());
    }
    Ended::Broken
}

async fn pings(link: &Weak<Link>, mut sink: PubSubSink) -> Ended {
    loop {
        let Some(strong) = link.upgrade() else {
            return Ended::Gone;
        };
        let (pause, late) = (strong.sleep(PING), strong.response_timeout);
        drop(strong);
        pause.await;
        let Some(strong) = link.upgrade() else {
            return Ended::Gone;
        };
        let late = strong.sleep(late);
        drop(strong);
        let answered = async { sink.ping::<redis::Value>().await.is_ok() };
        let silent = async {
            late.await;
            false
        };
        if !or(answered, silent).await {
            return Ended::Broken;
        }
    }
}
