//! A batch under way: started by the stage, and ended, cancelled or asked by a scenario.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use futures_lite::future::{FutureExt as _, or};
use singleflight_core::Answers;

use crate::caller::message;
use crate::front_end::{Complete, Entry};
use crate::gate::{DEADLINE, Gate};
use crate::stage::Stage;
use crate::value::{Failure, Value};
use crate::work::{BatchWork, Returns};

/// A batch under way.
pub(crate) struct Batch {
    begun: Gate,
    pub(crate) may_end: Gate,
    cancel: Gate,
    ended: Receiver<Result<BatchResult, String>>,
}

/// What a batch comes to that does not panic.
pub(crate) type BatchResult = Result<Answers<String, Value>, Failure>;

/// What a batch that was cancelled is told to have ended with.
const CANCELLED: &str = "cancelled";

impl Batch {
    pub(crate) fn has_begun(&self) {
        self.begun.expect("a batch's work beginning");
    }

    /// Waits for the end, which the work need not come to.
    pub(crate) fn wait(&self) -> Result<BatchResult, String> {
        let end = self.ended.recv_timeout(DEADLINE);
        end.expect("hang: a batch did not end")
    }

    /// Lets the work end and waits for it.
    pub(crate) fn end(self) -> Result<BatchResult, String> {
        self.may_end.open();
        self.wait()
    }

    /// Cancels the batch, or where that cannot be, lets its work panic.
    pub(crate) fn lose<F: Complete>(self) {
        if F::CANCELS {
            self.cancel.open();
            assert_eq!(self.wait().err().as_deref(), Some(CANCELLED));
        } else {
            assert!(self.end().is_err());
        }
    }

    /// Lets the work end and waits for the answers.
    pub(crate) fn answers(self) -> Answers<String, Value> {
        answers(self.end())
    }

    /// Lets the work end and waits for the error that it returns.
    pub(crate) fn failure(self) -> &'static str {
        match self.end() {
            Ok(Err(Failure(error))) => error,
            other => panic!("the batch did not fail: {:?}", other.map(Result::ok)),
        }
    }

    /// The keys and numbers of the answers.
    pub(crate) fn numbers(self) -> Vec<(String, u32)> {
        let answers: Vec<_> = self.answers().into_all().expect("each key has a value");
        let number = |value: Value| value.map_or(0, |token| token.number());
        let answers = answers.into_iter();
        answers.map(|(key, value)| (key, number(value))).collect()
    }
}

impl<F: Complete> Stage<F> {
    pub(crate) fn batch(&self, keys: &[&str], returns: Returns) -> Batch {
        self.batch_by(Entry::Run, keys, returns)
    }

    pub(crate) fn batch_by(&self, entry: Entry, keys: &[&str], returns: Returns) -> Batch {
        let (begun, may_end) = (Gate::new(), Gate::new());
        let work = BatchWork {
            tally: Arc::clone(&self.tally),
            begun: begun.clone(),
            may_end: may_end.clone(),
            returns,
        };
        let keys = keys.iter().map(ToString::to_string).collect();
        let group = self.front_end();
        let (sender, ended) = channel();
        let cancel = Gate::new();
        let cancelled = cancel.clone();
        F::spawn(Box::pin(async move {
            let batch = async {
                AssertUnwindSafe(F::batch(&group, entry, keys, work))
                    .catch_unwind()
                    .await
                    .map_err(|payload| message(&*payload))
            };
            let cancelled = async {
                cancelled.passed().await;
                Err(CANCELLED.to_owned())
            };
            let end = or(cancelled, batch).await;
            drop(group);
            let _gone = sender.send(end);
        }));
        Batch {
            begun,
            may_end,
            cancel,
            ended,
        }
    }
}

pub(crate) fn answers(end: Result<BatchResult, String>) -> Answers<String, Value> {
    match end {
        Ok(Ok(answers)) => answers,
        Ok(Err(Failure(error))) => panic!("the batch failed: {error}"),
        Err(panic) => panic!("the batch panicked: {panic}"),
    }
}
