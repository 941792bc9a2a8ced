//! What has to be given up if its caller is dropped: ids under which this process may lead.

use std::sync::Arc;
use std::time::Duration;

use crate::engine::{Engine, Failure, Id, Message, Reply, Verb};
use crate::key::Slot;
use crate::settings::Settings;

/// Ids that may stand in a lease. Unless it is released, dropping it sends ABANDON from a task of
/// the runtime, so that somebody who waits leads within a round trip.
pub(crate) struct Claim {
    engine: Arc<dyn Engine>,
    settings: Settings,
    slot: Slot,
    pub(crate) ids: Vec<Id>,
    /// A JOIN was not answered, so that a late copy of it may come.
    pub(crate) unanswered: bool,
}

/// How often a script is sent that nobody waits for long.
const SENDS: u32 = 3;

impl Claim {
    pub(crate) fn new(engine: &Arc<dyn Engine>, settings: &Settings, slot: &Slot) -> Self {
        Self {
            engine: Arc::clone(engine),
            settings: *settings,
            slot: slot.clone(),
            ids: Vec::new(),
            unanswered: false,
        }
    }

    /// There is nothing to give up any more.
    pub(crate) fn release(&mut self) {
        self.ids.clear();
    }

    /// Gives the lease up because the work failed. Returns the count if it was the last attempt.
    pub(crate) async fn fail(&mut self, others_wait: bool) -> Option<usize> {
        let message = self.abandon(true, others_wait);
        let reply = send_again(&*self.engine, message).await.ok()?;
        self.release();
        let count = reply.data.strip_prefix(b"F")?;
        std::str::from_utf8(count).ok()?.parse().ok()
    }

    /// The script that gives the lease up.
    pub(crate) fn give_up(&self) -> Message {
        self.abandon(false, false)
    }

    fn abandon(&self, failed: bool, others_wait: bool) -> Message {
        let flag = |flag: bool| if flag { b"1".to_vec() } else { b"0".to_vec() };
        let marks = if self.unanswered {
            self.settings.marks()
        } else {
            Duration::ZERO
        };
        let id = self.ids.last().copied().unwrap_or_default();
        let mut args = vec![
            flag(failed),
            self.settings.max_failures.to_string().into_bytes(),
            millis(self.settings.keep),
            millis(marks),
            flag(others_wait),
        ];
        args.extend(self.ids.iter().map(|id| id.to_vec()));
        Message {
            verb: Verb::Abandon,
            keys: vec![self.slot.lease(), self.slot.result(&id), self.slot.marks()],
            args,
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if self.ids.is_empty() {
            return;
        }
        let message = self.give_up();
        let engine = Arc::clone(&self.engine);
        self.engine.spawn(Box::pin(async move {
            // If it does not come through, the lease ends by itself.
            let _answer = send_again(&*engine, message).await;
        }));
    }
}

/// Sends a script that can be repeated until it is answered, a few times.
pub(crate) async fn send_again(engine: &dyn Engine, message: Message) -> Result<Reply, Failure> {
    let mut sends = 1;
    loop {
        match engine.send(message.clone()).await {
            Err(Failure::Unanswered(_)) if sends < SENDS => sends += 1,
            answer => return answer,
        }
    }
}

/// A duration as an argument of a script.
pub(crate) fn millis(duration: Duration) -> Vec<u8> {
    duration.as_millis().to_string().into_bytes()
}
