//! Those who call the group: real futures and handles, polled by hand.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use singleflight_core::{
    CallError, Fence, Follower, Group, Joined, Key, Leader, Outcome, Spawned, Turn, Until, Watcher,
};

use crate::case::Shared;
use crate::counted::Counted;
use crate::party::{End, text};
use crate::rules::{Share, Why};
use crate::step::{Call, Form, Kind, Plan};
use crate::waker::Flag;
use crate::work::{Bench, Gate, Loaded, Value};

pub(crate) struct Caller {
    number: usize,
    /// Of the flight that it may lead by hand.
    key: u8,
    stage: Stage,
    pub(crate) gate: Rc<Gate>,
    /// The places in which it was polled, the current one last.
    flags: Vec<Arc<Flag>>,
}

enum Stage {
    Task(Pin<Box<dyn Future<Output = Polled>>>),
    Leader(Leader<Shared>),
    Follower(Follower<Shared>),
    Watcher(Watcher<Shared>),
    Handle(Spawned<Shared>),
    Ended(End),
}

/// What a task gives.
enum Polled {
    End(End),
    /// It is its turn to lead, by hand.
    Leader(Leader<Shared>),
}

type Answer = Result<Outcome<Value>, CallError>;

fn share(answer: Answer) -> Result<Share, Why> {
    let share = |outcome: Outcome<Value>| Share {
        value: bare(outcome.value),
        role: outcome.role,
        followers: outcome.followers,
    };
    answer.map(share).map_err(Why::from)
}

fn bare(value: Value) -> crate::rules::Value {
    value.map(|value| value.what).map_err(|error| error.what)
}

impl Stage {
    fn task(future: impl Future<Output = End> + 'static) -> Self {
        Self::Task(Box::pin(async { Polled::End(future.await) }))
    }

    fn ended(error: CallError) -> Self {
        Self::Ended(End::One(Err(error.into())))
    }
}

impl Caller {
    fn new(number: usize, gate: Rc<Gate>, stage: Stage) -> Self {
        Self {
            number,
            key: 0,
            stage,
            gate,
            flags: vec![Flag::due()],
        }
    }

    /// Lets a party come; a spawned call comes with its handle.
    pub(crate) fn come(
        group: &Shared,
        bench: &Rc<Bench>,
        number: usize,
        kind: &Kind,
    ) -> (Self, Option<Self>) {
        let gate = Gate::new(number, bench);
        let group = Rc::clone(group);
        let mut handle = None;
        let stage = match kind {
            Kind::Call(call) => Stage::task(run(group, Rc::clone(&gate), *call)),
            Kind::Many { keys, tries } => {
                Stage::task(run_many(group, Rc::clone(&gate), keys.clone(), *tries))
            }
            Kind::Raw(key) => match Group::join_owned(group, gate.key(*key)) {
                Ok(Joined::Leader(leader)) => Stage::Leader(leader),
                Ok(Joined::Follower(follower)) => Stage::Follower(follower),
                Err(error) => Stage::ended(error),
            },
            Kind::Spawned { key, until } => {
                let (task, other) = spawn(group, &gate, *key, *until);
                handle = Some(Self::new(number + 1, Gate::new(number + 1, bench), other));
                task
            }
            Kind::Drain => Stage::task(async move {
                group.drained().await;
                End::Done
            }),
            Kind::Handle(_) => unreachable!("a handle comes with its task"),
        };
        let mut caller = Self::new(number, gate, stage);
        if let Kind::Raw(key) = kind {
            caller.key = *key;
        }
        (caller, handle)
    }

    /// Whether it waits to be polled, and has been woken.
    pub(crate) fn is_due(&self) -> bool {
        matches!(self.stage, Stage::Task(_)) && self.flag().take()
    }

    /// Polls it, in another place than before if so told.
    pub(crate) fn poll(&mut self, elsewhere: bool) {
        self.stage = match std::mem::replace(&mut self.stage, Stage::Ended(End::Dropped)) {
            Stage::Follower(follower) => Stage::Task(Box::pin(async {
                match follower.wait().await {
                    Ok(Turn::Lead(leader)) => Polled::Leader(leader),
                    Ok(Turn::Landed(outcome)) => Polled::End(End::One(share(Ok(outcome)))),
                    Err(error) => Polled::End(End::One(share(Err(error)))),
                }
            })),
            Stage::Watcher(watcher) => Stage::task(async { End::One(share(watcher.wait().await)) }),
            Stage::Handle(handle) => Stage::task(async { End::One(share(handle.outcome().await)) }),
            other => other,
        };
        if elsewhere {
            self.flags.push(Flag::due());
        }
        let _was_due = self.flag().take();
        let waker = self.flag().waker();
        let Stage::Task(task) = &mut self.stage else {
            unreachable!("the step is allowed");
        };
        let mut context = Context::from_waker(&waker);
        match catch_unwind(AssertUnwindSafe(|| task.as_mut().poll(&mut context))) {
            Ok(Poll::Pending) => {}
            Ok(Poll::Ready(Polled::End(end))) => self.stage = Stage::Ended(end),
            Ok(Poll::Ready(Polled::Leader(leader))) => self.stage = Stage::Leader(leader),
            Err(payload) => {
                let text = payload.downcast_ref::<String>().cloned();
                self.panicked(&text.unwrap_or_default());
            }
        }
    }

    fn panicked(&mut self, message: &str) {
        let end = if message.starts_with("no value to return: ") {
            End::Raised
        } else if message == text(self.number) {
            End::Panicked(message.to_owned())
        } else {
            // Not the work's own: an assertion of the case, or of the group.
            panic!("party {} panicked: {message}", self.number);
        };
        self.stage = Stage::Ended(end);
    }

