//! The store, the database and the clock of a case. Whatever is asked of them waits until the case
//! lets it happen, and the case says how it ends.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::format;
use std::future::{Future, poll_fn};
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::vec::Vec;

use super::records::{Came, Moment, Putting, Records, Stamp, Text, Wrong};
use crate::store::{Found, Put, RemoveAll, Store};
use crate::{Entry, Held};

std::thread_local! {
    /// The clock of the case on this thread, in milliseconds.
    pub(crate) static CLOCK: Cell<u64> = const { Cell::new(0) };
}

/// What stands in the store.
#[derive(Clone, Debug)]
pub(crate) enum Kept {
    Entry(Entry<Stamp>, Moment),
    Rubbish,
}

/// The error of a store, with the moment at which it failed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Broken(pub(crate) Moment);

/// What is waited for.
#[derive(Clone, Copy, Debug)]
enum Doing {
    Get(u8),
    Put(u8, Entry<Stamp>, Option<crate::EntryId>),
    Remove(u8),
    RemoveAll,
    Load(usize),
    Write,
}

/// What it has come to.
#[derive(Clone, Debug)]
enum Done {
    Found(Result<Found<Stamp>, Broken>),
    Put(Result<bool, Broken>),
    Removed(Result<(), Broken>),
    Loaded(Result<Option<Stamp>, usize>),
    Written,
}

struct Operation {
    doing: Doing,
    done: Option<Done>,
    waker: Option<Waker>,
}

/// How the case lets an operation end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum End {
    Well,
    /// It fails and nothing has happened.
    Fails,
    /// It fails and has happened all the same.
    FailsAfterwards,
}

#[derive(Default)]
pub(crate) struct World {
    pub(crate) moment: Moment,
    pub(crate) kept: BTreeMap<u8, Kept>,
    /// Keys of which the database has no row.
    pub(crate) missing: BTreeMap<u8, bool>,
    operations: BTreeMap<Moment, Operation>,
    pub(crate) records: Records,
    pub(crate) wrong: Option<Text>,
    /// How old a value may be without ever being due for a refresh.
    pub(crate) young: u64,
    /// One aside alone writes to the store, which so does not look what it puts over.
    pub(crate) is_alone: bool,
    /// What is dropped on its way happens all the same.
    pub(crate) drops_happen: bool,
    /// Refreshes of each key that somebody has in his hands.
    pub(crate) refreshing: BTreeMap<u8, u32>,
    next_entry: u64,
    /// What has happened, for a person who reads of a case that failed.
    pub(crate) log: Vec<Text>,
}

#[derive(Clone, Default)]
pub(crate) struct Fake(pub(crate) Rc<RefCell<World>>);

impl World {
    pub(crate) fn tick(&mut self) -> Moment {
        self.moment += 1;
        self.moment
    }

    pub(crate) fn log(&mut self, what: Text) {
        self.log.push(what);
    }

    fn complain(&mut self, wrong: Text) {
        self.wrong.get_or_insert(wrong);
    }

    /// What can be let happen.
    pub(crate) fn waiting(&self) -> Vec<Moment> {
        let waiting = self.operations.iter().filter(|(_, op)| op.done.is_none());
        waiting.map(|(number, _)| *number).collect()
    }

    /// Lets an operation happen, and returns whom to wake.
    pub(crate) fn let_happen(&mut self, number: Moment, end: End) -> Option<Waker> {
        let doing = std::mem::replace(&mut self.operations.get_mut(&number)?.doing, Doing::Write);
        let done = self.happen(doing, end);
        let operation = self.operations.get_mut(&number)?;
        operation.done = Some(done);
        operation.waker.take()
    }

    fn happen(&mut self, doing: Doing, end: End) -> Done {
        let at = self.tick();
        let begun = format!("{at}: {end:?}: {doing:?}");
        let done = self.do_it(doing, end, at);
        self.log(format!("{begun}: {done:?}"));
        done
    }

