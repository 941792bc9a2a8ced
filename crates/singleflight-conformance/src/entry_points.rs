//! How calls are made by the entry points of a front end, async or blocking: what its
//! implementation of [`FrontEnd`](crate::FrontEnd) and [`Complete`](crate::Complete) is made of.

use std::future::Future;

use futures_lite::future::poll_once;
use singleflight_core::{CallResult, GroupRef, Outcome, Spawned};

use crate::value::{Answer, Failure};

/// Makes a call on a group whose entry points are async.
#[macro_export]
macro_rules! call_async {
    ($group:expr, $call:expr) => {
        $crate::__call!($group, $call, |work| work, [.await])
    };
}

/// As [`call_async!`], for a [`Complete`](crate::Complete) front end.
#[macro_export]
macro_rules! complete_call_async {
    ($group:expr, $call:expr) => {
        $crate::__complete_call!($group, $call, |work| work, [.await])
    };
}

/// As [`complete_call_async!`], on a group whose entry points block.
#[macro_export]
macro_rules! complete_call_blocking {
    ($group:expr, $call:expr) => {
        $crate::__complete_call!($group, $call, |work| $crate::block_on(work), [])
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __complete_call {
    ($group:expr, $call:expr, |$made:ident| $make:expr, $ends:tt) => {{
        let call = $call;
        match call.entry {
            $crate::Entry::Owned => {
                let $crate::Call { key, work, .. } = call;
                let owned = $group.call_owned(key);
                let run = move || {
                    let $made = async move { work.run().await };
                    $make
                };
                $crate::__outcome!($crate::owned(owned.run_outcome(run)), $ends)
            }
            $crate::Entry::Timeout(timeout) => {
                let $crate::Call { key, work, .. } = call;
                let run = || {
                    let $made = work.run();
                    $make
                };
                $crate::__outcome!($group.call(key).timeout(timeout).run_outcome(run), $ends)
            }
            _ => $crate::__call!($group, call, |$made| $make, $ends),
        }
    }};
}

#[doc(hidden)]
#[macro_export]
macro_rules! __call {
    ($group:expr, $call:expr, |$made:ident| $make:expr, [$($ends:tt)*]) => {{
        let $crate::Call { entry, key, work, .. } = $call;
        let (group, fence) = ($group, $group.fence());
        let run = || {
            let $made = work.run();
            $make
        };
        let try_run = || {
            let $made = work.try_run();
            $make
        };
        let run_fenced = || {
            let $made = work.run_fenced(&fence);
            $make
        };
        match entry {
            $crate::Entry::Run => $crate::Answer::bare(group.run(key, run) $($ends)*),
            $crate::Entry::RunOutcome => {
                $crate::Answer::outcome(group.run_outcome(key, run) $($ends)*)
            }
            $crate::Entry::TryRun => $crate::Answer::tried(group.try_run(key, try_run) $($ends)*),
            $crate::Entry::TryRunOutcome => {
                $crate::Answer::tried_outcome(group.call(key).try_run_outcome(try_run) $($ends)*)
            }
            $crate::Entry::ShareIf => {
                let call = group.call(key).share_if(work.shares());
                $crate::Answer::outcome(call.run_outcome(run) $($ends)*)
            }
            $crate::Entry::TryShareIf => {
                let call = group.call(key).share_if(work.shares());
                $crate::Answer::tried_outcome(call.try_run_outcome(try_run) $($ends)*)
            }
            $crate::Entry::Fence => {
                let call = group.call(key).fence(&fence);
                $crate::Answer::outcome(call.run_outcome(run_fenced) $($ends)*)
            }
            other => unreachable!("only complete front ends are asked for {other:?}"),
        }
    }};
}

#[doc(hidden)]
#[macro_export]
macro_rules! __outcome {
    ($call:expr, [$($ends:tt)*]) => {
        $crate::Answer::outcome($call $($ends)*)
    };
}

/// Spawns a call by the entry point that it names, by a builder of calls that own a task.
#[macro_export]
macro_rules! spawn_async {
    ($group:expr, $builder:expr, $entry:expr, $work:expr) => {{
        let (builder, fence, work) = ($builder, $group.fence(), $work);
        let shares = work.shares();
        match $entry {
            $crate::Entry::Run => {
                let handle = builder.spawn(|| async move { work.run().await });
                Box::pin($crate::asked_twice(handle))
            }
            $crate::Entry::RunOutcome => {
                let handle = builder.spawn(|| async move { work.run().await });
                Box::pin($crate::outcome(handle))
            }
            $crate::Entry::TryRun => {
                let handle = builder.try_spawn(|| async move { work.try_run().await });
                Box::pin($crate::tried(handle))
            }
            $crate::Entry::TryRunOutcome => {
                let handle = builder.try_spawn(|| async move { work.try_run().await });
                Box::pin($crate::tried_outcome(handle))
            }
            $crate::Entry::ShareIf => {
                let builder = builder.share_if(shares);
                let handle = builder.spawn(|| async move { work.run().await });
                Box::pin($crate::outcome(handle))
            }
            $crate::Entry::TryShareIf => {
                let builder = builder.share_if(shares);
                let handle = builder.try_spawn(|| async move { work.try_run().await });
                Box::pin($crate::tried_outcome(handle))
            }
            $crate::Entry::Fence => {
                let builder = builder.fence(&fence);
                let handle = builder.spawn(|| async move { work.run_fenced(&fence).await });
                Box::pin($crate::outcome(handle))
            }
            other => unreachable!("no call is spawned by {other:?}"),
        }
    }};
}

/// Makes a call of a batch on a group whose entry points are async.
#[macro_export]
macro_rules! batch_async {
    ($group:expr, $entry:expr, $keys:expr, $work:expr) => {
        $crate::__batch!($group, $entry, $keys, $work, |work| work, [.await])
    };
}

/// Makes a call of a batch on a group whose entry points block.
#[macro_export]
macro_rules! batch_blocking {
    ($group:expr, $entry:expr, $keys:expr, $work:expr) => {
        $crate::__batch!(
            $group,
            $entry,
            $keys,
            $work,
            |work| $crate::block_on(work),
            []
        )
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __batch {
    (
        $group:expr, $entry:expr, $keys:expr, $work:expr,
        |$made:ident| $make:expr, [$($ends:tt)*]
    ) => {{
        let (group, fence, keys, work) = ($group, $group.fence(), $keys, $work);
        let run = |keys| {
            let $made = work.run(keys);
            $make
        };
        match $entry {
            $crate::Entry::TryRun => {
                let try_run = |keys| {
                    let $made = work.try_run(keys);
                    $make
                };
                group.try_run_many(keys, try_run) $($ends)*
            }
            $crate::Entry::Fence => {
                let run_fenced = |keys| {
                    let $made = work.run_fenced(keys, &fence);
                    $make
                };
                Ok(group.call_many(keys).fence(&fence).run(run_fenced) $($ends)*)
            }
            $crate::Entry::Timeout(timeout) => {
                Ok(group.call_many(keys).timeout(timeout).run(run) $($ends)*)
            }
            _ => Ok(group.run_many(keys, run) $($ends)*),
        }
    }};
}

/// Implements [`Complete`](crate::Complete) for a group whose entry points are async, given what
/// makes a builder of spawned calls of a call.
#[macro_export]
macro_rules! complete_async {
    ($front_end:ty, |$call:ident| $builder:expr) => {
        impl $crate::Complete for $front_end {
            fn spawn_call(
                group: &Self::Group,
                call: $crate::Call,
                while_wanted: bool,
            ) -> $crate::Waiting {
                let $crate::Call {
                    entry, key, work, ..
                } = call;
                let $call = group.call(key);
                let builder = $builder;
                if while_wanted {
                    $crate::spawn_async!(group, builder.while_wanted(), entry, work)
                } else {
                    $crate::spawn_async!(group, builder, entry, work)
                }
            }

            async fn batch(
                group: &Self::Group,
                entry: $crate::Entry,
                keys: Vec<String>,
                work: $crate::BatchWork,
            ) -> Result<$crate::Answers<String, $crate::Value>, $crate::Failure> {
                $crate::batch_async!(group, entry, keys, work)
            }
        }
    };
}

/// Gives back what borrows nothing: a call that owns its group, or what it came to.
pub fn owned<T: 'static>(call: T) -> T {
    call
}

/// A handle in the place of `run`'s future. It is asked by reference first, as under a timeout that
/// comes at once, and then again.
pub async fn asked_twice<G, J, V>(mut handle: Spawned<G, J>) -> Answer<V>
where
    G: GroupRef,
    J: Future<Output = CallResult<Outcome<V>>> + Unpin,
{
    let refusal = handle.refusal().cloned();
    let answer = match poll_once(&mut handle).await {
        Some(answer) => answer,
        None => handle.await,
    };
    Answer::bare(answer).told_at_once(refusal)
}

/// A handle in the place of `try_run`'s future.
pub async fn tried<G, J, V>(handle: Spawned<G, J>) -> Answer<V>
where
    G: GroupRef,
    J: Future<Output = CallResult<Result<Outcome<V>, Failure>>> + Unpin,
{
    let refusal = handle.refusal().cloned();
    Answer::tried(handle.await).told_at_once(refusal)
}

/// A handle in the place of `run_outcome`'s future.
pub async fn outcome<G, J, V>(handle: Spawned<G, J>) -> Answer<V>
where
    G: GroupRef,
    J: Future<Output = CallResult<Outcome<V>>> + Unpin,
{
    let refusal = handle.refusal().cloned();
    Answer::outcome(handle.outcome().await).told_at_once(refusal)
}

/// A handle in the place of `try_run_outcome`'s future.
pub async fn tried_outcome<G, J, V>(handle: Spawned<G, J>) -> Answer<V>
where
    G: GroupRef,
    J: Future<Output = CallResult<Result<Outcome<V>, Failure>>> + Unpin,
{
    let refusal = handle.refusal().cloned();
    Answer::tried_outcome(handle.outcome().await).told_at_once(refusal)
}
