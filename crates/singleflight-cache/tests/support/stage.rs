//! What scenarios play on: a database with a gate, a clock that only they move, and calls.

use std::cell::{Cell, RefCell};
use std::fmt::Debug;
use std::future::Future;
use std::rc::Rc;
use std::time::Duration;

use singleflight_cache::{Aside, Builder, Look, RemoveAll, Store};
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, LocalSet, spawn_local, yield_now};

pub(crate) const KEY: u64 = 7;

thread_local! {
    pub(crate) static CLOCK: Cell<u64> = const { Cell::new(0) };
}

/// The stores that the scenarios run over.
pub(crate) trait Any:
    Store<Key = u64, Value = String, Error: Debug> + RemoveAll + 'static
{
}

impl<S: Store<Key = u64, Value = String, Error: Debug> + RemoveAll + 'static> Any for S {}

pub(crate) type Cache<S> = Aside<S, String>;

/// The database: its one value, how often it was read, and a gate in front of it.
pub(crate) struct Database {
    pub(crate) value: RefCell<Result<Option<String>, String>>,
    pub(crate) loads: Cell<usize>,
    pub(crate) gate: Semaphore,
    pub(crate) waiting: Cell<usize>,
}

impl Database {
    pub(crate) fn open() -> Rc<Self> {
        let database = Self::closed();
        database.gate.add_permits(100_000);
        database
    }

    /// Each load waits until it is let through.
    pub(crate) fn closed() -> Rc<Self> {
        Rc::new(Self {
            value: RefCell::new(Ok(Some("old".to_owned()))),
            loads: Cell::new(0),
            gate: Semaphore::new(0),
            waiting: Cell::new(0),
        })
    }

    pub(crate) fn set(&self, value: Result<Option<&str>, &str>) {
        let value = value.map(|value| value.map(str::to_owned));
        *self.value.borrow_mut() = value.map_err(str::to_owned);
    }

    /// Reads, and then waits at the gate with what it has read.
    pub(crate) async fn load(&self) -> Result<Option<String>, String> {
        self.loads.set(self.loads.get() + 1);
        let value = self.value.borrow().clone();
        self.waiting.set(self.waiting.get() + 1);
        self.gate.acquire().await.expect("it is open").forget();
        self.waiting.set(self.waiting.get() - 1);
        value
    }
}

pub(crate) fn builder<S: Any>(store: S, look: Look) -> Builder<S> {
    CLOCK.set(1_000_000);
    let second = Duration::from_secs(1);
    Builder::with_clock(store, || CLOCK.get(), 7)
        .fresh_for(60 * second)
        .absent_for(10 * second)
        .jitter(0.0)
        .look(look)
}

pub(crate) fn pass(seconds: u64) {
    CLOCK.set(CLOCK.get() + seconds * 1_000);
}

/// Polls on until it is so. A store on a network takes its time; a minute is more than that.
pub(crate) async fn until(mut is_so: impl FnMut() -> bool) {
    let wait = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(60), wait).await;
    waited.expect("it comes to that");
}

/// Lets tasks that can go on, go on; nothing depends on how far they come.
pub(crate) async fn breathe() {
    for _ in 0..20 {
        yield_now().await;
    }
}

pub(crate) async fn get<S: Any>(aside: &Cache<S>, database: &Database) -> Option<String> {
    let got = aside.get(&KEY, async || database.load().await).await;
    got.unwrap_or_else(|error| panic!("{error:?}"))
}

pub(crate) fn start<S: Any>(
    aside: &Cache<S>,
    database: &Rc<Database>,
) -> JoinHandle<Option<String>> {
    let (aside, database) = (aside.clone(), Rc::clone(database));
    spawn_local(async move { get(&aside, &database).await })
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "what the database answers with: a row or none"
)]
pub(crate) fn value(text: &str) -> Option<String> {
    Some(text.to_owned())
}

/// Runs a scenario on one thread, with local tasks. One that waits for what does not come fails
/// after two minutes, by the clock that `crate::waits` chooses.
pub(crate) fn run(scenario: impl Future<Output = ()>) {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = crate::waits(runtime.enable_all()).build();
    LocalSet::new().block_on(&runtime.expect("a runtime can be made"), async {
        let ended = tokio::time::timeout(Duration::from_secs(120), scenario).await;
        ended.expect("it comes to its end");
    });
}
