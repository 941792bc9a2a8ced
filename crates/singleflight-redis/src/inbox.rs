//! Where this process hears that a flight has ended.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use event_listener::{Event, EventListener};

use crate::engine::Id;

/// A channel to which this process is subscribed, and those who wait for what comes.
#[derive(Debug)]
pub(crate) struct Inbox {
    pub(crate) channel: Vec<u8>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// How many wait for a flight, and what wakes them.
    waiting: HashMap<Id, (usize, Arc<Event>)>,
    /// Ids that came when nobody was registered: the push can overtake the answer to JOIN.
    early: VecDeque<Id>,
}

/// How many early ids are kept. One that falls out costs a poll interval.
const EARLY: usize = 256;

/// A place among those who are told of a flight, until it is dropped.
pub(crate) struct Registered<'a> {
    inbox: &'a Inbox,
    id: Id,
    event: Arc<Event>,
}

impl Inbox {
    pub(crate) fn new(channel: Vec<u8>) -> Self {
        let state = Mutex::default();
        Self { channel, state }
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Two callers of a process wait for one flight if it was forgotten between them.
    pub(crate) fn register(&self, id: Id) -> Registered<'_> {
        let event = self.with(|state| {
            let (waiting, event) = state.waiting.entry(id).or_default();
            *waiting += 1;
            Arc::clone(event)
        });
        let inbox = self;
        Registered { inbox, id, event }
    }

    /// A message has come: whoever waits for that flight looks.
    pub(crate) fn push(&self, payload: &[u8]) {
        let Ok(id) = Id::try_from(payload) else {
            return;
        };
        let event = self.with(|state| {
            let event = state.waiting.get(&id).map(|(_, event)| Arc::clone(event));
            if event.is_none() {
                state.early.truncate(EARLY - 1);
                state.early.push_front(id);
            }
            event
        });
        // Outside the lock: what is woken may take it.
        if let Some(event) = event {
            event.notify(usize::MAX);
        }
    }

    /// Messages may have been missed: everybody who waits looks.
    pub(crate) fn push_all(&self) {
        let all: Vec<_> = self.with(|state| state.waiting.values().cloned().collect());
        for (_, event) in all {
            event.notify(usize::MAX);
        }
    }
}

impl Registered<'_> {
    /// Hears every message from now on.
    pub(crate) fn listen(&self) -> EventListener {
        self.event.listen()
    }

    /// Whether a message came before this place was taken.
    pub(crate) fn came_early(&self) -> bool {
        self.inbox.with(|state| state.early.contains(&self.id))
    }
}

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        self.inbox.with(|state| {
            if let Entry::Occupied(mut place) = state.waiting.entry(self.id) {
                place.get_mut().0 -= 1;
                if place.get().0 == 0 {
                    place.remove();
                }
            }
        });
    }
}
