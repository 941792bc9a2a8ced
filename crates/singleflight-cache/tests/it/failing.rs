//! What happens when the store, the load or the clock misbehaves.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ops::Deref;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use futures_lite::future::{block_on, poll_once, yield_now, zip};
use singleflight_cache::{
    Aside, Builder, Entry, Error, Found, InvalidateError, Look, Put, RemoveAll, Store, StoreDown,
};
use singleflight_core::CallError;

/// Fails where it is told to.
#[derive(Default)]
pub(crate) struct Failing {
    pub(crate) kept: RefCell<HashMap<u8, Entry<u8>>>,
    /// How often it was asked for a key.
    pub(crate) asked: Cell<usize>,
    pub(crate) gets: Cell<bool>,
    pub(crate) puts: Cell<bool>,
    pub(crate) removes: Cell<bool>,
    /// Whether a get comes to its answer one poll later.
    pub(crate) gets_wait: Cell<bool>,
    /// Whether a removal is made one poll later, and has ended once more later.
    pub(crate) removal_waits: Cell<bool>,
}

impl Failing {
    async fn wait(&self) {
        if self.removal_waits.get() {
            yield_now().await;
        }
    }
}

fn unless<T>(fails: &Cell<bool>, value: T) -> Result<T, &'static str> {
    if fails.get() { Err("down") } else { Ok(value) }
}

pub(crate) struct Shared(pub(crate) Rc<Failing>);

impl Deref for Shared {
    type Target = Failing;

    fn deref(&self) -> &Failing {
        &self.0
    }
}

impl Store for Shared {
    type Key = u8;
    type Value = u8;
    type Error = &'static str;

    async fn get(&self, key: &u8) -> Result<Found<u8>, &'static str> {
        self.asked.set(self.asked.get() + 1);
        let kept = self.kept.borrow().get(key).copied();
        if self.gets_wait.get() {
            yield_now().await;
        }
        unless(&self.gets, kept.into())
    }

    async fn put(&self, key: &u8, entry: &Entry<u8>, _: Put<u8>) -> Result<bool, &'static str> {
        unless(&self.puts, ())?;
        self.kept.borrow_mut().insert(*key, *entry);
        Ok(true)
    }

    async fn remove(&self, key: &u8) -> Result<(), &'static str> {
        unless(&self.removes, ())?;
        self.wait().await;
        self.kept.borrow_mut().remove(key);
        self.wait().await;
        Ok(())
    }
}

impl RemoveAll for Shared {
    async fn remove_all(&self) -> Result<(), &'static str> {
        self.wait().await;
        self.kept.borrow_mut().clear();
        self.wait().await;
        Ok(())
    }
}

thread_local! {
    pub(crate) static CLOCK: Cell<u64> = const { Cell::new(1_000_000) };
}

pub(crate) fn aside(look: Look) -> (Rc<Failing>, Aside<Shared, String>) {
    let store = Rc::new(Failing::default());
    let builder = Builder::with_clock(Shared(Rc::clone(&store)), || CLOCK.get(), 7).look(look);
    (
        store,
        builder
            .fresh_for(Duration::from_secs(60))
            .jitter(0.0)
            .build(),
    )
}

pub(crate) const BOTH: [Look; 2] = [Look::Inside, Look::Both];

#[test]
fn a_put_that_fails_is_counted_and_its_caller_has_the_value() {
    for look in BOTH {
        let (store, aside) = aside(look);
        store.puts.set(true);
        let got = block_on(aside.get(&1, async || Ok(Some(1))));
        assert_eq!(got.unwrap(), Some(1));
        assert_eq!(aside.stats().put_failures, 1);
    }
}

/// No `Error` itself, as `anyhow::Error` is none.
type Boxed = Box<dyn std::error::Error + Send + Sync>;

#[test]
fn the_question_mark_takes_every_error_of_a_load_and_of_a_store() {
    async fn asks(aside: &Aside<Shared, Boxed>) -> Result<(), Boxed> {
        aside.get(&1, async || Err("no row".into())).await?;
        Ok(())
    }
    async fn writes(aside: &Aside<Shared, Boxed>) -> Result<(), Boxed> {
        aside.write(&1, async || ()).await?;
        Ok(())
    }
    let store = Rc::new(Failing::default());
    let aside = Builder::new(Shared(Rc::clone(&store))).build();
    let told = block_on(asks(&aside)).unwrap_err();
    assert_eq!(told.to_string(), "the load failed: no row");
    store.removes.set(true);
    let told = block_on(writes(&aside)).unwrap_err().to_string();
    assert_eq!(
        told,
        "written, but the store did not remove the entry: down"
    );
}

#[test]
fn a_removal_that_fails_is_told() {
    for look in BOTH {
        let (store, aside) = aside(look);
        store.removes.set(true);
        let told = block_on(aside.invalidate(&1));
        assert_eq!(told, Err(InvalidateError::Store("down")));
        let written = block_on(aside.write(&1, async || "the row")).unwrap_err();
        assert_eq!(
            (written.written, written.error),
            ("the row", InvalidateError::Store("down"))
        );
        assert_eq!(aside.stats().remove_failures, 2);
    }
}

#[test]
fn a_store_that_is_down_is_the_error_of_all_who_wait() {
    for look in BOTH {
        let (store, aside) = aside(look);
        store.gets.set(true);
        let get = || aside.get(&1, async || unreachable!("the database is protected"));
        let both = block_on(zip(get(), get()));
        assert!(
            matches!(both, (Err(Error::Store(_)), Err(Error::Store(_)))),
            "{both:?}"
        );
        store.gets.set(false);
        let got = block_on(aside.get(&1, async || Ok(Some(1))));
        assert_eq!(got.unwrap(), Some(1));
    }
}

