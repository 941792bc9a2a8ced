//! What a builder is told, and what it takes where it is told nothing.

use std::cell::Cell;
use std::convert::Infallible;
use std::sync::Mutex;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_lite::future::block_on;
use singleflight_cache::{Builder, Entry, Found, Put, Store};

use crate::map::Map;

#[test]
fn a_builder_shows_its_settings() {
    let shown = format!("{:?}", Builder::new(Map::default()));
    assert!(
        shown.starts_with("Builder { settings: Settings { "),
        "{shown}"
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

/// A map that notes for how long it is to keep what is put.
#[derive(Default)]
struct Keeps {
    map: Map,
    times: Mutex<Vec<u128>>,
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
