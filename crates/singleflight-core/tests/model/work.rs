//! Works that do as the case says, and are known while they are executed.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::thread;

use singleflight_core::{Fence, Joined, Role};

use crate::caller::Polled;
use crate::case::Shared;
use crate::counted::{Counted, Made, Tally};
use crate::party::text;
use crate::rules::{Told, Why};
use crate::step::Plan;

pub(crate) type Value = Result<Counted<Made>, Counted<Made>>;

/// What a work has failed with, where its caller keeps it. Nobody can clone it.
pub(crate) struct Own(pub(crate) Counted<Made>);

/// What all parties of a case have in common.
pub(crate) struct Bench {
    pub(crate) group: Shared,
    /// Those of leaders in hand.
    pub(crate) fences: RefCell<Vec<Fence<Shared>>>,
    /// What works were told as they ended, by party.
    pub(crate) told: RefCell<Vec<(usize, Told)>>,
    pub(crate) values: Tally,
    pub(crate) keys: Tally,
}

thread_local! {
    /// The parties whose works are being executed.
    static RUNNING: RefCell<BTreeSet<usize>> = const { RefCell::new(BTreeSet::new()) };
    /// The party that is acting, or 0.
    static ACTING: Cell<usize> = const { Cell::new(0) };
}

/// Forgets what a case that has failed left behind.
pub(crate) fn reset() {
    RUNNING.take().clear();
    ACTING.set(0);
}

/// The parties whose works are being executed.
pub(crate) fn running() -> Vec<usize> {
    RUNNING.with_borrow(|running| running.iter().copied().collect())
}

/// Says who acts meanwhile.
pub(crate) fn acting<R>(party: usize, act: impl FnOnce() -> R) -> R {
    let before = ACTING.replace(party);
    let result = act();
    ACTING.set(before);
    result
}

/// Whether the party that acts executes its work. Nobody may be woken by it then.
pub(crate) fn is_working() -> bool {
    RUNNING.with_borrow(|running| running.contains(&ACTING.get()))
}

