//! For how long a group masks interrupts, in instructions.

use core::future::poll_fn;
use core::hint::black_box;
use core::task::Poll;

use device::stop::stop;
use device::timed::longest;
use embassy_executor::Spawner;
use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_sync::channel::Channel;
use singleflight_core::Builder;

use crate::ram::leader;
use crate::{HASHER, Measured, figure};

const MOST: usize = 16;

/// How many instructions longer than a lone call a landing may mask interrupts. A wake takes
/// more than this.
const SLACK: u32 = 25;

/// Tasks that have received their share.
static ENDED: Channel<CriticalSectionRawMutex, (), MOST> = Channel::new();

static GROUP: Measured = Builder::with_hasher(HASHER)
    .fixed_capacity(MOST)
    .build_const();

pub(crate) async fn print(spawner: Spawner) {
    GROUP.prepare();
    let lone = longest(|| {
        let _ = leader(&GROUP, 1).complete(black_box(1));
    });
    figure(format_args!("masked by a lone call"), lone);
    for followers in [1, 2, 4, 8, MOST] {
        let leader = leader(&GROUP, 1);
        for _ in 0..followers {
            match follower() {
                Ok(task) => spawner.spawn(task),
                Err(_) => stop(format_args!("a task of the last round has not ended")),
            }
        }
        until(|| GROUP.followers(1) == Some(followers)).await;
        let landing = longest(|| {
            let _ = leader.complete(black_box(1));
        });
        figure(
            format_args!("masked by landing with {followers} followers"),
            landing,
        );
        if landing > lone + SLACK {
            stop(format_args!(
                "a landing masks interrupts for all wakes at once"
            ));
        }
        for _ in 0..followers {
            ENDED.receive().await;
        }
    }
}

#[embassy_executor::task(pool_size = MOST)]
async fn follower() {
    let unreachable = async || stop(format_args!("a follower leads"));
    if GROUP.run_outcome(1, unreachable).await.is_err() {
        stop(format_args!("a follower was refused"));
    }
    ENDED.send(()).await;
}

/// Waits until this holds, and lets the tasks run meanwhile.
async fn until(holds: impl Fn() -> bool) {
    poll_fn(|context| {
        if holds() {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
