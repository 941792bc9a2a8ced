//! A slow bus with three sensors on it: a transaction asks a sensor to measure and fetches what
//! it has measured when the interrupt says so. The board's timer stands for the sensors.

use core::cell::Cell;

use critical_section::Mutex;

use crate::ticker::after;

/// How many ticks a sensor takes to measure.
const TICKS: u32 = 5;

/// Who is asked.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Sensor {
    /// Hundredths of a degree.
    Temperature,
    /// Pascals.
    Pressure,
    /// Hundredths of a per cent.
    Humidity,
}

/// What a sensor has measured.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Reading {
    /// Who has measured it.
    pub sensor: Sensor,
    /// What was measured.
    pub value: u32,
    /// The number of the transaction that fetched it, since the traffic was last taken.
    pub transaction: u32,
}

/// What the bus has done.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Traffic {
    /// Transactions that were started.
    pub started: u32,
    /// Transactions that were given up before their end.
    pub given_up: u32,
    /// Transactions under way.
    pub under_way: u32,
    /// The most that were under way at once.
    pub most: u32,
}

static TRAFFIC: Mutex<Cell<Traffic>> = Mutex::new(Cell::new(Traffic {
    started: 0,
    given_up: 0,
    under_way: 0,
    most: 0,
}));

/// A transaction under way. Dropping it before its end gives it up.
struct Transaction {
    number: u32,
    ended: bool,
}

/// Asks a sensor: one transaction.
pub async fn read(sensor: Sensor) -> Reading {
    let mut transaction = Transaction::start();
    after(TICKS).await;
    transaction.ended = true;
    Reading {
        sensor,
        value: match sensor {
            Sensor::Temperature => 2_150,
            Sensor::Pressure => 101_325,
            Sensor::Humidity => 4_200,
        },
        transaction: transaction.number,
    }
}

/// Returns what the bus has done since it was last asked.
pub fn take_traffic() -> Traffic {
    let mut taken = Traffic::default();
    change(|traffic| {
        taken = *traffic;
        let under_way = traffic.under_way;
        *traffic = Traffic {
            under_way,
            most: under_way,
            ..Traffic::default()
        };
    });
    taken
}

fn change(change: impl FnOnce(&mut Traffic)) {
    critical_section::with(|section| {
        let cell = TRAFFIC.borrow(section);
        let mut traffic = cell.get();
        change(&mut traffic);
        cell.set(traffic);
    });
}

impl Transaction {
    fn start() -> Self {
        let mut number = 0;
        change(|traffic| {
            traffic.started += 1;
            traffic.under_way += 1;
            traffic.most = traffic.most.max(traffic.under_way);
            number = traffic.started;
        });
        Self {
            number,
            ended: false,
        }
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        change(|traffic| {
            traffic.under_way -= 1;
            traffic.given_up += u32::from(!self.ended);
        });
    }
}
