//! What is counted and timed of values that get old.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use singleflight_cache::{Aside, Builder, Early, Look, Store as _};

use crate::bar::{Bar, bar};
use crate::contents::Counting;
use crate::moka_store::MokaStore;
use crate::quick_cache_store::QuickCacheStore;

pub(crate) async fn all(tell: &mut impl FnMut(Bar)) {
    over_moka().await.into_iter().for_each(&mut *tell);
    over_quick_cache().await.into_iter().for_each(&mut *tell);
    source_down().await.into_iter().for_each(&mut *tell);
    tell(spread());
    tell(wave().await);
}

const READS_EVERY: Duration = Duration::from_micros(100);

async fn until(due: Instant) {
    while Instant::now() < due {
        tokio::task::yield_now().await;
    }
}

/// Reads over one store. (A macro: code that is generic over a store does not know that its futures can be
/// sent.)
macro_rules! reads_while_refreshing {
    ($name:ident, $of:literal, $store:ty) => {
        /// Three seconds of ten thousand reads a second, of a value that is fresh for 100 ms and takes 20 ms
        /// to load.
        async fn $name() -> Vec<Bar> {
            let builder = Builder::new(<$store>::new(100))
                .look(Look::Both)
                .jitter(0.0);
            let builder = builder
                .fresh_for(Duration::from_millis(100))
                .stale_for(Duration::from_secs(10));
            let aside: Aside<$store, Infallible> = builder.build();
            let (loads, under_way) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
            let (mut calm, mut refreshing, mut seen) = (Vec::new(), Vec::new(), BTreeMap::new());
            let mut last_refresh = None;
            let start = Instant::now();
            for read in 0..30_000_u32 {
                until(start + READS_EVERY * read).await;
                let is_refreshing = under_way.load(Ordering::Relaxed) > 0;
                let (count, busy) = (Arc::clone(&loads), Arc::clone(&under_way));
                let load = async move || {
                    busy.fetch_add(1, Ordering::Relaxed);
                    let version = count.fetch_add(1, Ordering::Relaxed) as u64;
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    busy.fetch_sub(1, Ordering::Relaxed);
                    Ok(Some(version))
                };
                let before = Instant::now();
                let got = aside.get_with_age(&7, load).await.expect("it works");
                let took = before.elapsed();
                *seen.entry(got.value).or_insert(0) += 1;
                if let Some(refresh) = got.refresh {
                    last_refresh = Some(tokio::spawn(refresh.run()));
                } else if is_refreshing {
                    refreshing.push(took);
                } else if read > 0 {
                    calm.push(took);
                }
            }
            // The tail that the store has by itself, read as often.
            let (mut plain, start) = (Vec::new(), Instant::now());
            for read in 0..10_000_u32 {
                until(start + READS_EVERY * read).await;
                let before = Instant::now();
                std::hint::black_box(aside.store().get(&7).await.ok());
                plain.push(before.elapsed());
            }
            // What was loaded last is read as well.
            if let Some(refresh) = last_refresh {
                refresh.await.expect("it does not panic");
            }
            let found = aside.get_with_age(&7, async || unreachable!("it is there"));
            let last = found.await.expect("it works");
            *seen.entry(last.value).or_insert(0) += 1;
            let nanos = |mut times: Vec<Duration>, share: f64| {
                times.sort_unstable();
                times[((times.len() - 1) as f64 * share) as usize].as_nanos() as f64
            };
            let (hit, calm) = (nanos(calm.clone(), 0.5), nanos(calm, 0.99));
            let (get, plain) = (nanos(plain.clone(), 0.5), nanos(plain, 0.99));
            let reads = refreshing.len();
            let p99 = nanos(refreshing, 0.99);
            let mut waits = bar(
                concat!("reads while refreshing, over ", $of, ", p99 over a hit's p50"),
                (p99 - hit) / 1_000.0,
                5.0,
                "us",
            );
            waits.beside = format!(
                "{reads} reads while refreshing, p99 {p99:.0} ns; others p50 {hit:.0} ns, p99 {calm:.0} ns; \
                 the store's own get p50 {get:.0} ns, p99 {plain:.0} ns"
            );
            let loads = loads.load(Ordering::Relaxed) as f64;
            let cycles = seen.len() as f64;
            let mut each = bar(
                concat!("loads for each key and cycle, over ", $of, ", 10,000 reads/s"),
                loads / cycles,
                1.0,
                "loads",
            );
            each.beside = format!("{loads} loads, {cycles} values seen");
            vec![waits, each]
        }
    };
}

reads_while_refreshing!(over_moka, "moka", MokaStore<u64, u64>);
reads_while_refreshing!(over_quick_cache, "quick_cache", QuickCacheStore<u64, u64>);

