//! Numbers of groups, and what each of them is.

use std::sync::Arc;

use singleflight_core::{StatKind, Stats};

use crate::stat::Stat;

/// What a group, or another that counts, tells when it is read.
///
/// It is made from [`Stats`], or from pairs of a [`Stat`] and its value.
///
/// # Examples
///
/// ```
/// use singleflight_metrics::{Numbers, Stat, Stats};
///
/// let of_a_group = Numbers::from(Stats::default());
/// let own = Numbers::from([(Stat::Led, 7), (Stat::Refused, 1)]);
/// # drop((of_a_group, own));
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Numbers(Vec<(Stat, u64)>);

impl Numbers {
    pub(crate) fn all(&self) -> impl Iterator<Item = (Stat, u64)> {
        self.0.iter().copied()
    }

    /// Those of a kind. Counters stay true when what was read is gone.
    pub(crate) fn of(&self, kind: StatKind) -> impl Iterator<Item = (Stat, u64)> {
        self.all().filter(move |(stat, _)| stat.kind() == kind)
    }

    /// Makes each what it is in another one, unless it is more already.
    pub(crate) fn rise_to(&mut self, others: &Self) {
        for (stat, value) in others.all() {
            match self.0.iter_mut().find(|(one, _)| *one == stat) {
                Some((_, known)) => *known = value.max(*known),
                None => self.0.push((stat, value)),
            }
        }
    }

    /// Adds those of another one.
    pub(crate) fn add(&mut self, others: impl Iterator<Item = (Stat, u64)>) {
        for (stat, value) in others {
            match self.0.iter_mut().find(|(one, _)| *one == stat) {
                Some((_, sum)) => *sum = stat.together(*sum, value),
                None => self.0.push((stat, value)),
            }
        }
    }
}

impl FromIterator<(Stat, u64)> for Numbers {
    fn from_iter<I: IntoIterator<Item = (Stat, u64)>>(numbers: I) -> Self {
        Self(Vec::from_iter(numbers))
    }
}

impl<const N: usize> From<[(Stat, u64); N]> for Numbers {
    fn from(numbers: [(Stat, u64); N]) -> Self {
        Self(numbers.into())
    }
}

impl From<Stats> for Numbers {
    fn from(stats: Stats) -> Self {
        Self::from([
            (Stat::Led, stats.led),
            (Stat::Followed, stats.followed),
            (Stat::Refused, stats.refused),
            (Stat::Landed, stats.landed),
            (Stat::Panicked, stats.panicked),
            (Stat::Abandoned, stats.abandoned),
            (Stat::HandedOver, stats.handed_over),
            (Stat::Forgotten, stats.forgotten),
            (Stat::InFlight, stats.in_flight),
            (Stat::InFlightForgotten, stats.in_flight_forgotten),
            (Stat::MostFollowers, stats.most_followers),
        ])
    }
}

/// One number of one group, for those who export it themselves. Made by
/// [`Registry::read`](crate::Registry::read).
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Number {
    /// Which it is.
    pub stat: Stat,
    /// The name under which the group was registered.
    pub group: Arc<str>,
    /// What it is now.
    pub value: u64,
}

impl Number {
    /// Returns its labels, with the group's.
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_metrics::{Registry, Stats};
    ///
    /// let registry = Registry::new();
    /// registry.watch_static("prices", Stats::default);
    /// let numbers = registry.read();
    /// let labels: Vec<_> = numbers[0].labels().collect();
    /// assert_eq!(labels, [("group", "prices"), ("role", "led")]);
    /// ```
    pub fn labels(&self) -> impl Iterator<Item = (&'static str, &str)> {
        [("group", &*self.group)]
            .into_iter()
            .chain(self.stat.label())
    }
}
