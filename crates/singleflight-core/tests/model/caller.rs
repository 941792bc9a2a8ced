//! Those who call the group: real futures and handles, polled by hand.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Context;

#[cfg(feature = "std")]
use futures_lite::future::block_on;
#[cfg(feature = "std")]
use singleflight_core::Wanted;
use singleflight_core::{
    ByValue, CallError, CallResult, Follower, Group, Joined, Leader, Outcome, Shares, Spawnable,
    Watcher,
};

use crate::calls::{one, one_or_own, run, run_many, tell, turn};
use crate::case::Shared;
use crate::counted::Counted;
use crate::join::joined;
use crate::party::{End, text};
#[cfg(feature = "std")]
use crate::rules::Told;
use crate::step::{Fails, Kind, On, Plan, Runs, Spawned};
use crate::waker::Flag;
#[cfg(feature = "std")]
use crate::work::tried;
use crate::work::{Bench, Gate, Own, Value, acting};

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

/// The handle of a spawned call, which is dropped with what waits for it.
type Handle = Pin<Box<dyn Future<Output = CallResult<Result<Outcome<Value>, Own>>>>>;

enum Stage {
    Task(Task),
    Leader(Leader<Shared>),
    Follower(Follower<Shared>),
    Watcher(Watcher<Shared>),
    Handle(Handle),
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
            Kind::Many(many) => Stage::task(run_many(group, Rc::clone(&gate), many.clone())),
            Kind::Raw(key) => match Group::join_owned(group, gate.key(*key)) {
                Ok(Joined::Leader(leader)) => Stage::Leader(leader),
                Ok(Joined::Follower(follower)) => Stage::Follower(follower),
                Err(error) => Stage::ended(error),
            },
            Kind::Spawned(call) => {
                let (task, other) = spawn(group, &gate, *call);
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
                Stage::Handle(handle) => Box::pin(tell(gate, handle, one_or_own)),
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
        if message == text(self.number) {
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
            if keeps {
                let work = move || gate.trying(key, None::<fn() -> bool>);
                let end = |answer| one_or_own(Ok(answer));
                Stage::task(tell(told, leader.try_lead(work), end))
            } else {
                let work = move || gate.single(key, None::<fn() -> bool>);
                let end = |outcome| one(Ok(outcome));
                Stage::task(tell(told, leader.lead(work), end))
            }
        });
        self.flags.push(Flag::due());
    }

    pub(crate) fn lead_now(&mut self, plan: Plan) {
        let (gate, key) = (Rc::clone(&self.gate), self.key);
        gate.plan.set(plan);
        self.lead_by(|leader| {
            let outcome = leader.lead_blocking(|| gate.single_now(key));
            one(Ok(outcome)).into()
        });
    }

    pub(crate) fn fail(&mut self) {
        self.lead_by(|leader| {
            leader.fail();
            Stage::Ended(End::Done)
        });
    }

    pub(crate) fn close_to_newcomers(&mut self) {
        self.leader().close_to_newcomers();
    }

    pub(crate) fn close_if_alone(&mut self) -> bool {
        let number = self.number;
        let leader = self.leader();
        acting(number, || leader.close_if_alone())
    }

    fn leader(&mut self) -> &mut Leader<Shared> {
        match &mut self.stage {
            Stage::Leader(leader) => leader,
            _ => panic!("it should have a leader in hand"),
        }
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
fn spawn(group: Shared, gate: &Rc<Gate>, call: Spawned) -> (Stage, Stage) {
    let described = Group::call_owned(group, gate.key(call.key)).spawnable();
    let described = match call.runs {
        Runs::ToItsEnd => described,
        Runs::WhileWanted => described.while_wanted(),
    };
    if call.fails == Fails::Withholds {
        let described = described.map(|described| described.share_if(Result::is_ok));
        start(described, gate, call)
    } else {
        start(described, gate, call)
    }
}

fn start<P>(
    described: Spawnable<Shared, Counted<u8>, ByValue, P>,
    gate: &Rc<Gate>,
    call: Spawned,
) -> (Stage, Stage)
where
    P: Shares<Value> + 'static,
{
    let arrived = match described.arrive() {
        Ok(arrived) => arrived,
        Err(error) => return (Stage::ended(error.clone()), Stage::ended(error)),
    };
    let (gate, told, key) = (Rc::clone(gate), Rc::clone(gate), call.key);
    let done = |()| Polled::End(End::Done);
    match (call.on, call.fails) {
        (On::Task, Fails::Keeps) => {
            let work = move || gate.trying(key, None::<fn() -> bool>);
            let (task, guard) = arrived.try_into_task(work);
            let (task, join_handle) = joined(task);
            let handle = guard.with_task(join_handle).outcome();
            let task = Stage::task(tell(told, task, done));
            (task, Stage::Handle(Box::pin(handle)))
        }
        (On::Task, _) => {
            let work = move || gate.single(key, None::<fn() -> bool>);
            let (task, handle) = arrived.into_detached_task(work);
            let handle = handle.outcome();
            let handle = async move { handle.await.map(Ok) };
            let task = Stage::task(tell(told, task, done));
            (task, Stage::Handle(Box::pin(handle)))
        }
        #[cfg(feature = "std")]
        (On::Thread, Fails::Keeps) => {
            let work = move |wanted: &Wanted<Value>| tried(work_now(&gate, key, wanted));
            let (run, handle) = arrived.try_into_job(|call| block_on(call), work);
            let run = Stage::Thread(Box::new(run));
            (run, Stage::Handle(Box::pin(handle.outcome())))
        }
        #[cfg(feature = "std")]
        (On::Thread, _) => {
            let work = move |wanted: &Wanted<Value>| work_now(&gate, key, wanted);
            let (run, handle) = arrived.into_job(|call| block_on(call), work);
            let handle = handle.outcome();
            let handle = async move { handle.await.map(Ok) };
            let run = Stage::Thread(Box::new(run));
            (run, Stage::Handle(Box::pin(handle)))
        }
        #[cfg(not(feature = "std"))]
        (On::Thread, _) => unreachable!("there are no threads without `std`"),
    }
}

/// The work of a thread.
#[cfg(feature = "std")]
fn work_now(gate: &Rc<Gate>, key: u8, wanted: &Wanted<Value>) -> Value {
    gate.tell(Told::Unwanted(!wanted.is_wanted()));
    if gate.plan.get() == Plan::Wait {
        // It cannot, on the only thread that there is.
        gate.plan.set(Plan::Land);
    }
    gate.single_now(key)
}
