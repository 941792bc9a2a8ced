//! Those who call the group: real futures and handles, polled by hand.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Context;

use singleflight_core::{CallError, Follower, Group, Joined, Leader, Spawned, Until, Watcher};

use crate::calls::{one, run, run_many, tell, turn};
use crate::case::Shared;
use crate::party::{End, text};
#[cfg(feature = "std")]
use crate::rules::Told;
use crate::step::{Kind, On, Plan};
use crate::waker::Flag;
use crate::work::{Bench, Gate, acting};

pub(crate) struct Caller {
    number: usize,
    /// Of the flight that it may lead by hand.
    key: u8,
    stage: Stage,
    pub(crate) gate: Rc<Gate>,
    /// The places in which it was polled, the current one last.
    flags: Vec<Arc<Flag>>,
    /// Tasks that have come to something. Some callers keep theirs, and it must not matter.
    rest: Vec<Stage>,
}

type Task = Pin<Box<dyn Future<Output = ()>>>;

enum Stage {
    Task(Task),
    Leader(Leader<Shared>),
    Follower(Follower<Shared>),
    Watcher(Watcher<Shared>),
    Handle(Spawned<Shared>),
    /// What a thread is to run.
    #[cfg(feature = "std")]
    Thread(Box<dyn FnOnce()>),
    Ended(End),
}

/// What a task comes to.
pub(crate) enum Polled {
    End(End),
    /// It is its turn to lead, by hand.
    Leader(Leader<Shared>),
}

impl Stage {
    fn task(task: impl Future<Output = ()> + 'static) -> Self {
        Self::Task(Box::pin(task))
    }

    fn ended(error: CallError) -> Self {
        Self::Ended(End::One(Err(error.into())))
    }
}

