//! What is said about a value that has changed: it wins over every load that began before.

use core::future::Future;

use crate::error::{InvalidateError, Unremoved};
use crate::flights::Flights;
use crate::get::Aside;
use crate::inner::Inner;
use crate::on_drop::OnDrop;
use crate::planted::planted;
use crate::stats::count;
use crate::store::{RemoveAll, Store};

/// Why an invalidation was not made.
type NotInvalidated<S, E, F> = InvalidateError<<S as Store>::Error, <F as Flights<S, E>>::Error>;

impl<S: Store, E, F: Flights<S, E>> Aside<S, E, F> {
    /// Removes what the store has for `key`, and lets no load that has begun store what it finds.
    /// Call it after the database was written: [`write`](Self::write) keeps the order.
    ///
    /// No get in this process that begins after it has returned `Ok` sees a value that was loaded
    /// before it was called. Gets that are under way receive what they asked for before.
    ///
    /// It waits for a put that is on its way, never for a load. So a get of the same key that is kept in
    /// its put, and polled no more, holds it up.
    ///
    /// # Errors
    ///
    /// If the store failed to remove, or the flights to forget: an old value may still be read.
    ///
    /// # Cancel safety
    ///
    /// If it is dropped before its end, nothing is promised; no load that had begun is stored.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// # mod map { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/map.inc")); }
    /// # use map::Map;
    /// use singleflight_cache::Builder;
    ///
    /// let aside = Builder::new(Map::default()).build();
    /// aside.get(&7, async || Ok::<_, std::io::Error>(Some("old".to_owned()))).await?;
    /// aside.invalidate(&7).await.unwrap();
    /// let name = aside.get(&7, async || Ok(Some("new".to_owned()))).await?;
    /// assert_eq!(name.as_deref(), Some("new"));
    /// # Ok::<_, singleflight_cache::Error<_, _, _>>(())
    /// # }).unwrap();
    /// ```
    pub async fn invalidate(&self, key: &S::Key) -> Result<(), NotInvalidated<S, E, F>> {
        let inner = &*self.0;
        inner.void(key);
        let claim = if planted("no-wait-for-a-put") {
            None
        } else {
            let claim = inner.claims.claim(key).await;
            Some(claim.map_err(|error| InvalidateError::Flight(error.into()))?)
        };
        // A load in another process puts by its lease, so it loses that first.
        let lost = if F::BETWEEN_PROCESSES {
            inner.loads.forget(key).await
        } else {
            Ok(())
        };
        let removed = inner.store.remove(key).await;
        // Once more, behind the removal: a look of meanwhile has seen the old entry.
        if !planted("forgets-only-before") {
            inner.void(key);
        }
        let forgotten = inner.loads.forget(key).await;
        drop(claim);
        inner.told(removed, lost.and(forgotten))
    }

    /// Runs a write to the database between invalidations, whether it succeeds or not.
    ///
    /// # Errors
    ///
    /// [`Unremoved`], with what the write returned, if the invalidation after it failed.
    ///
    /// # Cancel safety
    ///
    /// If it is dropped, the write may have been made and the entry is not removed: only the loads
    /// that had begun are not stored. A write whose caller may go belongs in a task of its own.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// # mod map { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/map.inc")); }
    /// # use map::Map;
    /// use singleflight_cache::Builder;
    ///
    /// let aside = Builder::new(Map::default()).build::<std::io::Error>();
    /// let rows = aside.write(&7, async || 1 /* row was updated */).await.unwrap();
    /// assert_eq!(rows, 1);
    /// # });
    /// ```
    pub async fn write<T>(
        &self,
        key: &S::Key,
        write: impl AsyncFnOnce() -> T,
    ) -> Result<T, Unremoved<T, S::Error, F::Error>> {
        self.0.void(key);
        // However the write ends, the loads that have begun by then are void.
        let voiding = OnDrop(|| self.0.void(key));
        let written = write().await;
        drop(voiding);
        match self.invalidate(key).await {
            Ok(()) => Ok(written),
            Err(error) => Err(Unremoved { written, error }),
        }
    }

