//! The groups of a program that are watched.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

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
/// end is lost.)
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

/// Reads the numbers of something: none once that is gone.
type Reader = Box<dyn Fn() -> Option<Numbers> + Send + Sync>;

/// What is watched under one name.
#[derive(Default)]
struct Watched {
    /// Each with what it told last.
    members: Vec<(Reader, Numbers)>,
    /// The counters of those that are gone.
    gone: Numbers,
    /// Those of its numbers, made once.
    keys: Vec<(Stat, Key)>,
}

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
        self.add(group, Box::new(read));
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
        self.add(group, Box::new(move || Some(read().into())));
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
            self.with(|groups| {
                for (name, watched) in groups {
                    for (stat, value) in watched.read().all() {
                        publish(recorder, watched.key(name, stat), stat.kind(), value);
                    }
                }
            });
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
        self.with(|groups| {
            for (name, watched) in groups {
                numbers.extend(watched.read().all().map(|(stat, value)| Number {
                    stat,
                    group: Arc::clone(name),
                    value,
                }));
            }
        });
        numbers.sort_by_key(|number| number.stat);
        numbers
    }

    fn add(&self, group: &str, reader: Reader) {
        self.with(|groups| {
            let watched = groups.entry(group.into()).or_default();
            watched.members.push((reader, Numbers::default()));
        });
    }

    fn with<R>(&self, f: impl FnOnce(&mut BTreeMap<Arc<str>, Watched>) -> R) -> R {
        // One that panics is a reader of the user's, and leaves at most a sum that was not added up.
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Watched {
    /// Reads all that live. Nothing, if none does.
    fn read(&mut self) -> Numbers {
        let (mut sum, gone) = (Numbers::default(), &mut self.gone);
        self.members.retain_mut(|(read, last)| {
            let numbers = read();
            match &numbers {
                Some(numbers) => {
                    sum.add(numbers.all());
                    last.clone_from(numbers);
                }
                None => gone.add(last.counters()),
            }
            numbers.is_some()
        });
        if !self.members.is_empty() {
            sum.add(self.gone.all());
        }
        sum
    }

    /// Returns what a recorder knows a number by.
    fn key(&mut self, group: &Arc<str>, stat: Stat) -> &Key {
        let known = self.keys.iter().position(|(one, _)| *one == stat);
        let at = known.unwrap_or_else(|| {
            let labels = [("group", Arc::clone(group).into())].into_iter();
            let own = stat.label().map(|(name, value)| (name, value.into()));
            let labels = labels.chain(own);
            let labels = labels.map(|(name, value): (_, SharedString)| Label::new(name, value));
            let key = Key::from_parts(stat.name(), labels.collect::<Vec<_>>());
            self.keys.push((stat, key));
            self.keys.len() - 1
        });
        &self.keys[at].1
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
