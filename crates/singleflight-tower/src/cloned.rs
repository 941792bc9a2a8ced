//! The layer for services whose response can be cloned: messages, parsed values.

use std::error::Error;
use std::fmt;
use std::future::{Future, poll_fn};
use std::hash::Hash;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use singleflight_core::{Builder, CallError, Group};
use tower_layer::Layer;
use tower_service::Service;

use crate::error::Shared;

/// Coalesces equal requests of a service whose response is `Clone`.
///
/// Each caller drives the work, and hands it over if it goes. An error is shared, as an `Arc`. There are
/// no rules here but the key's: it has to hold all that the answer depends on.
///
/// A request that comes to the layer again from inside of its own work goes alone, if the same task
/// brings it. There is no limit of time here: a work that waits for its own key through another task,
/// and two works that wait for each other, wait for good. A timeout layer outside ends that.
///
/// # Examples
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use std::convert::Infallible;
/// use singleflight_tower::CoalesceLayer;
/// use tower::{Layer, ServiceExt, service_fn};
///
/// let lengths = service_fn(async |word: String| Ok::<_, Infallible>(word.len()));
/// let layer = CoalesceLayer::new(|word: &String| Some(word.clone()));
/// let service = layer.layer(lengths);
/// let (one, other) = tokio::join!(
///     service.clone().oneshot("equal".to_owned()),
///     service.clone().oneshot("equal".to_owned()),
/// );
/// assert_eq!((one.unwrap(), other.unwrap()), (5, 5));
/// # });
/// ```
pub struct CoalesceLayer<Q, K, T, E> {
    key: Arc<KeyOf<Q, K>>,
    group: Arc<Group<K, Result<T, Shared<E>>>>,
}

type KeyOf<Q, K> = dyn Fn(&Q) -> Option<K> + Send + Sync;

impl<Q, K, T, E> CoalesceLayer<Q, K, T, E> {
    /// Makes a layer from what makes requests equal. `None`: the request goes alone.
    ///
    /// # Examples
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// use std::convert::Infallible;
    ///
    /// use singleflight_tower::CoalesceLayer;
    /// use tower::{Layer, ServiceExt, service_fn};
    ///
    /// // Short words are not worth it: they go alone.
    /// let layer = CoalesceLayer::new(|word: &String| (word.len() > 2).then(|| word.clone()));
    /// let lengths = service_fn(async |word: String| Ok::<_, Infallible>(word.len()));
    /// let service = layer.layer(lengths);
    /// service.clone().oneshot("an".to_owned()).await.unwrap();
    /// assert_eq!(layer.group().stats().led, 0);
    /// service.oneshot("equal".to_owned()).await.unwrap();
    /// assert_eq!(layer.group().stats().led, 1);
    /// # });
    /// ```
    pub fn new(key: impl Fn(&Q) -> Option<K> + Send + Sync + 'static) -> Self {
        Self::with(Builder::new(), key)
    }

    /// As [`new`](Self::new), with limits of followers and of age.
    ///
    /// # Examples
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// use std::convert::Infallible;
    ///
    /// use singleflight_core::Builder;
    /// use singleflight_tower::CoalesceLayer;
    /// use tower::{Layer, ServiceExt, service_fn};
    ///
    /// let group = Builder::new().max_followers(0);
    /// let layer = CoalesceLayer::with(group, |word: &String| Some(word.clone()));
    /// let slow = service_fn(async |word: String| {
    ///     tokio::task::yield_now().await;
    ///     Ok::<_, Infallible>(word.len())
    /// });
    /// let service = layer.layer(slow);
    /// let ask = || service.clone().oneshot("equal".to_owned());
    /// let (one, other) = tokio::join!(ask(), ask());
    /// assert_eq!(one.unwrap(), 5);
    /// assert!(other.is_err(), "nobody may follow");
    /// # });
    /// ```
    pub fn with(
        group: Builder<K, Result<T, Shared<E>>>,
        key: impl Fn(&Q) -> Option<K> + Send + Sync + 'static,
    ) -> Self {
        let (key, group) = (Arc::new(key), Arc::new(group.build()));
        Self { key, group }
    }

