//! A batch: one call for many keys.
//!
//! | a key's place | meaning | goes on |
//! |---|---|---|
//! | `Leading` | claimed, and to be given to the work | answered or absent, when the work ends |
//! | `Waiting` | somebody else is loading it | answered; or `Leading`, when it is handed over |
//! | `Answered` | has its value or its error | |
//! | `Absent` | the work did not return it; the flight was handed over | |
//!
//! A batch lands everything that it has claimed before it waits for anything, so two batches
//! that overlap in opposite orders cannot wait for each other.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::future::{Future, poll_fn};
use core::hash::{BuildHasher, Hash};
use core::mem;
use core::pin::{Pin, pin};
use core::task::{Context, Poll};

use hashbrown::HashTable;
use pin_project_lite::pin_project;

use crate::answers::Answers;
use crate::error::CallError;
use crate::follower::{Follower, Turn};
use crate::group::Group;
use crate::inside::{self, InsideMore};
use crate::join::Joined;
use crate::leader::{Leader, Running};
use crate::outcome::Outcome;
use crate::policy::Payload;
use crate::sync::seeded;
use crate::work::poll_work;

/// What a batch's work has loaded.
pub(crate) enum Loaded<K, V> {
    /// A value for each of these keys.
    Each(Vec<(K, V)>),
    /// This, for every key that it was given.
    Every(V),
}

pin_project! {
    /// The work of a batch. Not an `async` block, which drops the work's future as it ends,
    /// and if that panics leaks what the work has returned.
    pub(crate) struct Loading<T, L> {
        #[pin]
        pub(crate) future: T,
        pub(crate) loaded: L,
    }
}

impl<T, L, R> Future for Loading<T, L>
where
    T: Future,
    L: FnMut(T::Output) -> R,
{
    type Output = R;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<R> {
        let this = self.project();
        this.future.poll(context).map(this.loaded)
    }
}

/// Where a key of the batch stands. `W` is a follower's wait.
enum Place<'a, K, V, S, W> {
    Leading(Leader<&'a Group<K, V, S>>),
    Waiting(Pin<Box<W>>),
    Answered(Result<Outcome<V>, CallError>),
    Absent,
}

impl<K, V, S> Group<K, V, S>
where
    K: Clone + Eq + Hash,
    V: Clone,
    S: BuildHasher,
{
    /// Runs a batch, whose work `load` makes.
    pub(crate) async fn fly_many<I, F, T>(&self, keys: I, mut load: F) -> Answers<K, V>
    where
        I: IntoIterator<Item = K>,
        F: FnMut(Vec<K>) -> T,
        T: Future<Output = Loaded<K, V>>,
    {
        let mut batch = Batch::new(self, keys, Follower::wait);
        loop {
            if seeded("batch-waits-first") {
                poll_fn(|context| batch.poll_waiting(context)).await;
            }
            let claimed = batch.claimed();
            if !claimed.is_empty() {
                let keys = batch.keys(&claimed);
                let result = {
                    let mut make = Some(|| load(keys));
                    let mut loading = pin!(None);
                    poll_fn(|context| {
                        let enter = || batch.enter(&claimed);
                        poll_work(make.take(), loading.as_mut(), enter, context)
                    })
                    .await
                };
                batch.land(&claimed, result);
            }
            if poll_fn(|context| batch.poll_waiting(context)).await {
                return batch.into_answers();
            }
        }
    }
}

/// A batch under way.
struct Batch<'a, K, V, S, W> {
    group: &'a Group<K, V, S>,
    /// The distinct keys, in the order in which they were named.
    places: Vec<(K, Place<'a, K, V, S, W>)>,
    /// Finds a key's index in `places`.
    index: HashTable<usize>,
}

