//! What a group with a clock tells beside its counts: how long its followers waited, how long its works
//! took. And what it counts only where it was asked to.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use metrics::{Key, Label, SharedString, with_recorder};
use pin_project_lite::pin_project;
use singleflight_core::StatKind;

use crate::number::Numbers;
use crate::registry::{METADATA, Registry};
use crate::stat::{Stat, WAIT, WORK};

/// Measures for a group how long its followers wait and its works take. Clones
/// measure for the same group.
///
/// The times are recorded at once, by whatever recorder is there then: two histograms,
/// [`WAIT`](Self::WAIT) and [`WORK`](Self::WORK), in seconds, with the label `group`. A default meter
/// tells nobody, and reads no clock.
///
/// # Examples
///
/// A group of the core that is measured by hand; those with a clock, of `singleflight-tower` and
/// `singleflight-redis`, do it where their builder is given a meter:
///
/// ```
/// # futures_lite::future::block_on(async {
/// use std::cell::Cell;
///
/// use singleflight_core::{CallError, Group};
/// use singleflight_metrics::{Meter, Registry};
///
/// let (group, leads) = (Group::<u64, u64>::new(), Cell::new(false));
/// let meter = Meter::new(&Registry::new(), "prices");
/// let call = group.run(7, async || {
///     leads.set(true);
///     let _work = meter.work(); // until the work has ended
///     42
/// });
/// assert_eq!(meter.wait_until(call, || leads.get()).await?, 42);
/// # Ok::<_, CallError>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Default)]
pub struct Meter(Option<Arc<Inside>>);

struct Inside {
    registry: Registry,
    group: Arc<str>,
    now: Box<dyn Fn() -> Duration + Send + Sync>,
    wait: Key,
    work: Key,
    /// Of each [`Stat`], how often it was counted here.
    counts: Box<[AtomicU64]>,
}

impl Meter {
    /// What the histogram of waits is called.
    pub const WAIT: &str = WAIT;

    /// What the histogram of works is called.
    pub const WORK: &str = WORK;

    /// Makes one for the group of a name, with the system's monotonic clock. What the meter itself counts
    /// is watched by the registry under the same name.
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_metrics::{Meter, Registry};
    ///
    /// let meter = Meter::new(&Registry::new(), "edge");
    /// drop(meter.work()); // a work begins, and ends
    /// ```
    pub fn new(registry: &Registry, group: &str) -> Self {
        let start = Instant::now();
        Self::with_clock(registry, group, move || start.elapsed())
    }

