//! What a builder is told, and what it takes where it is told nothing.

use std::cell::Cell;
use std::convert::Infallible;
use std::sync::Mutex;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_lite::future::block_on;
use singleflight_cache::{Builder, Entry, Flights, Found, Landing, Lease, Put, Store};
use singleflight_core::CallError;

use crate::map::Map;

#[test]
fn what_is_shown_of_an_aside() {
    let builder = Builder::new(Map::default()).fresh_for(Duration::ZERO);
    let shown = format!("{builder:?}");
    assert!(
        shown.starts_with("Builder { settings: Settings { "),
        "{shown}"
    );
    let aside = builder.stale_for(Duration::from_secs(60)).build();
    let shown = format!("{aside:?}");
    assert!(
        shown.starts_with("Aside { settings: Settings { "),
        "{shown}"
    );
    assert!(shown.contains("stats: Stats { hits: 0, "), "{shown}");
    let load = async || Ok::<_, Infallible>(Some(String::new()));
    assert!(block_on(aside.get(&1, load)).is_ok());
    let due = block_on(aside.get_with_age(&1, load)).map(|got| got.refresh);
    let due = due.ok().flatten().expect("nothing is fresh here");
    assert_eq!(format!("{due:?}"), "Refresh { .. }");
    let put = Put::<u64>::new(Duration::from_secs(60), None);
    assert_eq!(
        format!("{put:?}"),
        "Put { keep: 60s, expect: None, lease: Lease(None), .. }"
    );
}

/// Where no clock is given, dates are of the system's.
#[test]
fn entries_are_dated_since_1970() {
    let now = || {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .expect("it is later")
    };
    let aside = Builder::new(Map::default()).build::<Infallible>();
    let from = now();
    let value = block_on(aside.get(&1, async || Ok(Some("made".to_owned()))));
    assert!(value.is_ok_and(|value| value.is_some()));
    let Ok(Found::Entry(entry)) = block_on(aside.store().get(&1)) else {
        panic!("it was put");
    };
    let made = Duration::from_millis(entry.made);
    assert!(made + Duration::from_millis(1) > from && made <= now());
}

/// Each entry's time is shortened by a share of its own.
#[test]
fn a_jitter_spreads_expiries_over_its_share_of_the_time() {
    const KEYS: usize = 500;

    thread_local!(static NOW: Cell<u64> = const { Cell::new(0) });

    let aside = Builder::with_clock(Map::default(), || NOW.get(), 7)
        .fresh_for(Duration::from_secs(1))
        .stale_for(Duration::ZERO)
        .jitter(0.5)
        .build::<Infallible>();
    let loads_at = |now| {
        NOW.set(now);
        let before = aside.stats().loads;
        for key in 0..KEYS as u64 {
            let value = block_on(aside.get(&key, async || Ok(Some(String::new()))));
            assert!(value.is_ok());
        }
        aside.stats().loads - before
    };
    assert_eq!(loads_at(0), KEYS);
    assert_eq!(loads_at(499), 0);
    let early = loads_at(750);
    assert!((KEYS / 3..=KEYS * 2 / 3).contains(&early), "{early}");
}

/// A map that notes for how long it is to keep what is put, and by what right.
#[derive(Default)]
struct Keeps {
    map: Map,
    times: Mutex<Vec<u128>>,
    leases: Mutex<Vec<Lease>>,
}

impl Store for Keeps {
    type Key = u64;
    type Value = String;
    type Error = Infallible;

    async fn get(&self, key: &u64) -> Result<Found<String>, Infallible> {
        self.map.get(key).await
    }

    async fn put(
        &self,
        key: &u64,
        entry: &Entry<String>,
        how: Put<u64>,
    ) -> Result<bool, Infallible> {
        let time = how.keep.as_millis();
        self.times.lock().expect("nobody panics with it").push(time);
        let lease = how.lease;
        self.leases
            .lock()
            .expect("nobody panics with it")
            .push(lease);
        self.map.put(key, entry, how).await
    }

    async fn remove(&self, key: &u64) -> Result<(), Infallible> {
        self.map.remove(key).await
    }
}

/// As long as it can be of any use, from the end of its load; what cannot is not put.
#[test]
fn a_store_is_told_how_long_to_keep_an_entry() {
    thread_local!(static NOW: Cell<u64> = const { Cell::new(0) });

    let builder = || {
        Builder::with_clock(Keeps::default(), || NOW.get(), 7)
            .fresh_for(Duration::from_secs(1))
            .stale_for(Duration::from_secs(2))
            .stale_if_error(Duration::from_secs(5))
            .absent_for(Duration::from_millis(500))
            .jitter(0.0)
    };
    let keeps = |builder: Builder<Keeps>, takes, value: Option<&str>| {
        let aside = builder.build::<Infallible>();
        let load = async || {
            NOW.set(NOW.get() + takes);
            Ok(value.map(str::to_owned))
        };
        assert!(block_on(aside.get(&1, load)).is_ok());
        let times = aside.store().times.lock().expect("nobody panics with it");
        times.clone()
    };
    assert_eq!(keeps(builder(), 0, Some("here")), [6_000]);
    assert_eq!(keeps(builder(), 700, Some("slow")), [6_000]);
    assert_eq!(keeps(builder(), 0, None), [500]);
    let none = builder().absent_for(Duration::ZERO);
    assert!(keeps(none, 0, None).is_empty());
}

/// Each load is a flight with a lease.
struct Leased;

impl Flights<Keeps, Infallible> for Leased {
    type Error = CallError;

    async fn run(
        &self,
        _: &u64,
        work: impl Future<Output = Landing<Keeps, Infallible>>,
    ) -> Result<Landing<Keeps, Infallible>, CallError> {
        Ok(work.await)
    }

    async fn try_lead(
        &self,
        key: &u64,
        work: impl Future<Output = Landing<Keeps, Infallible>>,
    ) -> Option<Result<Landing<Keeps, Infallible>, CallError>> {
        Some(self.run(key, work).await)
    }

    fn lease(&self, key: &u64) -> Lease {
        Lease(Some(u128::from(*key) + 100))
    }

    async fn forget(&self, _: &u64) -> Result<(), CallError> {
        Ok(())
    }

    async fn forget_all(&self) -> Result<(), CallError> {
        Ok(())
    }
}

#[test]
fn a_store_is_told_the_lease_of_the_load_it_puts() {
    let aside = Builder::new(Keeps::default()).build_over(Leased);
    let load =
        async |keys: Vec<u64>| Ok(keys.into_iter().map(|key| (key, String::new())).collect());
    let all = block_on(aside.get_many([1, 2], load));
    assert!(all.iter().all(|(_, value)| value.is_ok()));
    let mut leases = aside.store().leases.lock().expect("nobody panics with it");
    leases.sort_by_key(|lease| lease.0);
    assert_eq!(*leases, [Lease(Some(101)), Lease(Some(102))]);
}
