//! What callers of a case note in its records as they begin, go on and end.

use std::format;

use super::records::{Answer, Invalidation, Limits, Moment, Read};
use super::store::{Broken, CLOCK, Fake};
use crate::Error;

/// A read under way, until it is dropped.
pub(crate) struct Reading {
    fake: Fake,
    numbers: std::ops::Range<usize>,
    pub(crate) begun: Moment,
}

impl Drop for Reading {
    fn drop(&mut self) {
        let mut world = self.fake.0.borrow_mut();
        let now = world.tick();
        for number in self.numbers.clone() {
            let read = &mut world.records.reads[number];
            read.ended = Some(now);
            let key = read.key;
            // With nobody there what was asked for is done with.
            if world.records.reading(key).next().is_none() {
                world.records.lacking.insert(key, 0);
            }
        }
    }
}

/// A refresh under way, until it is dropped.
pub(crate) struct Refreshing(pub(crate) Fake, pub(crate) u8);

impl Drop for Refreshing {
    fn drop(&mut self) {
        let mut world = self.0.0.borrow_mut();
        *world.refreshing.entry(self.1).or_default() -= 1;
    }
}

/// A write under way.
pub(crate) struct Called(pub(crate) Fake, pub(crate) u8);

impl Drop for Called {
    fn drop(&mut self) {
        call(&self.0, Some(self.1));
    }
}

pub(crate) fn begin(fake: &Fake, keys: &[u8]) -> Reading {
    let mut world = fake.0.borrow_mut();
    let begun = world.tick();
    world.log(format!("{begun}: read of {keys:?}"));
    let first = world.records.reads.len();
    let reads = keys.iter().map(|key| Read {
        key: *key,
        begun,
        ended: None,
    });
    world.records.reads.extend(reads);
    let numbers = first..world.records.reads.len();
    Reading {
        fake: fake.clone(),
        numbers,
        begun,
    }
}

pub(crate) fn failed(error: &Error<usize, Broken, singleflight_core::CallError>) -> Answer {
    match error {
        Error::Load(load) => Answer::LoadFailed(**load),
        Error::Store(broken) => Answer::StoreFailed(broken.0),
        Error::Flight(_) => Answer::Other,
    }
}

pub(crate) fn note(fake: &Fake, key: u8, begun: Moment, answer: Answer, limits: Limits) {
    let mut world = fake.0.borrow_mut();
    let now = world.tick();
    world.log(format!(
        "{now}: read of {key} from {begun}: {answer:?}, clock {}",
        CLOCK.get()
    ));
    if let Err(wrong) = world.records.judge(key, begun, answer, CLOCK.get(), limits) {
        world.wrong.get_or_insert(wrong);
    }
}

pub(crate) fn note_refresh(fake: &Fake, key: u8) {
    let mut world = fake.0.borrow_mut();
    let refreshing = world.refreshing.entry(key).or_default();
    *refreshing += 1;
    if *refreshing > 1 {
        world
            .wrong
            .get_or_insert(format!("two refreshes at once of key {key}"));
    }
}

pub(crate) fn call(fake: &Fake, key: Option<u8>) -> usize {
    let mut world = fake.0.borrow_mut();
    let called = world.tick();
    world.log(format!("{called}: invalidation of {key:?}"));
    let invalidation = Invalidation {
        key,
        called,
        returned: None,
        ended: None,
    };
    world.records.invalidations.push(invalidation);
    world.records.invalidations.len() - 1
}

pub(crate) fn returned(fake: &Fake, number: usize, is_made: bool) {
    let mut world = fake.0.borrow_mut();
    let now = world.tick();
    world.log(format!("{now}: returned, invalidation {number}: {is_made}"));
    world.records.invalidations[number].ended = Some(now);
    if is_made {
        world.records.invalidations[number].returned = Some(now);
    }
}
