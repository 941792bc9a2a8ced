//! A hold on the shared part of a flight, and where the shared parts of a group with a fixed
//! capacity stay between flights.
//!
//! Elsewhere a shared part is made by the first follower and freed by the last holder. Here
//! it goes back to where it came from. Every hold on it is let go under the lock of its
//! [`FreeList`], so the last one to be let go finds itself alone.

use alloc::vec::Vec;
use core::mem;
use core::ops::Deref;

use crate::error::CallError;
use crate::outcome::{Outcome, Role};
use crate::platform::sync::{Arc, Mutex, seeded};
use crate::table::flight::{Flight, Landing};

/// A hold on a flight's shared part, or on none.
pub(crate) struct FlightArc<V>(Option<Arc<Pooled<V>>>);

struct Pooled<V> {
    flight: Flight<V>,
    /// Where it goes after its flight, if it is one of a fixed number.
    home: Option<Arc<FreeList<V>>>,
}

/// Where the shared parts of a table's flights come from.
pub(crate) enum Pool<V> {
    /// From the heap, one by one.
    Heap,
    /// From a fixed number, which is none before its storage is taken.
    Fixed(Option<Arc<FreeList<V>>>),
}

/// The shared parts that no flight uses.
pub(crate) struct FreeList<V>(Mutex<Vec<Arc<Pooled<V>>>>);

impl<V> Pool<V> {
    pub(crate) fn is_fixed(&self) -> bool {
        matches!(self, Self::Fixed(_))
    }
}

impl<V> FlightArc<V> {
    pub(crate) const NONE: Self = Self(None);

    /// Returns the flight's shared part, which is taken from pool if it has none yet.
    pub(crate) fn get_or_take(&mut self, pool: &Pool<V>) -> Option<&Self> {
        if self.0.is_none() {
            *self = match pool {
                Pool::Heap => Self(Some(Arc::new(Pooled::new()))),
                Pool::Fixed(free) => FreeList::take(free.as_ref()?)?,
            };
        }
        Some(self)
    }

    #[inline]
    pub(crate) fn is_some(&self) -> bool {
        self.0.is_some()
    }

    #[inline]
    pub(crate) fn flight(&self) -> Option<&Flight<V>> {
        self.0.as_ref().map(|pooled| &pooled.flight)
    }

    pub(crate) fn take(&mut self) -> Self {
        mem::replace(self, Self::NONE)
    }

    /// Takes one caller's share of the result of a landed flight: a clone, or the value
    /// itself if this caller is the last to hold the flight.
    ///
    /// The clone is made without any lock and after the flight has landed, so a `Clone`
    /// that panics costs its own caller the value and nobody else.
    pub(crate) fn share(self, role: Role) -> Result<Outcome<V>, CallError>
    where
        V: Clone,
    {
        let landing = self
            .into_landing()
            .unwrap_or_else(|shared| shared.copy_landing());
        let landing = landing.expect("only a landed flight is shared out");
        landing.into_outcome(role)
    }

    /// Takes the result if this is the last hold, else leaves it to the others.
    fn into_landing(mut self) -> Result<Option<Landing<V>>, Self> {
        let Some(pooled) = self.0.take() else {
            return Ok(None);
        };
        let landing = match pooled.home.clone() {
            None => Arc::try_unwrap(pooled).map(|pooled| pooled.flight.into_landing()),
            Some(home) => home.take_back(pooled, Err),
        };
        landing.map_err(|pooled| Self(Some(pooled)))
    }
}

impl<V> Pooled<V> {
    fn new() -> Self {
        Self {
            flight: Flight::new(),
            home: None,
        }
    }
}

impl<V> FreeList<V> {
    /// Makes `count` shared parts, with all the storage that they need.
    pub(crate) fn new(count: usize) -> Self {
        let spare = || {
            let pooled = Pooled::new();
            pooled.flight.signal.prepare();
            Arc::new(pooled)
        };
        Self(Mutex::new((0..count).map(|_| spare()).collect()))
    }

    /// Takes one for a flight.
    fn take(home: &Arc<Self>) -> Option<FlightArc<V>> {
        let mut pooled = home.0.with(Vec::pop)?;
        Arc::get_mut(&mut pooled)?.home = Some(Arc::clone(home));
        Some(FlightArc(Some(pooled)))
    }

    /// Takes a shared part back with its last hold, and returns what the flight ended with:
    /// it is caller's code that drops it. Another hold is `kept`, or let go, under the lock.
    fn take_back<T>(
        &self,
        mut pooled: Arc<Pooled<V>>,
        kept: impl FnOnce(Arc<Pooled<V>>) -> Result<Option<Landing<V>>, T>,
    ) -> Result<Option<Landing<V>>, T> {
        if seeded("let-go-unlocked") && Arc::get_mut(&mut pooled).is_none() {
            return kept(pooled);
        }
        self.0.with(|free| match Arc::get_mut(&mut pooled) {
            Some(last) => {
                last.home = None;
                let landing = last.flight.reset();
                free.push(pooled);
                Ok(landing)
            }
            None => kept(pooled),
        })
    }
}

impl<V> Deref for FlightArc<V> {
    type Target = Flight<V>;

    #[inline]
    fn deref(&self) -> &Flight<V> {
        self.flight().expect("whoever waits holds a flight")
    }
}

impl<V> Clone for FlightArc<V> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<V> Drop for FlightArc<V> {
    #[inline]
    fn drop(&mut self) {
        if let Some(pooled) = self.0.take() {
            let_go(pooled);
        }
    }
}

/// Out of line: a lone call has nothing to let go of.
#[cold]
#[inline(never)]
fn let_go<V>(pooled: Arc<Pooled<V>>) {
    if let Some(home) = pooled.home.clone() {
        let last = home.take_back(pooled, |pooled| {
            drop(pooled);
            Err(())
        });
        drop(last);
    }
}
