//! Errors that several callers receive: shared, not cloned.

use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// An error of the inner service, which every caller of its flight receives.
///
/// It reads as the error that it shares; what that has for a source is asked of it, through the
/// dereference. A service that cannot fail still cannot:
/// `Shared<Infallible>` becomes an [`Infallible`].
///
/// # Examples
///
/// ```
/// use singleflight_tower::Shared;
///
/// let error = Shared::new(std::fmt::Error);
/// assert_eq!(*error, std::fmt::Error);
/// assert_eq!(error.to_string(), std::fmt::Error.to_string());
/// ```
#[derive(Debug)]
pub struct Shared<E>(pub(crate) Arc<E>);

impl<E> Shared<E> {
    /// Shares an error.
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_tower::Shared;
    ///
    /// let error = Shared::new("no route".to_owned());
    /// assert_eq!(*error.clone(), *error);
    /// ```
    pub fn new(error: E) -> Self {
        Self(Arc::new(error))
    }
}

impl<E> Clone for Shared<E> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<E> Deref for Shared<E> {
    type Target = E;

    fn deref(&self) -> &E {
        &self.0
    }
}

impl<E: fmt::Display> fmt::Display for Shared<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

// For boxed errors as well, which are no `Error` themselves: so it has no source.
impl<E: fmt::Debug + fmt::Display> Error for Shared<E> {}

impl From<Shared<Infallible>> for Infallible {
    fn from(never: Shared<Self>) -> Self {
        *never.0
    }
}

/// The body of an answer broke off, for all who share it.
#[derive(Clone, Debug)]
pub struct BodyFailed(pub(crate) Arc<dyn Error + Send + Sync>);

impl fmt::Display for BodyFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the body of the shared answer broke off")
    }
}

impl Error for BodyFailed {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.0)
    }
}