    /// As [`new`](Self::new), with a clock of your own, which never goes back.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use singleflight_metrics::{Meter, Registry};
    ///
    /// // It stands still, for a test.
    /// let meter = Meter::with_clock(&Registry::new(), "edge", || Duration::ZERO);
    /// drop(meter.wait());
    /// ```
    pub fn with_clock(
        registry: &Registry,
        group: &str,
        now: impl Fn() -> Duration + Send + Sync + 'static,
    ) -> Self {
        let group = Arc::<str>::from(group);
        let key = |name: &'static str| {
            let value = SharedString::from_shared(Arc::clone(&group));
            Key::from_parts(name, vec![Label::new("group", value)])
        };
        let inside = Arc::new(Inside {
            wait: key(Self::WAIT),
            work: key(Self::WORK),
            counts: Stat::ALL.iter().map(|_| AtomicU64::new(0)).collect(),
            registry: registry.clone(),
            group,
            now: Box::new(now),
        });
        let meter = Self(Some(Arc::clone(&inside)));
        meter.watch(&inside, Inside::counted);
        meter
    }

    /// Watches what the meter is for, under the meter's name.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use singleflight_core::Group;
    /// use singleflight_metrics::{Meter, Registry};
    ///
    /// let (registry, users) = (Registry::new(), Arc::new(Group::<u64, String>::new()));
    /// Meter::new(&registry, "users").watch(&users, Group::stats);
    /// assert_eq!(&*registry.read()[0].group, "users");
    /// ```
    pub fn watch<T, N>(&self, what: &Arc<T>, read: impl Fn(&T) -> N + Send + Sync + 'static)
    where
        T: Send + Sync + 'static,
        N: Into<Numbers>,
    {
        if let Some(inside) = &self.0 {
            inside.registry.watch(&inside.group, what, read);
        }
    }

    /// Measures how long a follower waits: until what is returned is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_metrics::Meter;
    ///
    /// let waiting = Meter::default().wait();
    /// // ... until it is answered, leads on or goes:
    /// drop(waiting);
    /// ```
    pub fn wait(&self) -> Timing {
        self.begin(Stat::Followed)
    }

    /// Measures how long a work takes: until what is returned is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_metrics::Meter;
    ///
    /// let working = Meter::default().work();
    /// // ... until it has landed, failed or gone:
    /// drop(working);
    /// ```
    pub fn work(&self) -> Timing {
        self.begin(Stat::Led)
    }

    /// Begins what is told as a [`Stat`]: measures [a work](Self::work) for [`Led`](Stat::Led) and [a
    /// wait](Self::wait) for [`Followed`](Stat::Followed), which a group counts; counts once any other. A gauge it lets be.
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_metrics::{Meter, Registry, Stat};
    ///
    /// let registry = Registry::new();
    /// let meter = Meter::new(&registry, "edge");
    /// drop(meter.begin(Stat::Bypassed));
    /// let [number] = &registry.read()[..] else { unreachable!() };
    /// assert_eq!((number.stat, number.value), (Stat::Bypassed, 1));
    /// ```
    #[inline]
    pub fn begin(&self, stat: Stat) -> Timing {
        match &self.0 {
            Some(inside) => inside.begin(stat),
            None => Timing::default(),
        }
    }

    /// Makes a call, and measures how long it waits for the work of another: from its first poll that
    /// leaves it waiting until it is answered, `leads`, or is dropped. A call that leads at once waits
    /// for nobody.
    ///
    /// # Cancel safety
    ///
    /// As that of the call.
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_metrics::Meter;
    ///
    /// # futures_lite::future::block_on(async {
    /// let meter = Meter::default();
    /// assert_eq!(meter.wait_until(async { 7 }, || true).await, 7);
    /// # });
    /// ```
    pub fn wait_until<F: Future>(
        &self,
        call: F,
        leads: impl Fn() -> bool,
    ) -> impl Future<Output = F::Output> {
        Following {
            call,
            leads,
            meter: self,
            waiting: None,
        }
    }
}

impl Inside {
    fn begin(self: &Arc<Self>, stat: Stat) -> Timing {
        let of: fn(&Self) -> &Key = match stat {
            Stat::Led => |inside| &inside.work,
            Stat::Followed => |inside| &inside.wait,
            _ => {
                if stat.kind() == StatKind::Counter {
                    // Counts are read for people; they guard nothing.
                    self.counts[stat as usize].fetch_add(1, Ordering::Relaxed);
                }
                return Timing::default();
            }
        };
        // In a box, so that where nothing is measured a call is a word larger and no more.
        Timing(Some(Box::new(Begun {
            inside: Arc::clone(self),
            of,
            at: (self.now)(),
        })))
    }

    /// What was counted here, as far as it was.
    fn counted(&self) -> Numbers {
        let counts = self.counts.iter().map(|one| one.load(Ordering::Relaxed));
        let all = Stat::ALL.iter().copied().zip(counts);
        all.filter(|(_, count)| *count > 0).collect()
    }
}

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let group = self.0.as_ref().map(|inside| &inside.group);
        f.debug_tuple("Meter").field(&group).finish()
    }
}

/// A time that is being measured: it is recorded when this is dropped. Made by [`Meter::wait`] and
/// [`Meter::work`].
#[derive(Default)]
#[must_use = "the time ends when this is dropped"]
pub struct Timing(Option<Box<Begun>>);

struct Begun {
    inside: Arc<Inside>,
    of: fn(&Inside) -> &Key,
    at: Duration,
}

impl Drop for Begun {
    fn drop(&mut self) {
        let Self { inside, of, at } = self;
        let time = (inside.now)().saturating_sub(*at);
        let key = of(inside);
        with_recorder(|recorder| recorder.register_histogram(key, &METADATA).record(time));
    }
}

impl fmt::Debug for Timing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_on = self.0.is_some();
        f.debug_struct("Timing").field("is_on", &is_on).finish()
    }
}

pin_project! {
    /// A call that may wait for the work of another.
    struct Following<'a, F, L> {
        #[pin]
        call: F,
        leads: L,
        meter: &'a Meter,
        waiting: Option<Timing>,
    }
}

impl<F: Future, L: Fn() -> bool> Future for Following<'_, F, L> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let polled = this.call.poll(context);
        if polled.is_ready() || (this.leads)() {
            *this.waiting = None;
        } else {
            this.waiting.get_or_insert_with(|| this.meter.wait());
        }
        polled
    }
}
