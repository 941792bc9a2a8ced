//! Works that do as the case says, and are known while they run.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::thread;

use singleflight_core::Fence;

use crate::case::Shared;
use crate::counted::{Counted, Made, Tally};
use crate::party::text;
use crate::step::Plan;

pub(crate) type Value = Result<Counted<Made>, Counted<Made>>;

/// What all parties of a case have in common.
#[derive(Default)]
pub(crate) struct Bench {
    /// The parties whose works are being executed.
    pub(crate) running: RefCell<BTreeSet<usize>>,
    /// Those of leaders in hand.
    pub(crate) fences: RefCell<Vec<Fence<Shared>>>,
    /// What the fences of works said as those ended, by party.
    pub(crate) told: RefCell<Vec<(usize, bool)>>,
    pub(crate) values: Tally,
    pub(crate) keys: Tally,
}

/// By what the case controls one party.
pub(crate) struct Gate {
    party: usize,
    bench: Rc<Bench>,
    plan: Cell<Plan>,
    is_expired: Cell<bool>,
    round: Cell<usize>,
    /// Of whoever waits at this gate, for the plan or for the expiry.
    wakers: RefCell<Vec<Waker>>,
}

impl Gate {
    pub(crate) fn new(party: usize, bench: &Rc<Bench>) -> Rc<Self> {
        Rc::new(Self {
            party,
            bench: Rc::clone(bench),
            plan: Cell::new(Plan::Wait),
            is_expired: Cell::new(false),
            round: Cell::new(0),
            wakers: RefCell::default(),
        })
    }

    pub(crate) fn decide(&self, plan: Plan) {
        self.plan.set(plan);
        self.wake();
    }

    pub(crate) fn expire(&self) {
        self.is_expired.set(true);
        self.wake();
    }

    fn wake(&self) {
        self.wakers.take().into_iter().for_each(Waker::wake);
    }

    fn wait<T>(&self, context: &mut Context<'_>) -> Poll<T> {
        self.wakers.borrow_mut().push(context.waker().clone());
        Poll::Pending
    }

    /// Keeps a fence, to be asked from now on.
    pub(crate) fn keep(&self, fence: Fence<Shared>) {
        self.bench.fences.borrow_mut().push(fence);
    }

    /// Nobody waits here any more.
    pub(crate) fn clear(&self) {
        self.wakers.take().clear();
    }

    pub(crate) fn made(&self, key: u8) -> Counted<Made> {
        self.bench.values.count(Made {
            party: self.party,
            key,
            round: self.round.get(),
        })
    }

    pub(crate) fn key(&self, key: u8) -> Counted<u8> {
        self.bench.keys.count(key)
    }

    /// Is ready when the party's time is over.
    pub(crate) async fn expiry(self: Rc<Self>) {
        poll_fn(|context| {
            if self.is_expired.get() {
                Poll::Ready(())
            } else {
                self.wait(context)
            }
        })
        .await;
    }

    /// Makes a work, which returns what it is to do.
    fn work(self: &Rc<Self>) -> Work {
        let is_new = self.bench.running.borrow_mut().insert(self.party);
        assert!(is_new, "party {} has one work at a time", self.party);
        let work = Work(Rc::clone(self));
        assert!(self.plan.get() != Plan::PanicMaking, "{}", text(self.party));
        work
    }

    /// Makes the work of a call for one key. If it has a fence, it asks that before it ends.
    pub(crate) fn single<F: Fn() -> bool>(
        self: &Rc<Self>,
        key: u8,
        is_forgotten: Option<F>,
    ) -> impl Future<Output = Value> + use<F> {
        let (gate, work) = (Rc::clone(self), self.work());
        async move {
            let plan = work.await;
            if let Some(is_forgotten) = is_forgotten {
                let told = (gate.party, is_forgotten());
                gate.bench.told.borrow_mut().push(told);
            }
            let made = gate.made(key);
            if plan == Plan::Fail {
                Err(made)
            } else {
                Ok(made)
            }
        }
    }

    /// Makes the work of a batch.
    pub(crate) fn many(
        self: &Rc<Self>,
        keys: Vec<Counted<u8>>,
    ) -> impl Future<Output = Loaded> + use<> {
        let (gate, work) = (Rc::clone(self), self.work());
        async move {
            let plan = work.await;
            let pair = |key: &Counted<u8>| (key.clone(), gate.made(key.what));
            let pairs = match plan {
                Plan::LandSome => keys[1..].iter().map(pair).collect(),
                Plan::LandMore => {
                    let not_asked_for = gate.key(u8::MAX);
                    let twice = keys.iter().chain([&not_asked_for]).chain(&keys);
                    twice.map(pair).collect()
                }
                _ => keys.iter().map(pair).collect(),
            };
            let failure = (plan == Plan::Fail).then(|| gate.made(u8::MAX));
            gate.round.set(gate.round.get() + 1);
            // The next work waits to be told.
            gate.plan.set(Plan::Wait);
            Loaded { pairs, failure }
        }
    }
}

/// What the work of a batch gives.
pub(crate) struct Loaded {
    pub(crate) pairs: Vec<(Counted<u8>, Counted<Made>)>,
    /// What it failed with, if it did.
    pub(crate) failure: Option<Counted<Made>>,
}

/// A work: executed from the moment it is made until it is dropped.
pub(crate) struct Work(Rc<Gate>);

impl Future for Work {
    type Output = Plan;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Plan> {
        match self.0.plan.get() {
            Plan::Wait => self.0.wait(context),
            Plan::PanicMaking | Plan::PanicPolling => panic!("{}", text(self.0.party)),
            plan => Poll::Ready(plan),
        }
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        self.0.bench.running.borrow_mut().remove(&self.0.party);
        let panics = self.0.plan.get() == Plan::PanicDropping && !thread::panicking();
        assert!(!panics, "{}", text(self.0.party));
    }
}
