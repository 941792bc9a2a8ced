//! One trial: a run of the chaos that cannot take this program with it.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use singleflight_chaos::{Options, Report, Rules, Setup, run};

/// How many times the patience a run may take beyond its time: a last round, whose calls, works,
/// flights and values are each waited for.
const WAITS: u32 = 6;

/// What building and checking a round may take beside that, on a machine that is busy.
const GRACE: Duration = Duration::from_secs(30);

/// How a run ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// As it should, whatever it found. Calls that hang are among that.
    Whole(Box<Report>),
    /// It did not, and was left behind.
    Stuck,
    /// The run itself panicked: something threw where nobody called.
    Panicked,
}

/// Plays rounds on a thread of their own. Whoever hangs is found and left behind by the run;
/// should that hang too, say in a `drop`, the run is left behind.
pub(crate) fn bounded(
    options: Options,
    make_setup: impl Fn(&Rules) -> Setup + Send + 'static,
) -> Ended {
    let limit = options.time + options.patience * WAITS + GRACE;
    within(limit, move || run(&options, &make_setup))
}

fn within(limit: Duration, run: impl FnOnce() -> Report + Send + 'static) -> Ended {
    let (ended, end) = channel();
    thread::spawn(move || {
        // Nobody listens any more to one that was left behind.
        let _left_behind = ended.send(run());
    });
    match end.recv_timeout(limit) {
        Ok(report) => Ended::Whole(Box::new(report)),
        Err(RecvTimeoutError::Timeout) => Ended::Stuck,
        Err(RecvTimeoutError::Disconnected) => Ended::Panicked,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_hangs_or_panics_is_left_behind() {
        let soon = Duration::from_millis(20);
        let (open, gate) = channel::<()>();
        let hangs = move || {
            let _opened = gate.recv();
            Report::default()
        };
        assert!(matches!(within(soon, hangs), Ended::Stuck));
        drop(open);
        let late = Duration::from_mins(1);
        assert!(matches!(within(late, || panic!("boom")), Ended::Panicked));
        assert!(matches!(within(late, Report::default), Ended::Whole(_)));
    }
}
