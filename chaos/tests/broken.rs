//! Subjects with one thing wrong each, and what a run says of them.

use std::future::Future;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use singleflight_chaos::{
    Ability, Answer, Async, Blocking, Kind, Options, Report, Setup, Subject, Work, run,
};

/// A few short rounds.
fn options() -> Options {
    let mut options = Options::new(Duration::from_secs(60), 1);
    options.rounds = 3;
    options.steps = 2_000;
    options.patience = Duration::from_secs(2);
    options
}

fn blocking<S: Blocking>(make: impl Fn() -> S) -> Report {
    run(&options(), &|_| {
        let subject = Arc::new(make());
        Setup::of(&subject).threads(4, &subject)
    })
}

#[track_caller]
fn finds_only(kind: Kind, report: &Report) {
    let violations = &report.violations;
    assert!(violations.count(kind) > 0, "{report}");
    assert_eq!(violations.count(kind), violations.total(), "{report}");
}

/// Runs every work.
struct Alone;

impl Subject for Alone {
    const NAME: &'static str = "alone";
    const ABILITIES: &'static [Ability] = &[Ability::Panic];
}

impl Blocking for Alone {
    fn run(&self, _: u64, work: Work) -> Answer {
        work.run().into()
    }
}

#[test]
fn works_that_are_not_coalesced_overlap() {
    finds_only(Kind::Overlap, &blocking(|| Alone));
}

/// One at a time, whatever the key: right, and slow.
#[derive(Default)]
struct OneByOne(std::sync::Mutex<()>);

impl Subject for OneByOne {
    const NAME: &'static str = "one by one";
    const ABILITIES: &'static [Ability] = &[];
}

impl Blocking for OneByOne {
    fn run(&self, _: u64, work: Work) -> Answer {
        let _alone = self.0.lock().unwrap();
        work.run().into()
    }
}

#[test]
fn a_lock_over_everything_is_right() {
    let report = blocking(OneByOne::default);
    assert_eq!(report.violations.total(), 0, "{report}");
    assert!(report.calls > 1_000, "{report}");
}

/// Gives each value away once more than it is received.
struct Hoarder(OneByOne);

impl Subject for Hoarder {
    const NAME: &'static str = "hoarder";
    const ABILITIES: &'static [Ability] = &[];
}

impl Blocking for Hoarder {
    fn run(&self, key: u64, work: Work) -> Answer {
        let answer = self.0.run(key, work);
        if let Answer::Made(made, _) = &answer {
            mem::forget(made.clone());
        }
        answer
    }
}

#[test]
fn values_that_are_never_dropped_are_found() {
    finds_only(Kind::Values, &blocking(|| Hoarder(OneByOne::default())));
}

/// Says that something is in flight, always.
struct Busy(OneByOne);

impl Subject for Busy {
    const NAME: &'static str = "busy";
    const ABILITIES: &'static [Ability] = &[];

    fn in_flight(&self) -> Option<usize> {
        Some(1)
    }
}

impl Blocking for Busy {
    fn run(&self, key: u64, work: Work) -> Answer {
        self.0.run(key, work)
    }
}

#[test]
fn what_is_left_in_flight_is_found() {
    finds_only(Kind::InFlight, &blocking(|| Busy(OneByOne::default())));
}

/// Says that it gives its memory back.
#[derive(Default)]
struct Tidy(OneByOne);

impl Subject for Tidy {
    const NAME: &'static str = "tidy";
    const ABILITIES: &'static [Ability] = &[Ability::Free];
}

impl Blocking for Tidy {
    fn run(&self, key: u64, work: Work) -> Answer {
        self.0.run(key, work)
    }
}

#[test]
fn memory_that_is_not_given_back_is_found() {
    static LIVE: AtomicUsize = AtomicUsize::new(1 << 20);
    let tidy = |live: fn() -> usize| {
        let mut options = options();
        options.live_bytes = Some(live);
        run(&options, &|_| {
            // One byte more in each round.
            LIVE.fetch_add(1, Ordering::Relaxed);
            let subject = Arc::new(Tidy::default());
            Setup::of(&subject).threads(4, &subject)
        })
    };
    let report = tidy(|| 1 << 20);
    assert_eq!(report.violations.total(), 0, "{report}");
    assert!(report.bytes_compared, "{report}");
    finds_only(Kind::Bytes, &tidy(|| LIVE.load(Ordering::Relaxed)));
}

/// Never answers a call for the key 0.
struct Stuck;

impl Subject for Stuck {
    const NAME: &'static str = "stuck";
    const ABILITIES: &'static [Ability] = &[];
}

impl Async for Stuck {
    async fn run(&self, key: u64, work: Work) -> Answer {
        if key == 0 {
            return std::future::pending().await;
        }
        // Nothing is awaited, so on one thread nothing overlaps.
        let mut working = std::pin::pin!(work.future());
        let waker = std::task::Waker::noop();
        loop {
            let polled = working
                .as_mut()
                .poll(&mut std::task::Context::from_waker(waker));
            if let std::task::Poll::Ready(made) = polled {
                return made.into();
            }
        }
    }
}

#[test]
fn a_call_that_does_not_end_is_found_and_the_program_goes_on() {
    let report = run(&options(), &|_| {
        let subject = Arc::new(Stuck);
        Setup::of(&subject).tokio(1, 4, &subject)
    });
    finds_only(Kind::Hang, &report);
}
