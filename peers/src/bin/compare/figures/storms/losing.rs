//! Leaders are lost one after the other: the caller that leads is dropped once its work has
//! started, and then the next one, until nobody is left. A loss wakes those who wait.

use std::future::pending;
use std::panic;
use std::sync::{Mutex, PoisonError};

use singleflight_peers::clock::Clock;
use singleflight_peers::{KEY, MapOfShared, Peer, Visitor, each};

use crate::contest::{Contestant, Round, nanos};
use crate::figure::Figure;
use crate::figures::fan_out::keeps_p3;
use crate::figures::storms::crowd::{CALLERS, Crowd, at, bar, end, note, polls, still};
use crate::options::Options;
use crate::pace::Pace;

/// The most leaders that are lost. All who are left are woken each time, so to lose 10,000 takes
/// anybody long.
const MOST: usize = 1_000;

/// A caller that waits may be polled so often for each loss.
const MOST_POLLS: f64 = 1.0;

pub(crate) fn measure(options: &Options) -> Vec<Figure> {
    let others = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        // Its callers panic when 200 leaders are lost, which their rows tell.
        let is_mokas = panic
            .location()
            .is_some_and(|at| at.file().contains("moka"));
        if !is_mokas {
            others(panic);
        }
    }));
    let mut pace = Pace::new(options);
    let figures = CALLERS.map(|callers| lose(callers, &mut pace));
    drop(panic::take_hook());
    figures.into()
}

fn lose(callers: usize, pace: &mut Pace) -> Figure {
    struct Line(usize, Vec<Contestant>);
    impl Visitor for Line {
        fn visit<P: Peer>(&mut self) {
            // A shared future is of no caller's own: those who are left go on with it.
            if P::ABOUT != MapOfShared::ABOUT {
                self.1.push(contestant::<P>(self.0));
            }
        }
    }
    let mut line = Line(callers, Vec::new());
    each(&mut line);
    let waits = waits(callers);
    let mut rows = pace.contest(waits, line.1);
    for row in &mut rows {
        let a_loss = |polls| polls * callers as f64 / waits as f64;
        row.polls_per_call = row.polls_per_call.map(a_loss);
    }
    note(&mut rows, callers, |_| String::new());
    let losses = callers.min(MOST);
    let title = format!(
        "{callers} callers whose leader is lost, and the next, {losses} times; polls of a caller \
         for each loss"
    );
    let name = format!("storm-losing-{callers}");
    let figure = Figure::new(name, title, "ns/caller/loss", rows)
        .drawn(at(callers, "losing"))
        .against("keeps-p3", None, keeps_p3)
        .against_peers(None);
    match bar(callers, MOST_POLLS) {
        Some(most) => figure.row_within(0, "polls", "polls/caller/loss", most, polls),
        None => figure,
    }
}

/// The callers that are left after each loss, counted anew each time.
fn waits(callers: usize) -> usize {
    (1..=callers.min(MOST)).map(|lost| callers - lost).sum()
}

fn contestant<P: Peer>(callers: usize) -> Contestant {
    // The callers whose works have started, and which are not lost yet.
    let leading = Mutex::new(Vec::new());
    let crowd = Crowd::of((P::group::<u64, u64>(), leading));
    let (group, leading) = &crowd.group;
    let leads = |change: &mut dyn FnMut(&mut Vec<usize>)| {
        change(&mut leading.lock().unwrap_or_else(PoisonError::into_inner));
    };
    let (runtime, losses) = (still(), callers.min(MOST));
    Contestant::new(P::ABOUT, move || {
        let before = crowd.counts();
        let (took, polls, overlapping) = runtime.block_on(async {
            let tasks: Vec<_> = (0..callers)
                .map(|caller| {
                    let work = move || async move {
                        crowd.started();
                        leads(&mut |leading| leading.push(caller));
                        pending().await
                    };
                    tokio::spawn(crowd.polls.count(P::call(group, &KEY, work)))
                })
                .collect();
            crowd.polls.until_idle().await;
            let (joined, clock) = (crowd.polls.taken(), Clock::of_thread());
            let (mut lost, mut overlapping) = (0, 0);
            while lost < losses {
                let mut leaders = Vec::new();
                leads(&mut |leading| leaders.append(leading));
                overlapping += leaders.len().saturating_sub(1);
                leaders.truncate(losses - lost);
                if leaders.is_empty() {
                    break;
                }
                lost += leaders.len();
                for leader in leaders {
                    crowd.ended();
                    tasks[leader].abort();
                    crowd.polls.until_idle().await;
                }
            }
            let (took, polls) = (clock.elapsed(), crowd.polls.taken() - joined);
            // Those who are left after as many losses as were asked for are not harmed.
            if lost == losses {
                (lost..callers).for_each(|_| crowd.ended());
            }
            end(tasks).await;
            leads(&mut Vec::clear);
            (took, polls, overlapping as u64)
        });
        Round {
            value: nanos(took) / waits(callers) as f64,
            polls,
            overlapping,
            ..crowd.round(before, took, callers)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_leaders_of_everybody_are_lost() {
        assert_eq!(waits(10), 45);
        let figure = lose(10, &mut Pace::once());
        for row in &figure.rows {
            assert_eq!(
                (row.harmed, row.executions_per_call),
                (0, Some(1.0)),
                "{}",
                row.name
            );
        }
        let row = |name: &str| {
            let row = figure.rows.iter().find(|row| row.name == name);
            row.expect("it took part")
        };
        // It relays: each of nine losses wakes one follower, of 45 who waited in all.
        assert!((polls(row("asyncband")) - 0.2).abs() < 1e-9);
    }
}
