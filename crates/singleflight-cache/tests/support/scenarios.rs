//! What an aside promises over any store. Each is a function of a store that is empty; the store's
//! own test calls them all.
//!
//! They run on one thread: events are ordered by gates, and time by a clock that only they move.

use std::cell::{Cell, RefCell};
use std::fmt::Debug;
use std::future::Future;
use std::rc::Rc;
use std::time::Duration;

use singleflight_cache::{
    Aside, Builder, Early, Entry, EntryId, Error, Freshness, Held, Look, Put, Refreshed, RemoveAll,
    Store,
};
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, LocalSet, spawn_local, yield_now};

const KEY: u64 = 7;

thread_local! {
    static CLOCK: Cell<u64> = const { Cell::new(0) };
}

/// The stores that the scenarios run over.
pub(crate) trait Any:
    Store<Key = u64, Value = String, Error: Debug> + RemoveAll + 'static
{
}

impl<S: Store<Key = u64, Value = String, Error: Debug> + RemoveAll + 'static> Any for S {}

type Cache<S> = Aside<S, String>;

/// The database: its one value, how often it was read, and a gate in front of it.
struct Database {
    value: RefCell<Result<Option<String>, String>>,
    loads: Cell<usize>,
    gate: Semaphore,
    waiting: Cell<usize>,
}

impl Database {
    fn open() -> Rc<Self> {
        let database = Self::closed();
        database.gate.add_permits(100_000);
        database
    }

    /// Each load waits until it is let through.
    fn closed() -> Rc<Self> {
        Rc::new(Self {
            value: RefCell::new(Ok(Some("old".to_owned()))),
            loads: Cell::new(0),
            gate: Semaphore::new(0),
            waiting: Cell::new(0),
        })
    }

    fn set(&self, value: Result<Option<&str>, &str>) {
        let value = value.map(|value| value.map(str::to_owned));
        *self.value.borrow_mut() = value.map_err(str::to_owned);
    }

    /// Reads, and then waits at the gate with what it has read.
    async fn load(&self) -> Result<Option<String>, String> {
        self.loads.set(self.loads.get() + 1);
        let value = self.value.borrow().clone();
        self.waiting.set(self.waiting.get() + 1);
        self.gate.acquire().await.expect("it is open").forget();
        self.waiting.set(self.waiting.get() - 1);
        value
    }
}

fn builder<S: Any>(store: S, look: Look) -> Builder<S> {
    CLOCK.set(1_000_000);
    let second = Duration::from_secs(1);
    Builder::with_clock(store, || CLOCK.get(), 7)
        .fresh_for(60 * second)
        .absent_for(10 * second)
        .jitter(0.0)
        .look(look)
}

fn pass(seconds: u64) {
    CLOCK.set(CLOCK.get() + seconds * 1_000);
}

/// Polls on until it is so. A store on a network takes its time; a minute is more than that.
async fn until(mut is_so: impl FnMut() -> bool) {
    let wait = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(60), wait).await;
    waited.expect("it comes to that");
}

/// Lets tasks that can go on, go on; nothing depends on how far they come.
async fn breathe() {
    for _ in 0..20 {
        yield_now().await;
    }
}

async fn get<S: Any>(aside: &Cache<S>, database: &Database) -> Option<String> {
    let got = aside.get(&KEY, async || database.load().await).await;
    got.unwrap_or_else(|error| panic!("{error:?}"))
}

fn start<S: Any>(aside: &Cache<S>, database: &Rc<Database>) -> JoinHandle<Option<String>> {
    let (aside, database) = (aside.clone(), Rc::clone(database));
    spawn_local(async move { get(&aside, &database).await })
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "what the database answers with: a row or none"
)]
fn value(text: &str) -> Option<String> {
    Some(text.to_owned())
}

pub(crate) async fn a_value_is_loaded_once_and_then_found<S: Any>(store: S, look: Look) {
    let (aside, database) = (builder(store, look).build(), Database::open());
    for _ in 0..3 {
        assert_eq!(get(&aside, &database).await, value("old"));
    }
    let stats = aside.stats();
    assert_eq!(
        (database.loads.get(), stats.hits, stats.misses),
        (1, 2, 1),
        "one miss is told once"
    );
}

