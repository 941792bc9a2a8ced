//! A batch: one call for many keys.
//!
//! | a key's place | meaning | goes on |
//! |---|---|---|
//! | `Leading` | claimed, and to be given to the work | answered or absent, when the work ends |
//! | `Waiting` | somebody else is loading it | answered; or `Leading`, when it is handed over, and loaded at the next poll |
//! | `Answered` | has its value or its error | |
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

use super::deadline::Limit;
use super::inbox::Inbox;
use super::keys::{Drawn, Keys};
use super::loading::{Loaded, Loading};
use super::work::poll_work;
use crate::answers::Answers;
use crate::error::{CallError, CallResult};
use crate::group::fence::Binding;
use crate::group::flight_ref::FlightRef;
use crate::group::follower::{Follower, Turn};
use crate::group::leader::Leader;
use crate::group::{Group, WaitsHere};
use crate::key::ByValue;
use crate::outcome::Outcome;
use crate::platform::sync::seeded;
use crate::policy::{Payload, catch};
use crate::table::reentrancy::{Around, Works};
use crate::table::shard::Entry;
use crate::table::slot::FlightId;

/// Where a key of the batch stands. `W` is a follower's wait.
enum Place<'a, K, V, S, W> {
    Leading(Leader<&'a Group<K, V, S>>),
    Waiting(Pin<Box<W>>, Waker, FlightId),
    Answered(CallResult<V>),
}

impl<'a, K, V, S, W> Place<'a, K, V, S, W> {
    #[inline]
    fn leads(&self) -> bool {
        matches!(self, Self::Leading(leader) if leader.leads())
    }

    fn leader(&self) -> Option<&Leader<&'a Group<K, V, S>>> {
        match self {
            Self::Leading(leader) => Some(leader),
            _ => None,
        }
    }
}

/// Runs a batch: `work` makes the future that loads. It gives up when its limit is reached.
pub(crate) async fn start_many<K, V, S, I, F, T, L, E, X>(
    group: &Group<K, V, S>,
    keys: I,
    mut work: F,
    mut loaded: L,
    limit: X,
    binding: Option<Binding>,
) -> Result<Answers<K, V>, E>
where
    K: Clone + Eq + Hash,
    V: Clone,
    S: BuildHasher,
    I: IntoIterator<Item = K>,
    F: FnMut(Vec<K>) -> T,
    T: Future,
    L: FnMut(T::Output) -> Loaded<K, V, E>,
    X: for<'a> Limit<&'a Group<K, V, S>>,
{
    let mut limit = pin!(limit);
    let mut batch = Batch::new(group, keys);
    if poll_fn(|context| Poll::Ready(limit.as_mut().is_over(context))).await {
        return Ok(batch.into_late_answers());
    }
    batch.join(Follower::wait);
    loop {
        if seeded("batch-waits-first") {
            poll_fn(|context| {
                batch.look(context.waker());
                if batch.waiting == 0 {
                    Poll::Ready(())
                } else {
                    Poll::Pending
                }
            })
            .await;
        }
        if batch.leads > 0 {
            let keys = batch.led_keys();
            if let Some(binding) = &binding {
                let drawn = batch.keys.all().iter();
                let leaders = drawn.filter_map(|drawn| drawn.place.leader());
                binding.bind(leaders.filter_map(Leader::flight_id));
            }
            let result = {
                let Batch {
                    keys: all, works, ..
                } = &mut batch;
                let leader = all.all().iter().find_map(|drawn| drawn.place.leader());
                let leader = leader.expect("a batch that leads has a place that does");
                let mut make = Some(|| Loading::new(keys, &mut work, &mut loaded, works));
                let mut loading = pin!(None);
                poll_fn(|context| {
                    let enter = || leader.enter();
                    let polled = poll_work(make.take(), loading.as_mut(), enter, context);
                    // What is there wins, so the work is polled before the clock is looked at.
                    match polled {
                        Poll::Pending if limit.as_mut().is_over(context) => Poll::Ready(None),
                        polled => polled.map(Some),
                    }
                })
                .await
            };
            match result {
                Some(result) => batch.land(result)?,
                None => return Ok(batch.into_late_answers()),
            }
        }
        let waited = poll_fn(|context| {
            if limit.as_mut().is_over(context) {
                return Poll::Ready(None);
            }
            batch.poll_waiting(context).map(Some)
        });
        match waited.await {
            Some(true) => return Ok(batch.into_answers()),
            Some(false) => {}
            None => return Ok(batch.into_late_answers()),
        }
    }
}

