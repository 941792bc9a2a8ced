//! Why a call ended without what it was made for.

use alloc::sync::Arc;
use core::error::Error as StdError;
use core::fmt;

/// What keeps a flight from having an entry. It is shared by all who wait for it.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "either side of a cache can fail")]
pub enum Fault<E, D> {
    /// The load failed.
    Load(Arc<E>),
    /// The store failed to get.
    Store(Arc<D>),
}

impl<E, D> Clone for Fault<E, D> {
    fn clone(&self) -> Self {
        match self {
            Self::Load(error) => Self::Load(Arc::clone(error)),
            Self::Store(error) => Self::Store(Arc::clone(error)),
        }
    }
}

/// Why a get has no answer. `E` is the load's error, `D` the store's, `C` that of the flights.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error<E, D, C> {
    /// The load failed, and there was no old value to serve.
    Load(Arc<E>),
    /// The store failed to get, and [`StoreDown`](crate::StoreDown) does not allow a load.
    Store(Arc<D>),
    /// The flight had no answer: its leader panicked, or the call came from inside its own load.
    Flight(C),
}

impl<E, D, C> From<Fault<E, D>> for Error<E, D, C> {
    fn from(fault: Fault<E, D>) -> Self {
        match fault {
            Fault::Load(error) => Self::Load(error),
            Fault::Store(error) => Self::Store(error),
        }
    }
}

impl<E, D, C: Clone> Clone for Error<E, D, C> {
    fn clone(&self) -> Self {
        match self {
            Self::Load(error) => Self::Load(Arc::clone(error)),
            Self::Store(error) => Self::Store(Arc::clone(error)),
            Self::Flight(error) => Self::Flight(error.clone()),
        }
    }
}

impl<E: fmt::Display, D: fmt::Display, C: fmt::Display> fmt::Display for Error<E, D, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Load(error) => write!(f, "the load failed: {error}"),
            Self::Store(error) => write!(f, "the store could not be asked: {error}"),
            Self::Flight(error) => error.fmt(f),
        }
    }
}

// Errors that are no `Error` themselves will do: `anyhow::Error`, `Box<dyn Error>`, `String`.
impl<E, D, C> StdError for Error<E, D, C>
where
    E: fmt::Debug + fmt::Display,
    D: fmt::Debug + fmt::Display,
    C: fmt::Debug + fmt::Display,
{
}

/// Why an invalidation is not known to have been made: an old value may still be read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum InvalidateError<D, C> {
    /// The store failed to remove.
    Store(D),
    /// The flights failed to forget.
    Flight(C),
}

impl<D: fmt::Display, C: fmt::Display> fmt::Display for InvalidateError<D, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(error) => write!(f, "the store did not remove the entry: {error}"),
            Self::Flight(error) => write!(f, "the flight was not forgotten: {error}"),
        }
    }
}

impl<D, C> StdError for InvalidateError<D, C>
where
    D: fmt::Debug + fmt::Display,
    C: fmt::Debug + fmt::Display,
{
}

/// The write was made, and its invalidation was not: an old value may still be read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Unremoved<T, D, C> {
    /// What the write returned.
    pub written: T,
    /// Why there was no invalidation.
    pub error: InvalidateError<D, C>,
}

impl<T, D: fmt::Display, C: fmt::Display> fmt::Display for Unremoved<T, D, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "written, but {}", self.error)
    }
}

impl<T, D, C> StdError for Unremoved<T, D, C>
where
    T: fmt::Debug,
    D: fmt::Debug + fmt::Display,
    C: fmt::Debug + fmt::Display,
{
}