impl From<Polled> for Stage {
    fn from(polled: Polled) -> Self {
        match polled {
            Polled::End(end) => Self::Ended(end),
            Polled::Leader(leader) => Self::Leader(leader),
        }
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
            rest: Vec::new(),
        }
    }

    /// Lets a party come; a spawned call comes with its handle.
    pub(crate) fn come(bench: &Rc<Bench>, number: usize, kind: &Kind) -> (Self, Option<Self>) {
        let gate = Gate::new(number, bench);
        let group = Rc::clone(&bench.group);
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
            Kind::Spawned { key, until, on } => {
                let (task, other) = spawn(group, &gate, *key, *until, *on);
                handle = Some(Self::new(number + 1, Gate::new(number + 1, bench), other));
                task
            }
            Kind::Drain => Stage::task(tell(
                Rc::clone(&gate),
                async move { group.drained().await },
                |()| Polled::End(End::Done),
            )),
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
        if elsewhere {
            self.flags.push(Flag::due());
        }
        let _was_due = self.flag().take();
        let waker = self.flag().waker();
        let gate = Rc::clone(&self.gate);
        self.act(|stage| {
            let mut task: Task = match stage {
                Stage::Task(task) => task,
                Stage::Follower(follower) => Box::pin(tell(gate, follower.wait(), turn)),
                Stage::Watcher(watcher) => Box::pin(tell(gate, watcher.wait(), one)),
                Stage::Handle(handle) => Box::pin(tell(gate, handle.outcome(), one)),
                _ => unreachable!("the step is allowed"),
            };
            let polled = task.as_mut().poll(&mut Context::from_waker(&waker));
            assert!(polled.is_pending(), "what a task comes to is told");
            Stage::Task(task)
        });
        if let Some(polled) = self.gate.polled.take() {
            self.rest
                .push(std::mem::replace(&mut self.stage, polled.into()));
        }
    }

    /// Makes the next stage of this one. What it holds is gone if that panics.
    fn act(&mut self, act: impl FnOnce(Stage) -> Stage) {
        let stage = std::mem::replace(&mut self.stage, Stage::Ended(End::Dropped));
        let acted = acting(self.number, || {
            catch_unwind(AssertUnwindSafe(|| act(stage)))
        });
        self.stage = match acted {
            Ok(stage) => stage,
            Err(payload) => {
                let text = match payload.downcast_ref::<String>() {
                    Some(text) => text.as_str(),
                    None => payload.downcast_ref::<&str>().copied().unwrap_or_default(),
                };
                Stage::Ended(self.panicked(text))
            }
        };
    }

    fn panicked(&self, message: &str) -> End {
        if message.starts_with("no value to return: ") {
            End::Raised
        } else if message == text(self.number) {
            End::Panicked(message.to_owned())
        } else {
            // Not the work's own: an assertion of the case, or of the group.
            panic!("party {} panicked: {message}", self.number);
        }
    }

    /// Drops what it holds.
    pub(crate) fn go(&mut self) {
        self.act(|stage| {
            drop(stage);
            Stage::Ended(End::Dropped)
        });
    }

    pub(crate) fn complete(&mut self, plan: Plan) {
        let made = self.gate.made(self.key);
        let value = if plan == Plan::Fail {
            Err(made)
        } else {
            Ok(made)
        };
        self.lead_by(|leader| one(Ok(leader.complete(value))).into());
    }

    pub(crate) fn lead(&mut self, keeps: bool) {
        let (gate, key) = (Rc::clone(&self.gate), self.key);
        self.lead_by(|leader| {
            let told = Rc::clone(&gate);
            let work = move || gate.single(key, None::<fn() -> bool>);
            let end = |outcome| one(Ok(outcome));
            if keeps {
                Stage::task(tell(told, leader.try_lead(work), end))
            } else {
                Stage::task(tell(told, leader.lead(work), end))
            }
        });
        self.flags.push(Flag::due());
    }

    pub(crate) fn lead_now(&mut self, plan: Plan, keeps: bool) {
        let (gate, key) = (Rc::clone(&self.gate), self.key);
        gate.plan.set(plan);
        self.lead_by(|leader| {
            let work = || gate.single_now(key);
            let outcome = if keeps {
                leader.lead_blocking_if(work, Result::is_ok)
            } else {
                leader.lead_blocking(work)
            };
            one(Ok(outcome)).into()
        });
    }

    pub(crate) fn hand_over(&mut self) {
        self.lead_by(|leader| {
            leader.hand_over();
            Stage::Ended(End::Done)
        });
    }

    fn lead_by(&mut self, lead: impl FnOnce(Leader<Shared>) -> Stage) {
        let bench = Rc::clone(&self.gate.bench);
        self.act(|stage| match stage {
            Stage::Leader(leader) => {
                bench.fences.borrow_mut().push(leader.fence());
                lead(leader)
            }
            _ => panic!("it should have a leader in hand"),
        });
    }

    pub(crate) fn disarm(&mut self) {
        self.act(|stage| match stage {
            Stage::Follower(follower) => Stage::Watcher(follower.without_work()),
            _ => panic!("it should have a follower in hand"),
        });
    }

    #[cfg(feature = "std")]
    pub(crate) fn wait_now(&mut self) {
        self.act(|stage| match stage {
            Stage::Follower(follower) => {
                turn(follower.wait_deadline_blocking(std::time::Instant::now())).into()
            }
            _ => panic!("it should have a follower in hand"),
        });
    }

    #[cfg(feature = "std")]
    pub(crate) fn run(&mut self) {
        self.act(|stage| match stage {
            Stage::Thread(run) => {
                run();
                Stage::Ended(End::Done)
            }
            _ => panic!("it should be a thread"),
        });
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

    /// Whether somebody woke it while his work was still being executed.
    pub(crate) fn was_woken_early(&self) -> bool {
        self.flags.iter().any(|flag| flag.is_early())
    }

    /// Lets go of everything but the places in which it was polled.
    pub(crate) fn into_flags(self) -> Vec<Arc<Flag>> {
        self.gate.clear();
        self.flags
    }

    fn flag(&self) -> &Arc<Flag> {
        self.flags.last().expect("there is a first")
    }
}

/// Makes a spawned call and its handle.
fn spawn(group: Shared, gate: &Rc<Gate>, key: u8, until: Until, on: On) -> (Stage, Stage) {
    let arrival = match Group::arrive(group, gate.key(key), until) {
        Ok(arrival) => arrival,
        Err(error) => return (Stage::ended(error.clone()), Stage::ended(error)),
    };
    let (gate, told) = (Rc::clone(gate), Rc::clone(gate));
    match on {
        On::Task => {
            let work = move || gate.single(key, None::<fn() -> bool>);
            let (task, handle) = arrival.into_task(work);
            let task = tell(told, task, |()| Polled::End(End::Done));
            (Stage::task(task), Stage::Handle(handle))
        }
        #[cfg(feature = "std")]
        On::Thread => {
            let (run, handle) = arrival.into_closure(
                |call| futures_lite::future::block_on(call),
                move |interest| {
                    gate.tell(Told::Unwanted(interest.has_ended()));
                    if gate.plan.get() == Plan::Wait {
                        // It cannot, on the only thread that there is.
                        gate.plan.set(Plan::Land);
                    }
                    gate.single_now(key)
                },
            );
            (Stage::Thread(Box::new(run)), Stage::Handle(handle))
        }
        #[cfg(not(feature = "std"))]
        On::Thread => unreachable!("there are no threads without `std`"),
    }
}