/// By what the case controls one party.
pub(crate) struct Gate {
    party: usize,
    pub(crate) bench: Rc<Bench>,
    pub(crate) plan: Cell<Plan>,
    is_expired: Cell<bool>,
    round: Cell<usize>,
    /// Of whoever waits at this gate, for the plan or for the expiry.
    wakers: RefCell<Vec<Waker>>,
    /// What the party's task has come to.
    pub(crate) polled: RefCell<Option<Polled>>,
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
            polled: RefCell::default(),
        })
    }

    pub(crate) fn decide(&self, plan: Plan) {
        self.plan.set(plan);
        self.wakers.take().into_iter().for_each(Waker::wake);
    }

    pub(crate) fn expire(&self) {
        self.is_expired.set(true);
        self.wakers.take().into_iter().for_each(Waker::wake);
    }

    /// Nobody waits here any more.
    pub(crate) fn clear(&self) {
        self.wakers.take().clear();
    }

    fn wait<T>(&self, context: &Context<'_>) -> Poll<T> {
        self.wakers.borrow_mut().push(context.waker().clone());
        Poll::Pending
    }

    /// Is ready when the party's time is over.
    pub(crate) fn poll_expiry(&self, context: &Context<'_>) -> Poll<()> {
        if self.is_expired.get() {
            Poll::Ready(())
        } else {
            self.wait(context)
        }
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

    pub(crate) fn tell(&self, told: Told) {
        self.bench.told.borrow_mut().push((self.party, told));
    }

    /// Calls for a key from inside the work, and goes away at once.
    fn nest(&self, key: u8) {
        acting(0, || {
            let joined = self.bench.group.join(self.key(key));
            self.tell(Told::Nested(match &joined {
                Ok(Joined::Leader(_)) => Ok(Role::Leader),
                Ok(Joined::Follower(_)) => Ok(Role::Follower),
                Err(error) => Err(Why::from(error.clone())),
            }));
            drop(joined);
        });
    }

    /// Makes a work, which is done by `end`.
    fn work<T, E: FnOnce(&Self, Plan) -> T>(self: &Rc<Self>, end: E) -> Work<E> {
        let is_new = RUNNING.with_borrow_mut(|running| running.insert(self.party));
        assert!(is_new, "party {} has one work at a time", self.party);
        let work = Work {
            gate: Rc::clone(self),
            end: Some(end),
        };
        assert!(self.plan.get() != Plan::PanicMaking, "{}", text(self.party));
        work
    }

    /// Makes the work of a call for one key. If it has a fence, it asks that before it ends.
    pub(crate) fn single<F: Fn() -> bool>(
        self: &Rc<Self>,
        key: u8,
        is_forgotten: Option<F>,
    ) -> impl Future<Output = Value> + use<F> {
        self.single_by(key, is_forgotten, |value| value)
    }

    /// The same of a work that may fail.
    pub(crate) fn trying<F: Fn() -> bool>(
        self: &Rc<Self>,
        key: u8,
        is_forgotten: Option<F>,
    ) -> impl Future<Output = Result<Value, Own>> + use<F> {
        self.single_by(key, is_forgotten, tried)
    }

    fn single_by<T, F: Fn() -> bool>(
        self: &Rc<Self>,
        key: u8,
        is_forgotten: Option<F>,
        end: fn(Value) -> T,
    ) -> impl Future<Output = T> + use<T, F> {
        self.work(move |gate, plan| {
            if plan == Plan::LandNested {
                gate.nest(key);
            }
            if let Some(is_forgotten) = is_forgotten.filter(|_| plan.is_return()) {
                gate.tell(Told::Forgotten(is_forgotten()));
            }
            let made = gate.made(key);
            end(if plan == Plan::Fail {
                Err(made)
            } else {
                Ok(made)
            })
        })
    }

    /// Does the work of a call without waiting.
    pub(crate) fn single_now(self: &Rc<Self>, key: u8) -> Value {
        let mut work = Box::pin(self.single(key, None::<fn() -> bool>));
        let polled = work.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        // Before the end of the block, at which a panic would leak what is returned.
        drop(work);
        match polled {
            Poll::Ready(value) => value,
            Poll::Pending => unreachable!("it is not told to wait"),
        }
    }

    /// Makes the work of a batch, which gives what `end` makes of what was loaded.
    pub(crate) fn many<T, E: FnOnce(Loaded) -> T, F: Fn() -> bool>(
        self: &Rc<Self>,
        keys: Vec<Counted<u8>>,
        is_forgotten: Option<F>,
        end: E,
    ) -> impl Future<Output = T> + use<T, E, F> {
        self.work(move |gate, plan| {
            if plan == Plan::LandNested {
                gate.nest(keys.last().map_or(0, |key| key.what));
            }
            if let Some(is_forgotten) = is_forgotten.filter(|_| plan.is_return()) {
                gate.tell(Told::Forgotten(is_forgotten()));
            }
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
            if plan != Plan::PanicDropping {
                // The next work waits to be told.
                gate.plan.set(Plan::Wait);
            }
            end(Loaded { pairs, failure })
        })
    }
}

/// Of a work that may fail: an error is no value.
pub(crate) fn tried(value: Value) -> Result<Value, Own> {
    value.map(Ok).map_err(Own)
}

/// What the work of a batch gives.
pub(crate) struct Loaded {
    pub(crate) pairs: Vec<(Counted<u8>, Counted<Made>)>,
    /// What it failed with, if it did.
    pub(crate) failure: Option<Counted<Made>>,
}

/// A work: executed from the moment it is made until it is dropped, ready or not.
struct Work<E> {
    gate: Rc<Gate>,
    end: Option<E>,
}

impl<E> Unpin for Work<E> {}

impl<T, E: FnOnce(&Gate, Plan) -> T> Future for Work<E> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        match self.gate.plan.get() {
            Plan::Wait => self.gate.wait(context),
            Plan::PanicMaking | Plan::PanicPolling => panic!("{}", text(self.gate.party)),
            plan => {
                let end = self.end.take().expect("a work ends once");
                Poll::Ready(end(&self.gate, plan))
            }
        }
    }
}

impl<E> Drop for Work<E> {
    fn drop(&mut self) {
        RUNNING.with_borrow_mut(|running| running.remove(&self.gate.party));
        let panics = self.gate.plan.get() == Plan::PanicDropping && !thread::panicking();
        assert!(!panics, "{}", text(self.gate.party));
    }
}
