//! How a group is described before it is made.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use crate::codec::Codec;
use crate::engine::Engine;
use crate::error::BuildError;
use crate::group::Group;
use crate::inner::Inner;
use crate::key::{KeyBytes, Names};
use crate::server::Server;
use crate::settings::{Settings, WhenDown};
use crate::traceparent::Tell;

/// Describes a [`Group`]. Made by [`Group::builder`].
#[must_use = "a builder makes nothing until it is built"]
pub struct Builder<K: ?Sized, V> {
    engine: Arc<dyn Engine>,
    names: Names,
    settings: Settings,
    codec: Option<Box<dyn Codec<V>>>,
    tell: Option<Tell>,
    #[cfg(feature = "metrics")]
    pub(crate) meter: singleflight_metrics::Meter,
    key: PhantomData<fn(&K)>,
}

impl<K: ?Sized, V> Group<K, V> {
    /// Starts to describe a group. The namespace names what the values are and has the version of
    /// their schema in it: `"profile:v3"`. Processes with another one do not meet.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # use singleflight_redis::*;
    /// # fn example(server: &Server) -> Result<Group<str, String>, BuildError> {
    /// Group::builder(server, "report:v1").wait_at_most(Duration::from_secs(60)).codec(Raw).build()
    /// # }
    /// ```
    pub fn builder(server: &Server, namespace: &str) -> Builder<K, V> {
        Builder::over(server.0.clone(), namespace)
    }
}

impl<K: ?Sized, V> Builder<K, V> {
    pub(crate) fn over(engine: Arc<dyn Engine>, namespace: &str) -> Self {
        Self {
            engine,
            names: Names::new(namespace),
            settings: Settings {
                lease: Duration::from_secs(5),
                poll: Duration::from_millis(250),
                wait_at_most: Duration::ZERO,
                max_value: 1 << 20,
                max_failures: 3,
                when_down: WhenDown::RunHere,
                keep: Duration::from_secs(5),
            },
            codec: None,
            tell: None,
            #[cfg(feature = "metrics")]
            meter: singleflight_metrics::Meter::default(),
            key: PhantomData,
        }
    }

    /// How long a call waits for the work of another, at most. It has no default: a work may take
    /// minutes, and a circle of calls across processes ends by nothing else. A work of the call's own
    /// is not bounded by it.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # use singleflight_redis::*;
    /// # fn example(server: &Server) -> Result<Group<str, String>, BuildError> {
    /// Group::builder(server, "report:v1")
    ///     .wait_at_most(Duration::from_secs(60))
    ///     .codec(Raw)
    ///     .wait_at_most(Duration::from_secs(120)) // a report may take a minute
    ///     .build()
    /// # }
    /// ```
    pub fn wait_at_most(mut self, duration: Duration) -> Self {
        self.settings.wait_at_most = duration;
        self
    }

    /// How long a lease lasts unless it is renewed, 5 s by default; at least 30 ms, at most a day. It is renewed at
    /// each third, by the task that runs the work. A dead leader is noticed when it ends; a task that
    /// stalls for longer loses it.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # use singleflight_redis::*;
    /// # fn example(server: &Server) -> Result<Group<str, String>, BuildError> {
    /// Group::builder(server, "report:v1")
    ///     .wait_at_most(Duration::from_secs(60))
    ///     .codec(Raw)
    ///     .lease(Duration::from_secs(2)) // a dead leader is noticed sooner
    ///     .build()
    /// # }
    /// ```
    pub fn lease(mut self, duration: Duration) -> Self {
        self.settings.lease = duration;
        self
    }

    /// How often a waiting process looks if no message comes, 250 ms by default.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # use singleflight_redis::*;
    /// # fn example(server: &Server) -> Result<Group<str, String>, BuildError> {
    /// Group::builder(server, "report:v1")
    ///     .wait_at_most(Duration::from_secs(60))
    ///     .codec(Raw)
    ///     .poll(Duration::from_millis(100))
    ///     .build()
    /// # }
    /// ```
    pub fn poll(mut self, duration: Duration) -> Self {
        self.settings.poll = duration;
        self
    }

    /// How long the result of a shared flight is kept for those who are slow to take it, 5 s by
    /// default. A caller that comes later joins anew.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # use singleflight_redis::*;
    /// # fn example(server: &Server) -> Result<Group<str, String>, BuildError> {
    /// Group::builder(server, "report:v1")
    ///     .wait_at_most(Duration::from_secs(60))
    ///     .codec(Raw)
    ///     .keep(Duration::from_secs(10))
    ///     .build()
    /// # }
    /// ```
    pub fn keep(mut self, duration: Duration) -> Self {
        self.settings.keep = duration;
        self
    }

    /// How many bytes an encoded value may have to cross, 1 MiB by default. Of larger ones a marker
    /// crosses, and other processes run their own work.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # use singleflight_redis::*;
    /// # fn example(server: &Server) -> Result<Group<str, String>, BuildError> {
    /// Group::builder(server, "report:v1")
    ///     .wait_at_most(Duration::from_secs(60))
    ///     .codec(Raw)
    ///     .max_value(64 << 10)
    ///     .build()
    /// # }
    /// ```
    pub fn max_value(mut self, bytes: usize) -> Self {
        self.settings.max_value = bytes;
        self
    }