    /// Returns the group, for its counts, to forget, to close.
    ///
    /// # Examples
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// use std::convert::Infallible;
    ///
    /// use singleflight_tower::CoalesceLayer;
    /// use tower::{Layer, ServiceExt, service_fn};
    ///
    /// let layer = CoalesceLayer::new(|word: &String| Some(word.clone()));
    /// let service = layer.layer(service_fn(async |word: String| Ok::<_, Infallible>(word.len())));
    /// layer.group().close();
    /// assert!(service.oneshot("late".to_owned()).await.is_err());
    /// # });
    /// ```
    pub fn group(&self) -> &Arc<Group<K, Result<T, Shared<E>>>> {
        &self.group
    }
}

impl<S, Q, K, T, E> Layer<S> for CoalesceLayer<Q, K, T, E> {
    type Service = Coalesced<S, Q, K, T, E>;

    fn layer(&self, inner: S) -> Self::Service {
        let layer = self.clone();
        Coalesced { inner, layer }
    }
}

/// A service whose equal requests share one execution. Made by [`CoalesceLayer`]; always ready.
pub struct Coalesced<S, Q, K, T, E> {
    inner: S,
    layer: CoalesceLayer<Q, K, T, E>,
}

impl<S, Q, K, T, E> Service<Q> for Coalesced<S, Q, K, T, E>
where
    S: Service<Q, Response = T, Error = E> + Clone + Send + 'static,
    S::Future: Send,
    Q: Send + 'static,
    K: Eq + Hash + Send + Sync + 'static,
    T: Clone + Send + Sync + 'static,
    E: Send + Sync + 'static,
{
    type Response = T;
    type Error = CoalesceError<E>;
    type Future = Pin<Box<dyn Future<Output = Result<T, CoalesceError<E>>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Q) -> Self::Future {
        let key = (self.layer.key)(&request);
        let (group, mut inner) = (Arc::clone(self.layer.group()), self.inner.clone());
        Box::pin(async move {
            let mut request = Some(request);
            let mut ask = async || {
                let ready = poll_fn(|context| inner.poll_ready(context)).await;
                ready.map_err(Shared::new)?;
                let request = request.take().expect("a call asks once");
                inner.call(request).await.map_err(Shared::new)
            };
            if let Some(key) = key {
                match group.run_outcome(key, async || ask().await).await {
                    // Nothing was asked, and nobody can be waited for.
                    Err(CallError::Reentrant) => {}
                    Err(error) => return Err(CoalesceError::Call(error)),
                    Ok(outcome) => return outcome.value.map_err(CoalesceError::Service),
                }
            }
            ask().await.map_err(CoalesceError::Service)
        })
    }
}

/// Why a request has no response.
#[derive(Debug)]
#[non_exhaustive]
pub enum CoalesceError<E> {
    /// The inner service failed, for all who share the flight.
    Service(Shared<E>),
    /// There is no answer: the flight is full, the group closed, the leader panicked.
    Call(CallError),
}

impl<E: fmt::Display> fmt::Display for CoalesceError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service(error) => error.fmt(f),
            Self::Call(error) => error.fmt(f),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> Error for CoalesceError<E> {}

impl<Q, K, T, E> Clone for CoalesceLayer<Q, K, T, E> {
    fn clone(&self) -> Self {
        let (key, group) = (Arc::clone(&self.key), Arc::clone(&self.group));
        Self { key, group }
    }
}

impl<S: Clone, Q, K, T, E> Clone for Coalesced<S, Q, K, T, E> {
    fn clone(&self) -> Self {
        self.layer.layer(self.inner.clone())
    }
}

impl<Q, K, T, E> fmt::Debug for CoalesceLayer<Q, K, T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CoalesceLayer")
            .field("group", self.group())
            .finish_non_exhaustive()
    }
}

impl<S: fmt::Debug, Q, K, T, E> fmt::Debug for Coalesced<S, Q, K, T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Coalesced")
            .field("inner", &self.inner)
            .field("layer", &self.layer)
            .finish()
    }
}
