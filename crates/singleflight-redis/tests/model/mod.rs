//! The protocol in a world that loses, repeats and delays messages, stops processes, and whose server
//! forgets, restarts and goes back; and a checker of what the callers saw.

mod driver;
mod fake;
#[cfg(feature = "smol")]
mod late;
#[cfg(feature = "smol")]
mod scripts;
mod told;
mod world;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use singleflight_arena::{End, Limits, Report, Rule, Violation, What, check};

use crate::builder::Builder;
use crate::codec::Raw;
use crate::group::Group;
use crate::lease::Lease;
use crate::outcome::{Ended, Role};
use crate::settings::WhenDown;
use world::{KEEP, LEASE, World};

const PROCESSES: usize = 3;
const CALLERS: usize = 4;
const CALLS: usize = 12;
const KEYS: u64 = 2;

/// How a case is set up; the rest follows from its seed.
#[derive(Clone, Copy, Debug)]
struct Case {
    seed: u64,
    is_calm: bool,
    forgets: bool,
    when_down: WhenDown,
}

fn group(world: &World, process: usize, case: Case) -> Group<u64, String> {
    Builder::over(world.process(process), "model")
        .lease(LEASE)
        .poll(Duration::from_millis(30))
        .keep(KEEP)
        .wait_at_most(Duration::from_secs(5))
        .max_failures(3)
        .when_down(case.when_down)
        .codec(Raw)
        .build()
        .expect("the settings are sound")
}

struct Numbers(AtomicU64);

impl Numbers {
    fn next(&self, process: usize) -> u64 {
        (process as u64) << 32 | self.0.fetch_add(1, Ordering::Relaxed)
    }
}

/// Tells that a work has ended, however it does.
struct Work(Arc<World>, u64);

impl Drop for Work {
    fn drop(&mut self) {
        let execution = self.1;
        self.0.write(What::Finish { execution });
    }
}

fn run(case: Case) -> Report {
    let world = World::new(case.seed, PROCESSES, case.is_calm);
    let numbers = Arc::new(Numbers(AtomicU64::new(1)));
    let left = Arc::new(AtomicU64::new((PROCESSES * CALLERS) as u64));
    for process in 0..PROCESSES {
        let group = group(&world, process, case);
        for _ in 0..CALLERS {
            let caller = caller(
                Arc::clone(&world),
                group.clone(),
                process,
                Arc::clone(&numbers),
                case.forgets,
            );
            let left = Arc::clone(&left);
            let caller = async move {
                caller.await;
                left.fetch_sub(1, Ordering::Relaxed);
            };
            world.tasks.spawn(caller).detach();
        }
    }
    if !case.is_calm {
        world.tasks.spawn(Arc::clone(&world).mischief()).detach();
        world.tasks.spawn(Arc::clone(&world).saves()).detach();
    }
    world.run(|| left.load(Ordering::Relaxed) == 0);
    let history = world.with(|state| std::mem::take(&mut state.history));
    let limits = Limits {
        lease: u64::try_from(LEASE.as_nanos()).expect("it is short"),
        longest: 4_500_000_000,
        is_complete: true,
    };
    let mut report = check(&history, &limits);
    // After the longest that anything is kept, nothing is.
    let is_over = Arc::new(AtomicBool::new(false));
    let over = {
        let (world, is_over) = (Arc::clone(&world), Arc::clone(&is_over));
        async move {
            world.sleep(usize::MAX, Duration::from_secs(2)).await;
            is_over.store(true, Ordering::Relaxed);
        }
    };
    world.with(|state| state.is_over = true);
    world.tasks.spawn(over).detach();
    world.run(|| is_over.load(Ordering::Relaxed));
    let keys = world.with(|state| state.server.keys());
    if keys > 0 {
        let (rule, text) = (Rule::KeysLeft, format!("{keys} keys"));
        report.violations.push(Violation { rule, text });
    }
    world.end();
    report
}

