//! How callers name a key: by value, or by a borrow that becomes owned only if it must.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::rc::Rc;
use core::borrow::Borrow;
use core::hash::{Hash, Hasher};
use core::marker::PhantomData;

#[cfg(target_has_atomic = "ptr")]
use crate::platform::sync::PublicArc;

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
/// | pairs and triples | the same with any of their parts borrowed: `(tenant, "x")` for `(Tenant, String)` |
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
/// use singleflight_core::{Group, Joined};
///
/// let group: Group<(u32, String), ()> = Group::new();
/// let first = group.join((2, "logo")).unwrap();
/// assert!(matches!(first, Joined::Leader(_)));
/// assert!(matches!(group.join((2, "logo".to_owned())), Ok(Joined::Follower(_))));
/// ```
///
/// A key of one's own that is looked up by a borrowed form:
///
/// ```
/// use core::hash::{Hash, Hasher};
/// use singleflight_core::{Group, Joined, Key};
///
/// #[derive(PartialEq, Eq, Hash)]
/// struct Asset {
///     name: String,
///     version: u32,
/// }
///
/// struct AssetRef<'a>(&'a str, u32);
/// enum ByAsset {}
///
/// impl Key<Asset, ByAsset> for AssetRef<'_> {
///     fn hash_into<H: Hasher>(&self, state: &mut H) {
///         self.0.hash(state);
///         self.1.hash(state);
///     }
///     fn matches(&self, key: &Asset) -> bool {
///         key.name == self.0 && key.version == self.1
///     }
///     fn into_key(self) -> Asset {
///         Asset { name: self.0.to_owned(), version: self.1 }
///     }
/// }
///
/// let group: Group<Asset, ()> = Group::new();
/// let first = group.join(AssetRef("logo", 2)).unwrap();
/// let second = group.join(Asset { name: "logo".to_owned(), version: 2 });
/// assert!(matches!(second, Ok(Joined::Follower(_))));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not name a key of type `{K}`",
    label = "expected `{K}`, a borrow of it, or a borrow that it can be made from",
    note = "a group of `String` takes `String`, `&String` and `&str`; a group of `(A, String)` takes `(A, &str)`, not `&(A, &str)`",
    note = "a key is `Eq + Hash`, and `Clone` where it is given as a reference"
)]
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

/// Marks a pair or triple whose parts are given in these ways, at least one of them as a borrow.
#[derive(Debug)]
pub struct ByParts<M>(PhantomData<M>);

/// Marks a part of a tuple that is given as a borrow.
#[derive(Debug)]
pub struct ByPart<M>(PhantomData<M>);

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

#[diagnostic::do_not_recommend]
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
        #[diagnostic::do_not_recommend]
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

/// Tuples by their parts, each by value or as a borrow. At least one is a borrow, which for no
/// lifetime is a key by value: so no tuple is a key in two ways.
macro_rules! by_parts {
    ($(
        ($($part:ident $index:tt $given:ty = $marker:ty as $how:ty),*)
        [$($generics:tt)*]
        [$($bounds:tt)*];
    )*) => {$(
        #[diagnostic::do_not_recommend]
        impl<$($generics)*> Key<($($part,)*), ByParts<($($marker,)*)>> for ($($given,)*)
        where
            $($bounds)*
        {
            fn hash_into<H: Hasher>(&self, state: &mut H) {
                $(Key::<$part, $how>::hash_into(&self.$index, state);)*
            }

            fn matches(&self, key: &($($part,)*)) -> bool {
                $(Key::<$part, $how>::matches(&self.$index, &key.$index))&&*
            }

            fn into_key(self) -> ($($part,)*) {
                ($(Key::<$part, $how>::into_key(self.$index),)*)
            }
        }
    )*};
}

by_parts! {
    (A 0 A = ByValue as ByValue, B 1 &Q = ByPart<M> as M)
        [A: Eq + Hash, B, Q: ?Sized, M]
        [for<'x> &'x Q: Key<B, M>];
    (A 0 &P = ByPart<L> as L, B 1 B = ByValue as ByValue)
        [A, P: ?Sized, L, B: Eq + Hash]
        [for<'x> &'x P: Key<A, L>];
    (A 0 &P = ByPart<L> as L, B 1 &Q = ByPart<M> as M)
        [A, P: ?Sized, L, B, Q: ?Sized, M]
        [for<'x> &'x P: Key<A, L>, for<'x> &'x Q: Key<B, M>];
    (A 0 A = ByValue as ByValue, B 1 B = ByValue as ByValue, C 2 &R = ByPart<N> as N)
        [A: Eq + Hash, B: Eq + Hash, C, R: ?Sized, N]
        [for<'x> &'x R: Key<C, N>];
    (A 0 A = ByValue as ByValue, B 1 &Q = ByPart<M> as M, C 2 C = ByValue as ByValue)
        [A: Eq + Hash, B, Q: ?Sized, M, C: Eq + Hash]
        [for<'x> &'x Q: Key<B, M>];
    (A 0 A = ByValue as ByValue, B 1 &Q = ByPart<M> as M, C 2 &R = ByPart<N> as N)
        [A: Eq + Hash, B, Q: ?Sized, M, C, R: ?Sized, N]
        [for<'x> &'x Q: Key<B, M>, for<'x> &'x R: Key<C, N>];
    (A 0 &P = ByPart<L> as L, B 1 B = ByValue as ByValue, C 2 C = ByValue as ByValue)
        [A, P: ?Sized, L, B: Eq + Hash, C: Eq + Hash]
        [for<'x> &'x P: Key<A, L>];
    (A 0 &P = ByPart<L> as L, B 1 B = ByValue as ByValue, C 2 &R = ByPart<N> as N)
        [A, P: ?Sized, L, B: Eq + Hash, C, R: ?Sized, N]
        [for<'x> &'x P: Key<A, L>, for<'x> &'x R: Key<C, N>];
    (A 0 &P = ByPart<L> as L, B 1 &Q = ByPart<M> as M, C 2 C = ByValue as ByValue)
        [A, P: ?Sized, L, B, Q: ?Sized, M, C: Eq + Hash]
        [for<'x> &'x P: Key<A, L>, for<'x> &'x Q: Key<B, M>];
    (A 0 &P = ByPart<L> as L, B 1 &Q = ByPart<M> as M, C 2 &R = ByPart<N> as N)
        [A, P: ?Sized, L, B, Q: ?Sized, M, C, R: ?Sized, N]
        [for<'x> &'x P: Key<A, L>, for<'x> &'x Q: Key<B, M>, for<'x> &'x R: Key<C, N>];
}
