//! The groups of a program that are watched.

use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use metrics::{Key, KeyName, Label, Level, Metadata, Recorder, SharedString, Unit, with_recorder};
use singleflight_core::{Group, StatKind};

use crate::number::{Number, Numbers};
use crate::stat::{HISTOGRAMS, Stat};

/// By whom the numbers are told.
pub(crate) const METADATA: Metadata<'_> =
    Metadata::new("singleflight", Level::INFO, Some(module_path!()));

/// The groups of a program that are watched, each under a name. Clones share them.
///
/// It counts nothing: what groups count anyway is read when somebody asks. A group is not kept alive by
/// it. One that is gone is told no more; what a recorder does with a number that it is told no more is
/// the recorder's affair (most go on telling the last one unless they have a time after which it is idle).
///
/// Those that have one name are told as one: their counters are added, and what a group has counted
/// stays in the sum when another one takes its place. (What it counts between the last reading and its
/// end is lost.) So a name is remembered for good: names are those of a program's
/// groups, and not of what they are asked for. A group that is registered twice is counted twice.
///
/// A function that reads a group may panic: that one is told as it was before, and the others as they are.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
///
/// use singleflight_core::Group;
/// use singleflight_metrics::Registry;
///
/// let prices: Arc<Group<String, u64>> = Arc::new(Group::new());
/// let registry = Registry::new();
/// registry.register("prices", &prices);
/// // When metrics are about to be scraped:
/// registry.publish();
/// ```
#[derive(Clone, Default)]
pub struct Registry(Arc<Mutex<BTreeMap<Arc<str>, Watched>>>);

/// So many members of a name nobody looks after until they are read.
const MEMBERS: usize = 64;

/// Reads the numbers of something: none once that is gone.
type Reader = Arc<dyn Fn() -> Option<Numbers> + Send + Sync>;

/// What is watched under one name.
#[derive(Clone, Default)]
struct Watched {
    /// Each with what it told last.
    members: Vec<(Reader, Numbers)>,
    /// The counters of those that are gone.
    gone: Numbers,
    /// Of each [`Stat`], once it was told. Gone with the last member.
    keys: Arc<OnceLock<Keys>>,
}

type Keys = Box<[OnceLock<Key>]>;

impl Registry {
    /// Makes one that watches nothing yet.
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_metrics::Registry;
    ///
    /// assert!(Registry::new().read().is_empty());
    /// ```
    pub fn new() -> Self {
        Self::default()
    }

    /// Watches a group under a name, which becomes the label `group`. It is not kept alive.
    ///
    /// The front ends' groups give what is to be registered by `shared()`.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use singleflight_core::Group;
    /// use singleflight_metrics::Registry;
    ///
    /// let (registry, users) = (Registry::new(), Arc::new(Group::<u64, String>::new()));
    /// registry.register("users", &users);
    /// assert_eq!(registry.read().len(), users.stats().iter().count());
    /// drop(users);
    /// assert!(registry.read().is_empty());
    /// ```
    pub fn register<K, V, S>(&self, group: &str, what: &Arc<Group<K, V, S>>)
    where
        Group<K, V, S>: Send + Sync + 'static,
    {
        self.watch(group, what, Group::stats);
    }

    /// As [`register`](Self::register), for anything that counts: `read` is asked whenever somebody wants
    /// its numbers.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use std::sync::atomic::{AtomicU64, Ordering};
    ///
    /// use singleflight_metrics::{Registry, Stat};
    ///
    /// let (registry, calls) = (Registry::new(), Arc::new(AtomicU64::new(7)));
    /// registry.watch("own", &calls, |calls| [(Stat::Led, calls.load(Ordering::Relaxed))]);
    /// assert_eq!(registry.read()[0].value, 7);
    /// drop(calls);
    /// assert!(registry.read().is_empty());
    /// ```
    pub fn watch<T, N>(
        &self,
        group: &str,
        what: &Arc<T>,
        read: impl Fn(&T) -> N + Send + Sync + 'static,
    ) where
        T: Send + Sync + 'static,
        N: Into<Numbers>,
    {
        let what = Arc::downgrade(what);
        let read = move || what.upgrade().map(|what| read(&what).into());
        self.add(group, Arc::new(read));
    }

