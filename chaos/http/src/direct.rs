//! Rounds without sockets, in a runtime of one thread whose clock stands still: the same from the same
//! seed.

use std::time::Duration;

use fastrand::Rng;
use tokio::task::JoinSet;
use tower::ServiceExt as _;

use crate::oracle::{Asked, Found, Violation};
use crate::origin::{Origin, Stack};
use crate::report::Report;
use crate::request::{Target, draw};
use crate::sabotage::Mode;

/// How many clients a round has.
const CLIENTS: u64 = 200;
/// By the clock that stands still: nothing takes so long.
const PATIENCE: Duration = Duration::from_secs(600);

/// Runs one round against what `stack` puts in front of the origin. It returns how many flights are left
/// when everybody is gone, if it can tell.
///
/// # Panics
///
/// If there is no runtime to be had.
pub fn direct(
    round: u64,
    seed: u64,
    mode: Mode,
    report: &mut Report,
    stack: impl FnOnce(&mut Rng, Origin) -> (Stack, Box<dyn Fn() -> usize>),
) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("there is a runtime");
    runtime.block_on(async {
        let mut rng = Rng::with_seed(seed ^ round.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let origin = Origin::new(rng.u64(..), 4);
        let (service, in_flight) = stack(&mut rng, origin.clone());
        let mut clients = JoinSet::new();
        for id in 1..=CLIENTS {
            clients.spawn(client(rng.fork(), id, service.clone(), mode));
        }
        drop(service);
        while let Some(found) = clients.join_next().await {
            match found {
                Ok(Some(found)) => report.add(round, found),
                Ok(None) => report.dropped += 1,
                Err(_) => report.violates(round, Violation::Hang),
            }
        }
        report.executions += origin.executions();
        // Tasks that nobody wants are told so, and end.
        tokio::time::sleep(Duration::from_millis(100)).await;
        if in_flight() > 0 {
            report.violates(round, Violation::LeftBehind);
        }
    });
}

/// Sends one request, and waits for the answer unless it goes away before.
async fn client(mut rng: Rng, id: u64, service: Stack, mode: Mode) -> Option<Found> {
    tokio::time::sleep(Duration::from_millis(rng.u64(..12))).await;
    let request = draw(&mut rng, id, Target::Service);
    let asked = Asked::note(&request);
    let answering = async {
        match service.oneshot(request).await {
            Ok(response) => asked.judge(response, mode, true).await,
            Err(_) => Found::FAILURE,
        }
    };
    if rng.u8(..10) == 0 {
        let patience = Duration::from_millis(rng.u64(..6));
        return tokio::time::timeout(patience, answering).await.ok();
    }
    let found = tokio::time::timeout(PATIENCE, answering).await;
    Some(found.unwrap_or(Found {
        violation: Some(Violation::Hang),
        ..Found::FAILURE
    }))
}