async fn caller(
    world: Arc<World>,
    group: Group<u64, String>,
    process: usize,
    numbers: Arc<Numbers>,
    forgets: bool,
) {
    for _ in 0..CALLS {
        let (key, dice, pause, length) = world.with(|state| {
            let random = &mut state.random;
            let length = match random.u8(..4) {
                0 => random.u64(..5_000),
                1 => random.u64(..300_000),
                _ => random.u64(..60_000),
            };
            (
                random.u64(..KEYS),
                random.u8(..16),
                random.u64(..40_000),
                length,
            )
        });
        world.sleep(process, Duration::from_micros(pause)).await;
        if dice == 0 && forgets {
            let forget = numbers.next(process);
            world.write(What::Forget { forget, key });
            if group.forget(&key).await.is_ok() {
                world.write(What::Forgotten { forget });
            }
            continue;
        }
        let call = numbers.next(process);
        let execution = numbers.next(process);
        world.write(What::Call { call, key });
        let work = |lease: Lease| {
            let world = Arc::clone(&world);
            let token = lease.token();
            world.write(What::Begin {
                execution,
                key,
                token,
            });
            let ends = Work(Arc::clone(&world), execution);
            async move {
                world.sleep(process, Duration::from_micros(length)).await;
                drop(ends);
                match dice {
                    1 => Err("fails"),
                    _ => Ok(format!("{key}:{execution}")),
                }
            }
        };
        let mut made = group.call(&key);
        if dice == 2 {
            made = made.timeout(Duration::from_micros(length / 2));
        }
        let made = made.try_run_outcome(work);
        let outcome = if dice == 3 {
            // Its caller drops it.
            let drops = async {
                world
                    .sleep(process, Duration::from_micros(length / 2))
                    .await;
                None
            };
            futures_lite::future::or(async { Some(made.await) }, drops).await
        } else {
            Some(made.await)
        };
        world.write(match outcome {
            Some(Ok(Ok(outcome))) => {
                let (made_for, execution) = outcome.value.split_once(':').expect("two numbers");
                What::Answer {
                    call,
                    execution: execution.parse().expect("a number"),
                    key: made_for.parse().expect("a number"),
                    end: match (outcome.role, outcome.lease) {
                        (Role::Alone(_), _) | (_, Ended::None) => End::Alone,
                        (_, Ended::Landed) => End::Landed,
                        (_, Ended::Lost) => End::Lost,
                        (_, Ended::Unknown) => End::Unknown,
                    },
                    is_leader: outcome.role == Role::Leader,
                }
            }
            Some(Ok(Err(why))) => What::NoAnswer {
                call,
                why: why.to_owned(),
            },
            Some(Err(error)) => {
                let why = format!("{error:?}")
                    .split(['(', ' '])
                    .next()
                    .map(str::to_owned);
                let why = why.unwrap_or_default();
                What::NoAnswer { call, why }
            }
            None => What::NoAnswer {
                call,
                why: "dropped".to_owned(),
            },
        });
    }
}

fn cases() -> u64 {
    std::env::var("SINGLEFLIGHT_CASES").map_or(100, |cases| cases.parse().expect("a number"))
}

/// Runs cases from one seed on; a failure names its own.
fn hold(from: u64, make: impl Fn(u64) -> Case) {
    let (mut answered, mut shared) = (0, 0);
    for seed in from..from + cases() {
        let case = make(seed);
        let report = run(case);
        assert!(report.violations.is_empty(), "{case:?}\n{report}");
        answered += report.answered;
        shared += report.shared;
    }
    assert!(
        shared * 3 > answered,
        "of {answered} answers {shared} are another's"
    );
}

#[test]
fn calm_calls_share_and_break_nothing() {
    hold(0, |seed| Case {
        seed,
        is_calm: true,
        forgets: true,
        when_down: WhenDown::Fail,
    });
}

#[test]
fn mischief_breaks_no_promise() {
    hold(1_000_000, |seed| Case {
        seed,
        is_calm: false,
        forgets: true,
        when_down: WhenDown::RunHere,
    });
}

/// A seed in which it works after another process has the key, and is told nothing when it lands.
#[test]
fn a_leader_that_hears_late_of_its_token_breaks_no_promise() {
    let report = run(Case {
        seed: 1_001_962,
        is_calm: false,
        forgets: true,
        when_down: WhenDown::RunHere,
    });
    assert!(report.violations.is_empty(), "{report}");
}

#[test]
fn mischief_without_forgets_breaks_no_promise() {
    hold(2_000_000, |seed| Case {
        seed,
        is_calm: false,
        forgets: false,
        when_down: WhenDown::Fail,
    });
}
