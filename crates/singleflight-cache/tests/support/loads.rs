//! What is promised of loads, batches and invalidations.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use singleflight_cache::{Entry, EntryId, Error, Held, Look, Put};
use tokio::task::spawn_local;

use super::stage::{
    Any, CLOCK, Cache, Database, KEY, breathe, builder, get, pass, start, until, value,
};

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

/// FusionCache#623: one miss was told twice, before the lock and behind it.
pub(crate) async fn a_get_is_told_once_as_a_hit_or_a_miss<S: Any>(store: S, look: Look) {
    let (aside, database) = (builder(store, look).build(), Database::closed());
    let callers: Vec<_> = (0..10).map(|_| start(&aside, &database)).collect();
    until(|| aside.stats().misses == 10).await;
    database.gate.add_permits(1);
    for caller in callers {
        assert_eq!(caller.await.expect("it does not panic"), value("old"));
    }
    get(&aside, &database).await;
    let stats = aside.stats();
    assert_eq!((stats.hits, stats.misses, stats.loads), (1, 10, 1));
}

/// rueidisaside#921: that there is nothing was kept as long as a value.
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

/// go-zero's own case of a placeholder over a row that somebody else had just found.
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