impl<'a, K, V, S, W> Batch<'a, K, V, S, W>
where
    K: Clone + Eq + Hash,
    V: Clone,
    S: BuildHasher,
    W: Future<Output = Result<Turn<&'a Group<K, V, S>>, CallError>>,
{
    /// Claims or joins every key. `wait` makes a follower's wait.
    fn new(
        group: &'a Group<K, V, S>,
        keys: impl IntoIterator<Item = K>,
        wait: impl Fn(Follower<&'a Group<K, V, S>>) -> W,
    ) -> Self {
        let mut batch = Self {
            group,
            places: Vec::new(),
            index: HashTable::new(),
        };
        // First the keys, then the claims: the keys' iterator is the caller's, and may take
        // its time or make calls of its own.
        for key in keys {
            if batch.find(&key).is_none() {
                let (at, hash) = (batch.places.len(), group.hash_key(&key));
                batch.places.push((key, Place::Absent));
                let places = &batch.places;
                batch
                    .index
                    .insert_unique(hash, at, |at| group.hash_key(&places[*at].0));
            }
        }
        for (key, place) in &mut batch.places {
            *place = match group.join(&*key) {
                Ok(Joined::Leader(leader)) => Place::Leading(leader),
                Ok(Joined::Follower(follower)) => Place::Waiting(Box::pin(wait(follower))),
                Err(error) => Place::Answered(Err(error)),
            };
        }
        batch
    }

    fn find(&self, key: &K) -> Option<usize> {
        let hash = self.group.hash_key(key);
        let is = |at: &usize| self.places[*at].0 == *key;
        self.index.find(hash, is).copied()
    }

    /// The places whose keys are to be given to the work.
    fn claimed(&self) -> Vec<usize> {
        let leads = |at: &usize| matches!(self.places[*at].1, Place::Leading(_));
        (0..self.places.len()).filter(leads).collect()
    }

    fn keys(&self, claimed: &[usize]) -> Vec<K> {
        claimed
            .iter()
            .map(|at| self.places[*at].0.clone())
            .collect()
    }

    /// Enters the work of every claimed key at once.
    fn enter(&self, claimed: &[usize]) -> Option<(InsideMore, Running<'_>)> {
        let mut leaders = claimed.iter().filter_map(|at| match &self.places[*at].1 {
            Place::Leading(leader) => Some(leader),
            _ => None,
        });
        let first = leaders.next()?.enter();
        let more = inside::enter_more(leaders.filter_map(Leader::place));
        Some((more, first))
    }

    /// Lands what the work has loaded. The work's future is gone (P1).
    fn land(&mut self, claimed: &[usize], result: Result<Loaded<K, V>, Payload>) {
        match result {
            Ok(Loaded::Each(pairs)) => {
                for (key, value) in pairs {
                    // What was not asked for, or comes twice, is dropped.
                    if let Some(at) = self.find(&key) {
                        self.answer(at, value);
                    }
                }
            }
            Ok(Loaded::Every(value)) => {
                for at in claimed {
                    self.answer(*at, value.clone());
                }
            }
            Err(payload) => {
                for at in claimed {
                    if let Place::Leading(leader) = &mut self.places[*at].1 {
                        leader.tell_panic(&payload);
                    }
                }
                payload.resume();
            }
        }
        for at in claimed {
            // Whoever waits for a key that was not returned may try its own work.
            let place = &mut self.places[*at].1;
            if matches!(place, Place::Leading(_)) {
                *place = Place::Absent;
            }
        }
    }

    fn answer(&mut self, at: usize, value: V) {
        let place = &mut self.places[at].1;
        if matches!(place, Place::Leading(_)) {
            if let Place::Leading(leader) = mem::replace(place, Place::Absent) {
                *place = Place::Answered(Ok(leader.complete(value)));
            }
        }
    }

    /// Ready when nothing is waited for any more (`true`), or when a flight was handed over
    /// to the batch (`false`). Whatever can be had in one look is taken together.
    fn poll_waiting(&mut self, context: &mut Context<'_>) -> Poll<bool> {
        let (mut waits, mut leads) = (false, false);
        for (_, place) in &mut self.places {
            let Place::Waiting(wait) = place else {
                continue;
            };
            match wait.as_mut().poll(context) {
                Poll::Pending => waits = true,
                Poll::Ready(Ok(Turn::Lead(leader))) => {
                    leads = true;
                    *place = Place::Leading(leader);
                }
                Poll::Ready(Ok(Turn::Landed(outcome))) => *place = Place::Answered(Ok(outcome)),
                Poll::Ready(Err(error)) => *place = Place::Answered(Err(error)),
            }
        }
        match (leads, waits) {
            (true, _) => Poll::Ready(false),
            (false, true) => Poll::Pending,
            (false, false) => Poll::Ready(true),
        }
    }

    fn into_answers(self) -> Answers<K, V> {
        let answered = |(key, place)| match place {
            Place::Answered(answer) => Some((key, answer)),
            _ => None,
        };
        Answers(self.places.into_iter().filter_map(answered).collect())
    }
}
