//! A run: rounds of calls, each checked when all is quiet again.
//!
//! A round makes everything anew (group, callers, runtimes), lets each caller make its steps,
//! and waits until nothing is in flight and no work runs. Then it drops all of that, and looks
//! whether what it found at the start is there again:
//!
//! - Every value was dropped.
//! - Live bytes, where the program counts them, are no more than they were after the first
//!   round, to the byte, on every front end. The first is not compared, since it makes what
//!   lives as long as the process: the hook, thread-locals of the main thread, smol's reactor.
//!   Threads that nobody joins (those of spawned calls) may take a moment to be gone, so this
//!   is waited for; what does not come within the patience is a violation.
//!
//! Whoever does not move for as long as the patience is left behind: a violation, not a hang
//! of the program.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::caller::Stage;
use crate::checker::check;
use crate::history::History;
use crate::log::{Log, RunningRound};
use crate::quiet::hush;
use crate::report::Report;
use crate::rules::{Rules, mixed};
use crate::setup::{MakeSetup, Setup, StartContext};
use crate::violation::Kind;

/// How often those who wait look.
const LOOK: Duration = Duration::from_millis(1);

/// After how many rounds in which calls hang the rest is not tried.
const MOST_HANGS: u64 = 3;

/// How a run is made.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// How long it lasts.
    pub time: Duration,
    /// How many rounds there are at most.
    pub rounds: u64,
    /// What the choices of all callers follow from. The schedule does not.
    pub seed: u64,
    /// How many steps the callers of a round make together.
    pub steps: u64,
    /// After how long without any movement a call is said to hang.
    pub patience: Duration,
    /// Whether the first round with a violation is the last.
    pub stops_at_violation: bool,
    /// Counts the bytes that are allocated, if the program does.
    pub live_bytes: Option<fn() -> usize>,
}

impl Options {
    /// A run of this length from this seed.
    pub fn new(time: Duration, seed: u64) -> Self {
        Self {
            time,
            rounds: u64::MAX,
            seed,
            steps: 30_000,
            patience: Duration::from_secs(10),
            stops_at_violation: false,
            live_bytes: None,
        }
    }
}

/// Runs rounds until the time is up; `make_setup` makes what each is played with.
pub fn run(options: &Options, make_setup: MakeSetup<'_>) -> Report {
    hush();
    let mut run = Run {
        options,
        until: Instant::now() + options.time,
        baseline: None,
        hangs: 0,
        report: Report::default(),
    };
    let is_over = |run: &Run<'_>| {
        Instant::now() >= run.until
            || run.report.rounds >= options.rounds
            || run.hangs >= MOST_HANGS
            || options.stops_at_violation && run.report.violations.total() > 0
    };
    while !is_over(&run) {
        run.round(make_setup);
    }
    run.report
}

struct Run<'a> {
    options: &'a Options,
    until: Instant,
    /// Live bytes after the first round.
    baseline: Option<usize>,
    hangs: u64,
    report: Report,
}

