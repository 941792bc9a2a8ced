//! A world without a clock, a network or a thread: what happens next follows from a seed.

use std::collections::{BTreeMap, VecDeque};
use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::time::Duration;

use futures_lite::future::or;
use singleflight_arena::{Cause, Event, What};

use super::fake::Fake;
use crate::engine::{Boxed, Engine, Failure, Message, Reply};
use crate::inbox::Inbox;

/// How long an answer is waited for.
const TIMEOUT: Duration = Duration::from_millis(40);

pub(super) const LEASE: Duration = Duration::from_millis(100);

pub(super) const KEEP: Duration = Duration::from_millis(200);

type Action = Box<dyn FnOnce(&Arc<World>) + Send>;

enum Due {
    Wake(Waker),
    Act(Action),
}

pub(super) struct World {
    state: Mutex<State>,
    pub(super) tasks: smol::Executor<'static>,
}

pub(super) struct State {
    now: Duration,
    last: u64,
    pub(super) random: fastrand::Rng,
    due: BTreeMap<(Duration, u64), (usize, Due)>,
    sequence: u64,
    pub(super) server: Fake,
    /// What the server was a little while ago, and before that.
    files: VecDeque<Fake>,
    /// Whether messages are often late.
    is_slow: bool,
    processes: Vec<Arc<Process>>,
    /// Until when each process is stopped.
    stopped: Vec<Duration>,
    down_until: Duration,
    pub(super) history: Vec<Event>,
    /// Whether anything goes wrong.
    pub(super) is_calm: bool,
    /// The callers are done: no more mischief.
    pub(super) is_over: bool,
    /// The last messages that were carried out, and when, for late copies.
    copies: Vec<(Message, Vec<u8>, Duration)>,
}

/// One process: its inbox, and its way to the server.
pub(super) struct Process {
    world: Arc<World>,
    number: usize,
    inbox: Inbox,
    /// Whether its client sends by itself again what was not answered. In one world all do, or none.
    resends: bool,
}

/// Concerns no process.
const NOBODY: usize = usize::MAX;

impl World {
    pub(super) fn new(seed: u64, processes: usize, is_calm: bool) -> Arc<Self> {
        let state = State {
            now: Duration::from_secs(1),
            last: 0,
            random: fastrand::Rng::with_seed(seed),
            due: BTreeMap::new(),
            sequence: 0,
            server: Fake::default(),
            files: VecDeque::new(),
            is_slow: seed % 2 == 0,
            processes: Vec::new(),
            stopped: vec![Duration::ZERO; processes],
            down_until: Duration::ZERO,
            history: Vec::new(),
            is_calm,
            is_over: false,
            copies: Vec::new(),
        };
        let world = Arc::new(Self {
            state: Mutex::new(state),
            tasks: smol::Executor::new(),
        });
        let made = (0..processes).map(|number| {
            let inbox = Inbox::new(format!("inbox {number}").into_bytes());
            let world = Arc::clone(&world);
            Arc::new(Process {
                world,
                number,
                inbox,
                resends: seed % 3 == 0,
            })
        });
        let made: Vec<_> = made.collect();
        world.with(|state| state.processes = made);
        world
    }