pub(crate) async fn a_thousand_callers_on_a_cold_key_cost_one_load<S: Any>(store: S, look: Look) {
    let (aside, database) = (builder(store, look).build(), Database::closed());
    let callers: Vec<_> = (0..1_000).map(|_| start(&aside, &database)).collect();
    until(|| database.waiting.get() == 1).await;
    database.gate.add_permits(1_000);
    for caller in callers {
        assert_eq!(caller.await.expect("it does not panic"), value("old"));
    }
    assert_eq!(database.loads.get(), 1);
}

pub(crate) async fn absence_is_kept_for_its_own_time<S: Any>(store: S, look: Look) {
    let (aside, database) = (builder(store, look).build(), Database::open());
    database.set(Ok(None));
    assert_eq!(get(&aside, &database).await, None);
    database.set(Ok(Some("new")));
    assert_eq!(get(&aside, &database).await, None, "it is believed");
    assert_eq!((database.loads.get(), aside.stats().absent_hits), (1, 1));
    pass(10);
    assert_eq!(get(&aside, &database).await, value("new"));
}

pub(crate) async fn absence_is_put_over_no_value_that_came_meanwhile<S: Any>(store: S, look: Look) {
    let (aside, database) = (builder(store, look).build(), Database::closed());
    database.set(Ok(None));
    let caller = start(&aside, &database);
    until(|| database.waiting.get() == 1).await;
    let entry = Entry {
        id: EntryId(1),
        held: Held::Value("from elsewhere".to_owned()),
        made: CLOCK.get(),
        took: 0,
        failures: 0,
        tried: 0,
    };
    let put = aside
        .store()
        .put(&KEY, &entry, Put::new(Duration::from_secs(60), None));
    assert!(put.await.expect("it works"), "nothing stands there");
    database.gate.add_permits(1);
    assert_eq!(
        caller.await.expect("it does not panic"),
        None,
        "what its load has found"
    );
    assert_eq!(aside.stats().puts_refused, 1);
    assert_eq!(get(&aside, &database).await, value("from elsewhere"));
}

/// go-zero#3000: a slow loader stored an old value after the invalidation. Caffeine#193 is the same.
pub(crate) async fn a_load_that_was_invalidated_is_not_stored<S: Any>(store: S, look: Look) {
    let (aside, database) = (builder(store, look).build(), Database::closed());
    let slow = start(&aside, &database);
    until(|| database.waiting.get() == 1).await;
    database.set(Ok(Some("new")));
    // It does not wait for the load.
    aside.invalidate(&KEY).await.expect("it works");
    let later = start(&aside, &database);
    until(|| database.waiting.get() == 2).await;
    database.gate.add_permits(2);
    assert_eq!(
        slow.await.expect("it does not panic"),
        value("old"),
        "it had asked before"
    );
    assert_eq!(later.await.expect("it does not panic"), value("new"));
    assert_eq!(get(&aside, &database).await, value("new"));
    assert_eq!(database.loads.get(), 2);
}

/// otter#137: an invalidation gave one of two concurrent callers an empty value without an error.
pub(crate) async fn callers_of_before_an_invalidation_all_have_the_value<S: Any>(
    store: S,
    look: Look,
) {
    let (aside, database) = (builder(store, look).build(), Database::closed());
    let callers = [start(&aside, &database), start(&aside, &database)];
    until(|| database.waiting.get() == 1).await;
    breathe().await;
    aside.invalidate(&KEY).await.expect("it works");
    database.gate.add_permits(2);
    for caller in callers {
        assert_eq!(caller.await.expect("it does not panic"), value("old"));
    }
}

/// otter#152: the slot was free before the value was stored, and the load ran again.
pub(crate) async fn a_value_is_stored_before_anybody_has_it<S: Any>(store: S, look: Look) {
    let (aside, database) = (builder(store, look).build(), Database::open());
    for round in 1..=50 {
        let both = [start(&aside, &database), start(&aside, &database)];
        for caller in both {
            assert_eq!(caller.await.expect("it does not panic"), value("old"));
            assert_eq!(get(&aside, &database).await, value("old"));
        }
        assert_eq!(database.loads.get(), round);
        aside.invalidate(&KEY).await.expect("it works");
    }
}

