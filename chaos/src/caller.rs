//! Those who make the calls, and what blocking and async callers have in common.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::answer::{Answer, thrown};
use crate::batch::BatchAnswers;
use crate::history::{Closing, Ending, Retirement};
use crate::log::Log;
use crate::order::{Order, Way};
use crate::rules::{Rules, outlive};
use crate::script::{BatchScript, Step, StepGenerator};
use crate::subject::{Ability, Subject};

/// What all callers of a round know.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) rules: Rules,
    /// How many steps each caller makes.
    pub(crate) steps: u64,
    /// How long a group may take to drain.
    pub(crate) patience: Duration,
    /// Set when the time is up.
    pub(crate) stop: AtomicBool,
}

/// Somebody who makes calls, one after the other.
#[derive(Debug)]
pub(crate) struct Caller<S> {
    pub(crate) subject: Arc<S>,
    pub(crate) log: Arc<Log>,
    pub(crate) stage: Arc<Stage>,
    /// At which of its steps it closes the group, if that is its task.
    pub(crate) closes_at: Option<u64>,
}

impl<S> Clone for Caller<S> {
    fn clone(&self) -> Self {
        Self {
            subject: Arc::clone(&self.subject),
            log: Arc::clone(&self.log),
            stage: Arc::clone(&self.stage),
            closes_at: self.closes_at,
        }
    }
}

impl<S: Subject> Caller<S> {
    pub(crate) fn generator(stage: &Stage, seed: u64, threads: bool) -> StepGenerator<'_> {
        StepGenerator::new(seed, &stage.rules, S::ABILITIES, threads)
    }

    pub(crate) fn can(ability: Ability) -> bool {
        S::ABILITIES.contains(&ability)
    }

    /// Whether there is time for another step.
    pub(crate) fn goes_on(&self) -> bool {
        !self.stage.stop.load(Ordering::Relaxed)
    }

    /// Closes the group when it is time to; returns whether it did.
    pub(crate) fn closes(&self, step: u64) -> bool {
        let closes = self.closes_at == Some(step) && Self::can(Ability::Close);
        if closes {
            let begin = self.log.stamp();
            self.subject.close();
            let end = self.log.stamp();
            self.log.closed(Closing { begin, end });
        }
        closes
    }

    /// Makes a step that is no call, or gives it back.
    pub(crate) fn retire(&self, step: Step) -> Option<Step> {
        let begin = self.log.stamp();
        let (key, has_effect) = match step {
            Step::Forget(key) => (Some(key), self.subject.forget(key)),
            Step::ForgetUnshared(key) => (Some(key), self.subject.forget_unshared(key)),
            Step::ForgetAll => {
                self.subject.forget_all();
                (None, true)
            }
            Step::Outlive(age) => {
                outlive(age);
                (None, true)
            }
            call => return Some(call),
        };
        if has_effect {
            let end = self.log.stamp();
            self.log.retired(Retirement { key, begin, end });
        }
        None
    }
}

/// How a call came back to its caller.
pub(crate) enum Return<T> {
    Answered(T),
    Thrown(Box<dyn std::any::Any + Send>),
    GivenUp,
}

impl Return<Option<Answer>> {
    pub(crate) fn ending(self, key: u64) -> Ending {
        match self {
            Self::Answered(Some(answer)) => answer.ending(key),
            Self::Thrown(payload) => thrown(&*payload),
            Self::Answered(None) | Self::GivenUp => Ending::GivenUp,
        }
    }
}

/// The orders that stand for the keys of a batch.
pub(crate) fn of_batch(script: &BatchScript) -> Vec<Order> {
    let order = |key: &u64| Order {
        patience: script.patience,
        ..Order::new(*key, Way::Batch)
    };
    script.keys.iter().map(order).collect()
}

impl Return<BatchAnswers> {
    /// Returns an ending for each key that was answered. One that was not asked for, or not
    /// answered, is found by the checker.
    pub(crate) fn endings(self, orders: &[Order]) -> Vec<(Order, Ending)> {
        let each = |ending: &dyn Fn(u64) -> Ending| {
            let orders = orders.iter();
            orders.map(|order| (*order, ending(order.key))).collect()
        };
        match self {
            Self::Thrown(payload) => each(&|_| thrown(&*payload)),
            Self::GivenUp => each(&|_| Ending::GivenUp),
            Self::Answered(Err(fault)) => each(&|key| fault.ending(key)),
            Self::Answered(Ok(answers)) => {
                let patience = orders.first().and_then(|order| order.patience);
                let answers = answers.into_iter();
                let ending = |(key, answer): (u64, Answer)| {
                    let order = Order {
                        patience,
                        ..Order::new(key, Way::Batch)
                    };
                    (order, answer.ending(key))
                };
                answers.map(ending).collect()
            }
        }
    }
}