    /// Drops what it holds.
    pub(crate) fn go(&mut self) {
        let held = std::mem::replace(&mut self.stage, Stage::Ended(End::Dropped));
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(held))) {
            let text = payload.downcast_ref::<String>().cloned();
            self.panicked(&text.unwrap_or_default());
        }
    }

    pub(crate) fn complete(&mut self, plan: Plan) {
        let made = self.gate.made(self.key);
        let value = if plan == Plan::Fail {
            Err(made)
        } else {
            Ok(made)
        };
        let end = |leader: Leader<_>| Stage::Ended(End::One(share(Ok(leader.complete(value)))));
        self.with_leader(end);
    }

    pub(crate) fn lead(&mut self, keeps: bool) {
        let (gate, key) = (Rc::clone(&self.gate), self.key);
        self.with_leader(|leader| {
            let work = move || gate.single(key, None::<fn() -> bool>);
            if keeps {
                Stage::task(async move { End::One(share(Ok(leader.try_lead(work).await))) })
            } else {
                Stage::task(async move { End::One(share(Ok(leader.lead(work).await))) })
            }
        });
        self.flags.push(Flag::due());
    }

    fn with_leader(&mut self, next: impl FnOnce(Leader<Shared>) -> Stage) {
        match std::mem::replace(&mut self.stage, Stage::Ended(End::Dropped)) {
            Stage::Leader(leader) => {
                self.gate.keep(leader.fence());
                self.stage = next(leader);
            }
            _ => panic!("party {} should have a leader in hand", self.number),
        }
    }

    pub(crate) fn disarm(&mut self) {
        match std::mem::replace(&mut self.stage, Stage::Ended(End::Dropped)) {
            Stage::Follower(follower) => self.stage = Stage::Watcher(follower.without_work()),
            _ => panic!("party {} should have a follower in hand", self.number),
        }
    }

    pub(crate) fn end(&self) -> Option<&End> {
        match &self.stage {
            Stage::Ended(end) => Some(end),
            _ => None,
        }
    }

    /// Whether it has a leader in hand.
    pub(crate) fn is_leader(&self) -> bool {
        matches!(self.stage, Stage::Leader(_))
    }

    /// Whether somebody keeps a waker of it.
    pub(crate) fn has_wakers(&self) -> bool {
        self.flags.iter().any(|flag| Arc::strong_count(flag) > 1)
    }

    fn flag(&self) -> &Arc<Flag> {
        self.flags.last().expect("there is a first")
    }
}

async fn run(group: Shared, gate: Rc<Gate>, call: Call) -> End {
    let key = gate.key(call.key);
    if call.borrowed {
        run_for(&group, &gate, call, &key).await
    } else {
        run_for(&group, &gate, call, key).await
    }
}

async fn run_for<Q, M>(group: &Shared, gate: &Rc<Gate>, call: Call, key: Q) -> End
where
    Q: Key<Counted<u8>, M>,
{
    let work = || gate.single(call.key, None::<fn() -> bool>);
    let fenced = |fence: Fence<_>| gate.single(call.key, Some(move || fence.is_forgotten()));
    let answer = match (call.form, call.keeps) {
        (Form::Bare, true) => return End::Bare(bare(group.try_run(key, work).await)),
        (Form::Bare, false) => return End::Bare(bare(group.run(key, work).await)),
        (Form::Outcome, _) => group.run_outcome(key, work).await,
        (_, keeps) => {
            let described = group.call(key);
            let described = if keeps {
                described.keep_errors()
            } else {
                described
            };
            let expiry = Rc::clone(gate).expiry();
            match (call.form.is_limited(), call.form.is_fenced()) {
                (false, false) => described.run(work).await,
                (false, true) => described.run_fenced(fenced).await,
                (true, false) => described.give_up_on(expiry).run(work).await,
                (true, true) => described.give_up_on(expiry).run_fenced(fenced).await,
            }
        }
    };
    End::One(share(answer))
}

async fn run_many(group: Shared, gate: Rc<Gate>, keys: Vec<u8>, tries: bool) -> End {
    let keys: Vec<_> = keys.into_iter().map(|key| gate.key(key)).collect();
    let answers = if tries {
        let load = |keys| {
            let loading = gate.many(keys);
            async {
                let Loaded { pairs, failure } = loading.await;
                failure.map_or(Ok(pairs), Err)
            }
        };
        group.try_run_many(keys, load).await
    } else {
        let load = |keys| {
            let loading = gate.many(keys);
            async {
                let Loaded { pairs, failure } = loading.await;
                let value = |made| {
                    if failure.is_some() {
                        Err(made)
                    } else {
                        Ok(made)
                    }
                };
                let pairs = pairs.into_iter().map(|(key, made)| (key, value(made)));
                pairs.collect::<Vec<_>>()
            }
        };
        group.run_many(keys, load).await
    };
    let answers = answers.into_iter();
    End::Many(
        answers
            .map(|(key, answer)| (key.what, share(answer)))
            .collect(),
    )
}

/// Makes a task and its handle.
fn spawn(group: Shared, gate: &Rc<Gate>, key: u8, until: Until) -> (Stage, Stage) {
    let arrival = match Group::arrive(group, gate.key(key)) {
        Ok(arrival) => arrival,
        Err(error) => return (Stage::ended(error.clone()), Stage::ended(error)),
    };
    let gate = Rc::clone(gate);
    let (task, handle) = arrival.into_task(until, move || gate.single(key, None::<fn() -> bool>));
    let task = Stage::task(async {
        task.await;
        End::Done
    });
    (task, Stage::Handle(handle))
}
