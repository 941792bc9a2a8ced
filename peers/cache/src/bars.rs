//! What is counted and timed of single gets, crowds and invalidations.

use std::convert::Infallible;
use std::future::Future;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use singleflight_cache::{Aside, Builder, Look, Store};
use tokio::task::{JoinSet, yield_now};

use crate::bar::{Bar, bar};
use crate::contents::Counting;
use crate::moka_store::MokaStore;
#[cfg(feature = "all")]
use crate::peers::Foyer;
use crate::peers::{Moka, Ours, Peer};

pub(crate) async fn all(tell: &mut impl FnMut(Bar)) {
    tell(hit().await);
    operations().await.into_iter().for_each(&mut *tell);
    tell(crowd().await);
    tell(down().await);
    tell(stale().await);
}

/// So few that most rounds are over before the machine turns to somebody else.
const HITS: usize = 500;
const ROUNDS: usize = 2_001;

/// How long it takes, in nanoseconds for each hit.
async fn timed(hits: impl Future<Output = ()>) -> f64 {
    let start = Instant::now();
    hits.await;
    start.elapsed().as_nanos() as f64 / HITS as f64
}

/// Gets of the aside, or of another cache, that find a value.
async fn hits<P: Peer>(peer: &P, hits: usize) {
    for _ in 0..hits {
        let load = || async { unreachable!("it is there") };
        black_box(peer.get(black_box(7), load).await);
    }
}

/// Gets of the store that is below the aside.
async fn gets(ours: &Ours, gets: usize) {
    for _ in 0..gets {
        black_box(ours.0.store().get(&black_box(7)).await.ok());
    }
}

/// Only reads of one kind, of the aside or of its store, to count instructions.
pub(crate) async fn only(of: &str, times: usize) {
    let builder = Builder::new(MokaStore::new(10_000)).look(Look::Both);
    let builder = match of.strip_prefix("stale-") {
        Some(_) => builder
            .fresh_for(Duration::ZERO)
            .stale_for(Duration::from_secs(3_600)),
        None => builder,
    };
    let ours = Ours(builder.build());
    ours.get(7, async || 7).await;
    let load = || async || unreachable!("it is there");
    // Of a stale value somebody else has the duty.
    let duty = ours.0.get_with_age(&7, load()).await;
    match of {
        "store" => gets(&ours, times).await,
        "get" | "stale-get" => hits(&ours, times).await,
        "aged" | "stale-aged" => {
            for _ in 0..times {
                black_box(ours.0.get_with_age(&black_box(7), load()).await.ok());
            }
        }
        _ => panic!("store, get, aged, stale-get or stale-aged"),
    }
    drop(duty);
}

/// The median of the rounds.
async fn time<P: Peer>(peer: &P) -> f64 {
    peer.get(7, async || 7).await;
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        rounds.push(timed(hits(peer, HITS)).await);
    }
    median(rounds)
}

fn median(mut rounds: Vec<f64>) -> f64 {
    rounds.sort_by(f64::total_cmp);
    rounds[rounds.len() / 2]
}

/// What a hit costs over the get of the same moka, which has to be made in any case. Both take turns,
/// so that a busy machine is busy for both; each round gives one difference.
async fn hit() -> Bar {
    let ours = Ours::new();
    ours.get(7, async || 7).await;
    let (mut plain, mut whole, mut over) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let get = timed(gets(&ours, HITS)).await;
        let hit = timed(hits(&ours, HITS)).await;
        plain.push(get);
        whole.push(hit);
        over.push(hit - get);
    }
    let what = "hit through moka, over moka's own get";
    let mut bar = bar(what, median(over), 60.0, "ns");
    bar.beside = format!(
        "moka's get {:.0} ns, ours {:.0}, moka's try_get_with {:.0}",
        median(plain),
        median(whole),
        time(&Moka::new()).await
    );
    #[cfg(feature = "all")]
    {
        bar.beside += &format!(", foyer's get_or_fetch {:.0}", time(&Foyer::new()).await);
    }
    bar
}

async fn operations() -> Vec<Bar> {
    let mut bars = Vec::new();
    for (look, what, most) in [
        (
            Look::Inside,
            [
                "miss, looking inside",
                "hit, looking inside",
                "absent, looking inside",
            ],
            2.0,
        ),
        (
            Look::Both,
            [
                "miss, looking twice",
                "hit, looking twice",
                "absent, looking twice",
            ],
            3.0,
        ),
    ] {
        let aside: Aside<_, Infallible> = Builder::new(Counting::default()).look(look).build();
        let mut taken = Vec::new();
        for (key, value) in [(1, Some(1)), (1, Some(1)), (2, None), (2, None)] {
            aside.get(&key, async || Ok(value)).await.expect("it works");
            taken.push(aside.store().taken() as f64);
        }
        for (what, (value, most)) in
            what.into_iter()
                .zip([(taken[0], most), (taken[1], 1.0), (taken[3], 1.0)])
        {
            bars.push(bar(what, value, most, "ops"));
        }
    }
    bars
}

#[cfg(feature = "all")]
static CACHED_LOADS: AtomicUsize = AtomicUsize::new(0);

