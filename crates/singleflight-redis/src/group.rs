//! The group: calls come in here, and go round until a flight answers that they may take.
//!
//! A caller that joins its process's flight after that flight has landed in Redis, but before its
//! own leader has heard of it, must not take its value: somebody elsewhere may have received it
//! already, and told. So each call takes a stamp when it arrives, and each message when it is sent.
//! A value counts for the callers that arrived before a message whose answer said that the flight
//! was still led. The others join anew, together.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt;
use std::future::{Future, pending};
use std::hash::{BuildHasher as _, RandomState};
use std::marker::PhantomData;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use event_listener::Event;
use futures_lite::future::or;

use crate::builder::Builder;
use crate::claim::send_again;
use crate::codec::Codec;
use crate::counts::{Counts, Stats};
use crate::drive;
use crate::engine::{Engine, Failure, Id, Message, Verb};
use crate::error::{CallError, ForgetError};
use crate::key::{KeyBytes, Slot};
use crate::lease::{Lease, new_id};
use crate::local::{Answer, Landing, Local, What};
use crate::outcome::{Outcome, Role};
use crate::seeds::planted;
use crate::server::Server;
use crate::settings::Settings;

/// The space in which calls with equal keys share one execution, in all processes that use the same
/// server and namespace.
///
/// `K` is the key, `V` the value; a value crosses by the group's [`Codec`]. Clones share everything.
pub struct Group<K: ?Sized, V> {
    inner: Arc<Inner<V>>,
    key: PhantomData<fn(&K)>,
}

pub(crate) struct Inner<V> {
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) codec: Box<dyn Codec<V>>,
    pub(crate) settings: Settings,
    pub(crate) counts: Counts,
    local: Local<V>,
    prefix: Vec<u8>,
    hash: Option<Hash>,
    stamps: AtomicU64,
    arrivals: Box<[Arrivals]>,
    hasher: RandomState,
    leading: Mutex<HashMap<Id, Slot>>,
}

/// Makes of a key's bytes what stands in Redis.
pub(crate) type Hash = Box<dyn Fn(&[u8]) -> Vec<u8> + Send + Sync>;

/// The calls of some keys: a leader that waits for another process looks again when one comes.
#[derive(Default)]
struct Arrivals {
    latest: AtomicU64,
    event: Event,
}

/// Keys share places. A newcomer of another key costs a look.
const PLACES: u64 = 256;

/// How long after a look the next one for newcomers comes.
const BETWEEN_LOOKS: Duration = Duration::from_millis(5);

/// A flight that this process leads, until it is dropped.
pub(crate) struct Led<'a, V> {
    inner: &'a Inner<V>,
    id: Id,
}

/// A call whose options are being chosen. Made by [`Group::call`].
#[must_use = "a call does nothing until it is run"]
pub struct Call<'a, V> {
    inner: &'a Inner<V>,
    slot: Slot,
    timeout: Option<Duration>,
}

impl<K: ?Sized, V> Group<K, V> {
    /// Starts to describe a group. The namespace names what the values are and has the version of
    /// their schema in it: `"profile:v3"`. Processes with another one do not meet.
    pub fn builder(server: &Server, namespace: &str) -> Builder<K, V> {
        Builder::new(server, namespace)
    }

    pub(crate) fn of(inner: Inner<V>) -> Self {
        Self {
            inner: Arc::new(inner),
            key: PhantomData,
        }
    }

    /// Returns what this group of this process has done so far.
    pub fn stats(&self) -> Stats {
        self.inner.counts.stats()
    }
}

