//! The same numbers through the facade `metrics`, for programs that have a recorder already.

use metrics::{Label, counter, gauge};
use singleflight_tokio::StatKind;

use crate::Groups;

/// Hands the numbers to the recorder. Call it when the recorder is about to be scraped, or every few
/// seconds: it sets each number to what it is, so no call is counted twice.
pub fn publish(groups: &Groups) {
    groups.read(|series, group, value| {
        let labels = series.labels(group).into_iter();
        let labels: Vec<_> = labels
            .map(|(name, value)| Label::new(name, value.to_owned()))
            .collect();
        match series.kind {
            StatKind::Counter => counter!(series.stored(), labels).absolute(value),
            #[expect(clippy::cast_precision_loss, reason = "no program has 2^53 flights")]
            StatKind::Gauge => gauge!(series.stored(), labels).set(value as f64),
        }
    });
}
