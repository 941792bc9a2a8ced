//! Batches that wait: a wake is for one key, and none is lost.

use std::sync::Arc;

use loom::future::block_on;
use loom::thread;
use singleflight_core::{Joined, Leader};

use crate::bench::{Bench, KEY, Shared};

fn leaders(bench: &Bench) -> [Leader<Shared>; 2] {
    [KEY, KEY + 1].map(|key| {
        let joined = singleflight_core::Group::join_owned(Arc::clone(&bench.group), key);
        match joined.expect("nothing is refused here") {
            Joined::Leader(leader) => leader,
            Joined::Follower(_) => panic!("a call that comes first leads"),
        }
    })
}

/// The numbers of the keys that the batch has loaded itself.
fn load(keys: Vec<u32>) -> std::future::Ready<Vec<(u32, u32)>> {
    thread::yield_now();
    std::future::ready(keys.into_iter().map(|key| (key, 100)).collect())
}

/// Two keys land one after the other while the batch looks at what was woken. It hears of both.
///
/// Seeded bug seen to fail here: `task-after-letters` (the second finds no task to wake, and the
/// batch sleeps for ever).
///
/// Holds P3.
#[test]
fn a_key_that_lands_while_its_batch_looks() {
    loom::model(|| {
        let bench = Bench::new();
        let [first, second] = leaders(&bench);
        let landing = thread::spawn(move || {
            assert!(first.complete(1).followers <= 1);
            assert!(second.complete(2).followers <= 1);
        });
        let answers = block_on(bench.group.run_many([KEY, KEY + 1], load));
        landing.join().unwrap();
        let values: Vec<_> = answers.into_all().expect("every key has a value");
        for (key, value) in values {
            // It came before the key had landed, or after, and then it has loaded it.
            let landed = key - KEY + 1;
            assert!(value == landed || value == 100, "{value} for {key}");
        }
        bench.assert_empty();
    });
}

/// A leader is lost, and the batch takes over while another key lands. It starts its work.
///
/// Seeded bug seen to fail here: `silent-pause` (it waits to be polled once more, and nobody is
/// left to wake it).
///
/// Holds P3.
#[test]
fn a_batch_takes_over_while_a_key_lands() {
    loom::model(|| {
        let bench = Bench::new();
        let [first, second] = leaders(&bench);
        let landing = thread::spawn(move || {
            assert!(second.complete(2).followers <= 1);
            drop(first);
        });
        let answers = block_on(bench.group.run_many([KEY, KEY + 1], load));
        landing.join().unwrap();
        assert_eq!(answers.len(), 2);
        bench.assert_empty();
    });
}