static CLOCK: AtomicU64 = AtomicU64::new(0);

fn clock() -> u64 {
    CLOCK.load(Ordering::Relaxed)
}

/// A minute of a hundred reads a second, within the stale limit, while every load fails.
async fn source_down() -> Vec<Bar> {
    CLOCK.store(1_000_000, Ordering::Relaxed);
    let second = Duration::from_secs(1);
    let builder = Builder::with_clock(Counting::default(), clock, 7).jitter(0.0);
    let aside: Aside<_, &str> = builder
        .fresh_for(60 * second)
        .stale_for(600 * second)
        .build();
    aside.get(&7, async || Ok(Some(7))).await.expect("it works");
    CLOCK.fetch_add(60_000, Ordering::Relaxed);
    let (attempts, mut errors) = (Cell::new(0), 0);
    for _ in 0..6_000 {
        let load = async || {
            attempts.set(attempts.get() + 1);
            Err("down")
        };
        errors += u32::from(aside.get(&7, load).await.is_err());
        CLOCK.fetch_add(10, Ordering::Relaxed);
    }
    let attempts = f64::from(attempts.get());
    vec![
        bar(
            "errors, source down for a minute within the stale limit",
            errors.into(),
            0.0,
            "errors",
        ),
        bar("attempts for a key meanwhile", attempts, 7.0, "loads"),
    ]
}

/// When 10,000 entries expire that were put at once, with jitter of a tenth: how much of its share
/// the fullest hundredth holds.
fn spread() -> Bar {
    let expiries = expiries(0.1, 600_000, 1.0, 10_000);
    let bucket = 600.0;
    let mut buckets = BTreeMap::new();
    for expiry in expiries {
        *buckets.entry((expiry / bucket) as u64).or_insert(0_u32) += 1;
    }
    let fullest = buckets.values().max().copied().unwrap_or_default();
    let even = 10_000.0 * bucket / 60_000.0;
    let share = f64::from(fullest) / even;
    bar(
        "fullest hundredth of 10,000 expiries, in even shares",
        share,
        2.0,
        "shares",
    )
}

/// When entries with these ids expire: seen by asking the aside.
fn expiries(jitter: f64, fresh: u64, share: f64, entries: u64) -> Vec<f64> {
    let run = || {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let runtime = runtime.expect("it can be made");
        runtime.block_on(ask(jitter, fresh, share, entries))
    };
    // A thread of its own: no runtime is made or dropped within another.
    std::thread::scope(|scope| scope.spawn(run).join().expect("it does not panic"))
}

/// Puts entries at once, and asks for each at many times until it is loaded again or due.
async fn ask(jitter: f64, fresh: u64, share: f64, entries: u64) -> Vec<f64> {
    CLOCK.store(1_000_000, Ordering::Relaxed);
    let builder = Builder::with_clock(Counting::default(), clock, 11).jitter(jitter);
    let builder = builder
        .fresh_for(Duration::from_millis(fresh))
        .early(Early::Share(share));
    let aside: Aside<_, Infallible> = builder.look(Look::Both).build();
    for key in 0..entries {
        aside
            .get(&key, async || Ok(Some(key)))
            .await
            .expect("it works");
    }
    let mut waiting: Vec<u64> = (0..entries).collect();
    let mut expiries = Vec::new();
    let step = 200;
    for age in (fresh / 2..=fresh).step_by(step) {
        CLOCK.store(1_000_000 + age, Ordering::Relaxed);
        let mut later = Vec::new();
        for key in waiting {
            let is_loaded = Cell::new(false);
            let load = async || {
                is_loaded.set(true);
                Ok(Some(key))
            };
            let got = aside.get_with_age(&key, load).await.expect("it works");
            let is_due = got.refresh.is_some();
            drop(got);
            if is_loaded.get() || is_due {
                expiries.push(age as f64)
            } else {
                later.push(key)
            }
        }
        waiting = later;
    }
    expiries
}

/// 10,000 keys that were loaded at once and are read all the time: how many loads begin within the
/// fullest second, of those without jitter and early refreshes, where it is all of them.
async fn wave() -> Bar {
    let expiries = tokio::task::spawn_blocking(|| expiries(0.1, 600_000, 0.8, 10_000));
    let mut seconds = BTreeMap::new();
    for expiry in expiries.await.expect("it does not panic") {
        *seconds.entry((expiry / 1_000.0) as u64).or_insert(0_u32) += 1;
    }
    let fullest = seconds.values().max().copied().unwrap_or_default();
    let share = f64::from(fullest) / 10_000.0;
    bar(
        "loads in the fullest second of 10,000, jitter and Share(0.8)",
        share,
        0.1,
        "of all",
    )
}
