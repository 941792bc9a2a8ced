//! Our front ends keep every promise, and are asked for every one.

use std::time::Duration;

use singleflight_chaos::{Front, Options, run};

#[test]
fn every_front_end_is_right_and_everything_happens_to_it() {
    for front in Front::ALL {
        let mut options = Options::new(Duration::from_secs(60), 1);
        // As many as it takes for this seed to draw every rule.
        options.rounds = 12;
        options.steps = 8_000;
        let report = run(&options, &|rules| front.setup(rules));
        assert_eq!(report.violations.total(), 0, "{front}: {report}");
        let mut happened = vec![
            ("executions", report.executions),
            ("given up", report.given_up),
            ("panics", report.panics),
            ("faults", report.faults),
            ("private values", report.private),
            ("faults kept", report.kept),
            ("told of failures", report.out_of_tries),
            ("not shared", report.not_shared),
            ("not returned", report.not_returned),
            ("told", report.told),
            ("timed out", report.timed_out),
            ("re-entrant", report.reentrant),
            ("refused", report.refused),
            ("batched", report.batched),
            ("spawned", report.spawned),
            ("retired", report.retired),
            ("closed", report.closed),
        ];
        if front != Front::Std {
            // A thread cannot leave its work.
            happened.push(("dropped", report.dropped));
        }
        for (what, count) in happened {
            assert!(count > 0, "{front}: {what} {report}");
        }
    }
}
