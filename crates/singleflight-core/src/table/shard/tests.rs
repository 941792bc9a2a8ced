//! How a table grows and shrinks, which no caller sees.

use alloc::vec::Vec;

use super::*;

/// A table with as many keys in it as asked for, and the ids of those that were not there.
fn filled(table: &mut Table<u64, ()>, count: u64) -> Vec<FlightId> {
    let limits = JoinLimits {
        group: 0,
        first_new_id: NonZeroU64::MIN,
        oldest_joinable: NonZeroU64::MIN,
        max_followers: u32::MAX,
    };
    let lead = |key: u64| {
        let hash = key.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        match table.enter(hash, &mut Some(key), &limits) {
            Entry::Leader(id) => Some(id),
            Entry::Follower(..) => None,
            _ => panic!("there is room"),
        }
    };
    (0..count).filter_map(lead).collect()
}

#[test]
fn a_table_shrinks_when_it_is_nearly_empty_and_not_before() {
    Shard::new(false).with(|table| {
        let mut keys = filled(table, 1_000);
        let full = table.spilled.num_buckets();
        let mut shrunk_at = None;
        while let Some(id) = keys.pop() {
            assert!(table.land(id).is_some());
            let (len, buckets) = (table.spilled.len(), table.spilled.num_buckets());
            if shrunk_at.is_none() && buckets != full {
                shrunk_at = Some(len);
                assert!((2 * len..8 * len).contains(&buckets), "{buckets} for {len}");
            }
        }
        let shrunk_at = shrunk_at.expect("it shrinks before it is empty");
        assert!(
            (full / 16..=full / 8).contains(&shrunk_at),
            "at {shrunk_at} of {full}"
        );
        assert_eq!(table.spilled.num_buckets(), 32, "those of a small table");
    });
}

/// P7: a table without room grows for who leads, not for who joins.
#[test]
fn a_follower_does_not_make_a_full_table_grow() {
    Shard::new(false).with(|table| {
        let mut keys = 0;
        while table.spilled.is_empty() || table.spilled.len() < table.spilled.capacity() {
            keys += 1;
            filled(table, keys);
        }
        let full = table.spilled.num_buckets();
        assert!(filled(table, keys).is_empty(), "all follow");
        assert_eq!(table.spilled.num_buckets(), full);
    });
}

#[test]
fn fixed_storage_stays() {
    Shard::new(true).with(|table| {
        drop(table.install(Storage::new(1_000)));
        let full = table.spilled.num_buckets();
        for id in filled(table, 1_000) {
            assert!(table.land(id).is_some());
        }
        assert_eq!((table.len(), table.spilled.num_buckets()), (0, full));
    });
}

#[test]
#[cfg(all(feature = "std", target_pointer_width = "64", not(any(loom, shuttle))))]
fn what_a_lone_call_writes_is_one_line_of_cache() {
    const LINE: usize = 64;
    let shard: Shard<u64, u64> = Shard::new(false);
    let line = (&raw const shard).addr();
    assert_eq!(line % LINE, 0);
    shard.with(|table| {
        let end = |field: usize, size: usize| field - line + size;
        let next = end((&raw const table.next).addr(), size_of::<Id>());
        let started = end((&raw const table.started).addr(), size_of::<u64>());
        let first = (&raw const table.inline[0]).addr();
        let first = end(first, size_of::<Option<Slot<u64, u64>>>());
        assert!(
            next.max(started).max(first) <= LINE,
            "{next} {started} {first}"
        );
        assert_eq!(
            end((&raw const *table).addr(), 0),
            8,
            "the lock is before the table"
        );
    });
}
