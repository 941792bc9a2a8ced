//! A batch: one call for many keys.
//!
//! | a key's place | meaning | goes on |
//! |---|---|---|
//! | `Leading` | claimed, and to be given to the work | answered or absent, when the work ends |
//! | `Waiting` | somebody else is loading it | answered; or `Leading`, when it is handed over, and loaded at the next poll |
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
use core::task::{Context, Poll, Waker};

use hashbrown::HashTable;
use pin_project_lite::pin_project;

use crate::answers::Answers;
use crate::error::CallError;
use crate::follower::{Follower, Turn};
use crate::group::Group;
use crate::inbox::Inbox;
use crate::inside::{Around, Works};
use crate::join::Joined;
use crate::leader::Leader;
use crate::outcome::Outcome;
use crate::policy::{Payload, catch};
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
    struct Loading<'a, T, L> {
        #[pin]
        future: Option<T>,
        loaded: L,
        works: &'a mut Works,
    }

    impl<T, L> PinnedDrop for Loading<'_, T, L> {
        /// The work is dropped inside of itself, for whatever reason it is.
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            let _inside = this.works.enter();
            this.future.set(None);
        }
    }
}

impl<T, L, R> Future for Loading<'_, T, L>
where
    T: Future,
    L: FnMut(T::Output) -> R,
{
    type Output = R;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<R> {
        let this = self.project();
        let _inside = this.works.enter();
        let future = this.future.as_pin_mut();
        let future = future.expect("a work is there until it is dropped");
        future.poll(context).map(this.loaded)
    }
}

/// Where a key of the batch stands. `W` is a follower's wait.
enum Place<'a, K, V, S, W> {
    Leading(Leader<&'a Group<K, V, S>>),
    Waiting(Pin<Box<W>>, Waker),
    Answered(Result<Outcome<V>, CallError>),
    Absent,
}

impl<K, V, S> Group<K, V, S>
where
    K: Clone + Eq + Hash,
    V: Clone,
    S: BuildHasher,
{
    /// Runs a batch: `work` makes the future that loads, `loaded` tells what that has come to.
    pub(crate) async fn fly_many<I, F, T, L>(
        &self,
        keys: I,
        mut work: F,
        mut loaded: L,
    ) -> Answers<K, V>
    where
        I: IntoIterator<Item = K>,
        F: FnMut(Vec<K>) -> T,
        T: Future,
        L: FnMut(T::Output) -> Loaded<K, V>,
    {
        let mut batch = Batch::new(self, keys, Follower::wait);
        loop {
            if seeded("batch-waits-first") {
                poll_fn(|context| {
                    batch.look(context.waker());
                    if batch.waiting > 0 {
                        Poll::Pending
                    } else {
                        Poll::Ready(())
                    }
                })
                .await;
            }
            if let Some(first) = batch.claimed.first().copied() {
                let keys = batch.keys();
                let result = {
                    let Batch { places, works, .. } = &mut batch;
                    let Place::Leading(leader) = &places[first].1 else {
                        unreachable!("whatever is claimed leads");
                    };
                    let mut make = Some(|| {
                        let future = {
                            let _inside = works.enter();
                            work(keys)
                        };
                        Loading {
                            future: Some(future),
                            loaded: &mut loaded,
                            works,
                        }
                    });
                    let mut loading = pin!(None);
                    poll_fn(|context| {
                        let enter = || leader.enter();
                        poll_work(make.take(), loading.as_mut(), enter, context)
                    })
                    .await
                };
                batch.land(result);
            }
            if poll_fn(|context| batch.poll_waiting(context)).await {
                return batch.into_answers();
            }
        }
    }
}

