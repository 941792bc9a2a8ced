//! What calls allocate, and how often they clone the value.

use std::future::poll_fn;
use std::hint::black_box;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Poll;
use std::thread;

use singleflight_benches::counting::counted;
use singleflight_benches::hand::{poll, ready, settle};
use singleflight_core::{Group, Joined, Turn};
use singleflight_peers::{Ours, Peer, Visitor, each};

use crate::allocator::ALLOCATOR;
use crate::contest::Row;
use crate::figure::{Figure, is_peer};
use crate::options::Options;

const FOLLOWERS: usize = 10;

pub(crate) fn measure(_: &Options) -> Vec<Figure> {
    ALLOCATOR.count(true);
    let figures = vec![
        text_leads(),
        text_joins(),
        lone(),
        follower("first", 0, 2.0),
        follower("further", 1, 0.0),
        blocking_follower(),
        clones("lone", 0),
        clones("company", FOLLOWERS),
    ];
    ALLOCATOR.count(false);
    figures
}

/// A figure of ours alone, held against a limit.
fn ours(name: &str, title: &str, unit: &'static str, value: f64, limit: f64) -> Figure {
    let rows = vec![Row::counted(Ours::ABOUT, value)];
    Figure::new(name, title, unit, rows).within(limit)
}

const TEXT: &str = "a key that is too long for any inline representation";

fn text_leads() -> Figure {
    let group: Group<String, u64> = Group::new();
    let (count, joined) = counted(|| group.join(TEXT));
    assert!(matches!(joined, Ok(Joined::Leader(_))), "nobody is there");
    let title = "Allocations of a lone call with a &str key into a String group";
    ours(
        "allocations-text-lone",
        title,
        "allocations",
        count as f64,
        1.0,
    )
}

fn text_joins() -> Figure {
    let group: Group<String, u64> = Group::new();
    let leader = group.join(TEXT);
    let call = || Box::pin(group.run(TEXT, async || unreachable!("it follows")));
    // The first one makes what all followers share.
    let (mut first, mut second) = (call(), call());
    assert!(poll(first.as_mut()).is_pending());
    let (count, polled) = counted(|| poll(second.as_mut()));
    assert!(polled.is_pending());
    drop((first, second, leader));
    let title = "Allocations of a call that joins, with a &str key into a String group";
    ours(
        "allocations-text-joining",
        title,
        "allocations",
        count as f64,
        0.0,
    )
}

/// Of every peer, in steady state.
fn lone() -> Figure {
    const CALLS: u64 = 1_000;
    struct Line(Vec<Row>);
    impl Visitor for Line {
        fn visit<P: Peer>(&mut self) {
            let group = P::group::<u64, u64>();
            let round = || {
                for key in 0..CALLS {
                    black_box(ready(P::call(&group, &key, move || async move { key })));
                }
            };
            round();
            let (count, ()) = counted(round);
            let value = count as f64 / CALLS as f64;
            self.0.push(Row::counted(P::ABOUT, value));
        }
    }
    let mut line = Line(Vec::new());
    each(&mut line);
    let title = "Allocations of a lone call in steady state";
    Figure::new("allocations-lone", title, "allocations", line.0)
        .within(0.0)
        .against_peers(None)
}

/// Of a follower that comes after so many others: its first poll, until it waits. The box it
/// stands in is made before.
fn follower(which: &str, others: usize, limit: f64) -> Figure {
    struct Line(usize, Vec<Row>);
    impl Visitor for Line {
        fn visit<P: Peer>(&mut self) {
            let group = P::group::<u64, u64>();
            let never = || std::future::pending::<u64>();
            let mut before: Vec<_> = (0..=self.0)
                .map(|_| Box::pin(P::call(&group, &7, never)))
                .collect();
            for call in &mut before {
                assert!(poll(call.as_mut()).is_pending());
            }
            let (count, follower) = {
                let mut follower = Box::pin(P::call(&group, &7, never));
                let (count, polled) = counted(|| poll(follower.as_mut()));
                assert!(polled.is_pending());
                (count, follower)
            };
            drop((follower, before));
            self.1.push(Row::counted(P::ABOUT, count as f64));
        }
    }
    let mut line = Line(others, Vec::new());
    each(&mut line);
    let title = format!("Allocations of the {which} async follower, when first polled");
    let name = format!("allocations-{which}-follower");
    Figure::new(name, title, "allocations", line.1).within(limit)
}