impl<K: KeyBytes + ?Sized, V: Clone + Send + Sync + 'static> Group<K, V> {
    /// Returns the value for `key`: runs `work` if nobody is running it in any process, else waits
    /// for the one that does. Whatever the work returns is shared.
    ///
    /// The work is given its [`Lease`]. Nothing happens before the first poll.
    ///
    /// # Errors
    ///
    /// Whatever leaves the call without a value: see [`CallError`].
    ///
    /// # Panics
    ///
    /// A panic in this call's work goes on unchanged. Those who wait, here and elsewhere, receive
    /// [`LeaderPanicked`](CallError::LeaderPanicked) at once.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future of a leader drops its work; a caller that waits in this process leads on,
    /// else one elsewhere within a round trip. Dropping that of another leaves the flight.
    pub async fn run<Q, W, F>(&self, key: &Q, work: W) -> Result<V, CallError>
    where
        K: Borrow<Q>,
        Q: KeyBytes + ?Sized,
        W: FnOnce(Lease) -> F,
        F: Future<Output = V>,
    {
        self.call(key).run(work).await
    }

    /// As [`run`](Self::run), and says how the value came.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    ///
    /// # Panics
    ///
    /// As [`run`](Self::run).
    pub async fn run_outcome<Q, W, F>(&self, key: &Q, work: W) -> Result<Outcome<V>, CallError>
    where
        K: Borrow<Q>,
        Q: KeyBytes + ?Sized,
        W: FnOnce(Lease) -> F,
        F: Future<Output = V>,
    {
        self.call(key).run_outcome(work).await
    }

    /// As [`run`](Self::run), but an `Err` stays with the caller whose work it was, and the next
    /// caller tries, in this process or another. After
    /// [`max_failures`](Builder::max_failures) in a row, in all processes together, those who still
    /// wait receive [`TooManyFailures`](CallError::TooManyFailures).
    ///
    /// # Errors
    ///
    /// Outside, as [`run`](Self::run); inside, what this call's own work returned.
    ///
    /// # Panics
    ///
    /// As [`run`](Self::run).
    pub async fn try_run<Q, W, F, E>(&self, key: &Q, work: W) -> Result<Result<V, E>, CallError>
    where
        K: Borrow<Q>,
        Q: KeyBytes + ?Sized,
        W: FnOnce(Lease) -> F,
        F: Future<Output = Result<V, E>>,
    {
        self.call(key).try_run(work).await
    }

    /// Runs `work` if nobody is running it in any process; else returns `None` at once. For
    /// refreshes: a second one would be for nothing.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    ///
    /// # Panics
    ///
    /// As [`run`](Self::run).
    pub async fn try_lead<Q, W, F>(&self, key: &Q, work: W) -> Result<Option<Outcome<V>>, CallError>
    where
        K: Borrow<Q>,
        Q: KeyBytes + ?Sized,
        W: FnOnce(Lease) -> F,
        F: Future<Output = V>,
    {
        let call = self.call(key);
        if self.inner.local.is_led(&call.slot) {
            return Ok(None);
        }
        let work = |lease| async { Ok::<_, Infallible>(work(lease).await) };
        match call.go(work, false).await? {
            Some(Ok(outcome)) => Ok(Some(outcome)),
            Some(Err(never)) => match never {},
            None => Ok(None),
        }
    }

    /// Starts to describe a call with options.
    pub fn call<Q>(&self, key: &Q) -> Call<'_, V>
    where
        K: Borrow<Q>,
        Q: KeyBytes + ?Sized,
    {
        Call {
            inner: &self.inner,
            slot: self.slot(key),
            timeout: None,
        }
    }

    /// Lets the next call for `key` start afresh, in every process. Returns whether anything was in
    /// flight.
    ///
    /// Once it has returned, no call that begins anywhere receives a value whose work had begun
    /// before. The work goes on, and is told that its lease is lost; its value goes to callers of its
    /// process that came before the forget. All others join anew.
    ///
    /// # Errors
    ///
    /// If Redis did not confirm it. In this process it holds all the same.
    pub async fn forget<Q>(&self, key: &Q) -> Result<bool, ForgetError>
    where
        K: Borrow<Q>,
        Q: KeyBytes + ?Sized,
    {
        let slot = self.slot(key);
        let here = self.inner.local.forget(&slot);
        let mut args = vec![crate::claim::millis(self.inner.settings.marks())];
        loop {
            let nonce = new_id().to_vec();
            args.insert(0, nonce.clone());
            let message = Message {
                verb: Verb::Forget,
                keys: vec![slot.lease(), slot.marks()],
                args: args.clone(),
            };
            match self.inner.engine.send(message).await {
                Ok(reply) => return Ok(here || reply.code == 1),
                Err(Failure::Unanswered(_)) if args.len() < 4 => {
                    args.remove(0);
                    args.push(nonce);
                }
                Err(failure) => return Err(ForgetError(failure.text().to_owned())),
            }
        }
    }

    /// Refuses every new call of this process with [`Closed`](CallError::Closed), for good.
    pub fn close(&self) {
        self.inner.local.close();
    }

    /// Closes the group and waits until this process has nothing in flight. When the time is up,
    /// the leases of what is left are given up, so that other processes lead on; returns how many
    /// flights that were.
    pub async fn drain(&self, at_most: Duration) -> usize {
        let inner = &self.inner;
        inner.local.close();
        let drained = async {
            inner.local.drained().await;
            true
        };
        let late = async {
            inner.engine.sleep(at_most).await;
            false
        };
        if or(drained, late).await {
            return 0;
        }
        let left: Vec<_> = inner.leading().drain().collect();
        for (id, slot) in left {
            let mut claim = crate::claim::Claim::new(&inner.engine, &inner.settings, &slot);
            claim.ids.push(id);
            let message = claim.give_up();
            claim.release();
            // If it does not come through, the lease ends by itself.
            let _answer = send_again(&*inner.engine, message).await;
        }
        inner.local.in_flight()
    }

    fn slot<Q: KeyBytes + ?Sized>(&self, key: &Q) -> Slot {
        let mut bytes = Vec::new();
        key.write(&mut bytes);
        if let Some(hash) = &self.inner.hash {
            bytes = hash(&bytes);
        }
        Slot::new(&self.inner.prefix, &bytes)
    }
}

