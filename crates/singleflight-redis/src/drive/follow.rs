//! The caller whose flight another process leads: it waits for a message or a poll, and looks.

use std::future::pending;

use futures_lite::future::or;

use crate::engine::{Failure, Id, Message, Reply, Verb};
use crate::error::{CallError, PANIC_BYTES};
use crate::inner::Inner;
use crate::key::Slot;
use crate::local::{Landing, What};
use crate::outcome::{Alone, Ended, Role};
use crate::seeds::planted;

/// How a wait ended.
pub(super) enum Followed {
    Received(Vec<u8>, u64),
    Gone,
}

/// Why it looks.
#[derive(Clone, Copy)]
enum Wake {
    Push,
    Poll,
    Newcomer,
}

impl<V: Clone + Send + Sync + 'static> Inner<V> {
    /// Waits for a flight that another process leads.
    pub(super) async fn follow(
        &self,
        slot: &Slot,
        id: Id,
        joined: u64,
    ) -> Result<Followed, String> {
        let mut before = joined;
        let registered = self.engine.inbox().register(id);
        let bell = registered.bell();
        let mut looked = self.engine.now();
        loop {
            // Pairs with `Bell::ring`, as does the look below.
            let rung = bell.event.listen();
            let waits = async {
                if bell.take() {
                    return Wake::Push;
                }
                let pushed = async {
                    rung.await;
                    bell.take();
                    Wake::Push
                };
                let polled = async {
                    if planted("no-look-after-subscribing") {
                        pending::<()>().await;
                    }
                    self.engine.sleep(self.settings.poll).await;
                    Wake::Poll
                };
                let asked = async {
                    self.newcomer(slot, before, looked).await;
                    Wake::Newcomer
                };
                or(pushed, or(polled, asked)).await
            };
            match waits.await {
                Wake::Push => self.counts.pushes.add(),
                Wake::Poll if planted("run-at-the-deadline") => return Err(String::new()),
                Wake::Poll => self.counts.polls.add(),
                Wake::Newcomer => self.counts.looks_for_newcomers.add(),
            }
            loop {
                let stamp = self.stamp();
                looked = self.engine.now();
                match self.engine.send(self.look_message(slot, id)).await {
                    Ok(Reply { code: 1, data, .. }) => {
                        return Ok(Followed::Received(data, before));
                    }
                    Ok(Reply { code: 0, .. }) => before = stamp,
                    Ok(_) => return Ok(Followed::Gone),
                    Err(Failure::Unanswered(_)) => continue,
                    Err(failure) => return Err(failure.text().to_owned()),
                }
                break;
            }
        }
    }

    fn look_message(&self, slot: &Slot, id: Id) -> Message {
        Message {
            verb: Verb::Look,
            keys: vec![slot.lease(), slot.result(&id)],
            args: vec![id.to_vec(), self.engine.inbox().channel.clone()],
        }
    }

    /// What another process has landed.
    pub(super) fn receive(&self, payload: &[u8], before: u64) -> Result<Landing<V>, Alone> {
        let what = match payload.split_first() {
            Some((b'V', bytes)) if bytes.len() <= self.settings.max_value => {
                What::Value(self.codec.decode(bytes).map_err(|_| {
                    self.counts.undecodable.add();
                    Alone::Undecodable
                })?)
            }
            Some((b'V' | b'L', _)) => return Err(Alone::TooLarge),
            Some((b'P', text)) => {
                let text = &text[..text.len().min(PANIC_BYTES)];
                What::Failed(CallError::LeaderPanicked(
                    String::from_utf8_lossy(text).into(),
                ))
            }
            Some((b'F', count)) => {
                let count = std::str::from_utf8(count)
                    .ok()
                    .and_then(|count| count.parse().ok());
                What::Failed(CallError::TooManyFailures {
                    failures: count.unwrap_or(self.settings.max_failures as usize),
                })
            }
            _ => return Err(Alone::Undecodable),
        };
        self.counts.received.add();
        Ok(Landing {
            what,
            before,
            role: Role::Remote,
            lease: Ended::Landed,
            token: None,
        })
    }
}