/// A batch under way.
///
/// All that runs on its behalf while it leads, runs inside the works of what it has claimed:
/// other people's code that would wait for them is refused.
struct Batch<'a, K, V, S, W> {
    group: &'a Group<K, V, S>,
    /// The distinct keys, in the order in which they were named.
    places: Vec<(K, Place<'a, K, V, S, W>)>,
    /// Finds a key's index in `places`.
    index: HashTable<usize>,
    /// Those that lead, to be given to the work.
    claimed: Vec<usize>,
    works: Works,
    /// It has claimed, and waits to be polled once more before its work starts.
    pauses: bool,
    /// How many wait.
    waiting: usize,
    /// Made for the first that waits.
    inbox: Option<Inbox>,
    /// Those whose waits were woken. Empty but while it looks.
    woken: Vec<usize>,
    /// The works of the group that it was polled inside of. Nothing before its first look.
    around: Option<Around>,
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
            claimed: Vec::new(),
            works: Works::default(),
            pauses: false,
            waiting: 0,
            inbox: None,
            woken: Vec::new(),
            around: None,
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
        for at in 0..batch.places.len() {
            let joined = {
                let _inside = batch.works.enter();
                group.join(&batch.places[at].0)
            };
            match joined {
                Ok(Joined::Leader(leader)) => batch.claim(at, leader),
                Ok(Joined::Follower(follower)) => {
                    let waker = batch.inbox.get_or_insert_with(Inbox::new).waker(at);
                    batch.places[at].1 = Place::Waiting(Box::pin(wait(follower)), waker);
                    batch.waiting += 1;
                }
                Err(error) => batch.places[at].1 = Place::Answered(Err(error)),
            }
        }
        batch
    }

    fn find(&self, key: &K) -> Option<usize> {
        let hash = self.group.hash_key(key);
        let is = |at: &usize| self.places[*at].0 == *key;
        self.index.find(hash, is).copied()
    }

    fn claim(&mut self, at: usize, leader: Leader<&'a Group<K, V, S>>) {
        self.works.add(leader.place());
        self.places[at].1 = Place::Leading(leader);
        self.claimed.push(at);
    }

    /// The keys that are to be given to the work.
    fn keys(&mut self) -> Vec<K> {
        let Self {
            places,
            claimed,
            works,
            ..
        } = self;
        let _inside = works.enter();
        claimed.iter().map(|at| places[*at].0.clone()).collect()
    }

    /// Lands what the work has loaded. The work's future is gone (P1).
    fn land(&mut self, result: Result<Loaded<K, V>, Payload>) {
        let mut works = mem::take(&mut self.works);
        let _inside = works.enter();
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
                for at in mem::take(&mut self.claimed) {
                    self.answer(at, value.clone());
                }
            }
            Err(payload) => self.panicked(payload),
        }
        // Whoever waits for a key that was not returned may try its own work.
        self.give_up();
    }

    fn answer(&mut self, at: usize, value: V) {
        let place = &mut self.places[at].1;
        if matches!(place, Place::Leading(_)) {
            if let Place::Leading(leader) = mem::replace(place, Place::Absent) {
                *place = Place::Answered(Ok(leader.complete(value)));
            }
        }
    }

    fn panicked(&mut self, payload: Payload) -> ! {
        for at in mem::take(&mut self.claimed) {
            if let Place::Leading(leader) = &mut self.places[at].1 {
                // The key's drop may panic. The others are told all the same, and the first
                // panic is the one that goes on.
                let _second = catch(|| leader.tell_panic(&payload));
            }
        }
        payload.resume()
    }

    /// Ready when nothing is waited for any more (`true`), or when flights were handed over to
    /// the batch (`false`). Whatever can be had in one look is taken together.
    ///
    /// What was claimed is loaded at the next poll. A timeout around the batch is polled after
    /// it, and one that is over by now then drops it with no work started in vain.
    fn poll_waiting(&mut self, context: &mut Context<'_>) -> Poll<bool> {
        if self.waiting > 0 {
            self.look(context.waker());
        }
        match (self.claimed.is_empty(), self.waiting > 0) {
            (true, false) => return Poll::Ready(true),
            (true, true) => {}
            (false, _) if mem::take(&mut self.pauses) => {
                // The work is given its keys in the order in which they were named.
                self.claimed.sort_unstable();
                return Poll::Ready(false);
            }
            (false, _) => {
                self.pauses = true;
                if !seeded("silent-pause") {
                    context.waker().wake_by_ref();
                }
            }
        }
        Poll::Pending
    }

    /// Looks at the waits that were woken. At the others only at first, and when it is polled
    /// inside of works that were not around before: it may wait for those.
    fn look(&mut self, task: &Waker) {
        let address = self.group.address();
        let is_first = self.around.is_none();
        let has_grown = self.around.get_or_insert_default().has_grown(address);
        let mut woken = mem::take(&mut self.woken);
        if let Some(inbox) = &self.inbox {
            inbox.exchange(task, &mut woken);
        }
        if is_first || has_grown {
            woken.clear();
            woken.extend(0..self.places.len());
        }
        for at in woken.drain(..) {
            self.look_at(at);
        }
        self.woken = woken;
    }

    fn look_at(&mut self, at: usize) {
        let Place::Waiting(wait, waker) = &mut self.places[at].1 else {
            return;
        };
        let polled = {
            let _inside = self.works.enter();
            wait.as_mut().poll(&mut Context::from_waker(waker))
        };
        let Poll::Ready(turn) = polled else {
            return;
        };
        self.waiting -= 1;
        match turn {
            Ok(Turn::Lead(leader)) => self.claim(at, leader),
            Ok(Turn::Landed(outcome)) => self.places[at].1 = Place::Answered(Ok(outcome)),
            Err(error) => self.places[at].1 = Place::Answered(Err(error)),
        }
    }

    fn into_answers(mut self) -> Answers<K, V> {
        let answered = |(key, place)| match place {
            Place::Answered(answer) => Some((key, answer)),
            _ => None,
        };
        let places = mem::take(&mut self.places);
        Answers(places.into_iter().filter_map(answered).collect())
    }
}

impl<K, V, S, W> Batch<'_, K, V, S, W> {
    /// Hands over whatever it leads.
    fn give_up(&mut self) {
        for at in mem::take(&mut self.claimed) {
            let place = &mut self.places[at].1;
            if matches!(place, Place::Leading(_)) {
                *place = Place::Absent;
            }
        }
    }
}

impl<K, V, S, W> Drop for Batch<'_, K, V, S, W> {
    fn drop(&mut self) {
        let mut works = mem::take(&mut self.works);
        let _inside = works.enter();
        self.give_up();
    }
}
