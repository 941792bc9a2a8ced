//! What a load leaves behind that fails, finds nothing, or comes late.

use std::cell::Cell;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use futures_lite::future::{block_on, poll_once, yield_now};
use singleflight_cache::{Builder, Look, Refreshed};

use crate::failing::{BOTH, CLOCK, Failing, Shared, aside};

const NONE: Duration = Duration::ZERO;
const SECOND: Duration = Duration::from_secs(1);

/// Over a store of its own, without jitter.
fn builder(look: Look) -> (Rc<Failing>, Builder<Shared>) {
    let store = Rc::new(Failing::default());
    let builder = Builder::with_clock(Shared(Rc::clone(&store)), || CLOCK.get(), 7);
    (store, builder.look(look).jitter(0.0))
}

/// The store does not compare, as it need not where one aside alone writes to it.
#[test]
fn a_load_that_fails_puts_back_nothing_of_before_an_invalidation() {
    for (look, is_refresh, is_all) in [
        (Look::Inside, true, false),
        (Look::Both, true, false),
        (Look::Inside, false, false),
        (Look::Both, false, false),
        (Look::Inside, true, true),
        (Look::Both, false, true),
    ] {
        let (store, builder) = builder(look);
        let builder = builder.fresh_for(SECOND);
        // What is not served while it is refreshed is served after an error.
        let builder = if is_refresh {
            builder.stale_for(60 * SECOND)
        } else {
            builder.stale_for(NONE).stale_if_error(60 * SECOND)
        };
        let aside = builder.build::<&str>();
        block_on(async {
            aside.get(&1, async || Ok(Some(1))).await.unwrap();
            CLOCK.set(CLOCK.get() + 2_000);
            let due = if is_refresh {
                let got = aside.get_with_age(&1, async || Err("down")).await;
                got.unwrap().refresh
            } else {
                None
            };
            store.gets_wait.set(true);
            let mut load = pin!(async {
                match due {
                    Some(refresh) => drop(refresh.run().await),
                    None => drop(aside.get(&1, async || Err("down")).await),
                }
            });
            assert!(
                poll_once(&mut load).await.is_none(),
                "it has seen the old value"
            );
            if is_all {
                aside.invalidate_all().await.unwrap();
            } else {
                aside.invalidate(&1).await.unwrap();
            }
            load.await;
            let got = aside.get(&1, async || Ok(Some(2))).await;
            assert_eq!(got.unwrap(), Some(2), "{look:?}, {is_refresh}, {is_all}");
        });
    }
}

#[test]
fn a_load_that_fails_puts_back_nothing_while_all_is_removed() {
    for look in BOTH {
        let (store, builder) = builder(look);
        let builder = builder.fresh_for(SECOND).stale_for(NONE);
        let aside = builder.stale_if_error(60 * SECOND).build::<&str>();
        block_on(async {
            aside.get(&1, async || Ok(Some(1))).await.unwrap();
            CLOCK.set(CLOCK.get() + 2_000);
            store.removal_waits.set(true);
            let mut removal = pin!(aside.invalidate_all());
            assert!(
                poll_once(&mut removal).await.is_none(),
                "nothing is removed"
            );
            let fails_later = async || {
                yield_now().await;
                Err("down")
            };
            let mut load = pin!(aside.get(&1, fails_later));
            assert!(
                poll_once(&mut load).await.is_none(),
                "it has seen the old value"
            );
            assert!(poll_once(&mut removal).await.is_none(), "all is removed");
            assert!(load.await.is_ok(), "it is served what it has seen");
            removal.await.unwrap();
            let got = aside.get(&1, async || Ok(Some(2))).await;
            assert_eq!(got.unwrap(), Some(2), "{look:?}");
            assert_eq!(store.kept.borrow().len(), 1);
        });
    }
}

