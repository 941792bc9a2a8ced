//! The tasks that want a reading.

use core::future::poll_fn;
use core::task::Poll;

use device::bus::{self, Reading, Sensor};
use device::ticker;
use embassy_executor::Spawner;
use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_sync::channel::Channel;
use singleflight_core::{CallError, Group, Outcome, Role, SeededHashBuilder};

/// How many tasks can want one at once.
pub(crate) const READERS: usize = 5;

/// The group through which they ask. A handler of an interrupt may touch it too.
pub(crate) type Coalesced = Group<Sensor, Reading, SeededHashBuilder>;

/// What a task was answered, and whether the transaction was its own.
pub(crate) type Answer = Result<(Reading, Role), CallError>;

/// How a task asks.
#[derive(Clone, Copy)]
pub(crate) enum Way {
    /// By a transaction of its own.
    Alone,
    /// Through the group.
    Shared,
    /// Through the group, and gives up after so many ticks.
    Until(u32),
}

/// Where the tasks run, and what they ask.
pub(crate) struct Readers {
    spawner: Spawner,
    pub(crate) group: &'static Coalesced,
}

static ANSWERS: Channel<CriticalSectionRawMutex, Answer, READERS> = Channel::new();

#[embassy_executor::task(pool_size = READERS)]
async fn reader(group: &'static Coalesced, sensor: Sensor, way: Way) {
    let work = || bus::read(sensor);
    let answer = match way {
        Way::Alone => Ok((work().await, Role::Leader)),
        Way::Shared => told(group.run_outcome(sensor, work).await),
        Way::Until(ticks) => {
            let call = group.call(sensor).give_up_on(ticker::after(ticks));
            told(call.run_outcome(work).await)
        }
    };
    ANSWERS.send(answer).await;
}

fn told(outcome: Result<Outcome<Reading>, CallError>) -> Answer {
    outcome.map(|outcome| (outcome.value, outcome.role))
}

impl Readers {
    pub(crate) fn new(spawner: Spawner, group: &'static Coalesced) -> Self {
        Self { spawner, group }
    }

    /// Starts a task that asks for a reading.
    pub(crate) fn start(&self, sensor: Sensor, way: Way) {
        let task = reader(self.group, sensor, way).expect("a step starts no more than there are");
        self.spawner.spawn(task);
    }

    /// Waits until the group looks so, and lets the tasks run meanwhile.
    pub(crate) async fn until(&self, looks: impl Fn(&Coalesced) -> bool) {
        poll_fn(|context| {
            if looks(self.group) {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }

    /// Returns the next answer that a task has got.
    pub(crate) async fn answer(&self) -> Answer {
        ANSWERS.receive().await
    }
}