/// A batch under way.
///
/// All that runs on its behalf while it leads, runs inside the works of what it leads: other
/// people's code that would wait for them is refused.
struct Batch<'a, K, V, S, W> {
    group: &'a Group<K, V, S>,
    keys: Keys<K, Place<'a, K, V, S, W>>,
    /// How many lead, and are to be given to the work.
    leads: usize,
    /// Those that it has taken over. While there are none, all that lead are newcomers.
    claimed: Vec<usize>,
    /// Of those that lead.
    works: Works,
    /// What it has claimed may be loaded now: it has waited to be polled once more, or is polled for
    /// the first time and led nothing so far.
    has_paused: bool,
    /// How many wait.
    waiting: usize,
    /// Made for the first that waits.
    inbox: Option<Inbox>,
    /// Those whose waits were woken. Empty but while it looks.
    woken: Vec<usize>,
    /// The works of the group that it was polled inside of. Nothing before its first look.
    around: Option<Around>,
}

/// Writes where nothing stands that has to be dropped: looking whether it has costs more.
#[inline]
fn put<T>(to: &mut T, value: T) {
    mem::forget(mem::replace(to, value));
}

/// Room is made beforehand for so many keys at most: how many there are is the caller's word.
const MOST_EXPECTED: usize = 1_024;