/// rueidisaside#1010: a fill that was cancelled left its lock behind.
pub(crate) async fn a_caller_that_is_dropped_hands_over<S: Any>(store: S, look: Look) {
    let (aside, database) = (builder(store, look).build(), Database::closed());
    let first = start(&aside, &database);
    until(|| database.waiting.get() == 1).await;
    let second = start(&aside, &database);
    breathe().await;
    first.abort();
    until(|| database.loads.get() == 2).await;
    database.gate.add_permits(1);
    assert_eq!(second.await.expect("it does not panic"), value("old"));
    assert_eq!(get(&aside, &database).await, value("old"));
    assert_eq!(database.loads.get(), 2);
}

/// spring-data-redis#1253: one lock for all keys.
pub(crate) async fn a_slow_key_holds_up_no_other<S: Any>(store: S, look: Look) {
    let (aside, database) = (builder(store, look).build(), Database::closed());
    let slow = start(&aside, &database);
    until(|| database.waiting.get() == 1).await;
    let other = aside.get(&8, async || Ok(value("other"))).await;
    assert_eq!(other.expect("it works"), value("other"));
    database.gate.add_permits(1);
    assert_eq!(slow.await.expect("it does not panic"), value("old"));
}

pub(crate) async fn an_error_is_shared_and_nothing_is_stored<S: Any>(store: S, look: Look) {
    let (aside, database) = (builder(store, look).build(), Database::closed());
    database.set(Err("down"));
    let failing = |aside: &Cache<S>, database: &Rc<Database>| {
        let (aside, database) = (aside.clone(), Rc::clone(database));
        spawn_local(async move { aside.get(&KEY, async || database.load().await).await })
    };
    let both = [failing(&aside, &database), failing(&aside, &database)];
    until(|| database.waiting.get() == 1).await;
    breathe().await;
    database.gate.add_permits(2);
    for caller in both {
        let error = caller
            .await
            .expect("it does not panic")
            .expect_err("the load fails");
        assert!(
            matches!(&error, Error::Load(why) if **why == "down"),
            "{error:?}"
        );
    }
    database.set(Ok(Some("new")));
    database.gate.add_permits(1);
    assert_eq!(
        get(&aside, &database).await,
        value("new"),
        "the failure was no absence"
    );
}

pub(crate) async fn a_stale_value_is_served_while_one_caller_refreshes_it<S: Any>(
    store: S,
    look: Look,
) {
    let builder = builder(store, look).stale_for(Duration::from_secs(600));
    let (aside, database) = (builder.build(), Database::closed());
    database.gate.add_permits(1);
    get(&aside, &database).await;
    pass(60);
    database.set(Ok(Some("new")));
    let load = async || database.load().await;
    let mut refreshes = Vec::new();
    for _ in 0..10 {
        let got = aside.get_with_age(&KEY, load).await.expect("it works");
        assert_eq!(got.value, value("old"));
        assert!(matches!(got.freshness, Freshness::Stale));
        refreshes.extend(got.refresh);
    }
    assert_eq!(refreshes.len(), 1, "one has the duty");
    let refresh = refreshes.pop().expect("there is one").run();
    let mut refresh = Box::pin(refresh);
    // The refresh is under way, and nobody waits for it.
    for _ in 0..100 {
        let poll = tokio::time::timeout(Duration::from_millis(1), &mut refresh).await;
        assert!(poll.is_err(), "it is held at the gate");
        if database.waiting.get() == 1 {
            break;
        }
    }
    let got = aside.get_with_age(&KEY, load).await.expect("it works");
    assert!(got.refresh.is_none() && got.value == value("old"));
    database.gate.add_permits(1);
    assert!(matches!(refresh.await, Refreshed::New(Some(new)) if new == "new"));
    assert_eq!(get(&aside, &database).await, value("new"));
    assert_eq!((database.loads.get(), aside.stats().refreshes), (2, 1));
}

/// Caffeine#193, for a refresh: an invalidation wins over it and over the stale value.
pub(crate) async fn an_invalidation_wins_over_a_refresh<S: Any>(store: S, look: Look) {
    let builder = builder(store, look).stale_for(Duration::from_secs(600));
    let (aside, database) = (builder.build(), Database::closed());
    database.gate.add_permits(1);
    get(&aside, &database).await;
    pass(60);
    let refreshing = {
        let (aside, database) = (aside.clone(), Rc::clone(&database));
        let load = async move || database.load().await;
        let refresh = aside
            .get_with_age(&KEY, load)
            .await
            .expect("it works")
            .refresh;
        spawn_local(refresh.expect("it is due").run())
    };
    until(|| database.waiting.get() == 1).await;
    database.set(Ok(Some("new")));
    aside.invalidate(&KEY).await.expect("it works");
    database.gate.add_permits(2);
    drop(refreshing.await.expect("it does not panic"));
    assert_eq!(get(&aside, &database).await, value("new"));
    assert_eq!(aside.stats().puts_voided, 1);
}

