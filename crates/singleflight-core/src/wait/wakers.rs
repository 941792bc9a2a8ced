//! Waiting in a list of wakers of our own.
//!
//! A waiter has a ticket: the round in which it was put into the list, and its place there. A
//! notification takes the whole list out, begins the next round and wakes without the lock,
//! so every ticket of the round before is void and costs nobody anything. Unlike event-listener's,
//! a list allocates anew in each round: in a group with a fixed capacity, too.
//!
//! | what | under the lock | without it |
//! |---|---|---|
//! | listen | the waker is put in place | it is cloned; one that it replaces is dropped |
//! | leave | the place is emptied | the waker is dropped |
//! | notify | the list is taken, the round goes on | all are woken |

use alloc::vec::{self, Vec};
use core::future::Future;
use core::mem;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
#[cfg(all(feature = "std", not(target_family = "wasm"), not(loom)))]
use std::time::Instant;

#[cfg(all(feature = "std", not(target_family = "wasm")))]
use crate::sync::Parker;
use crate::sync::atomic::{AtomicU32, Ordering};
use crate::sync::{Mutex, const_fn, seeded};

/// Where the followers of one flight sleep.
pub(crate) struct Signal {
    /// Written under the list's lock. Read without it to see that a ticket is void.
    round: AtomicU32,
    list: Mutex<List>,
}

struct List {
    places: Vec<Place>,
    /// The first of the empty places, each of which names the next.
    empty: u32,
}

enum Place {
    Taken(Waker),
    Empty { next: u32 },
}

/// No place.
const NOWHERE: u32 = u32::MAX;

struct Ticket {
    round: u32,
    place: u32,
}

impl Signal {
    const_fn! {
        pub(crate) const fn new() -> Self {
            Self {
                round: AtomicU32::new(0),
                list: Mutex::new(List {
                    places: Vec::new(),
                    empty: NOWHERE,
                }),
            }
        }
    }

    /// Takes the storage that the first to listen would take.
    pub(crate) fn prepare(&self) {
        self.list.with(|list| list.places.reserve(1));
    }

    /// Wakes everyone who is listening. Never called while a shard's lock is held.
    ///
    /// Pairs with the second look in [`until`].
    pub(crate) fn notify_all(&self) {
        let places = self.list.with(|list| {
            if seeded("wake-one") {
                list.places.truncate(1);
            }
            let round = self.round.load(Ordering::Relaxed);
            self.round.store(round.wrapping_add(1), Ordering::Release);
            list.empty = NOWHERE;
            mem::take(&mut list.places)
        });
        Waking(places.into_iter()).wake_all();
    }

    /// As [`notify_all`](Self::notify_all), which holds no lock while it wakes.
    pub(crate) fn notify_each(&self, _most: usize) {
        self.notify_all();
    }

    /// Parks the thread until `look` sees something.
    #[cfg(all(feature = "std", not(target_family = "wasm")))]
    pub(crate) fn until_blocking<T>(&self, look: impl FnMut() -> Option<T>) -> T {
        self.park_until(look, |parker| {
            parker.park();
            true
        })
        .expect("there is no deadline")
    }

    /// Parks the thread until `look` sees something or the deadline comes.
    #[cfg(all(feature = "std", not(target_family = "wasm"), not(loom)))]
    pub(crate) fn until_deadline<T>(
        &self,
        look: impl FnMut() -> Option<T>,
        deadline: Instant,
    ) -> Option<T> {
        self.park_until(look, |parker| parker.park_until(deadline))
    }

    #[cfg(all(feature = "std", not(target_family = "wasm")))]
    fn park_until<T>(
        &self,
        mut look: impl FnMut() -> Option<T>,
        park: impl Fn(&Parker) -> bool,
    ) -> Option<T> {
        if let Some(seen) = look() {
            return Some(seen);
        }
        Parker::with(|parker, waker| {
            let mut ticket = Ticket::NONE;
            loop {
                self.listen(&mut ticket, waker);
                let seen = if seeded("one-look-before-parking") {
                    None
                } else {
                    look()
                };
                if seen.is_some() || !park(parker) {
                    self.leave(&mut ticket);
                    return seen;
                }
                if let Some(seen) = look() {
                    self.leave(&mut ticket);
                    return Some(seen);
                }
            }
        })
    }

    /// Whether a ticket was given since the last notification.
    fn honours(&self, ticket: &Ticket) -> bool {
        ticket.place != NOWHERE && self.round.load(Ordering::Acquire) == ticket.round
    }

