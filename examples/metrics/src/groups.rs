//! The groups of a program that are watched.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use singleflight_tokio::Stats;

use crate::names::{SERIES, Series};

/// Reads the counts of a group.
type Read = Box<dyn Fn() -> Stats + Send + Sync>;

/// The groups that are watched. Cheaply cloned; clones share them.
#[derive(Clone, Default)]
pub struct Groups(Arc<Mutex<BTreeMap<String, Read>>>);

impl Groups {
    /// Watches a group under a name, whatever its keys and values are. The name becomes the label
    /// `group`; a name that is there already is taken over.
    ///
    /// # Examples
    ///
    /// ```
    /// use metrics_example::Groups;
    /// use singleflight_tokio::Group;
    ///
    /// let prices: Group<String, u64> = Group::new();
    /// let groups = Groups::default();
    /// groups.register("prices", {
    ///     let prices = prices.clone();
    ///     move || prices.stats()
    /// });
    /// ```
    pub fn register(&self, name: &str, stats: impl Fn() -> Stats + Send + Sync + 'static) {
        self.with(|groups| groups.insert(name.to_owned(), Box::new(stats)));
    }

    /// Reads every group once, and tells the numbers of each family together, as exporters want
    /// them: the series, the name of the group, the value.
    pub fn read(&self, mut tell: impl FnMut(&'static Series, &str, u64)) {
        let all: Vec<_> = self.with(|groups| {
            let groups = groups.iter();
            groups
                .map(|(name, stats)| (name.clone(), stats()))
                .collect()
        });
        for series in SERIES {
            for (name, stats) in &all {
                let value = stats.iter().find(|(stat, _, _)| *stat == series.stat);
                if let Some((_, _, value)) = value {
                    tell(series, name, value);
                }
            }
        }
    }

    fn with<R>(&self, f: impl FnOnce(&mut BTreeMap<String, Read>) -> R) -> R {
        // One call changes it, so that it is whole whatever happens.
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for Groups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.with(|groups| groups.keys().cloned().collect());
        f.debug_tuple("Groups").field(&names).finish()
    }
}