impl<V: Clone + Send + Sync + 'static> Call<'_, V> {
    /// Ends the whole call after `duration`, a work of its own included: the lease is then given up,
    /// and the next caller leads. Without it only the wait is bounded, by the group's
    /// [`wait_at_most`](Builder::wait_at_most).
    pub fn timeout(mut self, duration: Duration) -> Self {
        self.timeout = Some(duration);
        self
    }

    /// Makes the call, as [`Group::run`].
    ///
    /// # Errors
    ///
    /// As [`Group::run`].
    ///
    /// # Panics
    ///
    /// As [`Group::run`].
    pub async fn run<W, F>(self, work: W) -> Result<V, CallError>
    where
        W: FnOnce(Lease) -> F,
        F: Future<Output = V>,
    {
        Ok(self.run_outcome(work).await?.value)
    }

    /// Makes the call, as [`Group::run_outcome`].
    ///
    /// # Errors
    ///
    /// As [`Group::run`].
    ///
    /// # Panics
    ///
    /// As [`Group::run`].
    pub async fn run_outcome<W, F>(self, work: W) -> Result<Outcome<V>, CallError>
    where
        W: FnOnce(Lease) -> F,
        F: Future<Output = V>,
    {
        let work = |lease| async { Ok::<_, Infallible>(work(lease).await) };
        self.try_run_outcome(work)
            .await?
            .map_err(|never| match never {})
    }

    /// Makes the call, as [`Group::try_run`].
    ///
    /// # Errors
    ///
    /// As [`Group::try_run`].
    ///
    /// # Panics
    ///
    /// As [`Group::run`].
    pub async fn try_run<W, F, E>(self, work: W) -> Result<Result<V, E>, CallError>
    where
        W: FnOnce(Lease) -> F,
        F: Future<Output = Result<V, E>>,
    {
        let outcome = self.try_run_outcome(work).await?;
        Ok(outcome.map(|outcome| outcome.value))
    }

    /// Makes the call, as [`Group::try_run`], and says how the value came.
    ///
    /// # Errors
    ///
    /// As [`Group::try_run`].
    ///
    /// # Panics
    ///
    /// As [`Group::run`].
    pub async fn try_run_outcome<W, F, E>(self, work: W) -> Result<Result<Outcome<V>, E>, CallError>
    where
        W: FnOnce(Lease) -> F,
        F: Future<Output = Result<V, E>>,
    {
        let answer = self.go(work, true).await?;
        Ok(answer.expect("a call that waits is answered"))
    }

