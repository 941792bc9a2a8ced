//! Works that may fail: the peers by what each has for them, or by a `Result` that is the value.

use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;

use futures_util::FutureExt;
use singleflight_core::CallResult;

use crate::by_hand::{DashMapOfOnceCells, MapOfShared};
use crate::peer::{About, Maker, Peer};
use crate::tasks::{
    AsyncSingleflight, Asyncband, Moka, Ours, QuickCache, RsSingleflight, SingleflightAsync,
    Uniflight,
};

/// The one key of all these calls.
pub const KEY: u64 = 7;

/// The error of a work that fails.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Failure;

/// The end of a call. A caller that learns of a failure may not receive its error.
pub type Answer = Result<u64, Option<Failure>>;

/// The lot of an error, as far as those who wait are concerned.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Errors {
    /// They receive it.
    Shared,
    /// It stays with its caller, and the next one runs its own work: one after the other, all of
    /// them.
    Retried,
    /// As `Retried`, so many times in a row; those who still wait then learn of the failures, and do
    /// not receive an error.
    Bounded(usize),
    /// They learn of the failure, and do not receive the error.
    Lost,
}

/// Something that coalesces async calls whose works may fail.
pub trait FalliblePeer: 'static {
    /// What there is to say of it.
    const ABOUT: About;

    /// Its way with an error.
    const ERRORS: Errors;

    /// The space in which calls are coalesced.
    type Group: Send + Sync + 'static;

    /// Makes a group.
    fn group() -> Self::Group;

    /// Makes one call for [`KEY`].
    fn call<F, T>(group: &Self::Group, work: F) -> impl Future<Output = Answer> + Send
    where
        F: FnOnce() -> T + Send + 'static,
        T: Future<Output = Result<u64, Failure>> + Send + 'static;
}

/// Something to be done with each fallible peer.
pub trait FallibleVisitor {
    /// Does it with one of them.
    fn visit<P: FalliblePeer>(&mut self);
}

/// Visits ours, first as it is by default, and then every peer.
pub fn each_fallible(visitor: &mut impl FallibleVisitor) {
    visitor.visit::<FallibleOurs>();
    visitor.visit::<FallibleOursUnbounded>();
    visitor.visit::<ByValue<Ours>>();
    visitor.visit::<ByValue<Uniflight>>();
    visitor.visit::<FallibleRsSingleflight>();
    visitor.visit::<FallibleAsyncSingleflight>();
    visitor.visit::<ByValue<AsyncSingleflight>>();
    visitor.visit::<FallibleAsyncband>();
    visitor.visit::<ByValue<SingleflightAsync>>();
    visitor.visit::<FallibleMoka>();
    visitor.visit::<FallibleQuickCache>();
    visitor.visit::<ByValue<MapOfShared>>();
    visitor.visit::<FallibleOnceCells>();
}

/// A peer whose value is the `Result`: an error is shared as a value is.
#[derive(Debug)]
pub struct ByValue<P>(PhantomData<P>);

impl<P: Peer> FalliblePeer for ByValue<P> {
    const ABOUT: About = match P::ABOUT.maker {
        Maker::Ours => About {
            name: "ours, run",
            ..P::ABOUT
        },
        _ => P::ABOUT,
    };
    const ERRORS: Errors = Errors::Shared;

    type Group = P::Group<u64, Result<u64, Failure>>;

    fn group() -> Self::Group {
        P::group()
    }

    #[inline]
    fn call<F, T>(group: &Self::Group, work: F) -> impl Future<Output = Answer> + Send
    where
        F: FnOnce() -> T + Send + 'static,
        T: Future<Output = Result<u64, Failure>> + Send + 'static,
    {
        P::call(group, &KEY, work).map(|result| result.map_err(Some))
    }
}

