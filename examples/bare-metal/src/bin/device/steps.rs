//! What the firmware shows, a function each. A step tells what it saw, or what went wrong.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::RefCell;

use critical_section::Mutex;
use device::bus::{Reading, Sensor, Traffic, take_traffic};
use device::heap::usage;
use device::ticker::call_after;
use singleflight_core::{CallError, Joined, Leader, Role};

use crate::readers::{Coalesced, READERS, Readers, Way};

/// What was seen, or what went wrong.
pub(crate) type Check = Result<String, String>;

/// A flight that the handler of an interrupt will land.
static HELD: Mutex<RefCell<Option<Leader<&'static Coalesced>>>> = Mutex::new(RefCell::new(None));

/// What the handler lands it with. No transaction has this number.
const PUSHED: Reading = Reading {
    sensor: Sensor::Pressure,
    value: 101_300,
    transaction: 0,
};

/// Ends the step with what went wrong unless `holds`.
macro_rules! check {
    ($holds:expr, $($failure:tt)+) => {
        if !$holds {
            return Err(format!($($failure)+));
        }
    };
}

pub(crate) async fn without(readers: &Readers) -> Check {
    start(readers, Sensor::Temperature, Way::Alone, READERS);
    served(readers, READERS).await?;
    let traffic = settled(readers, READERS, 0)?;
    Ok(told(READERS, traffic))
}

pub(crate) async fn with(readers: &Readers) -> Check {
    start(readers, Sensor::Temperature, Way::Shared, READERS);
    let answers = served(readers, READERS).await?;
    one_has_led(&answers, Sensor::Temperature, READERS)?;
    let traffic = settled(readers, 1, 0)?;
    Ok(told(READERS, traffic))
}

/// The first task gives up while its transaction is under way.
pub(crate) async fn hand_over(readers: &Readers) -> Check {
    start(readers, Sensor::Temperature, Way::Until(2), 1);
    readers.until(|group| group.in_flight() == 1).await;
    start(readers, Sensor::Temperature, Way::Shared, READERS - 1);
    let first = readers.answer().await;
    check!(
        matches!(first, Err(CallError::TimedOut)),
        "the task that gives up was answered {first:?}"
    );
    let answers = served(readers, READERS - 1).await?;
    one_has_led(&answers, Sensor::Temperature, READERS - 1)?;
    let traffic = settled(readers, 2, 1)?;
    Ok(format!("{}, one given up", told(READERS, traffic)))
}

/// No task has a transaction of its own: a handler has the value.
pub(crate) async fn interrupt(readers: &Readers) -> Check {
    let sensor = Sensor::Pressure;
    let Ok(Joined::Leader(leader)) = readers.group.join(sensor) else {
        return Err("somebody else leads".into());
    };
    critical_section::with(|section| HELD.replace(section, Some(leader)));
    start(readers, sensor, Way::Shared, READERS);
    readers
        .until(|group| group.followers(sensor) == Some(READERS))
        .await;
    call_after(1, land_from_handler);
    for (reading, role) in served(readers, READERS).await? {
        check!(
            (reading, role) == (PUSHED, Role::Follower),
            "a {role:?} was answered {reading:?}"
        );
    }
    let traffic = settled(readers, 0, 0)?;
    Ok(format!("{}: a handler landed it", told(READERS, traffic)))
}

/// Runs in the handler of the board's timer interrupt.
fn land_from_handler() {
    let leader = critical_section::with(|section| HELD.take(section));
    // Outside the critical section: to land is to wake, and a wake takes as long as the
    // executor likes.
    if let Some(leader) = leader {
        let _ = leader.complete(PUSHED);
    }
}

pub(crate) async fn two_keys(readers: &Readers) -> Check {
    start(readers, Sensor::Temperature, Way::Shared, READERS - 2);
    start(readers, Sensor::Pressure, Way::Shared, 2);
    let answers = served(readers, READERS).await?;
    one_has_led(&answers, Sensor::Temperature, READERS - 2)?;
    one_has_led(&answers, Sensor::Pressure, 2)?;
    let traffic = settled(readers, 2, 0)?;
    check!(
        traffic.most == 2,
        "of two keys, {} were read at once",
        traffic.most
    );
    Ok(format!("{}, beside each other", told(READERS, traffic)))
}

/// Where two readings are under way there is no room for a third, and nothing is allocated.
pub(crate) async fn full(readers: &Readers) -> Check {
    let before = usage().allocations;
    start(readers, Sensor::Temperature, Way::Shared, READERS - 3);
    start(readers, Sensor::Pressure, Way::Shared, 2);
    readers.until(|group| group.in_flight() == 2).await;
    start(readers, Sensor::Humidity, Way::Shared, 1);
    let third = readers.answer().await;
    check!(
        matches!(third, Err(CallError::Full)),
        "a third reading was answered {third:?}"
    );
    let mut answers = [const { None }; READERS - 1];
    for answer in &mut answers {
        *answer = Some(readers.answer().await);
    }
    let taken = usage().allocations - before;
    check!(answers.iter().flatten().all(Result::is_ok), "{answers:?}");
    check!(taken == 0, "{taken} blocks were taken from the heap");
    let traffic = settled(readers, 2, 0)?;
    Ok(format!(
        "{}, one task refused, nothing allocated",
        told(READERS, traffic)
    ))
}

fn start(readers: &Readers, sensor: Sensor, way: Way, count: usize) {
    for _ in 0..count {
        readers.start(sensor, way);
    }
}

/// Waits for so many answers, which must be readings.
async fn served(readers: &Readers, count: usize) -> Result<Vec<(Reading, Role)>, String> {
    let mut answers = Vec::new();
    for _ in 0..count {
        let answer = readers.answer().await;
        answers.push(answer.map_err(|error| format!("a task was answered: {error}"))?);
    }
    Ok(answers)
}

/// Checks that so many answers are of this sensor, all by one transaction, and that one task has
/// led it.
fn one_has_led(answers: &[(Reading, Role)], sensor: Sensor, count: usize) -> Result<(), String> {
    let of_sensor = || {
        answers
            .iter()
            .filter(|(reading, _)| reading.sensor == sensor)
    };
    let Some((first, _)) = of_sensor().next() else {
        return Err(format!("nobody was answered by {sensor:?}"));
    };
    let same = of_sensor().filter(|(reading, _)| reading == first).count();
    check!(same == count, "{same} of {count} tasks share {first:?}");
    let leaders = of_sensor()
        .filter(|(_, role)| *role == Role::Leader)
        .count();
    check!(leaders == 1, "{leaders} of {count} tasks led {sensor:?}");
    Ok(())
}

/// Checks that the bus has done so much since the last step, and that nothing stayed behind.
fn settled(readers: &Readers, started: usize, given_up: u32) -> Result<Traffic, String> {
    let traffic = take_traffic();
    check!(
        traffic.started as usize == started && traffic.given_up == given_up,
        "{} transactions were started and {} given up, not {started} and {given_up}",
        traffic.started,
        traffic.given_up
    );
    check!(traffic.under_way == 0, "a transaction is under way");
    let flights = readers.group.in_flight();
    check!(flights == 0, "{flights} flights stayed behind");
    Ok(traffic)
}

fn told(tasks: usize, traffic: Traffic) -> String {
    let noun = if traffic.started == 1 {
        "transaction"
    } else {
        "transactions"
    };
    format!("{tasks} tasks, {} {noun}", traffic.started)
}
