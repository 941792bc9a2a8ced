//! What has happened in a case, and the rules that it is held against.

use std::collections::BTreeMap;
use std::format;
use std::string::String;
use std::vec::Vec;

/// A moment: the number of an event.
pub(crate) type Moment = u64;

/// What is wrong with a case.
pub(crate) type Text = String;

pub(crate) type Wrong<T> = Result<T, Text>;

/// A value: what it is of, and when the database was read for it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Stamp {
    pub(crate) key: u8,
    pub(crate) read: Moment,
    /// By which load; none, if another process has put it.
    pub(crate) load: Option<usize>,
    /// The clock when that ended.
    pub(crate) made: u64,
}

/// How long a key's entries live, in the case.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) fresh: u64,
    pub(crate) stale: u64,
    pub(crate) error: u64,
    pub(crate) absent: u64,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Came {
    Value,
    Absent,
    Failed,
}

/// The put of what a load found.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Putting {
    Never,
    Begun,
    Ended,
}

#[derive(Debug)]
pub(crate) struct Load {
    pub(crate) key: u8,
    pub(crate) begun: Moment,
    /// When the database was read: what it finds is as old as that.
    pub(crate) read: Option<Moment>,
    /// With the clock.
    pub(crate) ended: Option<(Moment, u64, Came)>,
    pub(crate) dropped: bool,
    pub(crate) put: Putting,
}

impl Load {
    fn is_running(&self) -> bool {
        self.ended.is_none() && !self.dropped
    }
}

/// A read of one key.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) key: u8,
    pub(crate) begun: Moment,
    /// When it was answered or dropped.
    pub(crate) ended: Option<Moment>,
}

#[derive(Debug)]
pub(crate) struct Invalidation {
    /// Every key, if there is none.
    pub(crate) key: Option<u8>,
    pub(crate) called: Moment,
    /// When it returned that it was made.
    pub(crate) returned: Option<Moment>,
    /// When it returned, whatever it has come to.
    pub(crate) ended: Option<Moment>,
}

impl Invalidation {
    /// Whether it has kept a load of that moment from being stored, or may have.
    fn parts(&self, begun: Moment) -> bool {
        self.called >= begun || self.ended.is_none_or(|ended| ended >= begun)
    }
}

/// What a read returned for one key.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Answer {
    Value(Stamp, Age),
    Absent,
    LoadFailed(usize),
    StoreFailed(Moment),
    Other,
}

/// What a read says of the age.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Age {
    Unsaid,
    Fresh,
    Stale,
    AfterError,
}

#[derive(Debug, Default)]
pub(crate) struct Records {
    pub(crate) loads: Vec<Load>,
    pub(crate) invalidations: Vec<Invalidation>,
    pub(crate) reads: Vec<Read>,
    /// Gets of each key that told that a load is needed, since the last load.
    pub(crate) lacking: BTreeMap<u8, u32>,
    /// A put, a get or an entry was lost, so a load may be needed again.
    pub(crate) excuses: BTreeMap<u8, Moment>,
    /// Loads are begun only where the store has answered.
    pub(crate) protected: bool,
    pub(crate) judged: u64,
}

impl Records {
    fn invalidations_of(&self, key: u8) -> impl Iterator<Item = &Invalidation> {
        let all = self.invalidations.iter();
        all.filter(move |inv| inv.key.is_none_or(|of| of == key))
    }

    /// The reads of a key that are under way.
    pub(crate) fn reading(&self, key: u8) -> impl Iterator<Item = &Read> {
        let reads = self.reads.iter();
        reads.filter(move |read| read.key == key && read.ended.is_none())
    }

    /// Whether a read that began then could join a flight that had its result at a moment: its own,
    /// or the look of one that had joined it.
    fn is_joined(&self, key: u8, result: Moment, begun: Moment) -> bool {
        self.since(key, begun) <= result
    }

    /// Since when there have always been reads of a key: what they look at and wait for may be parted
    /// by any invalidation since.
    fn since(&self, key: u8, moment: Moment) -> Moment {
        let mut since = moment;
        loop {
            let lasts = |read: &&Read| read.key == key && read.ended.is_none_or(|end| end >= since);
            let oldest = self.reads.iter().filter(lasts).map(|read| read.begun).min();
            match oldest {
                Some(oldest) if oldest < since => since = oldest,
                _ => return since,
            }
        }
    }

    /// Whether every load of a key that begins after a put must have seen it.
    pub(crate) fn is_looked_at(&self, key: u8, put: Moment) -> bool {
        let since = self.since(key, put);
        self.protected && !self.invalidations_of(key).any(|inv| inv.parts(since))
    }

