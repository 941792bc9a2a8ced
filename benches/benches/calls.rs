//! What calls cost beside the floor, a locked table: times of this machine, good for ratios
//! within one run only.
//!
//! `cargo bench -p singleflight-benches`

use divan::{Bencher, black_box};
use singleflight_benches::floor::Floor;
use singleflight_benches::hand::{poll, ready};
use singleflight_core::{CallResult, Group, Joined};

fn main() {
    divan::main();
}

/// The floor: insert, unlock, work, lock, remove.
#[divan::bench(sample_size = 1000)]
fn floor(bencher: Bencher<'_, '_>) {
    let floor = Floor::new();
    bencher.bench_local(|| floor.call(black_box(7), || black_box(8)));
}

#[divan::bench(sample_size = 1000)]
fn lone_blocking(bencher: Bencher<'_, '_>) {
    let group: singleflight_std::Group<u64, u64> = singleflight_std::Group::new();
    bencher.bench_local(|| group.run(black_box(7), || black_box(8)));
}

#[divan::bench(sample_size = 1000)]
fn lone_async(bencher: Bencher<'_, '_>) {
    let group: Group<u64, u64> = Group::new();
    bencher.bench_local(|| ready(group.run(black_box(7), async || black_box(8))));
}

#[divan::bench(sample_size = 1000)]
fn lone_async_str_key(bencher: Bencher<'_, '_>) {
    let group: Group<String, u64> = Group::new();
    bencher.bench_local(|| ready(group.run(black_box("a key"), async || black_box(8))));
}

/// One leader and so many followers, polled by hand: joining, landing, being served. One
/// execution.
#[divan::bench(args = [1, 100, 10_000])]
fn fan_out(bencher: Bencher<'_, '_>, followers: usize) {
    let group: Group<u64, u64> = Group::new();
    bencher.bench_local(|| {
        let Ok(Joined::Leader(leader)) = group.join(7) else {
            panic!("the first call leads");
        };
        let mut calls: Vec<_> = (0..followers)
            .map(|_| Box::pin(group.run(7, async || panic!("it follows"))))
            .collect();
        for call in &mut calls {
            assert!(poll(call.as_mut()).is_pending());
        }
        assert_eq!(leader.complete(black_box(8)).followers, followers);
        calls.into_iter().map(ready).sum::<CallResult<u64>>()
    });
}

/// A leader lost with so many followers: one re-execution. All are woken, and polled twice: at the
/// first poll one claims, at the second it leads and lands, and the others are served.
#[divan::bench(args = [1, 100, 10_000])]
fn hand_over(bencher: Bencher<'_, '_>, followers: usize) {
    let group: Group<u64, u64> = Group::new();
    bencher.bench_local(|| {
        let leader = group.join(7);
        let mut calls: Vec<_> = (0..followers)
            .map(|_| Box::pin(group.run(7, async || black_box(8))))
            .collect();
        for call in &mut calls {
            assert!(poll(call.as_mut()).is_pending());
        }
        drop(leader);
        for call in &mut calls {
            assert!(poll(call.as_mut()).is_pending());
        }
        calls.into_iter().map(ready).sum::<CallResult<u64>>()
    });
}