/// Implements the trait for a type that is named here, by an expression for the group and one
/// for the call; `$map` makes an answer of what comes of it.
macro_rules! fallible {
    (
        $(#[$attribute:meta])* $Name:ident, $about:expr, $errors:expr, $Group:ty, $new:expr,
        |$group:ident, $work:ident| $call:expr, $map:expr
    ) => {
        $(#[$attribute])*
        #[derive(Debug)]
        pub struct $Name;

        impl FalliblePeer for $Name {
            const ABOUT: About = $about;
            const ERRORS: Errors = $errors;

            type Group = $Group;

            fn group() -> Self::Group {
                $new
            }

            #[inline]
            fn call<F, T>($group: &Self::Group, $work: F) -> impl Future<Output = Answer> + Send
            where
                F: FnOnce() -> T + Send + 'static,
                T: Future<Output = Result<u64, Failure>> + Send + 'static,
            {
                // Mapped: an `async` block would hold the call twice over.
                $call.map($map)
            }
        }
    };
}

/// An error of a call's own work, or word of those of others.
fn own(result: CallResult<Result<u64, Failure>>) -> Answer {
    result.map_or(Err(None), |own| own.map_err(Some))
}

fallible! {
    /// Ours: `try_run`, in a group with the default settings.
    FallibleOurs, Ours::ABOUT, Errors::Bounded(3),
    singleflight_core::Group<u64, u64>, singleflight_core::Group::new(),
    |group, work| group.try_run(KEY, work), own
}

fallible! {
    /// Ours: `try_run`, in a group without a bound on failures in a row.
    FallibleOursUnbounded, About { name: "ours, no bound", ..Ours::ABOUT }, Errors::Retried,
    singleflight_core::Group<u64, u64>,
    singleflight_core::Group::builder().max_failures(u32::MAX).build(),
    |group, work| group.try_run(KEY, work), own
}

fallible! {
    /// `rs_singleflight::Group::do_call`.
    FallibleRsSingleflight, RsSingleflight::ABOUT, Errors::Shared,
    rs_singleflight::Group<u64, u64, Failure>, rs_singleflight::Group::new(),
    |group, work| group.do_call(KEY, work), |result| result.map_err(Some)
}

fallible! {
    /// `async_singleflight::Group::work`, which tells followers of a failure without its error.
    FallibleAsyncSingleflight,
    About { name: "async_singleflight, Group", ..AsyncSingleflight::ABOUT }, Errors::Lost,
    async_singleflight::Group<u64, u64, Failure>, async_singleflight::Group::new(),
    |group, work| group.work(&KEY, work()), |result| result
}

fallible! {
    /// `asyncband::singleflight::Group::try_work`.
    FallibleAsyncband, Asyncband::ABOUT, Errors::Retried,
    asyncband::singleflight::Group<u64, u64>, asyncband::singleflight::Group::new(),
    |group, work| group.try_work(KEY, async || work().await), |result| result.map_err(Some)
}

fallible! {
    /// `moka::future::Cache::try_get_with`.
    FallibleMoka, Moka::ABOUT, Errors::Shared,
    moka::future::Cache<u64, u64>, moka::future::Cache::new(0),
    |group, work| group.try_get_with(KEY, work()),
    |result| result.map_err(|error: Arc<Failure>| Some(*error))
}

fallible! {
    /// `quick_cache::sync::Cache::get_or_insert_async`.
    FallibleQuickCache, QuickCache::ABOUT, Errors::Retried,
    quick_cache::sync::Cache<u64, u64>, quick_cache::sync::Cache::new(0),
    |group, work| group.get_or_insert_async(&KEY, work()), |result| result.map_err(Some)
}

/// `DashMap<K, Arc<OnceCell>>` by `get_or_try_init`; whoever has a value removes the cell.
#[derive(Debug)]
pub struct FallibleOnceCells;

impl FalliblePeer for FallibleOnceCells {
    const ABOUT: About = DashMapOfOnceCells::ABOUT;
    const ERRORS: Errors = Errors::Retried;

    type Group = <DashMapOfOnceCells as Peer>::Group<u64, u64>;

    fn group() -> Self::Group {
        DashMapOfOnceCells::group()
    }

    #[inline]
    async fn call<F, T>(group: &Self::Group, work: F) -> Answer
    where
        F: FnOnce() -> T + Send + 'static,
        T: Future<Output = Result<u64, Failure>> + Send + 'static,
    {
        let cell = Arc::clone(&group.entry(KEY).or_default());
        let value = *cell.get_or_try_init(work).await.map_err(Some)?;
        group.remove(&KEY);
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use std::task::Poll;

    use futures_lite::future::yield_now;
    use singleflight_benches::hand::poll;

    use super::*;

    /// Lets a crowd call, with works that all fail after they have waited. Returns how many
    /// works ran, and how many callers received an error.
    fn fail<P: FalliblePeer>(callers: usize) -> (usize, usize) {
        let (group, works) = (P::group(), Arc::new(AtomicUsize::new(0)));
        let (all_wait, mut errors) = (Arc::new(AtomicBool::new(false)), 0);
        let mut calls: Vec<_> = (0..callers)
            .map(|_| {
                let (works, all_wait) = (Arc::clone(&works), Arc::clone(&all_wait));
                let work = move || async move {
                    works.fetch_add(1, Ordering::Relaxed);
                    while !all_wait.load(Ordering::Relaxed) {
                        yield_now().await;
                    }
                    yield_now().await;
                    Err(Failure)
                };
                Box::pin(P::call(&group, work))
            })
            .collect();
        for _ in 0..=3 * callers {
            calls.retain_mut(|call| match poll(call.as_mut()) {
                Poll::Ready(answer) => {
                    errors += usize::from(answer == Err(Some(Failure)));
                    false
                }
                Poll::Pending => true,
            });
            all_wait.store(true, Ordering::Relaxed);
        }
        assert!(calls.is_empty(), "{}: {} hang", P::ABOUT.name, calls.len());
        (works.load(Ordering::Relaxed), errors)
    }

    #[test]
    fn errors_are_shared_retried_or_lost_as_it_says() {
        const CALLERS: usize = 10;
        struct All;
        impl FallibleVisitor for All {
            fn visit<P: FalliblePeer>(&mut self) {
                let (works, errors) = fail::<P>(CALLERS);
                let is_as_it_says = match P::ERRORS {
                    Errors::Shared => (works, errors) == (1, CALLERS),
                    Errors::Retried => works > 1 && errors == CALLERS,
                    Errors::Bounded(most) => (works, errors) == (most, most),
                    Errors::Lost => (works, errors) == (1, 1),
                };
                let name = P::ABOUT.name;
                assert!(is_as_it_says, "{name}: {works} works, {errors} errors");
            }
        }
        each_fallible(&mut All);
    }
}