    /// How many works of [`try_run`](Group::try_run) may fail in a row, 3 by default; at least 1.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # use singleflight_redis::*;
    /// # fn example(server: &Server) -> Result<Group<str, String>, BuildError> {
    /// Group::builder(server, "report:v1")
    ///     .wait_at_most(Duration::from_secs(60))
    ///     .codec(Raw)
    ///     .max_failures(1) // the first failure is told to all who wait
    ///     .build()
    /// # }
    /// ```
    pub fn max_failures(mut self, failures: u32) -> Self {
        self.settings.max_failures = failures;
        self
    }

    /// What happens when Redis is not reached, or refuses: [`WhenDown::RunHere`] by default.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # use singleflight_redis::*;
    /// # fn example(server: &Server) -> Result<Group<str, String>, BuildError> {
    /// Group::builder(server, "report:v1")
    ///     .wait_at_most(Duration::from_secs(60))
    ///     .codec(Raw)
    ///     .when_down(WhenDown::Fail)
    ///     .build()
    /// # }
    /// ```
    pub fn when_down(mut self, when_down: WhenDown) -> Self {
        self.settings.when_down = when_down;
        self
    }

    /// How values cross. It has no default: [`Raw`](crate::Raw) is for bytes and text, `Postcard`
    /// and `Json` (by features) are for any serde type, and [`Codec`] is for codecs of your own.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # use singleflight_redis::*;
    /// # fn example(server: &Server) -> Result<Group<str, String>, BuildError> {
    /// Group::builder(server, "report:v1")
    ///     .wait_at_most(Duration::from_secs(60))
    ///     .codec(Raw) // for bytes and text; others by features, or your own
    ///     .build()
    /// # }
    /// ```
    pub fn codec(mut self, codec: impl Codec<V>) -> Self {
        self.codec = Some(Box::new(codec));
        self
    }

    /// Lets keys stand in Redis as a SHA-256 of `secret` and the key, 16 bytes of it: who reads
    /// Redis then learns no key without the secret. All processes must have the same.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # use singleflight_redis::*;
    /// # fn example(server: &Server) -> Result<Group<str, String>, BuildError> {
    /// Group::builder(server, "report:v1")
    ///     .wait_at_most(Duration::from_secs(60))
    ///     .codec(Raw)
    ///     .hash_keys("a secret that all processes have")
    ///     .build()
    /// # }
    /// ```
    #[cfg(feature = "hash-keys")]
    pub fn hash_keys(mut self, secret: impl Into<Vec<u8>>) -> Self {
        use sha2::Digest as _;
        let secret = secret.into();
        self.names.hash = Some(Box::new(move |key| {
            let mut hash = sha2::Sha256::new();
            hash.update((secret.len() as u64).to_le_bytes());
            hash.update(&secret);
            hash.update(key);
            hash.finalize()[..16].to_vec()
        }));
        self
    }

    /// Lets spans link across processes: `tell` returns the W3C `traceparent` of the execution that a
    /// call would begin, and those who receive its value elsewhere find it in
    /// [`Outcome::traceparent`](crate::Outcome::traceparent).
    ///
    /// It is called in the caller's task when a call goes to Redis, before it is known who leads;
    /// with the feature `tracing` that is inside the execution's span. Text of another form than
    /// version 00 has is as none. A panic in it is as one in the work.
    ///
    /// It adds 55 bytes to a JOIN, and as many to the answers of those who follow.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # use singleflight_redis::*;
    /// # fn example(server: &Server) -> Result<Group<str, String>, BuildError> {
    /// Group::builder(server, "report:v1")
    ///     .wait_at_most(Duration::from_secs(60))
    ///     .codec(Raw)
    ///     // Of the span that is current, by the library that you trace with.
    ///     .traceparent(|| Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned()))
    ///     .build()
    /// # }
    /// ```
    pub fn traceparent(
        mut self,
        tell: impl Fn() -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        self.tell = Some(Box::new(tell));
        self
    }

    /// Makes the group. It sends nothing.
    ///
    /// # Errors
    ///
    /// [`BuildError`] if there is no codec, `wait_at_most` was not said, `lease` is not from 30 ms to a
    /// day, `keep` not from 1 ms to a day, `poll` below 1 ms, or `max_failures` zero.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # use singleflight_redis::*;
    /// # fn example(server: &Server) -> Result<Group<str, String>, BuildError> {
    /// let forgotten: Result<Group<str, String>, _> = Group::builder(server, "report:v1").codec(Raw).build();
    /// assert!(forgotten.is_err(), "how long to wait has to be said");
    /// let builder = Group::builder(server, "report:v1").codec(Raw);
    /// builder.wait_at_most(Duration::from_secs(60)).build()
    /// # }
    /// ```
    pub fn build(self) -> Result<Group<K, V>, BuildError>
    where
        K: KeyBytes,
        V: Clone + Send + Sync + 'static,
    {
        self.settings.check()?;
        let codec = self.codec.ok_or(BuildError("`codec` has to be said"))?;
        let inner = Inner::new(self.engine, self.names, self.settings, codec, self.tell);
        #[cfg(feature = "metrics")]
        let inner = inner.metered(self.meter);
        let group = Group::of(inner);
        #[cfg(feature = "metrics")]
        group
            .inner
            .meter
            .watch(&group.inner, |inner| *inner.stats());
        Ok(group)
    }
}

impl<K: ?Sized, V> fmt::Debug for Builder<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
