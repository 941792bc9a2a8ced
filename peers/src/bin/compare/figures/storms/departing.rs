//! Handles of spawned calls are dropped one after the other, while the work that they wait for
//! hangs. Nobody else has such handles.

use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use singleflight_peers::clock::Clock;
use singleflight_peers::polls::Polls;
use singleflight_peers::{KEY, Maker};
use singleflight_tokio::{CallError, CallResult, Group, Joined, Outcome};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::contest::{Contestant, Round};
use crate::figure::Figure;
use crate::figures::storms::crowd::{CALLERS, at, few_polls, note, still};
use crate::options::Options;
use crate::pace::Pace;

/// A way to part.
#[derive(Clone, Copy)]
struct Way {
    name: &'static str,
    /// Whether a call is cancelled when nobody wants it.
    while_wanted: bool,
    /// Whether everybody has gone to rest before the next handle is dropped.
    rests: bool,
}

const WAYS: [Way; 4] = [
    Way {
        name: "ours, while wanted, one by one",
        while_wanted: true,
        rests: true,
    },
    Way {
        name: "ours, while wanted, in a row",
        while_wanted: true,
        rests: false,
    },
    Way {
        name: "ours, spawn, one by one",
        while_wanted: false,
        rests: true,
    },
    Way {
        name: "ours, spawn, in a row",
        while_wanted: false,
        rests: false,
    },
];

/// Their names in the figure's comparisons, in that order.
const POLLS: [&str; 4] = [
    "while-wanted-one-by-one.polls",
    "while-wanted-in-a-row.polls",
    "spawn-one-by-one.polls",
    "spawn-in-a-row.polls",
];

pub(crate) fn measure(options: &Options) -> Vec<Figure> {
    let mut pace = Pace::new(options);
    CALLERS.map(|callers| depart(callers, &mut pace)).into()
}

fn depart(callers: usize, pace: &mut Pace) -> Figure {
    let contestants = WAYS.map(|way| contestant(callers, way));
    let mut rows = pace.contest(callers, contestants.into());
    note(&mut rows, callers, |_| String::new());
    let title = format!("{callers} handles of spawned calls that follow are dropped");
    let name = format!("storm-departing-{callers}");
    let figure = Figure::new(name, title, "ns/handle", rows).drawn(at(callers, "departing"));
    few_polls(figure, callers, &POLLS)
}

/// The runtime's own join handle, as the front end has it.
struct Joining(JoinHandle<CallResult<Outcome<u64>>>);

impl Future for Joining {
    type Output = CallResult<Outcome<u64>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let joined = ready!(Pin::new(&mut self.0).poll(context));
        Poll::Ready(joined.unwrap_or(Err(CallError::TaskLost)))
    }
}

fn contestant(callers: usize, way: Way) -> Contestant {
    let Way {
        name,
        while_wanted,
        rests,
    } = way;
    let runtime = still();
    Contestant::other(name, Maker::Ours, move || {
        let (group, polls): (Group<u64, u64>, _) = (Group::new(), Arc::new(Polls::new()));
        runtime.block_on(async {
            let here = Handle::current();
            let (took, left) = part(&group, callers, rests, || {
                let call = group.call(KEY).on(&here);
                if while_wanted {
                    call.while_wanted().spawn(pending)
                } else {
                    call.spawn(pending)
                }
            })
            .await;
            // Once more for the polls: the front end's own tasks cannot be looked into, so these
            // are spawned here, from what it spawns.
            let (_, _) = part(&group, callers, rests, || {
                let group = Arc::clone(group.shared());
                let call = singleflight_core::Group::call_owned(group, KEY).spawnable();
                let call = if while_wanted {
                    call.while_wanted()
                } else {
                    call
                };
                let arrived = call.arrive().expect("nobody refuses");
                let (call, guard) = arrived.into_task(pending);
                let polls = Arc::clone(&polls);
                let task = here.spawn(async move { polls.count(call).await });
                guard.with_task(Joining(task))
            })
            .await;
            Round {
                polls: polls.taken(),
                harmed: left as u64,
                ..Round::of_calls(took, callers as u64, 0)
            }
        })
    })
}

/// Has handles follow a work that hangs and drops them. Says how long the dropping took, and how
/// many tasks are left when the flight has landed.
async fn part<H>(
    group: &Group<u64, u64>,
    callers: usize,
    rests: bool,
    spawn: impl Fn() -> H,
) -> (Duration, usize) {
    let Ok(Joined::Leader(leader)) = group.join(KEY) else {
        panic!("nobody else is here");
    };
    let handles: Vec<_> = (0..callers).map(|_| spawn()).collect();
    rest().await;
    let clock = Clock::of_thread();
    for handle in handles {
        drop(handle);
        if rests {
            rest().await;
        }
    }
    rest().await;
    let took = clock.elapsed();
    let _outcome = leader.complete(0);
    rest().await;
    (took, Handle::current().metrics().num_alive_tasks())
}

/// Ends when every task waits: only then does a clock that stands still go on.
fn rest() -> impl Future<Output = ()> {
    sleep(Duration::from_millis(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::storms::crowd::polls;

    #[test]
    fn ten_handles_are_dropped_and_leave_nobody() {
        let figure = depart(10, &mut Pace::once());
        for row in &figure.rows {
            assert_eq!(row.harmed, 0, "{}", row.name);
            assert!(polls(row) >= 1.0, "{}: to wait", row.name);
        }
        // A call that runs to its end does not mind its handle: it is told of the landing only.
        for row in &figure.rows[2..] {
            assert!(
                (polls(row) - 2.0).abs() < 1e-9,
                "{}: {}",
                row.name,
                polls(row)
            );
        }
    }
}
