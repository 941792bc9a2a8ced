//! The crowd of a storm, and what storms have in common.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use singleflight_peers::gate::Gate;
use singleflight_peers::polls::Polls;
use tokio::runtime::{self, Runtime};
use tokio::task::JoinHandle;

use crate::contest::{Round, Row};
use crate::figure::{Drawn, Figure};
use crate::number::short;

/// The numbers of callers.
pub(super) const CALLERS: [usize; 3] = [100, 1_000, 10_000];

/// Bars are held at so many callers.
pub(super) const BAR_AT: usize = 1_000;

/// A caller may be polled so often, in all storms but that of lost leaders.
pub(super) const MOST_POLLS: f64 = 6.0;

/// All that the callers of a contestant share. It lasts as long as the process, as tasks need it
/// to.
pub(super) struct Crowd<G> {
    pub(super) group: G,
    /// The first work waits here until all callers wait.
    pub(super) gate: Gate,
    pub(super) polls: Polls,
    /// Counts the works that were started.
    pub(super) works: AtomicU64,
    /// Counts the calls that have ended.
    pub(super) ended: AtomicU64,
}

impl<G> Crowd<G> {
    pub(super) fn of(group: G) -> &'static Self {
        Box::leak(Box::new(Self {
            group,
            gate: Gate::new(),
            polls: Polls::new(),
            works: AtomicU64::new(0),
            ended: AtomicU64::new(0),
        }))
    }

    /// The counts so far: polls, works, ends.
    pub(super) fn counts(&self) -> [u64; 3] {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        [self.polls.taken(), read(&self.works), read(&self.ended)]
    }

    pub(super) fn started(&self) {
        self.works.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn ended(&self) {
        self.ended.fetch_add(1, Ordering::Relaxed);
    }

    /// The round that took so long, counted from `before`.
    pub(super) fn round(&self, before: [u64; 3], took: Duration, callers: usize) -> Round {
        let [polls, works, ended] = self.counts();
        let callers = callers as u64;
        Round {
            polls: polls - before[0],
            harmed: callers - (ended - before[2]),
            ..Round::of_calls(took, callers, works - before[1])
        }
    }
}

/// A runtime of one thread whose clock stands still: it goes on, to the next deadline, only when
/// every task waits.
pub(super) fn still() -> Runtime {
    let mut builder = runtime::Builder::new_current_thread();
    let runtime = builder.enable_time().start_paused(true).build();
    runtime.expect("a runtime of one thread needs nothing")
}

/// Ends tasks that may have ended already, and waits until what they held is dropped.
pub(super) async fn end<T>(tasks: Vec<JoinHandle<T>>) {
    for task in &tasks {
        task.abort();
    }
    for task in tasks {
        let _lost_or_not = task.await;
    }
}

/// The number of works that a round has started.
pub(super) fn works(row: &Row, callers: usize) -> f64 {
    row.executions_per_call.unwrap_or(0.0) * callers as f64
}

pub(super) fn polls(row: &Row) -> f64 {
    row.polls_per_call.unwrap_or(f64::INFINITY)
}

/// Says in each row's note what was counted, and `what` else there is to say.
pub(super) fn note(rows: &mut [Row], callers: usize, what: impl Fn(&Row) -> String) {
    for row in rows.iter_mut().filter(|row| row.value.is_finite()) {
        let mut said = Vec::new();
        if let Some(polls) = row.polls_per_call {
            said.push(format!("polls {}", short(polls)));
        }
        if row.executions_per_call.is_some() {
            said.push(format!("works {}", works(row, callers).round()));
        }
        if row.harmed > 0 {
            said.push(format!("{} callers HANG OR PANIC", row.harmed));
        }
        said.push(what(row));
        said.retain(|said| !said.is_empty());
        row.note = said.join(", ");
    }
}

/// A point on the chart of a storm.
pub(super) fn at(callers: usize, of: &str) -> Drawn {
    Drawn::Point {
        of: format!("storm-{of}"),
        axis: "callers",
        at: callers as f64,
    }
}

/// A bar, where bars are held.
pub(super) fn bar(callers: usize, bar: f64) -> Option<f64> {
    (callers == BAR_AT).then_some(bar)
}

/// Holds the polls of the first rows, which are ours, against the most that is good.
pub(super) fn few_polls(figure: Figure, callers: usize, names: &[&str]) -> Figure {
    let Some(most) = bar(callers, MOST_POLLS) else {
        return figure;
    };
    let rows = names.iter().enumerate();
    rows.fold(figure, |figure, (row, name)| {
        figure.row_within(row, name, "polls/caller", most, polls)
    })
}
