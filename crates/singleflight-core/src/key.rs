//! How callers name a key: by value, or by a borrow that becomes owned only if it must.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::rc::Rc;
use core::borrow::Borrow;
use core::hash::{Hash, Hasher};

#[cfg(target_has_atomic = "ptr")]
use crate::sync::PublicArc;

/// Something that names a key of type `K`.
///
/// A call that joins a flight only looks its key up, and should not have to allocate a
/// `String` for that. So keys come in as whatever can be hashed like a `K`, compared with
/// a `K` and, if the call turns out to lead, made into a `K`:
///
/// | group of | accepts |
/// |---|---|
/// | any `K` | `K`, and `&K` where `K: Clone` |
/// | `String`, `Vec<T>`, `PathBuf`, … | `&str`, `&[T]`, `&Path`, … |
/// | `Arc<str>`, `Rc<str>`, `Box<str>`, … | `&str`, … |
/// | yours | what you implement `Key` for |
///
/// `M` is a marker that only tells the implementations apart; inference finds it. Write
/// `impl Key<K, ByMine> for Mine` with a marker type of your own.
///
/// # Contract
///
/// If `self` matches a key, both must feed the hasher the same (as with
/// [`Borrow`]), and [`into_key`](Self::into_key) must give a key that `self` matches. If
/// they do not, calls fail to meet: they run more often than they should, and nothing
/// else happens.
///
/// [`hash_into`](Self::hash_into) and [`into_key`](Self::into_key) run outside every
/// lock; [`matches`](Self::matches) runs under a shard's lock and must not call back into
/// the group (the thread would wait for itself, or panic under the feature
/// `critical-section`).
///
/// # Examples
///
/// A pair that is looked up by its borrowed parts:
///
/// ```
/// use core::hash::{Hash, Hasher};
/// use singleflight_core::{Group, Joined, Key};
///
/// struct Asset<'a>(&'a str, u32);
/// enum ByAsset {}
///
/// impl Key<(String, u32), ByAsset> for Asset<'_> {
///     fn hash_into<H: Hasher>(&self, state: &mut H) {
///         (self.0, self.1).hash(state);
///     }
///     fn matches(&self, key: &(String, u32)) -> bool {
///         key.0 == self.0 && key.1 == self.1
///     }
///     fn into_key(self) -> (String, u32) {
///         (self.0.to_owned(), self.1)
///     }
/// }
///
/// let group: Group<(String, u32), ()> = Group::new();
/// let first = group.join(Asset("logo", 2)).unwrap();
/// assert!(matches!(first, Joined::Leader(_)));
/// assert!(matches!(group.join(("logo".to_owned(), 2)), Ok(Joined::Follower(_))));
/// ```
pub trait Key<K, M = ByValue>: Sized {
    /// Whether `self` already is a `K`, so that [`into_key`](Self::into_key) costs
    /// nothing and the group need not look before it makes one.
    const OWNED: bool = false;

    /// Feeds `self` to the hasher exactly as the `K` it names would.
    fn hash_into<H: Hasher>(&self, state: &mut H);

    /// Whether `key` is the key that `self` names. Runs under a lock.
    fn matches(&self, key: &K) -> bool;

    /// Makes the key. Called at most once, only if no flight was found.
    fn into_key(self) -> K;
}

/// Marks a key given as a `K`.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "a marker has no values")]
pub enum ByValue {}

/// Marks a key given as a borrow whose owned form is `K`.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "a marker has no values")]
pub enum ByRef {}

/// Marks a key given as a borrow of what a smart pointer `K` holds.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "a marker has no values")]
pub enum ByPointer {}

impl<K: Eq + Hash> Key<K, ByValue> for K {
    const OWNED: bool = true;

    #[inline]
    fn hash_into<H: Hasher>(&self, state: &mut H) {
        self.hash(state);
    }

    #[inline]
    fn matches(&self, key: &K) -> bool {
        self == key
    }

    #[inline]
    fn into_key(self) -> K {
        self
    }
}

impl<K, Q> Key<K, ByRef> for &Q
where
    K: Borrow<Q>,
    Q: Eq + Hash + ToOwned<Owned = K> + ?Sized,
{
    fn hash_into<H: Hasher>(&self, state: &mut H) {
        self.hash(state);
    }

    fn matches(&self, key: &K) -> bool {
        *self == key.borrow()
    }

    fn into_key(self) -> K {
        self.to_owned()
    }
}

/// `&Q` for the pointer types that can be made from one.
macro_rules! by_pointer {
    ($($pointer:ident),*) => {$(
        impl<Q: Eq + Hash + ?Sized> Key<$pointer<Q>, ByPointer> for &Q
        where
            $pointer<Q>: Borrow<Q> + for<'a> From<&'a Q>,
        {
            fn hash_into<H: Hasher>(&self, state: &mut H) {
                self.hash(state);
            }

            fn matches(&self, key: &$pointer<Q>) -> bool {
                *self == key.borrow()
            }

            fn into_key(self) -> $pointer<Q> {
                $pointer::from(self)
            }
        }
    )*};
}

#[cfg(target_has_atomic = "ptr")]
by_pointer!(PublicArc);
by_pointer!(Rc, Box);