/// Caffeine#175: a load that took longer than the interval never landed.
pub(crate) async fn a_load_longer_than_its_time_lands<S: Any>(store: S, look: Look) {
    let builder = builder(store, look).stale_for(Duration::from_secs(600));
    let (aside, database) = (builder.build(), Database::closed());
    for (at, text) in ["one", "two", "three"].into_iter().enumerate() {
        database.set(Ok(Some(text)));
        let caller = start(&aside, &database);
        until(|| database.waiting.get() == 1).await;
        pass(90);
        database.gate.add_permits(1);
        assert_eq!(caller.await.expect("it does not panic"), value(text));
        assert_eq!(database.loads.get(), at + 1);
        pass(60);
    }
}

/// Caffeine#282: values were seen beyond their expiry.
pub(crate) async fn nothing_is_served_beyond_its_limit<S: Any>(store: S, look: Look) {
    let builder = builder(store, look).stale_for(Duration::from_secs(600));
    let (aside, database) = (builder.build(), Database::open());
    get(&aside, &database).await;
    database.set(Err("down"));
    let load = async || database.load().await;
    pass(659);
    let got = aside.get_with_age(&KEY, load).await.expect("it is served");
    assert_eq!(
        (got.value, got.age),
        (value("old"), Duration::from_secs(659))
    );
    drop(got.refresh);
    pass(1);
    let got = aside.get_with_age(&KEY, load).await;
    assert!(matches!(got, Err(Error::Load(_))), "{got:?}");
}

/// Caffeine#1478 and #120: refreshes stopped for ever.
pub(crate) async fn a_refresh_that_is_dropped_is_taken_up_by_the_next_reader<S: Any>(
    store: S,
    look: Look,
) {
    let builder = builder(store, look).stale_for(Duration::from_secs(600));
    let (aside, database) = (builder.build(), Database::closed());
    database.gate.add_permits(1);
    get(&aside, &database).await;
    pass(60);
    let load = async || database.load().await;
    for loads in [1, 2, 3] {
        let got = aside.get_with_age(&KEY, load).await.expect("it works");
        let refresh = got.refresh.expect("it is due, and nobody has the duty");
        // Once before its first poll, then in the middle.
        let until_load = until(|| database.loads.get() == loads);
        if loads > 1 {
            tokio::select! {
                _ = refresh.run() => panic!("it is held at the gate"),
                () = until_load => {}
            }
        }
    }
    database.gate.add_permits(1);
    let got = aside.get_with_age(&KEY, load).await.expect("it works");
    let refreshed = got.refresh.expect("it is due").run().await;
    assert!(
        matches!(refreshed, Refreshed::New(Some(_))),
        "{refreshed:?}"
    );
}

/// FusionCache: after a failure the old value stays, keeps its dates, and is not tried at each read.
pub(crate) async fn a_failed_refresh_backs_off_and_keeps_the_dates<S: Any>(store: S, look: Look) {
    let second = Duration::from_secs(1);
    let builder = builder(store, look)
        .stale_for(600 * second)
        .after_failure(second, 60 * second);
    let (aside, database) = (builder.build(), Database::open());
    get(&aside, &database).await;
    pass(60);
    database.set(Err("down"));
    // A minute of ten reads a second.
    for _ in 0..600 {
        assert_eq!(get(&aside, &database).await, value("old"));
        CLOCK.set(CLOCK.get() + 100);
    }
    let attempts = database.loads.get() - 1;
    assert!((4..=7).contains(&attempts), "{attempts} attempts");
    let got = aside
        .get_with_age(&KEY, async || database.load().await)
        .await;
    assert_eq!(got.expect("it is served").age, Duration::from_secs(120));
    pass(60);
    database.set(Ok(Some("new")));
    assert_eq!(get(&aside, &database).await, value("new"));
}

