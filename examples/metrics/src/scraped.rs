//! The text that Prometheus scrapes, by the facade `metrics` and its exporter: with the times that followers
//! wait and works take.

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use singleflight_metrics::Registry;

/// In seconds, from a millisecond to half a minute.
const BUCKETS: [f64; 10] = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0];

/// Describes a recorder by which times are histograms, and not summaries.
///
/// # Errors
///
/// If it takes no buckets, which it does.
pub fn builder() -> Result<PrometheusBuilder, BuildError> {
    let times = Matcher::Prefix("singleflight_".to_owned());
    PrometheusBuilder::new().set_buckets_for_metric(times, &BUCKETS)
}

/// Writes the text, with the counts as they are now.
pub fn text(registry: &Registry, exporter: &PrometheusHandle) -> String {
    registry.publish();
    exporter.render()
}
