//! What keys in flight take, and what stays when they have ended.

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use singleflight_benches::counting;
use singleflight_benches::floor::Floor;
use singleflight_benches::hand::settle;
use singleflight_core::Group;
use singleflight_peers::{Maker, Ours, Peer, Visitor, each_other};

use crate::allocator::ALLOCATOR;
use crate::contest::Row;
use crate::figure::Figure;
use crate::options::Options;

const MANY: u64 = 1_000_000;

/// The most that may stay after a burst.
const LIMIT: f64 = 65_536.0;

pub(crate) fn measure(options: &Options) -> Vec<Figure> {
    ALLOCATOR.count(true);
    let figures = vec![slot(), per_key(), burst(options)];
    ALLOCATOR.count(false);
    figures
}

/// Returns the bytes that stay taken when `keys` have been put somewhere, one by one. What the
/// keys themselves are held by is made before.
fn bytes<T>(keys: u64, mut put: impl FnMut(u64) -> T) -> usize {
    let mut held = Vec::with_capacity(usize::try_from(keys).expect("memory holds them"));
    let before = counting::live();
    held.extend((0..keys).map(&mut put));
    counting::live().wrapping_sub(before)
}

/// The slot itself, from the size of a table with a known number of slots: a table takes, for
/// each slot it has room for, the slot and a byte of its index.
fn slot() -> Figure {
    const ROOM: u64 = 1 << 20;
    // A table is as full as it may be at seven eighths.
    const KEYS: u64 = ROOM / 8 * 7;
    let group: Group<u64, u64> = Group::builder().shards(1).build();
    let ours = bytes(KEYS, |key| group.join(key)) as f64 / ROOM as f64 - 1.0;
    let floor = Floor::new();
    let bare = bytes(KEYS, |key| floor.insert(key)) as f64 / ROOM as f64 - 1.0;
    let rows = vec![
        Row::counted(Ours::ABOUT, ours.round()),
        Row::plain("a slot of 40 bytes", Maker::Floor, bare.round()),
    ];
    Figure::new("slot", "Bytes of the table slot of a u64 key", "B", rows)
        .within(40.0)
        .against_floor(1.0)
}

fn per_key() -> Figure {
    let (group, floor): (Group<u64, u64>, _) = (Ours::group(), Floor::new());
    let ours = bytes(MANY, |key| group.join(key)) as f64 / MANY as f64;
    let bare = bytes(MANY, |key| floor.insert(key)) as f64 / MANY as f64;
    let rows = vec![
        Row::counted(Ours::ABOUT, ours),
        Row::plain("a table of 40-byte slots", Maker::Floor, bare),
    ];
    let title = format!("Bytes per key in flight without followers, at {MANY} keys");
    Figure::new("bytes-per-key", title, "B", rows).against_floor(1.05)
}

/// Calls for very many keys, all in flight at once, and then all done.
fn burst(options: &Options) -> Figure {
    struct Line(Vec<Row>);
    impl Visitor for Line {
        fn visit<P: Peer>(&mut self) {
            self.0.push(burst_of::<P>());
        }
    }
    let mut line = Line(Vec::new());
    line.visit::<Ours>();
    // The peers need up to 1.6 GB.
    if !options.quick {
        each_other(&mut line);
    }
    let title = format!("Bytes that stay after a burst of {MANY} keys has ended");
    Figure::new("burst", title, "B", line.0).within(LIMIT)
}

fn burst_of<P: Peer>() -> Row {
    static OPEN: AtomicBool = AtomicBool::new(false);
    OPEN.store(false, Ordering::Relaxed);
    let keys: Vec<_> = (0..MANY).collect();
    let group = P::group::<u64, u64>();
    let work = || {
        poll_fn(|_| {
            if OPEN.load(Ordering::Relaxed) {
                Poll::Ready(7)
            } else {
                Poll::Pending
            }
        })
    };
    let before = counting::live();
    let mut calls: Vec<_> = keys
        .iter()
        .map(|key| Box::pin(P::call(&group, key, work)))
        .collect();
    assert!(!settle(&mut calls, 1), "no work is done");
    let most = counting::live().wrapping_sub(before);
    OPEN.store(true, Ordering::Relaxed);
    assert!(settle(&mut calls, 2), "every work is done");
    drop(calls);
    let stays = counting::live().wrapping_sub(before);
    let mut row = Row::counted(P::ABOUT, stays as f64);
    row.note = format!("{} MB at its height", most / 1_000_000);
    row
}
