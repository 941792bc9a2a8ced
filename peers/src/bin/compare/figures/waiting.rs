//! What a waiting async follower holds: its future, and what is on the heap because of it.

use std::future::Future;
use std::hint::black_box;
use std::pin::Pin;

use singleflight_benches::counting;
use singleflight_benches::hand::poll;
use singleflight_peers::{Maker, Peer, Visitor, each};

use crate::allocator::ALLOCATOR;
use crate::contest::Row;
use crate::figure::Figure;
use crate::options::Options;

/// Enough that what the first follower makes for all is nothing beside them.
const FOLLOWERS: usize = 10_000;

pub(crate) fn measure(_: &Options) -> Vec<Figure> {
    vec![holding::<0>(), holding::<256>()]
}

/// With works of so many bytes.
fn holding<const WORK: usize>() -> Figure {
    struct Line<const WORK: usize>(Vec<Row>);
    impl<const WORK: usize> Visitor for Line<WORK> {
        fn visit<P: Peer>(&mut self) {
            self.0.push(row::<P, WORK>());
        }
    }
    let mut line = Line::<WORK>(Vec::new());
    each(&mut line);
    Figure::new(
        format!("bytes-per-follower-{WORK}"),
        format!("Bytes per waiting async follower, future and heap, work of {WORK} bytes"),
        "B",
        line.0,
    )
    .against("but-uniflight", 0.9, |row| {
        row.maker == Maker::Crate && row.name != "uniflight"
    })
    .against("uniflight", None, |row| row.name == "uniflight")
}

fn row<P: Peer, const WORK: usize>() -> Row {
    let group = P::group::<u64, u64>();
    let work = || {
        let bytes = black_box([7_u8; WORK]);
        move || async move {
            std::future::pending::<()>().await;
            black_box(bytes).len() as u64
        }
    };
    let make = || -> Pin<Box<dyn Future<Output = u64>>> {
        let mut call = Box::pin(P::call(&group, &7, work()));
        assert!(poll(call.as_mut()).is_pending(), "the work never ends");
        call
    };
    let size = {
        let call = P::call(&group, &7, work());
        size_of_val(&call)
    };
    let leader = make();
    let first = make();
    let mut calls = Vec::with_capacity(FOLLOWERS);
    ALLOCATOR.count(true);
    let before = counting::live();
    calls.extend((0..FOLLOWERS).map(|_| make()));
    let bytes = counting::live().wrapping_sub(before);
    ALLOCATOR.count(false);
    drop((calls, first, leader));
    let mut row = Row::counted(P::ABOUT, bytes as f64 / FOLLOWERS as f64);
    row.note = format!("the future is {size} B");
    row
}