    /// Invalidates, and returns a future that invalidates once more when `lag` is over, to be run
    /// in a task.
    ///
    /// It helps only where loads read a replica that lags behind the database: a load of just now
    /// may have read the old value there. It is lost with its process, and is of no use if the lag
    /// was longer.
    ///
    /// # Errors
    ///
    /// As [`invalidate`](Self::invalidate).
    ///
    /// # Cancel safety
    ///
    /// As [`invalidate`](Self::invalidate).
    ///
    /// # Examples
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// # mod map { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/map.inc")); }
    /// # use map::Map;
    /// use singleflight_cache::Builder;
    ///
    /// let aside = Builder::new(Map::default()).build();
    /// let lag = async { /* sleep for as long as the replica lags */ };
    /// let again = aside.invalidate_twice(&7, lag).await.unwrap();
    /// aside.get(&7, async || Ok::<_, std::io::Error>(Some("from the replica".to_owned()))).await?;
    /// again.await.unwrap(); // in a task
    /// let name = aside.get(&7, async || Ok(Some("new".to_owned()))).await?;
    /// assert_eq!(name.as_deref(), Some("new"));
    /// # Ok::<_, singleflight_cache::Error<_, _, _>>(())
    /// # }).unwrap();
    /// ```
    pub async fn invalidate_twice<X: Future>(
        &self,
        key: &S::Key,
        lag: X,
    ) -> Result<
        impl Future<Output = Result<(), NotInvalidated<S, E, F>>> + use<S, E, F, X>,
        NotInvalidated<S, E, F>,
    > {
        self.invalidate(key).await?;
        let (aside, key) = (self.clone(), key.clone());
        Ok(async move {
            lag.await;
            aside.invalidate(&key).await
        })
    }

    /// As [`invalidate`](Self::invalidate), for every key. It waits for all puts on their way.
    ///
    /// # Errors
    ///
    /// As [`invalidate`](Self::invalidate).
    ///
    /// # Cancel safety
    ///
    /// As [`invalidate`](Self::invalidate).
    ///
    /// # Examples
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// # mod map { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/map.inc")); }
    /// # use map::Map;
    /// use singleflight_cache::Builder;
    ///
    /// let aside = Builder::new(Map::default()).build();
    /// aside.get(&7, async || Ok::<_, std::io::Error>(Some("old".to_owned()))).await?;
    /// aside.invalidate_all().await.unwrap();
    /// let name = aside.get(&7, async || Ok(Some("new".to_owned()))).await?;
    /// assert_eq!(name.as_deref(), Some("new"));
    /// # Ok::<_, singleflight_cache::Error<_, _, _>>(())
    /// # }).unwrap();
    /// ```
    pub async fn invalidate_all(&self) -> Result<(), NotInvalidated<S, E, F>>
    where
        S: RemoveAll,
    {
        let inner = &*self.0;
        // From now on a load that has begun puts no more, and what is seen is not put back; those who put
        // already are waited for.
        let removing = inner.changes.removing();
        inner.marks.void_all();
        let settled = inner.claims.settle().await;
        settled.map_err(|error| InvalidateError::Flight(error.into()))?;
        let removed = inner.store.remove_all().await;
        inner.changes.voided_all();
        inner.marks.void_all();
        drop(removing);
        inner.looks.forget_all();
        let forgotten = inner.loads.forget_all().await;
        inner.told(removed, forgotten)
    }
}

impl<S: Store, E, F: Flights<S, E>> Inner<S, E, F> {
    /// Lets no load that has begun store what it finds, and newcomers join no look.
    fn void(&self, key: &S::Key) {
        // Before the mark: a load that takes one later finds this counted.
        self.changes.voided(key);
        self.marks.void(key);
        self.looks.forget(key);
    }

    fn told(
        &self,
        removed: Result<(), S::Error>,
        forgotten: Result<(), F::Error>,
    ) -> Result<(), NotInvalidated<S, E, F>> {
        if removed.is_err() {
            count(&self.counts.remove_failures);
        }
        removed.map_err(InvalidateError::Store)?;
        forgotten.map_err(InvalidateError::Flight)
    }
}