    fn do_it(&mut self, doing: Doing, end: End, at: Moment) -> Done {
        match doing {
            Doing::Get(_) if end != End::Well => Done::Found(Err(Broken(at))),
            Doing::Get(key) => {
                let found = match self.kept.get(&key) {
                    Some(Kept::Entry(entry, _)) => Found::Entry(*entry),
                    Some(Kept::Rubbish) => Found::Unreadable,
                    None => Found::Nothing,
                };
                *self.records.lacking.entry(key).or_default() += 1;
                Done::Found(Ok(found))
            }
            Doing::Put(key, entry, expect) => {
                let mut result = Ok(false);
                if end == End::Fails {
                    self.excuse(key);
                } else {
                    result = Ok(self.put(key, &entry, expect));
                }
                self.note_put(&entry, Putting::Ended);
                Done::Put(if end == End::Well {
                    result
                } else {
                    Err(Broken(at))
                })
            }
            Doing::Remove(key) => {
                if end != End::Fails {
                    self.kept.remove(&key);
                }
                self.excuse(key);
                Done::Removed(if end == End::Well {
                    Ok(())
                } else {
                    Err(Broken(at))
                })
            }
            Doing::RemoveAll => {
                if end != End::Fails {
                    self.kept.clear();
                }
                (0..4).for_each(|key| self.excuse(key));
                Done::Removed(if end == End::Well {
                    Ok(())
                } else {
                    Err(Broken(at))
                })
            }
            Doing::Load(number) => self.load(number, at, end),
            Doing::Write => Done::Written,
        }
    }

    /// From now on a load of this key may be needed again.
    pub(crate) fn excuse(&mut self, key: u8) {
        self.records.excuses.insert(key, self.moment);
    }

    fn load(&mut self, number: usize, at: Moment, end: End) -> Done {
        let load = &mut self.records.loads[number];
        let made = CLOCK.get();
        let missing = self.missing.get(&load.key).copied().unwrap_or_default();
        load.read = Some(at);
        let (came, loaded) = match (end, missing) {
            (End::Well, false) => {
                let stamp = Stamp {
                    key: load.key,
                    read: at,
                    load: Some(number),
                    made,
                };
                (Came::Value, Ok(Some(stamp)))
            }
            (End::Well, true) => (Came::Absent, Ok(None)),
            _ => (Came::Failed, Err(number)),
        };
        load.ended = Some((at, made, came));
        if came == Came::Failed {
            let key = load.key;
            self.excuse(key);
        }
        Done::Loaded(loaded)
    }

    /// Puts, if what stands there is what is expected, or nobody asks.
    fn put(&mut self, key: u8, entry: &Entry<Stamp>, expect: Option<crate::EntryId>) -> bool {
        let stands = match self.kept.get(&key) {
            Some(Kept::Entry(old, at)) => {
                let (id, at) = (old.id, *at);
                let is_over = entry.held == Held::Absent && old.held != Held::Absent;
                if is_over && Some(id) == expect {
                    self.is_known(key, at);
                }
                Some(id)
            }
            Some(Kept::Rubbish) => return false,
            None => None,
        };
        let is_put = self.is_alone || stands == expect;
        if is_put {
            let kept = Kept::Entry(*entry, self.moment);
            self.kept.insert(key, kept);
        }
        is_put
    }

    /// An absence replaces a value that has stood there since: some load that found nothing must
    /// have begun after that.
    fn is_known(&mut self, key: u8, since: Moment) {
        let mut loads = self.records.loads.iter();
        let is_known = loads.any(|load| {
            load.key == key
                && load.begun > since
                && matches!(load.ended, Some((_, _, Came::Absent)))
        });
        if !is_known {
            self.complain(format!(
                "absence over a value of {since} that no load has known: {key}"
            ));
        }
    }

    /// Judges a load that begins: nothing that is fresh stands in the store by then, if it has
    /// answered. (Another process may have put it since. A look that an invalidation has parted from
    /// the others may not have seen it.)
    fn is_needed(&self, key: u8) -> Wrong<()> {
        let Some(Kept::Entry(entry, at)) = self.kept.get(&key) else {
            return Ok(());
        };
        let Held::Value(Stamp { load: Some(_), .. }) = entry.held else {
            return Ok(());
        };
        // Whatever the jitter, and before any early refresh.
        let is_fresh = CLOCK.get().saturating_sub(entry.made) * 10 < self.young * 7;
        if is_fresh && self.records.is_looked_at(key, *at) {
            return Err(format!(
                "needless load of key {key}: {entry:?} stands there since {at}"
            ));
        }
        Ok(())
    }

    fn note_put(&mut self, entry: &Entry<Stamp>, putting: Putting) {
        if let Held::Value(Stamp {
            load: Some(load), ..
        }) = entry.held
        {
            let load = &mut self.records.loads[load];
            if load.put != Putting::Ended {
                load.put = putting;
            }
        }
    }

    /// Another process puts a value.
    pub(crate) fn put_from_outside(&mut self, key: u8) {
        let read = self.tick();
        let made = CLOCK.get();
        self.next_entry += 1;
        let stamp = Stamp {
            key,
            read,
            load: None,
            made,
        };
        let entry = Entry {
            id: crate::EntryId(self.next_entry << 40),
            held: Held::Value(stamp),
            made,
            took: 0,
            failures: 0,
            tried: 0,
        };
        self.kept.insert(key, Kept::Entry(entry, read));
    }