/// FusionCache's fail-safe, with a limit, and told.
pub(crate) async fn an_old_value_is_served_after_an_error_and_says_so<S: Any>(
    store: S,
    look: Look,
) {
    let builder = builder(store, look).stale_if_error(Duration::from_secs(600));
    let (aside, database) = (builder.build(), Database::open());
    get(&aside, &database).await;
    pass(60);
    database.set(Err("down"));
    let load = async || database.load().await;
    let got = aside.get_with_age(&KEY, load).await.expect("it is served");
    assert!(matches!(got.freshness, Freshness::AfterError(Some(why)) if *why == "down"));
    let got = aside.get_with_age(&KEY, load).await.expect("it is served");
    assert!(
        matches!(got.freshness, Freshness::AfterError(None)),
        "it is not tried again yet"
    );
    assert_eq!(database.loads.get(), 2);
    database.set(Ok(Some("new")));
    pass(1);
    assert_eq!(
        get(&aside, &database).await,
        value("new"),
        "the load comes first"
    );
}

pub(crate) async fn a_value_is_refreshed_early<S: Any>(store: S, look: Look) {
    let builder = builder(store, look).early(Early::Share(0.8));
    let (aside, database) = (builder.build(), Database::open());
    get(&aside, &database).await;
    pass(47);
    let load = async || database.load().await;
    assert!(
        aside
            .get_with_age(&KEY, load)
            .await
            .expect("it works")
            .refresh
            .is_none()
    );
    pass(1);
    let got = aside.get_with_age(&KEY, load).await.expect("it works");
    assert!(matches!(got.freshness, Freshness::Fresh));
    drop(got.refresh.expect("four fifths are over").run().await);
    pass(40);
    let got = aside.get_with_age(&KEY, load).await.expect("it works");
    assert_eq!(
        (got.age, database.loads.get()),
        (Duration::from_secs(40), 2)
    );
}

pub(crate) async fn a_refresh_that_finds_nothing_stores_absence<S: Any>(store: S, look: Look) {
    let builder = builder(store, look).stale_for(Duration::from_secs(600));
    let (aside, database) = (builder.build(), Database::open());
    get(&aside, &database).await;
    pass(60);
    database.set(Ok(None));
    assert_eq!(get(&aside, &database).await, None);
    assert_eq!(get(&aside, &database).await, None);
    assert_eq!((database.loads.get(), aside.stats().absent_hits), (2, 1));
}

/// sturdyc#21: a part of a batch that had failed was stored as missing.
pub(crate) async fn a_batch_that_fails_stores_no_absence<S: Any>(store: S, look: Look) {
    let aside: Cache<S> = builder(store, look).build();
    let failing = async |_: Vec<u64>| Err::<Vec<_>, _>("down".to_owned());
    for (_, answer) in aside.get_many([1, 2], failing).await {
        assert!(matches!(answer, Err(Error::Load(_))), "{answer:?}");
    }
    let works = async |ids: Vec<u64>| Ok(ids.into_iter().map(|id| (id, id.to_string())).collect());
    for (id, answer) in aside.get_many([1, 2], works).await {
        assert_eq!(answer.expect("it works"), Some(id.to_string()));
    }
}

pub(crate) async fn a_batch_loads_what_is_missing_by_one_call<S: Any>(store: S, look: Look) {
    let aside: Cache<S> = builder(store, look).build();
    aside
        .get(&1, async || Ok(value("found before")))
        .await
        .expect("it works");
    let calls = RefCell::new(Vec::new());
    let load = async |ids: Vec<u64>| {
        calls.borrow_mut().push(ids.clone());
        Ok(ids
            .into_iter()
            .filter(|id| *id != 3)
            .map(|id| (id, id.to_string()))
            .collect())
    };
    for _ in 0..2 {
        let mut answers = aside.get_many([1, 2, 3, 2], load).await;
        answers.sort_by_key(|(id, _)| *id);
        let answers = answers
            .into_iter()
            .map(|(_, answer)| answer.expect("it works"));
        let expected = [value("found before"), value("2"), None];
        assert!(answers.eq(expected), "each key has its own answer");
    }
    assert_eq!(*calls.borrow(), [[2, 3]], "absence is kept for each key");
}