/// It is told before a flight is joined, which a load for the same key cannot do.
#[test]
fn a_store_that_is_down_leads_to_no_flight() {
    for look in BOTH {
        let (store, aside) = aside(look);
        let inner = async || {
            store.gets.set(true);
            let same = Box::pin(aside.get(&1, async || Ok(Some(2)))).await;
            assert!(matches!(same, Err(Error::Store(_))), "{same:?}");
            Ok(Some(1))
        };
        assert_eq!(block_on(aside.get(&1, inner)).unwrap(), Some(1));
    }
}

#[test]
fn while_the_store_is_down_as_many_loads_run_at_once_as_may() {
    for look in BOTH {
        let store = Rc::new(Failing::default());
        let builder = Builder::new(Shared(Rc::clone(&store))).look(look);
        let builder = builder.store_down(StoreDown::Load { at_most: 2 });
        let aside = builder.build::<&str>();
        store.gets.set(true);
        let slow = async || {
            yield_now().await;
            Ok(Some(1))
        };
        block_on(async {
            let (mut one, mut two) = (pin!(aside.get(&1, slow)), pin!(aside.get(&2, slow)));
            assert!(poll_once(&mut one).await.is_none());
            assert!(poll_once(&mut two).await.is_none());
            let three = aside.get(&3, slow).await;
            assert!(matches!(three, Err(Error::Store(_))), "{three:?}");
            assert_eq!(one.await.unwrap(), Some(1));
            assert_eq!(aside.get(&3, slow).await.unwrap(), Some(1));
            assert_eq!(two.await.unwrap(), Some(1));
        });
        let stats = aside.stats();
        assert_eq!((stats.loads, stats.misses), (3, 0), "nobody knows");
        assert!(store.kept.borrow().is_empty());
    }
}

#[test]
fn a_miss_asks_the_store_once() {
    for look in BOTH {
        let (store, aside) = aside(look);
        assert_eq!(
            block_on(aside.get(&1, async || Ok(Some(1)))).unwrap(),
            Some(1)
        );
        assert_eq!(store.asked.get(), 1);
    }
}

#[test]
fn a_load_that_asks_for_its_own_key_is_refused() {
    for look in BOTH {
        let (_, aside) = aside(look);
        let inner = async || {
            let same = Box::pin(aside.get(&1, async || Ok(Some(2)))).await;
            assert!(
                matches!(same, Err(Error::Flight(CallError::Reentrant))),
                "{same:?}"
            );
            Ok(Some(1))
        };
        assert_eq!(block_on(aside.get(&1, inner)).unwrap(), Some(1));
    }
}

#[test]
fn a_load_may_invalidate_its_own_key() {
    for look in BOTH {
        let (store, aside) = aside(look);
        let load = async || {
            aside.invalidate(&1).await.unwrap();
            Ok(Some(1))
        };
        assert_eq!(block_on(aside.get(&1, load)).unwrap(), Some(1));
        assert!(store.kept.borrow().is_empty());
        assert_eq!(aside.stats().puts_voided, 1);
    }
}

#[test]
fn a_panic_reaches_those_who_wait_and_the_key_lives() {
    for look in BOTH {
        let (_, aside) = aside(look);
        let slow = async || {
            yield_now().await;
            panic!("boom")
        };
        let mut leads = Box::pin(aside.get(&1, slow));
        let mut waits = Box::pin(aside.get(&1, async || Ok(Some(2))));
        assert!(block_on(poll_once(&mut leads)).is_none());
        assert!(block_on(poll_once(&mut waits)).is_none());
        let unwound = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| block_on(leads)));
        assert!(unwound.is_err(), "it goes on in its caller");
        let told = block_on(waits);
        assert!(
            matches!(told, Err(Error::Flight(CallError::LeaderPanicked(_)))),
            "{told:?}"
        );
        assert_eq!(
            block_on(aside.get(&1, async || Ok(Some(3)))).unwrap(),
            Some(3)
        );
    }
}

#[test]
fn a_write_that_is_dropped_voids_the_loads_that_had_begun() {
    for look in BOTH {
        let (store, aside) = aside(look);
        let load = async || {
            let mut write = Box::pin(aside.write(&1, std::future::pending::<()>));
            assert!(poll_once(&mut write).await.is_none());
            drop(write);
            Ok(Some(1))
        };
        assert_eq!(block_on(aside.get(&1, load)).unwrap(), Some(1));
        assert!(store.kept.borrow().is_empty());
    }
}

#[test]
fn a_date_in_the_future_counts_as_now() {
    for look in BOTH {
        let (_, aside) = aside(look);
        block_on(aside.get(&1, async || Ok(Some(1)))).unwrap();
        CLOCK.set(CLOCK.get() - 500_000);
        let got = block_on(aside.get_with_age(&1, async || Ok(Some(2)))).unwrap();
        assert_eq!((got.value, got.age), (Some(1), Duration::ZERO));
        CLOCK.set(1_000_000);
    }
}

/// What runs a work moves it about: a future that held it in each layer would be a multiple of it.
#[test]
fn a_call_is_not_much_larger_than_its_load() {
    for look in BOTH {
        let (_, aside) = aside(look);
        let large = async || {
            let large = [7_u8; 4_096];
            yield_now().await;
            Ok(Some(large[9]))
        };
        let get = aside.get(&1, large);
        assert!(size_of_val(&get) < 3 * 4_096, "{}", size_of_val(&get));
        assert_eq!(block_on(get).unwrap(), Some(7));
    }
}