#[cfg(feature = "all")]
#[cached::macros::cached(max_size = 100, sync_writes = "by_key")]
async fn by_cached(key: u64) -> u64 {
    CACHED_LOADS.fetch_add(1, Ordering::Relaxed);
    work().await;
    key
}

async fn work() {
    for _ in 0..50 {
        yield_now().await;
    }
}

/// How often a thousand callers load a cold key.
async fn loads<P: Peer>() -> usize {
    let (peer, loads) = (P::new(), Arc::new(AtomicUsize::new(0)));
    let mut callers = JoinSet::new();
    for _ in 0..1_000 {
        let (peer, loads) = (peer.clone(), Arc::clone(&loads));
        callers.spawn(async move {
            let load = move || async move {
                loads.fetch_add(1, Ordering::Relaxed);
                work().await;
                7
            };
            peer.get(7, load).await
        });
    }
    assert!(callers.join_all().await.into_iter().all(|value| value == 7));
    loads.load(Ordering::Relaxed)
}

async fn crowd() -> Bar {
    let what = "loads for 1,000 callers of a cold key";
    let mut bar = bar(what, loads::<Ours>().await as f64, 1.0, "loads");
    bar.beside = format!("moka {}", loads::<Moka>().await);
    #[cfg(feature = "all")]
    {
        let mut callers = JoinSet::new();
        for _ in 0..1_000 {
            callers.spawn(by_cached(7));
        }
        callers.join_all().await;
        let cached = CACHED_LOADS.load(Ordering::Relaxed);
        bar.beside += &format!(", foyer {}, cached {cached}", loads::<Foyer>().await);
    }
    bar
}

async fn down() -> Bar {
    let store = Counting::default();
    store.is_down.store(true, Ordering::Relaxed);
    let aside: Aside<_, Infallible> = Builder::new(store).build();
    let loads = Arc::new(AtomicUsize::new(0));
    let mut callers = JoinSet::new();
    for _ in 0..1_000 {
        let (aside, loads) = (aside.clone(), Arc::clone(&loads));
        callers.spawn(async move {
            let load = async || {
                loads.fetch_add(1, Ordering::Relaxed);
                Ok(Some(7))
            };
            aside.get(&7, load).await.is_err()
        });
    }
    assert!(callers.join_all().await.into_iter().all(|failed| failed));
    let loads = loads.load(Ordering::Relaxed) as f64;
    bar(
        "loads for 1,000 callers with the store down",
        loads,
        0.0,
        "loads",
    )
}

const KEYS: u64 = 16;

/// A million operations of eight tasks on sixteen keys; how many reads saw a value of before an
/// invalidation that had returned before they began.
async fn stale_reads<P: Peer>() -> (usize, usize) {
    let peer = P::new();
    let counters = || Arc::new((0..KEYS).map(|_| AtomicU64::new(0)).collect::<Vec<_>>());
    let (database, invalidated) = (counters(), counters());
    let mut tasks = JoinSet::new();
    for seed in 0..8 {
        let (peer, database, invalidated) = (
            peer.clone(),
            Arc::clone(&database),
            Arc::clone(&invalidated),
        );
        tasks.spawn(async move {
            let mut random = fastrand::Rng::with_seed(seed);
            let (mut reads, mut stale) = (0, 0);
            for _ in 0..125_000 {
                let key = random.u64(..KEYS);
                let at = key as usize;
                if random.u8(..) < 26 {
                    let version = database[at].fetch_add(1, Ordering::SeqCst) + 1;
                    peer.invalidate(key).await;
                    invalidated[at].fetch_max(version, Ordering::SeqCst);
                    continue;
                }
                let least = invalidated[at].load(Ordering::SeqCst);
                let (rows, yields) = (Arc::clone(&database), random.u8(..4));
                let load = move || async move {
                    let version = rows[at].load(Ordering::SeqCst);
                    for _ in 0..yields {
                        yield_now().await;
                    }
                    version
                };
                reads += 1;
                stale += usize::from(peer.get(key, load).await < least);
                if random.u8(..) < 64 {
                    yield_now().await;
                }
            }
            (reads, stale)
        });
    }
    let each = tasks.join_all().await;
    each.into_iter()
        .fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1))
}

/// How many reads of a peer were stale. moka was seen to come to a standstill here.
async fn of_peer<P: Peer>() -> String {
    let reads = tokio::time::timeout(Duration::from_secs(60), stale_reads::<P>());
    reads.await.map_or_else(
        |_| "still waiting after a minute".to_owned(),
        |(_, stale)| stale.to_string(),
    )
}

async fn stale() -> Bar {
    let (reads, ours) = stale_reads::<Ours>().await;
    let what = "stale reads in 1,000,000 operations with invalidations";
    let mut bar = bar(what, ours as f64, 0.0, "reads");
    bar.beside = format!("{reads} reads; moka {}", of_peer::<Moka>().await);
    #[cfg(feature = "all")]
    {
        bar.beside += &format!(", foyer {}", of_peer::<Foyer>().await);
    }
    bar
}