impl<'a, K, V, S, W> Batch<'a, K, V, S, W>
where
    K: Clone + Eq + Hash,
    V: Clone,
    S: BuildHasher,
    W: Future<Output = Result<Turn<&'a Group<K, V, S>>, CallError>>,
{
    /// Takes the keys.
    fn new(group: &'a Group<K, V, S>, keys: impl IntoIterator<Item = K>) -> Self {
        let drawn = keys.into_iter();
        let expected = drawn.size_hint().0.min(MOST_EXPECTED);
        let mut keys = Keys::with_capacity(expected);
        // First the keys, then the claims: the keys' iterator is the caller's, and may take
        // its time or make calls of its own.
        for key in drawn {
            let place = Place::Answered(Err(CallError::TimedOut));
            keys.add(group.hash::<K, ByValue>(&key), key, place);
        }
        Self {
            group,
            keys,
            leads: 0,
            claimed: Vec::new(),
            works: Works::default(),
            has_paused: false,
            waiting: 0,
            inbox: None,
            woken: Vec::new(),
            around: None,
        }
    }

    /// Joins or starts the flight of every key. `wait` makes a follower's wait.
    fn join(&mut self, wait: impl Fn(Follower<&'a Group<K, V, S>>) -> W) {
        let Self { group, works, .. } = self;
        let address = group.address();
        let limits = group.limits(WaitsHere::Yes);
        let drawn = self.keys.all_mut();
        *works = Works::with_capacity(drawn.len());
        for (at, Drawn { hash, key, place }) in drawn.iter_mut().enumerate() {
            let (hash, key) = (*hash, &*key);
            // A key that owns nothing is cloned before anybody knows what for: that saves a lock.
            let followed = if mem::needs_drop::<K>() {
                group.follow_hashed(hash, key, &limits)
            } else {
                None
            };
            let mut own = None;
            let entry = followed.unwrap_or_else(|| {
                let _inside = mem::needs_drop::<K>().then(|| works.enter());
                own = Some(key.clone());
                group.enter_hashed(hash, &mut own, &limits)
            });
            match entry {
                Entry::Leader(id) | Entry::Claimed(id) => {
                    self.leads += 1;
                    works.add(Some((address, id)));
                    let group = *group;
                    put(place, Place::Leading(Leader::new(FlightRef { group, id })));
                }
                Entry::Follower(id, shared) => {
                    let group = *group;
                    let wait = wait(Follower::new(FlightRef { group, id }, shared));
                    let waker = self.inbox.get_or_insert_with(Inbox::new).waker(at);
                    self.waiting += 1;
                    *place = Place::Waiting(Box::pin(wait), waker, id);
                }
                Entry::Refused(refusal) => *place = Place::Answered(Err(refusal.into())),
            }
            // Not before the place is held: the drop of a key that was not needed may panic.
            if mem::needs_drop::<K>() && own.is_some() {
                let _inside = works.enter();
                drop(own);
            }
        }
        self.has_paused = self.leads == 0;
    }

    /// The keys that lead, for the work.
    fn led_keys(&mut self) -> Vec<K> {
        let _inside = mem::needs_drop::<K>().then(|| self.works.enter());
        let mut keys = Vec::with_capacity(self.leads);
        if self.claimed.is_empty() {
            let led = self.keys.all().iter().filter(|drawn| drawn.place.leads());
            keys.extend(led.map(|drawn| drawn.key.clone()));
        } else {
            // In the order in which they were named.
            self.claimed.sort_unstable();
            let key = |at: &usize| self.keys.all()[*at].key.clone();
            keys.extend(self.claimed.iter().map(key));
        }
        keys
    }

    /// Lands what the work has loaded. The work's future is gone (P1).
    ///
    /// # Errors
    ///
    /// What the work as a whole has failed with: its keys are handed over.
    fn land<E>(&mut self, result: Result<Loaded<K, V, E>, Payload>) -> Result<(), E> {
        let mut works = mem::take(&mut self.works);
        let _inside = works.enter();
        let failed = match result {
            Ok(Ok(pairs)) => {
                // Most works return what they are given in its order.
                let mut next = self.claimed.first().copied().unwrap_or(0);
                for (key, value) in pairs {
                    // What was not asked for, or comes twice, is dropped.
                    if let Some(at) = self.find(&key, next) {
                        self.complete(at, value);
                        next = at + 1;
                    }
                }
                Ok(())
            }
            Ok(Err(error)) => Err(error),
            Err(payload) => {
                for at in self.led() {
                    // A key's drop may panic. The others are told all the same, and the first
                    // panic is the one that goes on.
                    if let Place::Leading(leader) = &mut self.keys.all_mut()[at].place {
                        let _second = catch(|| leader.tell_panic(&payload));
                    }
                }
                payload.resume();
            }
        };
        // Whoever waits for a key that has failed, or was not returned, may try its own work.
        for at in self.led() {
            self.leads -= 1;
            let place = mem::replace(
                &mut self.keys.all_mut()[at].place,
                Place::Answered(Err(CallError::NotReturned)),
            );
            if let Place::Leading(leader) = place {
                leader.fail();
            }
        }
        self.claimed.clear();
        failed
    }

    /// Finds a key, which is perhaps the one with this number.
    #[inline]
    fn find(&self, key: &K, perhaps: usize) -> Option<usize> {
        match self.keys.all().get(perhaps) {
            Some(drawn) if drawn.key == *key => Some(perhaps),
            _ => self.keys.find(self.group.hash::<K, ByValue>(key), key),
        }
    }

    /// Lands a key's flight, if the batch leads it.
    #[inline]
    fn complete(&mut self, at: usize, value: V) {
        let place = &mut self.keys.all_mut()[at].place;
        if let Place::Leading(leader) = place {
            if leader.leads() {
                self.leads -= 1;
                let value = leader.land(value, Outcome::into_value);
                *place = Place::Answered(Ok(value));
            }
        }
    }

    /// Ready when nothing is waited for any more (`true`), or when flights were handed over to
    /// the batch (`false`). Whatever can be had in one look is taken together.
    ///
    /// What was claimed is loaded at the next poll: a timeout around the batch is polled after it,
    /// and one that is over by now then drops it with no work started in vain. A batch that is new
    /// and led nothing yet loads at once, as a call does.
    fn poll_waiting(&mut self, context: &mut Context<'_>) -> Poll<bool> {
        if self.waiting != 0 {
            self.look(context.waker());
        }
        if self.leads == 0 {
            self.has_paused = false;
            return if self.waiting == 0 {
                Poll::Ready(true)
            } else {
                Poll::Pending
            };
        }
        if mem::replace(&mut self.has_paused, true) {
            self.has_paused = false;
            return Poll::Ready(false);
        }
        if !seeded("silent-pause") {
            context.waker().wake_by_ref();
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
            woken.extend(0..self.keys.all().len());
        }
        for at in woken.drain(..) {
            self.look_at(at);
        }
        self.woken = woken;
    }

    fn look_at(&mut self, at: usize) {
        let place = &mut self.keys.all_mut()[at].place;
        let Place::Waiting(wait, waker, _) = place else {
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
        *place = match turn {
            Ok(Turn::Lead(leader)) => {
                self.works
                    .add(leader.flight().as_ref().map(FlightRef::place));
                self.claimed.push(at);
                self.leads += 1;
                Place::Leading(leader)
            }
            Ok(Turn::Landed(outcome)) => Place::Answered(Ok(outcome.value)),
            Err(error) => Place::Answered(Err(error)),
        };
    }

    /// The answers of a batch that waits for nothing any more.
    fn into_answers(mut self) -> Answers<K, V> {
        let answer = |Drawn { key, place, .. }| match place {
            Place::Answered(answer) => (key, answer),
            _ => unreachable!("whatever is left has an answer"),
        };
        Answers(self.keys.take().into_iter().map(answer).collect())
    }

    /// The answers of a batch whose time is up. A value that is there is taken; it starts and claims
    /// nothing any more, hands over what it leads, and leaves what it waits for.
    fn into_late_answers(mut self) -> Answers<K, V> {
        for at in 0..self.keys.all().len() {
            let Place::Waiting(_, _, id) = &self.keys.all()[at].place else {
                continue;
            };
            let (group, id) = (self.group, *id);
            // A flight that has left the table cannot be claimed any more.
            if !(FlightRef { group, id }).is_in_table() {
                self.look_at(at);
            }
        }
        {
            let mut works = mem::take(&mut self.works);
            let _inside = works.enter();
            for Drawn { place, .. } in self.keys.all_mut() {
                if !matches!(place, Place::Answered(_)) {
                    *place = Place::Answered(Err(CallError::TimedOut));
                }
            }
        }
        self.leads = 0;
        self.into_answers()
    }
}

impl<K, V, S, W> Batch<'_, K, V, S, W> {
    /// Those that lead.
    fn led(&self) -> Vec<usize> {
        let all = self.keys.all();
        let leads = |at: &usize| all[*at].place.leads();
        if self.claimed.is_empty() {
            (0..all.len()).filter(leads).collect()
        } else {
            self.claimed.iter().copied().filter(leads).collect()
        }
    }

    /// Hands over whatever it leads.
    fn give_up(&mut self) {
        for at in self.led() {
            self.keys.all_mut()[at].place = Place::Answered(Err(CallError::LeaderLost));
        }
        self.leads = 0;
    }
}

impl<K, V, S, W> Drop for Batch<'_, K, V, S, W> {
    fn drop(&mut self) {
        if self.leads > 0 {
            let mut works = mem::take(&mut self.works);
            let _inside = works.enter();
            self.give_up();
        }
    }
}