    /// Puts a waker into the list, or in the place of the one that the ticket is for.
    fn listen(&self, ticket: &mut Ticket, waker: &Waker) {
        let is_there = self.list.with(|list| {
            self.honours(ticket) && list.at(ticket).is_some_and(|known| known.will_wake(waker))
        });
        if is_there {
            return;
        }
        let waker = waker.clone();
        let replaced = self.list.with(|list| {
            if self.honours(ticket) {
                return list.at(ticket).map(|known| mem::replace(known, waker));
            }
            ticket.round = self.round.load(Ordering::Relaxed);
            ticket.place = list.put(waker);
            None
        });
        drop(replaced);
    }

    /// Takes a waker out of the list, if it is still there.
    fn leave(&self, ticket: &mut Ticket) {
        if self.honours(ticket) {
            let left = self.list.with(|list| {
                // Once more, under the lock that whoever notifies holds.
                if self.honours(ticket) {
                    list.take(ticket)
                } else {
                    None
                }
            });
            drop(left);
        }
        *ticket = Ticket::NONE;
    }
}

impl List {
    fn at(&mut self, ticket: &Ticket) -> Option<&mut Waker> {
        match self.places.get_mut(ticket.place as usize) {
            Some(Place::Taken(waker)) => Some(waker),
            _ => None,
        }
    }

    fn put(&mut self, waker: Waker) -> u32 {
        let place = self.empty;
        if let Some(empty) = self.places.get_mut(place as usize) {
            if let Place::Empty { next } = mem::replace(empty, Place::Taken(waker)) {
                self.empty = next;
            }
            return place;
        }
        let place = u32::try_from(self.places.len()).expect("followers are counted in a u32");
        self.places.push(Place::Taken(waker));
        place
    }

    fn take(&mut self, ticket: &Ticket) -> Option<Waker> {
        let place = self.places.get_mut(ticket.place as usize)?;
        let emptied = Place::Empty { next: self.empty };
        self.empty = ticket.place;
        match mem::replace(place, emptied) {
            Place::Taken(waker) => Some(waker),
            Place::Empty { .. } => None,
        }
    }
}

impl Ticket {
    const NONE: Self = Self {
        round: 0,
        place: NOWHERE,
    };
}

/// Those who are still to be woken. If a waker panics, the others are woken all the same.
struct Waking(vec::IntoIter<Place>);

impl Waking {
    fn wake_all(&mut self) {
        for place in &mut self.0 {
            if let Place::Taken(waker) = place {
                waker.wake();
            }
        }
    }
}

impl Drop for Waking {
    fn drop(&mut self) {
        self.wake_all();
    }
}

/// Sleeps until `look` sees something, at the signal that `at` finds, and makes the answer
/// of what was seen.
pub(crate) fn until<H, T, A>(
    holder: H,
    at: impl Fn(&H) -> &Signal,
    look: impl Fn(&H) -> Option<T>,
    answer: impl FnOnce(H, T) -> A,
) -> impl Future<Output = A> {
    Until {
        waiting: Some((holder, answer)),
        ticket: Ticket::NONE,
        at,
        look,
    }
}

struct Until<H, P: Fn(&H) -> &Signal, L, N> {
    /// Empty once it has its answer.
    waiting: Option<(H, N)>,
    ticket: Ticket,
    at: P,
    look: L,
}

impl<H, P, L, N, T, A> Future for Until<H, P, L, N>
where
    P: Fn(&H) -> &Signal,
    L: Fn(&H) -> Option<T>,
    N: FnOnce(H, T) -> A,
{
    type Output = A;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<A> {
        let this = self.get_mut();
        let (holder, _) = this.waiting.as_ref().expect("a wait ends once");
        let mut seen = (this.look)(holder);
        if seen.is_none() {
            (this.at)(holder).listen(&mut this.ticket, context.waker());
            if !seeded("one-look") {
                seen = (this.look)(holder);
            }
        }
        let Some(seen) = seen else {
            return Poll::Pending;
        };
        (this.at)(holder).leave(&mut this.ticket);
        let (holder, answer) = this.waiting.take().expect("it was there a line ago");
        Poll::Ready(answer(holder, seen))
    }
}

impl<H, P: Fn(&H) -> &Signal, L, N> Drop for Until<H, P, L, N> {
    fn drop(&mut self) {
        if let Some((holder, _)) = &self.waiting {
            (self.at)(holder).leave(&mut self.ticket);
        }
    }
}

// Nothing of it is ever pinned.
impl<H, P: Fn(&H) -> &Signal, L, N> Unpin for Until<H, P, L, N> {}