    /// The operation's future is dropped.
    fn dropped(&mut self, number: Moment) {
        let Some(operation) = self.operations.remove(&number) else {
            return;
        };
        if operation.done.is_some() {
            return;
        }
        self.log(format!("{number} is dropped: {:?}", operation.doing));
        match operation.doing {
            Doing::Load(_) => {}
            Doing::Put(key, ..) | Doing::Remove(key) if !self.drops_happen => self.excuse(key),
            doing if self.drops_happen => {
                self.happen(doing, End::Well);
            }
            _ => {}
        }
    }
}

/// A load under way.
struct Loading(Fake, usize);

impl Drop for Loading {
    fn drop(&mut self) {
        let mut world = self.0.0.borrow_mut();
        let load = &mut world.records.loads[self.1];
        load.dropped = load.ended.is_none();
    }
}

impl Fake {
    /// Waits until the case lets it happen.
    async fn wait(&self, doing: Doing) -> Done {
        struct Dropped(Fake, Moment);
        impl Drop for Dropped {
            fn drop(&mut self) {
                self.0.0.borrow_mut().dropped(self.1);
            }
        }
        let number = {
            let mut world = self.0.borrow_mut();
            let number = world.tick();
            world.log(format!("{number}: begin {doing:?}"));
            let operation = Operation {
                doing,
                done: None,
                waker: None,
            };
            world.operations.insert(number, operation);
            number
        };
        let dropped = Dropped(self.clone(), number);
        poll_fn(|context| {
            let mut world = dropped.0.0.borrow_mut();
            let operation = world.operations.get_mut(&number).expect("it is waited for");
            if let Some(done) = &operation.done {
                return Poll::Ready(done.clone());
            }
            operation.waker = Some(context.waker().clone());
            Poll::Pending
        })
        .await
    }

    /// Reads the database for a key. It has begun when this returns.
    pub(crate) fn load(
        &self,
        key: u8,
    ) -> impl Future<Output = Result<Option<Stamp>, usize>> + use<> {
        let this = self.clone();
        let begun = {
            let mut world = this.0.borrow_mut();
            let at = world.tick();
            let begun = world
                .is_needed(key)
                .and_then(|()| world.records.begin(key, at));
            begun.map_err(|wrong| world.complain(wrong))
        };
        let loading = begun.map(|number| Loading(self.clone(), number));
        async move {
            let Ok(loading) = loading else {
                return Ok(None);
            };
            match this.wait(Doing::Load(loading.1)).await {
                Done::Loaded(loaded) => {
                    this.has_ended(loading.1..loading.1 + 1);
                    loaded
                }
                other => panic!("a load has come to {other:?}"),
            }
        }
    }

    /// Says that these loads end now.
    pub(crate) fn has_ended(&self, loads: std::ops::Range<usize>) {
        for load in &mut self.0.borrow_mut().records.loads[loads] {
            if let Some((_, clock, _)) = &mut load.ended {
                *clock = CLOCK.get();
            }
        }
    }

    /// Writes to the database.
    pub(crate) async fn write(&self) {
        self.wait(Doing::Write).await;
    }
}

impl Store for Fake {
    type Key = u8;
    type Value = Stamp;
    type Error = Broken;

    async fn get(&self, key: &u8) -> Result<Found<Stamp>, Broken> {
        match self.wait(Doing::Get(*key)).await {
            Done::Found(found) => found,
            other => panic!("a get has come to {other:?}"),
        }
    }

    async fn put(&self, key: &u8, entry: &Entry<Stamp>, how: Put<u8>) -> Result<bool, Broken> {
        self.0.borrow_mut().note_put(entry, Putting::Begun);
        let expect = how.expect;
        match self.wait(Doing::Put(*key, *entry, expect)).await {
            Done::Put(put) => put,
            other => panic!("a put has come to {other:?}"),
        }
    }

    async fn remove(&self, key: &u8) -> Result<(), Broken> {
        match self.wait(Doing::Remove(*key)).await {
            Done::Removed(removed) => removed,
            other => panic!("a removal has come to {other:?}"),
        }
    }
}

impl RemoveAll for Fake {
    async fn remove_all(&self) -> Result<(), Broken> {
        match self.wait(Doing::RemoveAll).await {
            Done::Removed(removed) => removed,
            other => panic!("a removal has come to {other:?}"),
        }
    }
}