    /// As [`register`](Self::register), for what is always there. What the function owns lives as long as
    /// the registry.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::LazyLock;
    ///
    /// use singleflight_core::Group;
    /// use singleflight_metrics::Registry;
    ///
    /// static USERS: LazyLock<Group<u64, String>> = LazyLock::new(Group::new);
    ///
    /// let registry = Registry::new();
    /// registry.watch_static("users", || USERS.stats());
    /// assert_eq!(registry.read()[0].value, 0);
    /// ```
    pub fn watch_static<N>(&self, group: &str, read: impl Fn() -> N + Send + Sync + 'static)
    where
        N: Into<Numbers>,
    {
        self.add(group, Arc::new(move || Some(read().into())));
    }

    /// Tells the recorder of `metrics` every number as it is now: counters by
    /// [`absolute`](metrics::Counter::absolute), gauges by [`set`](metrics::Gauge::set). Call it whenever
    /// metrics are about to be scraped, or every few seconds: no call is counted twice.
    ///
    /// # Examples
    ///
    /// ```
    /// use metrics_util::debugging::DebuggingRecorder;
    /// use singleflight_metrics::{Registry, Stats};
    ///
    /// let registry = Registry::new();
    /// registry.watch_static("prices", Stats::default);
    /// let recorder = DebuggingRecorder::new();
    /// metrics::with_local_recorder(&recorder, || registry.publish());
    /// assert_eq!(recorder.snapshotter().snapshot().into_vec().len(), 11);
    /// ```
    pub fn publish(&self) {
        with_recorder(|recorder| {
            describe(recorder);
            for (name, watched, numbers) in self.read_all() {
                for (stat, value) in numbers.all() {
                    publish(recorder, watched.key(&name, stat), stat.kind(), value);
                }
            }
        });
    }

    /// Reads every number, those of one name side by side: for exporters that take them from here.
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_metrics::{Registry, Stats};
    ///
    /// let registry = Registry::new();
    /// for group in ["prices", "users"] {
    ///     registry.watch_static(group, Stats::default);
    /// }
    /// let numbers = registry.read();
    /// let families = numbers.chunk_by(|one, next| one.stat.name() == next.stat.name());
    /// assert_eq!(families.count(), 7);
    /// ```
    pub fn read(&self) -> Vec<Number> {
        let mut numbers = Vec::new();
        for (group, _, told) in self.read_all() {
            numbers.extend(told.all().map(|(stat, value)| Number {
                stat,
                group: Arc::clone(&group),
                value,
            }));
        }
        numbers.sort_by_key(|number| number.stat);
        numbers
    }

    fn read_all(&self) -> Vec<(Arc<str>, Watched, Numbers)> {
        let before: Vec<_> = self.with(|groups| {
            let groups = groups.iter();
            let watched = groups.filter(|(_, watched)| !watched.members.is_empty());
            let cloned = watched.map(|(name, watched)| (Arc::clone(name), watched.clone()));
            cloned.collect()
        });
        let read = before.into_iter().map(|(name, watched)| {
            let sum = self.read_name(&name, &watched);
            (name, watched, sum)
        });
        read.collect()
    }

    /// Reads what is watched under a name as it was before, and returns what is told of it now. Readers and
    /// recorders are other people's code, and so is the drop of what a reader was the last to have: none
    /// runs under the lock.
    fn read_name(&self, name: &str, before: &Watched) -> Numbers {
        // One that panics tells nothing new.
        let read = |(read, _): &(Reader, _)| catch_unwind(AssertUnwindSafe(|| read()));
        let read = before.members.iter().map(read);
        let now: Vec<_> = read
            .map(|told| told.unwrap_or_else(|_| Some(Numbers::default())))
            .collect();
        self.with(|groups| {
            let there = groups.get_mut(name).expect("no name is removed");
            there.take_in(before, &now);
            there.sum(&now)
        })
    }

    fn add(&self, group: &str, reader: Reader) {
        let watched = self.with(|groups| {
            let watched = groups.entry(group.into()).or_default();
            watched.members.push((reader, Numbers::default()));
            // Those that are gone leave when they are read. Where nobody reads, many must not stay.
            let members = watched.members.len();
            (members > MEMBERS && members.is_power_of_two()).then(|| watched.clone())
        });
        if let Some(watched) = watched {
            self.read_name(group, &watched);
        }
    }

    fn with<R>(&self, f: impl FnOnce(&mut BTreeMap<Arc<str>, Watched>) -> R) -> R {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Watched {
    /// Adds up what its members tell now, and what those have counted that are gone. Nothing, if all are.
    /// What was noted of them may be newer, if others have read meanwhile: a counter never goes back.
    fn sum(&self, now: &[Option<Numbers>]) -> Numbers {
        let mut sum = Numbers::default();
        if now.iter().any(Option::is_some) {
            for (_, last) in &self.members {
                sum.add(last.of(StatKind::Counter));
            }
            for now in now.iter().flatten() {
                sum.add(now.of(StatKind::Gauge));
            }
            sum.add(self.gone.all());
        }
        sum
    }

    /// Notes what its members have told. Others may have noted that of some of them meanwhile. Members come at
    /// the end and keep their order, so each is looked for from the last one on.
    fn take_in(&mut self, before: &Self, now: &[Option<Numbers>]) {
        let mut from = 0;
        for ((reader, _), now) in before.members.iter().zip(now) {
            let is = |(one, _): &(Reader, _)| ptr::addr_eq(Arc::as_ptr(one), Arc::as_ptr(reader));
            let Some(behind) = self.members[from..].iter().position(is) else {
                continue;
            };
            from += behind;
            match now {
                Some(now) => self.members[from].1.rise_to(now),
                // `before` has the reader too, so it is not dropped here.
                None => self
                    .gone
                    .add(self.members.remove(from).1.of(StatKind::Counter)),
            }
        }
        if self.members.is_empty() {
            (self.members, self.keys) = Default::default();
        }
    }

    /// Returns what a recorder knows a number by.
    fn key(&self, group: &Arc<str>, stat: Stat) -> &Key {
        let keys = || Stat::ALL.iter().map(|_| OnceLock::new()).collect();
        self.keys.get_or_init(keys)[stat as usize].get_or_init(|| {
            let labels = [("group", Arc::clone(group).into())].into_iter();
            let own = stat.label().map(|(name, value)| (name, value.into()));
            let labels = labels.chain(own);
            let labels = labels.map(|(name, value): (_, SharedString)| Label::new(name, value));
            Key::from_parts(stat.name(), labels.collect::<Vec<_>>())
        })
    }
}

/// Tells one number.
fn publish(recorder: &dyn Recorder, key: &Key, kind: StatKind, value: u64) {
    match kind {
        StatKind::Counter => recorder.register_counter(key, &METADATA).absolute(value),
        #[expect(clippy::cast_precision_loss, reason = "no program has 2^53 flights")]
        StatKind::Gauge => recorder.register_gauge(key, &METADATA).set(value as f64),
    }
}

/// Tells what the numbers are.
fn describe(recorder: &dyn Recorder) {
    let families = Stat::ALL.chunk_by(|one, next| one.name() == next.name());
    for stat in families.filter_map(|family| family.first()) {
        let (name, help) = (KeyName::from_const_str(stat.name()), stat.help().into());
        match stat.kind() {
            StatKind::Counter => recorder.describe_counter(name, Some(Unit::Count), help),
            StatKind::Gauge => recorder.describe_gauge(name, Some(Unit::Count), help),
        }
    }
    for (name, help) in HISTOGRAMS {
        let name = KeyName::from_const_str(name);
        recorder.describe_histogram(name, Some(Unit::Seconds), help.into());
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.with(|groups| groups.keys().cloned().collect());
        f.debug_tuple("Registry").field(&names).finish()
    }
}