/// Of a thread that follows, after its first wait, which makes its parker.
fn blocking_follower() -> Figure {
    let group: Arc<Group<u64, u64>> = Arc::new(Group::new());
    let wait = || {
        let Ok(Joined::Leader(leader)) = Group::join_owned(Arc::clone(&group), 1) else {
            panic!("the first call leads");
        };
        // The shared part is there before anything is counted.
        let Ok(Joined::Follower(first)) = group.join(1) else {
            panic!("the second call follows");
        };
        let mut first = pin!(first.wait());
        assert!(poll(first.as_mut()).is_pending());
        let landing = {
            let group = Arc::clone(&group);
            thread::spawn(move || {
                while group.followers(1) != Some(2) {
                    thread::yield_now();
                }
                leader.complete(7)
            })
        };
        let (count, turn) = counted(|| match group.join(1) {
            Ok(Joined::Follower(follower)) => follower.wait_blocking(),
            other => panic!("the third call follows: {other:?}"),
        });
        assert!(matches!(turn, Ok(Turn::Landed(_))));
        let outcome = landing.join().expect("the flight landed");
        assert_eq!(outcome.followers, 2);
        assert!(poll(first).is_ready());
        count
    };
    wait();
    let most = (0..20).map(|_| wait()).max().unwrap_or(0);
    let title = "Allocations of a blocking follower, after its thread's first wait";
    ours(
        "allocations-blocking-follower",
        title,
        "allocations",
        most as f64,
        0.0,
    )
}

static CLONES: AtomicU64 = AtomicU64::new(0);
static OPEN: AtomicBool = AtomicBool::new(false);

/// A value that counts how often it is cloned.
#[derive(Debug)]
struct Sheep;

impl Clone for Sheep {
    fn clone(&self) -> Self {
        CLONES.fetch_add(1, Ordering::Relaxed);
        Self
    }
}

/// Of the value, for a leader and so many followers on one thread.
fn clones(which: &str, followers: usize) -> Figure {
    struct Line(usize, Vec<Row>);
    impl Visitor for Line {
        fn visit<P: Peer>(&mut self) {
            self.1.push(clones_of::<P>(self.0));
        }
    }
    let mut line = Line(followers, Vec::new());
    each(&mut line);
    let title = match followers {
        0 => "Clones of the value of a lone call".to_owned(),
        _ => format!("Clones of the value for a leader and {followers} followers on one thread"),
    };
    let limit = followers as f64;
    Figure::new(format!("clones-{which}"), title, "clones", line.1)
        .within(limit)
        .against("peer", None, is_peer)
}

fn clones_of<P: Peer>(followers: usize) -> Row {
    static EXECUTIONS: AtomicU64 = AtomicU64::new(0);
    OPEN.store(false, Ordering::Relaxed);
    EXECUTIONS.store(0, Ordering::Relaxed);
    let group = P::group::<u64, Sheep>();
    let work = || {
        poll_fn(|_| {
            if !OPEN.load(Ordering::Relaxed) {
                return Poll::Pending;
            }
            EXECUTIONS.fetch_add(1, Ordering::Relaxed);
            Poll::Ready(Sheep)
        })
    };
    let mut calls: Vec<Pin<Box<_>>> = (0..=followers)
        .map(|_| {
            Box::pin(async {
                let _: Sheep = P::call(&group, &7, work).await;
            })
        })
        .collect();
    assert!(!settle(&mut calls, 1), "the work is not done");
    let before = CLONES.load(Ordering::Relaxed);
    OPEN.store(true, Ordering::Relaxed);
    assert!(settle(&mut calls, followers + 10), "everybody is served");
    let clones = CLONES.load(Ordering::Relaxed) - before;
    let executions = EXECUTIONS.load(Ordering::Relaxed) as f64;
    let mut row = Row::counted(P::ABOUT, clones as f64);
    row.executions_per_call = Some(executions / (followers + 1) as f64);
    row
}
