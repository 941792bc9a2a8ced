//! A server that says what it is told to, by a clock that moves only where an answer is late or something
//! sleeps.

use std::collections::VecDeque;
use std::future::{pending, ready};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use futures_lite::future::{block_on, poll_once};

use crate::builder::Builder;
use crate::codec::Raw;
use crate::engine::{Boxed, Engine, Failure, Message, Reply, Verb};
use crate::group::Group;
use crate::inbox::Inbox;

pub(super) const LEASE: Duration = Duration::from_millis(900);

const POLL: Duration = Duration::from_millis(250);

/// The flight of another process.
pub(super) const THEIRS: [u8; 16] = [7; 16];

/// Nothing sleeps through that.
pub(super) const FOREVER: Duration = Duration::from_secs(1_000);

/// By which the server's clock is ahead.
const AHEAD: Duration = Duration::from_secs(50);

pub(super) struct Told {
    state: Mutex<State>,
    pub(super) inbox: Inbox,
    resends: bool,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) now: Duration,
    pub(super) answers: VecDeque<Answer>,
    sent: Vec<(Message, Duration)>,
    pub(super) doubts: usize,
}

#[derive(Clone)]
pub(super) struct Answer {
    /// In milliseconds.
    pub(super) after: u64,
    pub(super) says: Result<Reply, Failure>,
    /// Of a JOIN: the lease of the first that was sent.
    pub(super) adopts: bool,
}

impl Answer {
    pub(super) fn code(code: i64) -> Self {
        Self {
            after: 0,
            says: Ok(Reply {
                code,
                run: b"run".as_slice().into(),
                ..Reply::default()
            }),
            adopts: false,
        }
    }

    pub(super) fn data(code: i64, data: &[u8]) -> Self {
        Self {
            says: Ok(Reply {
                code,
                data: data.to_vec(),
                ..Reply::default()
            }),
            ..Self::code(code)
        }
    }

    pub(super) fn fails(failure: fn(String) -> Failure) -> Self {
        Self {
            says: Err(failure("told".to_owned())),
            ..Self::code(0)
        }
    }

    pub(super) fn after(self, after: u64) -> Self {
        Self { after, ..self }
    }
}

impl Told {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics with it")
    }

    pub(super) fn group(answers: &[Answer]) -> (Arc<Self>, Group<str, String>) {
        Self::of(answers, false)
    }

    /// Is told that another process leads, and by messages alone when to look.
    pub(super) fn follows() -> (Arc<Self>, Group<str, String>) {
        let (engine, _) = Self::group(&[Answer::data(0, &THEIRS)]);
        let group = engine.built(FOREVER);
        (engine, group)
    }

    pub(super) fn of(answers: &[Answer], resends: bool) -> (Arc<Self>, Group<str, String>) {
        let engine = Arc::new(Self {
            state: Mutex::default(),
            inbox: Inbox::new(b"inbox".to_vec()),
            resends,
        });
        engine.state().answers.extend(answers.iter().cloned());
        let group = engine.built(POLL);
        (engine, group)
    }

    fn built(self: &Arc<Self>, poll: Duration) -> Group<str, String> {
        Builder::over(Arc::<Self>::clone(self), "told")
            .lease(LEASE)
            .poll(poll)
            .wait_at_most(FOREVER)
            .codec(Raw)
            .build()
            .expect("the settings are sound")
    }

    /// When each of these was sent, in milliseconds.
    pub(super) fn sent(&self, verb: Verb) -> Vec<u128> {
        let sent = self.state();
        let sent = sent.sent.iter().filter(|(message, _)| message.verb == verb);
        sent.map(|(_, at)| at.as_millis()).collect()
    }

    /// What the last of these was sent with.
    pub(super) fn args(&self, verb: Verb) -> Vec<Vec<u8>> {
        let sent = self.state();
        let mut sent = sent.sent.iter().rev();
        let (message, _) = sent
            .find(|(message, _)| message.verb == verb)
            .expect("it was sent");
        let args = message.parts().skip(message.keys);
        args.map(<[u8]>::to_vec).collect()
    }

    pub(super) fn at(&self, milliseconds: u64) {
        self.state().now = Duration::from_millis(milliseconds);
    }
}

impl Engine for Told {
    fn send(&self, message: Message) -> Boxed<'_, Result<Reply, Failure>> {
        let mut state = self.state();
        let now = state.now;
        state.sent.push((message, now));
        let Some(mut answer) = state.answers.pop_front() else {
            return Box::pin(pending());
        };
        state.now += Duration::from_millis(answer.after);
        if let Ok(reply) = &mut answer.says {
            let server = (state.now + AHEAD).as_micros();
            reply.numbers[0] = i64::try_from(server).expect("a test is short");
            let which = if answer.adopts {
                0
            } else {
                state.sent.len() - 1
            };
            let (join, _) = &state.sent[which];
            if (join.verb, reply.code) == (Verb::Join, 1) {
                reply.data = join.parts().nth(join.keys).expect("it has an id").to_vec();
            }
        }
        Box::pin(ready(answer.says))
    }

    fn now(&self) -> Duration {
        self.state().now
    }

    fn sleep(&self, duration: Duration) -> Boxed<'static, ()> {
        if duration == FOREVER {
            return Box::pin(pending());
        }
        self.state().now += duration;
        Box::pin(ready(()))
    }

    fn spawn(&self, task: Boxed<'static, ()>) {
        block_on(poll_once(task));
    }

    fn inbox(&self) -> &Inbox {
        &self.inbox
    }

    fn doubt(&self) {
        self.state().doubts += 1;
    }

    fn resends(&self) -> bool {
        self.resends
    }
}
