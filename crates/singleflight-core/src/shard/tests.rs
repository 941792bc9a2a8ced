//! How a table grows and shrinks, which no caller sees.

use super::*;

/// A table with as many keys in it as asked for, and their ids.
fn filled(table: &mut Table<u64, ()>, count: u64) -> Vec<(u64, Id)> {
    let terms = Terms {
        group: 0,
        floor: NonZeroU64::MIN,
        horizon: NonZeroU64::MIN,
        most: u32::MAX,
    };
    let lead = |key: u64| {
        let hash = key.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        match table.lead(hash, &mut Some(key), &terms) {
            Entry::Leader(id) => (hash, id),
            _ => panic!("there is room"),
        }
    };
    (0..count).map(lead).collect()
}

#[test]
fn a_table_shrinks_when_it_is_nearly_empty_and_not_before() {
    Shard::new(false).with(|table| {
        let mut keys = filled(table, 1_000);
        let full = table.far.num_buckets();
        let mut shrunk_at = None;
        while let Some((hash, id)) = keys.pop() {
            assert!(table.land(hash, id).is_some());
            let (len, buckets) = (table.far.len(), table.far.num_buckets());
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
        assert_eq!(table.far.num_buckets(), 32, "those of a small table");
    });
}

#[test]
fn fixed_storage_stays() {
    Shard::new(true).with(|table| {
        drop(table.furnish(Storage::new(1_000)));
        let full = table.far.num_buckets();
        for (hash, id) in filled(table, 1_000) {
            assert!(table.land(hash, id).is_some());
        }
        assert_eq!((table.len(), table.far.num_buckets()), (0, full));
    });
}