pub(crate) async fn a_batch_that_was_invalidated_stores_the_others<S: Any>(store: S, look: Look) {
    let aside: Cache<S> = builder(store, look).build();
    let invalidating = async |ids: Vec<u64>| {
        aside.invalidate(&2).await.expect("it works");
        Ok(ids.into_iter().map(|id| (id, "old".to_owned())).collect())
    };
    aside.get_many([1, 2], invalidating).await;
    let found = aside
        .get(&1, async || Ok(value("new")))
        .await
        .expect("it works");
    assert_eq!(found, value("old"));
    let loaded = aside
        .get(&2, async || Ok(value("new")))
        .await
        .expect("it works");
    assert_eq!(loaded, value("new"));
}

pub(crate) async fn everything_is_invalidated_loads_included<S: Any>(store: S, look: Look) {
    let (aside, database) = (builder(store, look).build(), Database::closed());
    aside
        .get(&1, async || Ok(value("old")))
        .await
        .expect("it works");
    let slow = start(&aside, &database);
    until(|| database.waiting.get() == 1).await;
    aside.invalidate_all().await.expect("it works");
    database.gate.add_permits(1);
    assert_eq!(slow.await.expect("it does not panic"), value("old"));
    for key in [1, KEY] {
        let loaded = aside
            .get(&key, async || Ok(value("new")))
            .await
            .expect("it works");
        assert_eq!(loaded, value("new"));
    }
}

pub(crate) async fn a_write_invalidates_whether_it_succeeds_or_not<S: Any>(store: S, look: Look) {
    let (aside, database) = (builder(store, look).build(), Database::open());
    for result in [Ok(()), Err("constraint")] {
        get(&aside, &database).await;
        let loads = database.loads.get();
        let written = aside.write(&KEY, async || result).await;
        assert_eq!(written.expect("it is removed"), result);
        get(&aside, &database).await;
        assert_eq!(database.loads.get(), loads + 1);
    }
}

pub(crate) async fn an_invalidation_can_be_made_twice<S: Any>(store: S, look: Look) {
    let (aside, database) = (builder(store, look).build(), Database::open());
    let (replica_has_it, lag) = tokio::sync::oneshot::channel::<()>();
    let again = aside.invalidate_twice(&KEY, lag).await.expect("it works");
    assert_eq!(
        get(&aside, &database).await,
        value("old"),
        "the replica lags behind"
    );
    database.set(Ok(Some("new")));
    replica_has_it.send(()).expect("it is waited for");
    again.await.expect("it works");
    assert_eq!(get(&aside, &database).await, value("new"));
}

/// Runs a scenario on one thread, with local tasks.
pub(crate) fn run(scenario: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    LocalSet::new().block_on(&runtime.expect("a runtime can be made"), scenario);
}

/// Makes a test of each scenario: `$store` makes a store that is empty, or returns nothing, which
/// is told.
macro_rules! scenarios {
    ($look:expr, $store:expr) => {
        $crate::scenarios::scenarios! { @ $look, $store;
            a_value_is_loaded_once_and_then_found,
            a_thousand_callers_on_a_cold_key_cost_one_load,
            absence_is_kept_for_its_own_time,
            absence_is_put_over_no_value_that_came_meanwhile,
            a_load_that_was_invalidated_is_not_stored,
            callers_of_before_an_invalidation_all_have_the_value,
            a_value_is_stored_before_anybody_has_it,
            a_caller_that_is_dropped_hands_over,
            a_slow_key_holds_up_no_other,
            an_error_is_shared_and_nothing_is_stored,
            a_stale_value_is_served_while_one_caller_refreshes_it,
            an_invalidation_wins_over_a_refresh,
            a_load_longer_than_its_time_lands,
            nothing_is_served_beyond_its_limit,
            a_refresh_that_is_dropped_is_taken_up_by_the_next_reader,
            a_failed_refresh_backs_off_and_keeps_the_dates,
            an_old_value_is_served_after_an_error_and_says_so,
            a_value_is_refreshed_early,
            a_refresh_that_finds_nothing_stores_absence,
            a_batch_that_fails_stores_no_absence,
            a_batch_loads_what_is_missing_by_one_call,
            a_batch_that_was_invalidated_stores_the_others,
            everything_is_invalidated_loads_included,
            a_write_invalidates_whether_it_succeeds_or_not,
            an_invalidation_can_be_made_twice,
        }
    };
    (@ $look:expr, $store:expr; $($name:ident,)*) => {$(
        #[test]
        fn $name() {
            $crate::scenarios::run(async {
                if let Some(store) = $store.await {
                    $crate::scenarios::$name(store, $look).await;
                }
            });
        }
    )*};
}
pub(crate) use scenarios;