/// It stores nothing, so it has nothing to wait for.
#[test]
fn a_load_that_is_void_waits_for_no_removal() {
    for look in BOTH {
        let (store, aside) = aside(look);
        store.removal_waits.set(true);
        block_on(async {
            let later = async || {
                yield_now().await;
                Ok(Some(1))
            };
            let mut load = pin!(aside.get(&1, later));
            assert!(poll_once(&mut load).await.is_none(), "it loads");
            let mut removal = pin!(aside.invalidate(&1));
            assert!(
                poll_once(&mut removal).await.is_none(),
                "nothing is removed"
            );
            let got = poll_once(&mut load).await.expect("it does not wait");
            assert_eq!(got.unwrap(), Some(1), "{look:?}");
            assert_eq!(aside.stats().puts_voided, 1);
            removal.await.unwrap();
        });
    }
}

#[test]
fn a_batch_that_fails_is_one_load_that_failed() {
    for look in BOTH {
        let (_, aside) = aside(look);
        let failed = block_on(aside.get_many([1, 2, 3], async |_| Err("down".to_owned())));
        assert!(failed.iter().all(|(_, answer)| answer.is_err()));
        let stats = aside.stats();
        assert_eq!((stats.loads, stats.load_failures), (1, 1));
    }
}

/// The row was deleted, and a caller was told so: nobody has the old value any more, though absence
/// is not stored.
#[test]
fn a_load_that_finds_nothing_ends_the_old_value() {
    for (look, served) in BOTH
        .into_iter()
        .flat_map(|look| [(look, true), (look, false)])
    {
        let (store, builder) = builder(look);
        let builder = builder.fresh_for(NONE).absent_for(NONE);
        let (stale, after_error) = if served { (60, 0) } else { (0, 60) };
        let builder = builder.stale_for(stale * SECOND);
        let aside = builder.stale_if_error(after_error * SECOND).build::<&str>();
        block_on(async {
            aside.get(&1, async || Ok(Some(1))).await.unwrap();
            assert_eq!(aside.get(&1, async || Ok(None)).await.unwrap(), None);
            assert!(store.kept.borrow().is_empty());
            let failed = aside.get(&1, async || Err("down")).await;
            assert!(failed.is_err(), "{failed:?}");
        });
    }
}

#[test]
fn a_removal_of_an_old_value_that_fails_is_counted() {
    for look in BOTH {
        let (store, builder) = builder(look);
        let builder = builder.fresh_for(NONE).absent_for(NONE);
        let aside = builder.stale_for(60 * SECOND).build::<&str>();
        block_on(async {
            aside.get(&1, async || Ok(Some(1))).await.unwrap();
            store.removes.set(true);
            assert_eq!(aside.get(&1, async || Ok(None)).await.unwrap(), None);
        });
        assert_eq!(aside.stats().remove_failures, 1);
    }
}

#[test]
fn where_nothing_is_nothing_is_removed() {
    for look in BOTH {
        let (store, builder) = builder(look);
        let aside = builder.fresh_for(NONE).absent_for(NONE).build::<&str>();
        store.removes.set(true);
        let got = block_on(aside.get(&1, async || Ok(None)));
        assert_eq!(got.unwrap(), None);
        assert_eq!(aside.stats().remove_failures, 0);
    }
}

/// The refresh was handed out before another load failed.
#[test]
fn a_refresh_that_is_run_late_keeps_the_pause_after_a_failure() {
    for look in BOTH {
        let (_, builder) = builder(look);
        let builder = builder.fresh_for(SECOND).stale_for(10 * SECOND);
        let builder = builder.stale_if_error(3_600 * SECOND);
        let builder = builder.after_failure(60 * SECOND, 60 * SECOND);
        let aside = builder.build::<&str>();
        let loads = Cell::new(0);
        let load = async || {
            loads.set(loads.get() + 1);
            Err("down")
        };
        block_on(async {
            aside.get(&1, async || Ok(Some(1))).await.unwrap();
            CLOCK.set(CLOCK.get() + 5_000);
            let stale = aside.get_with_age(&1, load).await.unwrap();
            let refresh = stale.refresh.expect("it is due");
            CLOCK.set(CLOCK.get() + 60_000);
            let old = aside.get(&1, load).await.unwrap();
            assert_eq!((old, loads.get()), (Some(1), 1));
            let told = refresh.run().await;
            assert!(matches!(told, Refreshed::StoodDown), "{told:?}");
            assert_eq!(loads.get(), 1, "a minute must go by first");
        });
    }
}