impl Run<'_> {
    fn round(&mut self, make_setup: MakeSetup<'_>) {
        let number = self.report.rounds;
        let rules = Rules::draw(self.options.seed, number);
        let setup = make_setup(&rules);
        let frees = setup.frees;
        let round = Arc::new(RunningRound::new());
        let values = Arc::clone(&round.values);
        let hangs = self.play(setup, &round, rules);
        drop(round);
        self.report.rounds += 1;
        if hangs {
            // What hangs holds what it holds.
            self.hangs += 1;
            return;
        }
        let comes = |is_so: &dyn Fn() -> bool| within(self.options.patience, is_so);
        if !comes(&|| values.alive() == 0) {
            let alive = values.alive();
            let text = || format!("{alive} values are alive after round {number}");
            self.report.violations.add(Kind::Values, text);
        }
        drop(values);
        self.compare_bytes(frees);
    }

    /// Plays a round and checks it; returns whether somebody hangs.
    fn play(&mut self, setup: Setup, round: &Arc<RunningRound>, rules: Rules) -> bool {
        let Setup {
            callers,
            frees: _,
            starts,
            in_flight,
        } = setup;
        let number = self.report.rounds;
        let (done, is_done) = channel();
        let stage = Arc::new(Stage {
            steps: self.options.steps / callers as u64,
            rules,
            // Sooner than the run gives up.
            patience: self.options.patience / 2,
            stop: AtomicBool::new(false),
        });
        let mut context = StartContext {
            round,
            stage: &stage,
            seed: mixed(self.options.seed, number),
            done: &done,
            logs: Vec::new(),
        };
        let began = Instant::now();
        let running: Vec<_> = starts
            .into_iter()
            .map(|start| start(&mut context))
            .collect();
        let logs = context.logs;
        let hangs = !self.wait(&is_done, &logs, &stage.stop);
        self.report.calling += began.elapsed();
        if hangs {
            self.tell_hang(&logs);
            for callers in running {
                callers.abandon();
            }
        } else {
            let is_quiet = || round.running() == 0 && in_flight().unwrap_or(0) == 0;
            if !within(self.options.patience, &is_quiet) {
                let (left, works) = (in_flight(), round.running());
                let text = || format!("{left:?} flights and {works} works after round {number}");
                self.report.violations.add(Kind::InFlight, text);
            }
            for callers in running {
                callers.end();
            }
        }
        let mut history = History::default();
        for log in &logs {
            log.take_into(&mut history);
        }
        self.report.add(&history);
        check(history, &stage.rules, !hangs, &mut self.report.violations);
        hangs
    }

    /// Waits until every caller is done. Returns `false` if nothing has moved for too long.
    fn wait(&self, is_done: &Receiver<()>, logs: &[Arc<Log>], stop: &AtomicBool) -> bool {
        let (mut left, mut seen, mut moved) = (logs.len(), 0, Instant::now());
        while left > 0 {
            match is_done.recv_timeout(20 * LOOK) {
                Ok(()) => left -= 1,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => unreachable!("it is held by the caller"),
            }
            let now = Instant::now();
            if now > self.until {
                stop.store(true, Ordering::Relaxed);
            }
            let ended = logs.iter().map(|log| log.ended()).sum::<u64>() + left as u64;
            if ended != seen {
                (seen, moved) = (ended, now);
            } else if now - moved > self.options.patience {
                return false;
            }
        }
        true
    }

    fn tell_hang(&mut self, logs: &[Arc<Log>]) {
        let found = self.report.violations.count(Kind::Hang);
        for (begin, order) in logs.iter().flat_map(|log| log.under_way()) {
            let text = || format!("call {begin}: {order:?}");
            self.report.violations.add(Kind::Hang, text);
        }
        if self.report.violations.count(Kind::Hang) == found {
            let text = || "a caller, but none of its calls".to_owned();
            self.report.violations.add(Kind::Hang, text);
        }
    }

    fn compare_bytes(&mut self, frees: bool) {
        let Some(live_bytes) = self.options.live_bytes.filter(|_| frees && self.hangs == 0) else {
            self.report.bytes_compared = false;
            return;
        };
        // What was found is kept.
        let kept = self.report.violations.bytes();
        let live_bytes = move || live_bytes() - kept;
        let Some(baseline) = self.baseline else {
            // Whatever is still on its way out is not to raise the mark.
            let mut least = live_bytes();
            let _settled = within(100 * LOOK, &|| false);
            least = least.min(live_bytes());
            self.baseline = Some(least);
            return;
        };
        self.report.bytes_compared = true;
        if within(self.options.patience, &|| live_bytes() <= baseline) {
            self.baseline = Some(baseline.min(live_bytes()));
            return;
        }
        let (live, number) = (live_bytes(), self.report.rounds - 1);
        let text = || format!("{live} bytes after round {number}, {baseline} before");
        self.report.violations.add(Kind::Bytes, text);
        self.baseline = Some(live);
    }
}

/// Waits until something is so; returns whether it came to be.
fn within(patience: Duration, is_so: &dyn Fn() -> bool) -> bool {
    let until = Instant::now() + patience;
    while !is_so() {
        if Instant::now() > until {
            return false;
        }
        thread::park_timeout(LOOK);
    }
    true
}
