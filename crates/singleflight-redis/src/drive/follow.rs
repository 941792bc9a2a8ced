//! The caller whose flight another process leads: it waits for a message or a poll, and looks.

use std::future::pending;

use futures_lite::future::or;

use super::Followed;
use crate::engine::{Id, Reply, insist};
use crate::inner::{Inner, Landing};
use crate::key::Slot;
use crate::outcome::{Alone, Ended, Outcome, Role};
use crate::payload;
use crate::script;
use crate::seeds::planted;

impl<V: 'static> Inner<V> {
    /// Waits for a flight that another process leads: it did when JOIN was stamped `before`.
    pub(super) async fn follow(
        &self,
        slot: &Slot,
        id: Id,
        mut before: u64,
    ) -> Result<Followed, String> {
        let (engine, counts) = (&*self.engine, &self.counts);
        let inbox = engine.inbox();
        let registered = inbox.register(id);
        let mut looked = engine.now();
        let mut rung = registered.listen();
        let mut is_rung = registered.came_early();
        loop {
            let pushed = async {
                if !is_rung {
                    rung.await;
                }
                counts.pushes.add();
            };
            let polled = async {
                if planted("no-look-after-subscribing") {
                    pending::<()>().await;
                }
                engine.sleep(self.settings.poll).await;
                counts.polls.add();
            };
            let asked = async {
                self.newcomer(slot, before, looked).await;
                counts.looks_for_newcomers.add();
            };
            let begun = engine.now();
            or(pushed, or(polled, asked)).await;
            if planted("run-at-the-deadline") && engine.now() >= begun + self.settings.poll {
                return Err(String::new());
            }
            // A message that comes from now on may be about what this look does not see.
            (rung, is_rung) = (registered.listen(), false);
            let mut stamp = before;
            let look = || {
                (stamp, looked) = (self.stamp(), engine.now());
                script::look(slot, id, &inbox.channel)
            };
            match insist(engine, look).await {
                Ok(Reply { code: 1, data, .. }) => return Ok(Followed::Received(data, before)),
                Ok(Reply { code: 0, .. }) => before = stamp,
                Ok(_) => return Ok(Followed::Gone),
                Err(failure) => return Err(failure.to_string()),
            }
        }
    }

    /// What another process has landed.
    pub(super) fn receive(&self, payload: &[u8], before: u64) -> Result<Landing<V>, Alone> {
        let read = payload::read(payload, &*self.codec, self.settings.max_value);
        match read {
            Ok(_) => self.counts.received.add(),
            Err(Alone::Undecodable) => self.counts.undecodable.add(),
            Err(_) => {}
        }
        let answer = read?.map(|value| {
            Some(Outcome {
                value,
                role: Role::Remote,
                lease: Ended::Landed,
                token: None,
            })
        });
        Ok(Landing { answer, before })
    }
}