    /// `None`: somebody else leads, and the call does not wait.
    async fn go<W, F, E>(
        self,
        work: W,
        waits: bool,
    ) -> Result<Option<Result<Outcome<V>, E>>, CallError>
    where
        W: FnOnce(Lease) -> F,
        F: Future<Output = Result<V, E>>,
    {
        let Self {
            inner,
            slot,
            timeout,
        } = self;
        let leads = AtomicBool::new(false);
        let begun = inner.engine.now();
        let (mut work, mut error) = (Some(work), None);
        loop {
            // Before the local flight is joined: see the head of this file.
            let arrived = inner.arrive(&slot);
            let expiry = inner.expiry(begun, timeout, &leads);
            let call = drive::Call {
                slot: &slot,
                work: &mut work,
                error: &mut error,
                leads: &leads,
                waits,
            };
            let drive = |door| inner.drive(door, call);
            let answer = inner.local.call(&slot, expiry, drive).await?;
            let (landing, is_own) = match answer {
                Answer::Own(landing) => (landing, true),
                Answer::Other(landing) => (Some(landing), false),
            };
            if let Some(error) = error {
                return Ok(Some(Err(error)));
            }
            let landing = landing.expect("a work that kept its error has it");
            let takes = is_own || arrived < landing.before || planted("late-newcomers-take");
            if !takes || !is_own && waits && matches!(landing.what, What::Busy) {
                inner.counts.rejoined.add();
                continue;
            }
            return match landing {
                Landing {
                    what: What::Busy, ..
                } => Ok(None),
                Landing {
                    what: What::Failed(error),
                    ..
                } => Err(error),
                Landing {
                    what: What::Value(value),
                    role,
                    lease,
                    token,
                    ..
                } => Ok(Some(Ok(Outcome {
                    value,
                    role: match role {
                        Role::Leader if !is_own => Role::Follower,
                        role => role,
                    },
                    lease,
                    token,
                }))),
            };
        }
    }
}

impl<V> Inner<V> {
    pub(crate) fn new(
        engine: Arc<dyn Engine>,
        codec: Box<dyn Codec<V>>,
        settings: Settings,
        prefix: Vec<u8>,
        hash: Option<Hash>,
    ) -> Self
    where
        V: Clone,
    {
        Self {
            engine,
            codec,
            settings,
            counts: Counts::default(),
            local: Local::new(settings.max_failures),
            prefix,
            hash,
            stamps: AtomicU64::new(0),
            arrivals: (0..PLACES).map(|_| Arrivals::default()).collect(),
            hasher: RandomState::new(),
            leading: Mutex::default(),
        }
    }

    /// The next stamp: what was stamped before has a lower one.
    pub(crate) fn stamp(&self) -> u64 {
        self.stamps.fetch_add(1, Ordering::SeqCst)
    }

    fn arrive(&self, slot: &Slot) -> u64 {
        let arrived = self.stamp();
        let arrivals = self.arrivals(slot);
        arrivals.latest.fetch_max(arrived, Ordering::SeqCst);
        arrivals.event.notify(usize::MAX);
        arrived
    }

    fn arrivals(&self, slot: &Slot) -> &Arrivals {
        let place = self.hasher.hash_one(slot) % PLACES;
        let place = usize::try_from(place).expect("there are few places");
        &self.arrivals[place]
    }

    /// Waits until a caller has come after `before`, and some time after the last look.
    pub(crate) async fn newcomer(&self, slot: &Slot, before: u64, looked: Duration) {
        let arrivals = self.arrivals(slot);
        loop {
            // Pairs with the notification in `arrive`.
            let listener = arrivals.event.listen();
            if arrivals.latest.load(Ordering::SeqCst) > before {
                break;
            }
            listener.await;
        }
        let early = (looked + BETWEEN_LOOKS).saturating_sub(self.engine.now());
        if !early.is_zero() {
            self.engine.sleep(early).await;
        }
    }

    /// When a call gives up.
    async fn expiry(&self, begun: Duration, timeout: Option<Duration>, leads: &AtomicBool) {
        let passed = self.engine.now().saturating_sub(begun);
        let wait = self.settings.wait_at_most;
        let whole = timeout.unwrap_or(Duration::MAX);
        self.engine
            .sleep(wait.min(whole).saturating_sub(passed))
            .await;
        // A work of its own has its own time.
        if whole > wait && leads.load(Ordering::Relaxed) {
            if timeout.is_none() {
                pending::<()>().await;
            }
            self.engine.sleep(whole.saturating_sub(wait)).await;
        }
    }

    fn leading(&self) -> std::sync::MutexGuard<'_, HashMap<Id, Slot>> {
        self.leading.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn register(&self, id: Id, slot: &Slot) -> Led<'_, V> {
        self.leading().insert(id, slot.clone());
        Led { inner: self, id }
    }
}

impl<V> Drop for Led<'_, V> {
    fn drop(&mut self) {
        self.inner.leading().remove(&self.id);
    }
}

impl<K: ?Sized, V> Clone for Group<K, V> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            key: PhantomData,
        }
    }
}

impl<K: ?Sized, V> fmt::Debug for Group<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Group")
            .field("settings", &self.inner.settings)
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

impl<V> fmt::Debug for Call<'_, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