    pub(super) fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().expect("nobody panics with it"))
    }

    pub(super) fn process(&self, number: usize) -> Arc<dyn Engine> {
        self.with(|state| state.processes[number].clone())
    }

    /// Breaks the circle of world and processes.
    pub(super) fn end(&self) {
        self.with(|state| {
            state.processes.clear();
            state.due.clear();
        });
    }

    pub(super) fn write(&self, what: What) {
        self.with(|state| state.write(what));
    }

    pub(super) fn sleep(
        self: &Arc<Self>,
        process: usize,
        duration: Duration,
    ) -> Boxed<'static, ()> {
        let world = Arc::clone(self);
        let mut until = None;
        let mut known: Option<Waker> = None;
        Box::pin(poll_fn(move |context| {
            world.with(|state| {
                let until = *until.get_or_insert_with(|| state.now.saturating_add(duration));
                if until <= state.now {
                    return Poll::Ready(());
                }
                let waker = context.waker();
                if known.as_ref().is_none_or(|known| !known.will_wake(waker)) {
                    known = Some(waker.clone());
                    state.at(until, process, Due::Wake(waker.clone()));
                }
                Poll::Pending
            })
        }))
    }

    /// Runs until `done` says so.
    pub(super) fn run(self: &Arc<Self>, done: impl Fn() -> bool) {
        for _ in 0..10_000_000_u64 {
            while self.tasks.try_tick() {}
            if done() {
                return;
            }
            let (process, due) = self.with(|state| {
                let ((at, _), next) = state.due.pop_first().expect("somebody waits for ever");
                state.now = state.now.max(at);
                state.server.now = state.now;
                next
            });
            let stopped = self.with(|state| {
                let until = state.stopped.get(process).copied().unwrap_or_default();
                (until > state.now).then_some(until)
            });
            match (stopped, due) {
                (Some(until), due) => self.with(|state| state.at(until, process, due)),
                (None, Due::Wake(waker)) => waker.wake(),
                (None, Due::Act(act)) => act(self),
            }
        }
        panic!("the world does not end");
    }

    fn after(&self, duration: Duration, process: usize, act: Action) {
        self.with(|state| {
            let at = state.now + duration;
            state.at(at, process, Due::Act(act));
        });
    }

    /// One message reaches the server, at last.
    fn carry_out(&self, message: &Message, run: &[u8], number: u64) -> Option<Reply> {
        let (reply, pushes) = self.with(|state| {
            // Its connection ended with the run.
            if state.server.run != number {
                return (None, Vec::new());
            }
            let reply = state.server.carry_out(message, run);
            state
                .copies
                .push((message.clone(), run.to_vec(), state.now));
            let published = std::mem::take(&mut state.server.published);
            let processes = &state.processes;
            let of = |channel: &[u8]| processes.iter().find(|to| to.inbox.channel == channel);
            let pushes: Vec<_> = published
                .into_iter()
                .filter_map(|(channel, payload)| Some((Arc::clone(of(&channel)?), payload)))
                .collect();
            (Some(reply), pushes)
        });
        for (to, payload) in pushes {
            let (lost, delay) = self.with(|state| {
                let lost = !state.is_calm && state.random.u8(..10) == 0;
                (lost, state.delay())
            });
            if !lost {
                let number = to.number;
                self.after(delay, number, Box::new(move |_| to.inbox.push(&payload)));
            }
        }
        reply
    }

    /// The server saves what it knows, now and then.
    pub(super) async fn saves(self: Arc<Self>) {
        while !self.with(|state| state.is_over) {
            self.sleep(NOBODY, Duration::from_millis(12)).await;
            self.with(|state| {
                state.files.truncate(8);
                state.files.push_front(state.server.clone());
            });
        }
    }

    /// Something goes wrong, one thing after another.
    pub(super) async fn mischief(self: Arc<Self>) {
        loop {
            let pause = self.with(|state| Duration::from_millis(state.random.u64(20..400)));
            self.sleep(NOBODY, pause).await;
            if self.with(|state| state.is_over) {
                return;
            }
            self.with(|state| {
                let (now, millisecond) = (state.now, Duration::from_millis(1));
                match state.random.u8(..11) {
                    0..3 => {
                        let process = state.random.usize(..state.stopped.len());
                        let stop = millisecond * state.random.u32(10..300);
                        state.stopped[process] = now + stop;
                        state.cause(Cause::Stop, stop, process as u64);
                    }
                    3 => {
                        state.server.wipe();
                        // The marks are gone: a copy is not known for one.
                        state.copies.clear();
                        state.cause(Cause::Wipe, Duration::ZERO, 0);
                    }
                    4 => {
                        state.server.restart(&Fake::default());
                        state.cause(Cause::Wipe, Duration::ZERO, 0);
                    }
                    5 => {
                        // It goes back: an old file, a replica that lags.
                        let index = state.random.usize(..=state.files.len());
                        let file = state.files.get(index).cloned().unwrap_or_default();
                        state.server.restart(&file);
                        state.cause(Cause::Wipe, Duration::ZERO, 0);
                    }
                    6 => {
                        let down = millisecond * state.random.u32(10..200);
                        state.down_until = now + down;
                        state.cause(Cause::Stall, down, 0);
                    }
                    _ => {
                        let copies = std::mem::take(&mut state.copies);
                        if let Some(index) = copies.len().checked_sub(1) {
                            let (message, run, at) = copies[state.random.usize(..=index)].clone();
                            if state.late_copy_is_possible(&message, at)
                                && state.server.run() == run
                            {
                                state.server.carry_out(&message, &run);
                            }
                        }
                    }
                }
            });
        }
    }
}

