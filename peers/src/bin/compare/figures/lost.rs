//! A leader that is lost with many followers: who runs its work again, and how many wakes that
//! takes.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use singleflight_peers::clock::Clock;
use singleflight_peers::{Ours, Peer, Visitor, each};

use crate::contest::{Contestant, Round, Row, contest};
use crate::figure::{Drawn, Figure};
use crate::options::Options;

const FOLLOWERS: usize = 10_000;

pub(crate) fn measure(options: &Options) -> Vec<Figure> {
    struct Line(Vec<Loss>);
    impl Visitor for Line {
        fn visit<P: Peer>(&mut self) {
            self.0.push(lose::<P>(FOLLOWERS));
        }
    }
    let mut line = Line(Vec::new());
    each(&mut line);
    let rows = |of: fn(&Loss) -> f64| line.0.iter().map(|loss| loss.row(of)).collect();
    let title = |what: &str| format!("{what} when the leader of {FOLLOWERS} followers is lost");
    let mut figures = vec![
        Figure::new(
            "lost-executions",
            title("Re-executions"),
            "executions",
            rows(|loss| loss.executions as f64),
        )
        .within(1.0),
        Figure::new(
            "lost-wakes",
            title("Wakes per follower"),
            "wakes",
            rows(|loss| loss.wakes as f64 / FOLLOWERS as f64),
        )
        .within(1.0),
    ];
    for followers in [1_000, 10_000, 100_000] {
        figures.push(time(followers, options));
    }
    figures
}

/// What ours takes, per follower: as much for many as for few, but for cache misses.
fn time(followers: usize, options: &Options) -> Figure {
    let contestant = Contestant::new(Ours::ABOUT, move || {
        let loss = lose::<Ours>(followers);
        Round::of_calls(loss.took, followers as u64, loss.executions)
    });
    let rows = contest(options.rounds(5, 41), vec![contestant]);
    let title = format!("From losing a leader to its {followers} followers being served");
    Figure::new(format!("lost-{followers}"), title, "ns/follower", rows).drawn(Drawn::Point {
        of: "lost".to_owned(),
        axis: "followers",
        at: followers as f64,
    })
}

/// What came of losing a leader.
struct Loss {
    about: singleflight_peers::About,
    executions: u64,
    wakes: usize,
    unserved: usize,
    took: std::time::Duration,
}

impl Loss {
    fn row(&self, of: fn(&Self) -> f64) -> Row {
        let mut row = Row::counted(self.about, of(self));
        if self.unserved > 0 {
            row.note = format!("{} followers are never served", self.unserved);
        }
        row
    }
}

/// A follower's waker: whether it is to be polled, and how often all have been woken.
struct Bell {
    rings: AtomicBool,
    wakes: Arc<AtomicUsize>,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.rings.store(true, Ordering::Relaxed);
        self.wakes.fetch_add(1, Ordering::Relaxed);
    }
}

fn lose<P: Peer>(followers: usize) -> Loss {
    static EXECUTIONS: AtomicU64 = AtomicU64::new(0);
    static OPEN: AtomicBool = AtomicBool::new(false);
    OPEN.store(false, Ordering::Relaxed);
    let group = P::group::<u64, u64>();
    let work = || async {
        EXECUTIONS.fetch_add(1, Ordering::Relaxed);
        poll_fn(|context| {
            if OPEN.load(Ordering::Relaxed) {
                return Poll::Ready(8);
            }
            // It is polled in every round, as a work whose time may have come.
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await
    };
    let mut leader = Box::pin(P::call(&group, &7, work));
    let wakes = Arc::new(AtomicUsize::new(0));
    assert!(
        leader
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
            .is_pending()
    );
    let mut waiting: Vec<_> = (0..followers)
        .map(|_| {
            let bell = Arc::new(Bell {
                rings: AtomicBool::new(true),
                wakes: Arc::clone(&wakes),
            });
            let rope = Waker::from(Arc::clone(&bell));
            (Box::pin(P::call(&group, &7, work)), bell, rope)
        })
        .collect();
    // Polls who was woken, once.
    let mut round = || {
        waiting.retain_mut(|(call, bell, rope)| {
            !bell.rings.swap(false, Ordering::Relaxed)
                || call
                    .as_mut()
                    .poll(&mut Context::from_waker(rope))
                    .is_pending()
        });
        waiting.len()
    };
    round();
    wakes.store(0, Ordering::Relaxed);
    let before = EXECUTIONS.load(Ordering::Relaxed);
    let clock = Clock::of_thread();
    drop(leader);
    let woken = wakes.load(Ordering::Relaxed);
    // The one that leads now is seen at work by all the others before it ends.
    round();
    OPEN.store(true, Ordering::Relaxed);
    let mut unserved = round();
    // Who relays needs a round for each.
    for _ in 0..followers + 10 {
        if unserved == 0 {
            break;
        }
        unserved = round();
    }
    Loss {
        about: P::ABOUT,
        executions: EXECUTIONS.load(Ordering::Relaxed) - before,
        wakes: woken,
        unserved,
        took: clock.elapsed(),
    }
}
