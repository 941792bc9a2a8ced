//! The logs in which the callers of a round write down what happens to them.

use std::mem;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::clock::{Clock, Stamp};
use crate::history::{Call, Closing, Ending, Execution, History, Question, Retirement};
use crate::order::Order;
use crate::value::ValueCount;

/// What all logs of a round share.
#[derive(Debug)]
pub(crate) struct RunningRound {
    pub(crate) clock: Clock,
    pub(crate) values: Arc<ValueCount>,
    /// Works that have begun and are not gone.
    running: AtomicU64,
}

impl RunningRound {
    pub(crate) fn new() -> Self {
        Self {
            clock: Clock::new(),
            values: Arc::default(),
            running: AtomicU64::new(0),
        }
    }

    pub(crate) fn running(&self) -> u64 {
        self.running.load(Ordering::Acquire)
    }
}

/// The log of one caller. Works that were handed over or spawned write into their caller's,
/// so it is locked, almost always by a thread that finds it free.
#[derive(Debug)]
pub(crate) struct Log {
    pub(crate) round: Arc<RunningRound>,
    /// What has ended, to see from outside whether anything moves.
    ended: AtomicU64,
    records: Mutex<Records>,
}

#[derive(Debug, Default)]
struct Records {
    history: History,
    /// The call that is under way, innermost last.
    under_way: Vec<(Stamp, Order)>,
}

impl Log {
    pub(crate) fn new(round: &Arc<RunningRound>) -> Self {
        Self {
            round: Arc::clone(round),
            ended: AtomicU64::new(0),
            records: Mutex::default(),
        }
    }

    pub(crate) fn stamp(&self) -> Stamp {
        self.round.clock.stamp()
    }

    /// Begins a call that asks for an answer to each of these orders.
    pub(crate) fn begin<O: AsRef<[Order]>>(&self, orders: O) -> Begun<'_, O> {
        let begin = self.stamp();
        let mut records = self.records();
        records.history.asked += orders.as_ref().len() as u64;
        records.under_way.push((begin, orders.as_ref()[0]));
        drop(records);
        Begun {
            log: self,
            begin,
            orders,
            has_ended: false,
        }
    }

    fn end(&self, begin: Stamp, endings: impl Iterator<Item = (Order, Ending)>) {
        let end = self.stamp();
        let mut records = self.records();
        records.under_way.retain(|(call, _)| *call != begin);
        let calls = endings.map(|(order, ending)| Call {
            order,
            begin,
            end,
            ending,
        });
        records.history.calls.extend(calls);
        drop(records);
        self.ended.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn work_begins(&self) {
        self.round.running.fetch_add(1, Ordering::Relaxed);
    }

    /// Writes down the executions of a work that is gone.
    pub(crate) fn work_ends(&self, executions: impl IntoIterator<Item = Execution>) {
        self.records().history.executions.extend(executions);
        // Pairs with the load in `RunningRound::running`: what is written stands before the count.
        self.round.running.fetch_sub(1, Ordering::Release);
    }

    pub(crate) fn retired(&self, retirement: Retirement) {
        self.records().history.retirements.push(retirement);
    }

    pub(crate) fn asked(&self, question: Question) {
        self.records().history.questions.push(question);
    }

    pub(crate) fn closed(&self, closing: Closing) {
        self.records().history.closing = Some(closing);
    }

    pub(crate) fn left_undrained(&self) {
        self.records().history.is_undrained = true;
    }

    pub(crate) fn ended(&self) -> u64 {
        self.ended.load(Ordering::Relaxed)
    }

    pub(crate) fn under_way(&self) -> Vec<(Stamp, Order)> {
        self.records().under_way.clone()
    }

    /// Moves what is written into the history of the round.
    pub(crate) fn take_into(&self, history: &mut History) {
        let taken = mem::take(&mut self.records().history);
        history.asked += taken.asked;
        history.calls.extend(taken.calls);
        history.executions.extend(taken.executions);
        history.retirements.extend(taken.retirements);
        history.questions.extend(taken.questions);
        history.closing = history.closing.or(taken.closing);
        history.is_undrained |= taken.is_undrained;
    }

    fn records(&self) -> MutexGuard<'_, Records> {
        // Nothing panics while it is locked.
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call that has begun. Dropping it without an ending is giving it up: so it goes with calls
/// from inside of works that are dropped. It must be dropped after what it tells of.
pub(crate) struct Begun<'a, O: AsRef<[Order]>> {
    log: &'a Log,
    /// The name of the call.
    pub(crate) begin: Stamp,
    orders: O,
    has_ended: bool,
}

impl<O: AsRef<[Order]>> Begun<'_, O> {
    /// Ends the call with an ending for each of its orders.
    pub(crate) fn end(mut self, endings: impl IntoIterator<Item = (Order, Ending)>) {
        self.has_ended = true;
        self.log.end(self.begin, endings.into_iter());
    }
}

impl<O: AsRef<[Order]>> Drop for Begun<'_, O> {
    fn drop(&mut self) {
        if !self.has_ended {
            let orders = self.orders.as_ref().iter();
            let given_up = orders.map(|order| (*order, Ending::GivenUp));
            self.log.end(self.begin, given_up);
        }
    }
}