    /// A load begins.
    pub(crate) fn begin(&mut self, key: u8, now: Moment) -> Wrong<usize> {
        // P1, but for flights that an invalidation has parted.
        let oldest = self.since(key, now);
        let beside = self
            .loads
            .iter()
            .find(|load| load.key == key && load.is_running());
        if let Some(beside) = beside {
            let since = oldest.min(beside.begun);
            if !self.invalidations_of(key).any(|inv| inv.parts(since)) {
                return Err(format!("two loads at once: {beside:?} at {now}"));
            }
        }
        let lacking = self.lacking.entry(key).or_default();
        if self.protected && *lacking == 0 {
            return Err(format!(
                "the store did not answer, and key {key} is loaded at {now}"
            ));
        }
        *lacking = lacking.saturating_sub(1);
        self.loads.push(Load {
            key,
            begun: now,
            read: None,
            ended: None,
            dropped: false,
            put: Putting::Never,
        });
        Ok(self.loads.len() - 1)
    }

    /// Judges one answer of a read.
    pub(crate) fn judge(
        &mut self,
        key: u8,
        begun: Moment,
        answer: Answer,
        clock: u64,
        limits: Limits,
    ) -> Wrong<()> {
        let result = self.judge_answer(key, begun, answer, clock, limits);
        self.judged += 1;
        result
    }

    fn judge_answer(
        &self,
        key: u8,
        begun: Moment,
        answer: Answer,
        clock: u64,
        limits: Limits,
    ) -> Wrong<()> {
        let voided = |read: Moment| {
            self.invalidations_of(key)
                .find(|inv| inv.returned.is_some_and(|at| at < begun) && read < inv.called)
        };
        match answer {
            Answer::Value(stamp, age) => {
                if stamp.key != key {
                    return Err(format!("key {key} got the value of {}", stamp.key));
                }
                if let Some(inv) = voided(stamp.read) {
                    return Err(format!(
                        "stale: {stamp:?} for a read from {begun} after {inv:?}"
                    ));
                }
                let Some(load) = stamp.load.map(|load| &self.loads[load]) else {
                    return self.judge_age(clock - stamp.made, age, limits);
                };
                let Some((ended, made, Came::Value)) = load.ended else {
                    return Err(format!("made up: {stamp:?} of {load:?}"));
                };
                if !self.is_joined(key, ended, begun) {
                    return self.judge_age(clock - made, age, limits);
                }
                // Loaded for it, or while it was there: stored before anybody has it, if it may be.
                let parted = self.invalidations_of(key).any(|inv| inv.parts(load.begun));
                let mut later = self.loads.iter().filter(|other| other.key == key);
                let parted = parted || later.any(|other| other.begun > load.begun);
                let excused = self.excuses.get(&key).is_some_and(|at| *at >= load.begun);
                // Where it has got too old meanwhile, whatever the jitter, it is not put at all.
                let is_young = (clock - made) * 10 < limits.fresh * 7;
                if load.put != Putting::Ended && !parted && !excused && self.protected && is_young {
                    return Err(format!("delivered before its put: {load:?}"));
                }
                Ok(())
            }
            Answer::Absent => {
                let mut loads = self.loads.iter().filter(|load| load.key == key);
                let found = loads.any(|load| {
                    let Some((ended, made, Came::Absent)) = load.ended else {
                        return false;
                    };
                    let read = load.read.expect("it has ended");
                    voided(read).is_none()
                        && (self.is_joined(key, ended, begun) || clock - made < limits.absent)
                });
                if found {
                    Ok(())
                } else {
                    Err(format!(
                        "absence made up, stale or too old: key {key}, read from {begun}"
                    ))
                }
            }
            Answer::LoadFailed(load) => {
                let load = &self.loads[load];
                match load.ended {
                    Some((ended, _, Came::Failed)) if self.is_joined(key, ended, begun) => Ok(()),
                    _ => Err(format!("an error of another time: {load:?}")),
                }
            }
            Answer::StoreFailed(at) if self.is_joined(key, at, begun) => Ok(()),
            Answer::StoreFailed(at) => Err(format!("the store's error of {at}, read from {begun}")),
            Answer::Other => Err(format!("a read of key {key} from {begun} has no answer")),
        }
    }

    fn judge_age(&self, age: u64, told: Age, limits: Limits) -> Wrong<()> {
        let most = match told {
            Age::Fresh => limits.fresh,
            Age::Stale => limits.fresh + limits.stale,
            Age::AfterError => limits.fresh + limits.error.max(limits.stale),
            Age::Unsaid => limits.fresh + limits.stale.max(limits.error),
        };
        if age < most {
            Ok(())
        } else {
            Err(format!(
                "too old: {age} of {most} ms, {told:?}; {} loads",
                self.loads.len()
            ))
        }
    }
}
