//! What is promised of values that get old.

use std::rc::Rc;
use std::time::Duration;

use singleflight_cache::{Early, Error, Freshness, Look, Refreshed};
use tokio::task::spawn_local;

use super::stage::{Any, CLOCK, Database, KEY, breathe, builder, get, pass, start, until, value};

/// bentocache#103: a reader with a value at hand waited for the lock of a refresh.
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

/// Caffeine#714: what a slow refresh had returned was not what the next read found.
pub(crate) async fn what_a_refresh_has_returned_is_found_by_the_next_read<S: Any>(
    store: S,
    look: Look,
) {
    let builder = builder(store, look).stale_for(Duration::from_secs(600));
    let (aside, database) = (builder.build(), Database::open());
    for text in ["one", "two", "three"] {
        pass(60);
        database.set(Ok(Some(text)));
        let load = async || {
            pass(5);
            database.load().await
        };
        let got = aside.get_with_age(&KEY, load).await.expect("it works");
        if let Some(refresh) = got.refresh {
            let refreshed = refresh.run().await;
            assert!(matches!(refreshed, Refreshed::New(new) if new == value(text)));
        }
        for _ in 0..2 {
            let got = aside.get_with_age(&KEY, load).await.expect("it works");
            assert!(matches!(got.freshness, Freshness::Fresh));
            assert_eq!(got.value, value(text));
        }
    }
    assert_eq!((database.loads.get(), aside.stats().refreshes), (3, 2));
}

pub(crate) async fn a_refresh_says_what_it_has_come_to<S: Any>(store: S, look: Look) {
    let builder = builder(store, look).stale_for(Duration::from_secs(600));
    let builder = builder.after_failure(Duration::ZERO, Duration::ZERO);
    let (aside, database) = (builder.build(), Database::closed());
    database.gate.add_permits(2);
    get(&aside, &database).await;
    pass(60);
    let load = async || database.load().await;
    let refresh = async || {
        let got = aside.get_with_age(&KEY, load).await.expect("it is served");
        got.refresh.expect("it is due, and nobody has the duty")
    };
    database.set(Err("down"));
    let told = refresh().await.run().await;
    assert!(
        matches!(told, Refreshed::Failed(Error::Load(_))),
        "{told:?}"
    );

    database.set(Ok(Some("new")));
    let late = refresh().await;
    aside.invalidate(&KEY).await.expect("it works");
    let caller = start(&aside, &database);
    until(|| database.waiting.get() == 1).await;
    let told = late.run().await;
    assert!(matches!(told, Refreshed::StoodDown), "{told:?}");
    database.gate.add_permits(1);
    assert_eq!(caller.await.expect("it does not panic"), value("new"));
}

/// Caffeine#373: a value whose refresh never ended was served for ever.
pub(crate) async fn a_refresh_that_hangs_prolongs_nothing<S: Any>(store: S, look: Look) {
    let builder = builder(store, look).stale_for(Duration::from_secs(600));
    let (aside, database) = (builder.build(), Database::closed());
    database.gate.add_permits(1);
    get(&aside, &database).await;
    pass(60);
    let hangs = {
        let (aside, database) = (aside.clone(), Rc::clone(&database));
        let load = async move || database.load().await;
        let got = aside.get_with_age(&KEY, load).await.expect("it works");
        spawn_local(got.refresh.expect("it is due").run())
    };
    until(|| database.waiting.get() == 1).await;
    pass(599);
    assert_eq!(
        get(&aside, &database).await,
        value("old"),
        "in its last second"
    );
    database.set(Ok(Some("new")));
    pass(1);
    // It joins the load that hangs, and has the old value of nobody.
    let late = start(&aside, &database);
    until(|| aside.stats().misses == 2).await;
    breathe().await;
    assert!(!late.is_finished() && database.loads.get() == 2);
    hangs.abort();
    database.gate.add_permits(1);
    assert_eq!(late.await.expect("it does not panic"), value("new"));
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
