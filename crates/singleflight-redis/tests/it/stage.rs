//! A server, groups of several processes over it, and gates that order what happens.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use singleflight_arena::{Server as Redis, Wire, for_test};
use singleflight_redis::{Builder, Group, Raw, Runtime, Server};
use tokio::sync::Semaphore;

/// Longer than anything here takes, on any machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// How long a reply of the server is waited for.
pub(crate) const RESPONSE_TIMEOUT: Duration = Duration::from_millis(500);

/// A lease that no test outlives.
pub(crate) const LONG: Duration = Duration::from_secs(60);

/// A lease that a test waits for.
pub(crate) const SHORT: Duration = Duration::from_millis(300);

pub(crate) type Texts = Group<str, String>;

/// A server of the test's own.
pub(crate) struct Stage {
    pub(crate) redis: Redis,
    wire: Option<(u16, Arc<Wire>)>,
}

impl Stage {
    pub(crate) fn new() -> Option<Self> {
        Self::with(&[])
    }

    pub(crate) fn with(options: &[&str]) -> Option<Self> {
        let redis = for_test(options)?;
        Some(Self { redis, wire: None })
    }

    /// Puts a wire that can be cut in front of the server.
    pub(crate) async fn wired(mut self) -> (Self, Arc<Wire>) {
        let (port, wire) = Wire::start(self.redis.port())
            .await
            .expect("there is a port");
        self.wire = Some((port, Arc::clone(&wire)));
        (self, wire)
    }

    /// The connections of one process more.
    pub(crate) async fn server(&self) -> Server {
        let port = self
            .wire
            .as_ref()
            .map_or(self.redis.port(), |(port, _)| *port);
        connect(port).await
    }

    /// The group of one process more.
    pub(crate) async fn group(&self, lease: Duration) -> Texts {
        self.built(|builder| builder.lease(lease)).await
    }

    pub(crate) async fn built(
        &self,
        build: impl FnOnce(Builder<str, String>) -> Builder<str, String>,
    ) -> Texts {
        over(&self.server().await, build)
    }

    pub(crate) fn keys(&self) -> String {
        self.redis
            .command(&["DBSIZE"])
            .expect("it answers")
            .trim()
            .to_owned()
    }

    /// Waits until a process is registered as waiting.
    pub(crate) async fn until_waited_for(&self, waiting: usize) {
        eventually(|| self.waiting() >= waiting).await;
    }

    fn waiting(&self) -> usize {
        let keys = self.redis.command(&["KEYS", "*}"]).expect("it answers");
        let keys = keys.lines().filter(|line| line.starts_with("sf1:"));
        keys.map(|key| {
            let fields = self.redis.command(&["HKEYS", key]).expect("it answers");
            fields.lines().filter(|line| line.starts_with("w:")).count()
        })
        .sum()
    }
}

pub(crate) async fn connect(port: u16) -> Server {
    let client = redis::Client::open(format!("redis://127.0.0.1:{port}/")).expect("an address");
    Server::builder(client, Runtime::Tokio)
        .response_timeout(RESPONSE_TIMEOUT)
        .connect_timeout(Duration::from_secs(5))
        .down_for(Duration::from_millis(50))
        .connect()
        .await
        .expect("the server is there")
}

pub(crate) fn over(
    server: &Server,
    build: impl FnOnce(Builder<str, String>) -> Builder<str, String>,
) -> Texts {
    let builder = Group::builder(server, "test:v1")
        .poll(Duration::from_millis(50))
        .wait_at_most(PATIENCE)
        .codec(Raw);
    build(builder).build().expect("the settings are sound")
}

/// Holds a work until it is opened, and counts the works.
#[derive(Clone)]
pub(crate) struct Gate {
    begun: Arc<Semaphore>,
    open: Arc<Semaphore>,
    works: Arc<AtomicUsize>,
}

impl Gate {
    pub(crate) fn new() -> Self {
        Self {
            begun: Arc::new(Semaphore::new(0)),
            open: Arc::new(Semaphore::new(0)),
            works: Arc::default(),
        }
    }

    /// The work: begins, and waits until it may end.
    pub(crate) async fn work(self, value: &str) -> String {
        self.works.fetch_add(1, Ordering::SeqCst);
        self.begun.add_permits(1);
        let open = self.open.acquire().await.expect("it is never closed");
        open.forget();
        value.to_owned()
    }

    pub(crate) async fn begun(&self) {
        within(self.begun.acquire())
            .await
            .expect("it is never closed")
            .forget();
    }

    pub(crate) fn open(&self) {
        self.open.add_permits(1);
    }

    pub(crate) fn works(&self) -> usize {
        self.works.load(Ordering::SeqCst)
    }
}

/// Bounds a wait: a hang is a failure.
pub(crate) async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future)
        .await
        .expect("it does not hang")
}

/// Looks until it is so.
pub(crate) async fn eventually(mut is_so: impl FnMut() -> bool) {
    within(async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}