impl State {
    fn at(&mut self, at: Duration, process: usize, due: Due) {
        self.sequence += 1;
        self.due.insert((at, self.sequence), (process, due));
    }

    pub(super) fn write(&mut self, what: What) {
        let now = u64::try_from(self.now.as_nanos()).expect("a test is short");
        self.last = now.max(self.last + 1);
        let at = self.last;
        self.history.push(Event { at, what });
    }

    fn cause(&mut self, cause: Cause, length: Duration, process: u64) {
        let until = self.now + length;
        let until = u64::try_from(until.as_nanos()).expect("a test is short");
        self.write(What::Cause {
            cause,
            until,
            process,
        });
    }

    fn delay(&mut self) -> Duration {
        let micros = match self.random.u8(..20) {
            0 if !self.is_calm => self.random.u64(..120_000),
            1..5 if !self.is_calm && self.is_slow => self.random.u64(..120_000),
            5 if !self.is_calm => self.random.u64(..20_000),
            _ => self.random.u64(50..1_000),
        };
        Duration::from_micros(micros)
    }

    /// A connection carries each byte once. What looks like a copy is a send that was given up: JOIN
    /// and FORGET then have another id, which `mischief` cannot know of, so those come late by
    /// themselves. The others are the same each time; and where the client sends by itself again, so
    /// are these, as long as their marks are kept.
    fn late_copy_is_possible(&self, message: &Message, at: Duration) -> bool {
        use crate::engine::Verb;
        match message.verb {
            Verb::Land | Verb::Look | Verb::Renew | Verb::Abandon => true,
            Verb::Join | Verb::Forget => {
                self.processes[0].resends && self.now < at + 2 * LEASE + KEEP
            }
        }
    }
}

impl Engine for Process {
    fn send(&self, message: Message) -> Boxed<'_, Result<Reply, Failure>> {
        Box::pin(async move {
            let (answer, receive) = smol::channel::bounded(1);
            let sent = self.world.with(|state| {
                if state.down_until > state.now {
                    return None;
                }
                let lost = |state: &mut State| !state.is_calm && state.random.u8(..20) == 0;
                let (there, back) = (state.delay(), state.delay());
                let lost = (lost(state), lost(state));
                if lost.0 || lost.1 || there + back > TIMEOUT {
                    // It may cost a renewal, and that the lease.
                    state.cause(Cause::Stop, there + back + LEASE, self.number as u64);
                }
                Some(((state.server.run(), state.server.run), there, back, lost))
            });
            let Some(((run, its), there, back, lost)) = sent else {
                return Err(Failure::Down("down".to_owned()));
            };
            if !lost.0 {
                let number = self.number;
                let act = move |world: &Arc<World>| {
                    let reply = world.carry_out(&message, &run, its);
                    if let Some(reply) = reply.filter(|_| !lost.1) {
                        let act = move |_: &Arc<World>| drop(answer.try_send(reply));
                        world.after(back, number, Box::new(act));
                    }
                };
                // What is on the wire comes there though its process is stopped.
                self.world.after(there, NOBODY, Box::new(act));
            }
            let late = async {
                self.world.sleep(self.number, TIMEOUT).await;
                Err(Failure::Unanswered("late".to_owned()))
            };
            let answered = async {
                match receive.recv().await {
                    Ok(reply) => Ok(reply),
                    Err(_) => std::future::pending().await,
                }
            };
            or(answered, late).await
        })
    }

    fn now(&self) -> Duration {
        self.world.with(|state| state.now)
    }

    fn sleep(&self, duration: Duration) -> Boxed<'static, ()> {
        self.world.sleep(self.number, duration)
    }

    fn spawn(&self, task: Boxed<'static, ()>) {
        self.world.tasks.spawn(task).detach();
    }

    fn inbox(&self) -> &Inbox {
        &self.inbox
    }

    fn resends(&self) -> bool {
        self.resends
    }
}
