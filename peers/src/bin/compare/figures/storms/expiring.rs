//! All expire together: each caller has the same deadline, and the work hangs. The clock stands
//! still but for the expiry, so that it depends on no real one.

use std::future::{Future, pending};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::join_all;
use singleflight_benches::hand::in_turn;
use singleflight_peers::clock::Clock;
use singleflight_peers::{KEY, Maker, Peer, Visitor, each};
use singleflight_tokio::Group;
use tokio::time::{sleep, timeout};

use crate::contest::{Contestant, Round, Row};
use crate::figure::{Figure, is_peer};
use crate::figures::storms::crowd::{CALLERS, Crowd, at, bar, end, few_polls, note, still, works};
use crate::options::Options;
use crate::pace::Pace;

const DEADLINE: Duration = Duration::from_secs(1);

/// Beyond every caller's deadline, by as little as the clock can tell.
const AFTER: Duration = Duration::from_millis(1_001);

/// So many works may be started at the expiry where each caller is a task.
const MOST_WORKS: f64 = 2.0;

/// The task that a caller is of.
#[derive(Clone, Copy, Debug)]
enum How {
    /// Each its own.
    Tasks,
    /// All of one, which polls those who were woken.
    Joined,
    /// All of one, which polls all of them in turn.
    InTurn,
}

impl How {
    const ALL: [Self; 3] = [Self::Tasks, Self::Joined, Self::InTurn];

    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Tasks => ("tasks", "each a task"),
            Self::Joined => ("joined", "all in one `join_all`"),
            Self::InTurn => ("in-turn", "all polled in turn by one task"),
        }
    }
}

pub(crate) fn measure(options: &Options) -> Vec<Figure> {
    let figures = How::ALL.into_iter().flat_map(|how| {
        let mut pace = Pace::new(options);
        CALLERS.map(|callers| expire(callers, how, &mut pace))
    });
    figures.collect()
}

fn expire(callers: usize, how: How, pace: &mut Pace) -> Figure {
    struct Line(usize, How, Vec<Contestant>);
    impl Visitor for Line {
        fn visit<P: Peer>(&mut self) {
            self.2.push(from_outside::<P>(self.0, self.1));
        }
    }
    let mut line = Line(callers, how, vec![by_itself(callers, how)]);
    each(&mut line);
    let mut rows = pace.contest(callers, line.2);
    let at_expiry = move |row: &Row| works(row, callers) - 1.0;
    note(&mut rows, callers, |row| {
        format!("{} at the expiry", at_expiry(row).round())
    });
    let (name, words) = how.words();
    let title = format!("{callers} callers with one deadline and a work that hangs, {words}");
    let name = format!("expiring-{name}");
    let drawn = at(callers, &name);
    let figure = Figure::new(format!("storm-{name}-{callers}"), title, "ns/caller", rows)
        .drawn(drawn)
        .row_against(0, "own.peer", None, is_peer)
        .row_against(1, "outer.peer", None, is_peer);
    let figure = few_polls(figure, callers, &["own.polls", "outer.polls"]);
    match (how, bar(callers, MOST_WORKS)) {
        (How::Tasks, Some(most)) => figure
            .row_within(0, "own.works", "works", most, at_expiry)
            .row_within(1, "outer.works", "works", most, at_expiry),
        _ => figure,
    }
}

/// Ours, with a deadline that it knows of.
fn by_itself(callers: usize, how: How) -> Contestant {
    let crowd = Crowd::of(Group::<u64, u64>::new());
    let round = rounds(crowd, callers, how, move || {
        let work = || {
            crowd.started();
            pending()
        };
        let call = crowd.group.call(KEY).timeout(DEADLINE).run(work);
        call.map(|result| result.is_err())
    });
    Contestant::other("ours, own deadline", Maker::Ours, round)
}

/// Anybody, under a deadline of the runtime's.
fn from_outside<P: Peer>(callers: usize, how: How) -> Contestant {
    let crowd = Crowd::of(P::group::<u64, u64>());
    let round = rounds(crowd, callers, how, move || {
        let work = move || {
            // Some peers are given a future by each caller, so theirs starts when it is polled.
            let is_called_to_start = P::ABOUT.maker == Maker::Ours;
            if is_called_to_start {
                crowd.started();
            }
            async move {
                if !is_called_to_start {
                    crowd.started();
                }
                pending().await
            }
        };
        let call = timeout(DEADLINE, P::call(&crowd.group, &KEY, work));
        call.map(|result| result.is_err())
    });
    Contestant::new(P::ABOUT, round)
}

/// The rounds of calls that say whether they have expired.
fn rounds<G: Sync, C>(
    crowd: &'static Crowd<G>,
    callers: usize,
    how: How,
    call: impl Fn() -> C,
) -> impl FnMut() -> Round
where
    C: Future<Output = bool> + Send + 'static,
{
    let runtime = still();
    move || {
        let before = crowd.counts();
        let took = runtime.block_on(async {
            let calls = (0..callers).map(|_| {
                let call = call();
                crowd.polls.count(async move {
                    assert!(call.await, "the work never ends");
                    crowd.ended();
                })
            });
            let tasks: Vec<_> = match how {
                How::Tasks => calls.map(tokio::spawn).collect(),
                How::Joined => {
                    let joined = join_all(calls);
                    vec![tokio::spawn(joined.map(|_| ()))]
                }
                How::InTurn => vec![tokio::spawn(in_turn(calls.map(Box::pin).collect()))],
            };
            crowd.polls.until_idle().await;
            let clock = Clock::of_thread();
            sleep(AFTER).await;
            let took = clock.elapsed();
            // A caller who hangs is counted as harmed, and is not to hang on.
            end(tasks).await;
            took
        });
        crowd.round(before, took, callers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::storms::crowd::polls;

    /// A round of ten callers whose work nobody shares.
    fn alone(how: How) -> (f64, f64) {
        const CALLERS: usize = 10;
        let crowd = Crowd::of(());
        let round = rounds(crowd, CALLERS, how, || {
            crowd.started();
            timeout(DEADLINE, pending::<()>()).map(|result| result.is_err())
        });
        let contestant = Contestant::other("alone", Maker::Ours, round);
        let rows = Pace::once().contest(CALLERS, vec![contestant]);
        assert_eq!(rows[0].harmed, 0);
        (polls(&rows[0]), works(&rows[0], CALLERS))
    }

    #[test]
    fn each_caller_is_polled_to_wait_and_to_expire() {
        assert_eq!(How::ALL.map(alone), [(2.0, 10.0); 3]);
    }

    #[test]
    fn ten_callers_of_everybody_expire() {
        for how in How::ALL {
            let figure = expire(10, how, &mut Pace::once());
            let name = |at: usize| &*figure.rows[at].name;
            assert_eq!((name(0), name(1)), ("ours, own deadline", "ours"));
            for row in &figure.rows {
                assert_eq!(row.harmed, 0, "{}", row.name);
                let works = works(row, 10);
                assert!((1.0..=10.0).contains(&works), "{}: {works} works", row.name);
                // It is polled once to wait. A leader that expires has not to be polled again by
                // anybody but the clock.
                assert!(polls(row) >= 2.0, "{}: {} polls", row.name, polls(row));
            }
        }
    }
}
