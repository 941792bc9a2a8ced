//! Every number of a group reaches every exporter, under its name and with one group label.

use std::collections::BTreeSet;

use metrics_example::names::SERIES;
use metrics_example::{Groups, facade, otel, prometheus};
use metrics_util::debugging::DebuggingRecorder;
use opentelemetry::metrics::MeterProvider as _;
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, MetricData, ScopeMetrics};
use opentelemetry_sdk::metrics::{InMemoryMetricExporter, PeriodicReader, SdkMeterProvider};
use singleflight_tokio::{Group, Stats};

/// Two groups: one that has led two calls, and one with a name that needs escaping.
async fn groups() -> Groups {
    let group: Group<u64, u64> = Group::new();
    for key in [1, 2] {
        assert_eq!(group.run(key, async || key).await, Ok(key));
    }
    let groups = Groups::default();
    groups.register("prices", move || group.stats());
    groups.register("a \"quoted\"\nname", Stats::default);
    groups
}

#[test]
fn no_number_is_left_out_and_none_is_of_another_kind() {
    let told: BTreeSet<_> = SERIES
        .iter()
        .map(|one| (one.stat, format!("{:?}", one.kind)))
        .collect();
    let stats = Stats::default();
    let counted = stats
        .iter()
        .map(|(name, kind, _)| (name, format!("{kind:?}")));
    assert_eq!(told, counted.collect::<BTreeSet<_>>());
    assert_eq!(told.len(), SERIES.len());
}

#[tokio::test]
async fn prometheus_is_told_every_number() {
    let text = prometheus::text(&prometheus::registry(&groups().await)).expect("it is written");
    for line in [
        "# TYPE singleflight_calls counter",
        "singleflight_calls_total{group=\"prices\",role=\"led\"} 2",
        "singleflight_calls_total{group=\"prices\",role=\"followed\"} 0",
        "singleflight_flights_ended_total{group=\"prices\",how=\"landed\"} 2",
        "# TYPE singleflight_in_flight gauge",
        "singleflight_in_flight{group=\"prices\"} 0",
        "singleflight_in_flight{group=\"a \\\"quoted\\\"\\nname\"} 0",
    ] {
        assert!(text.lines().any(|one| one == line), "{line}\n{text}");
    }
    let values = text.lines().filter(|line| !line.starts_with('#'));
    assert_eq!(values.count(), 2 * SERIES.len(), "{text}");
    assert!(text.ends_with("# EOF\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn opentelemetry_is_told_the_same() {
    let exporter = InMemoryMetricExporter::default();
    let reader = PeriodicReader::builder(exporter.clone()).build();
    let provider = SdkMeterProvider::builder().with_reader(reader).build();
    otel::observe(&provider.meter("singleflight"), &groups().await);
    provider.force_flush().expect("it is collected");
    let mut told = Vec::new();
    for collected in exporter.get_finished_metrics().expect("it is there") {
        for metric in collected.scope_metrics().flat_map(ScopeMetrics::metrics) {
            let AggregatedMetrics::U64(data) = metric.data() else {
                panic!("{} is of another type", metric.name());
            };
            let points: Vec<_> = match data {
                MetricData::Sum(sum) => {
                    assert!(sum.is_monotonic());
                    let points = sum.data_points();
                    points
                        .map(|one| (one.value(), one.attributes().cloned().collect()))
                        .collect()
                }
                MetricData::Gauge(gauge) => {
                    let points = gauge.data_points();
                    points
                        .map(|one| (one.value(), one.attributes().cloned().collect()))
                        .collect()
                }
                _ => panic!("{} is of another kind", metric.name()),
            };
            for (value, attributes) in points {
                let attributes: Vec<opentelemetry::KeyValue> = attributes;
                let mut attributes: Vec<_> = attributes
                    .iter()
                    .map(|one| format!("{}={}", one.key, one.value))
                    .collect();
                attributes.sort();
                told.push(format!(
                    "{} {} {value}",
                    metric.name(),
                    attributes.join(" ")
                ));
            }
        }
    }
    assert_eq!(told.len(), 2 * SERIES.len(), "{told:#?}");
    for line in [
        "singleflight.calls group=prices role=led 2",
        "singleflight.in_flight group=prices 0",
    ] {
        assert!(told.iter().any(|one| one == line), "{line}: {told:#?}");
    }
}

#[tokio::test]
async fn a_recorder_of_the_facade_is_told_the_same() {
    let groups = groups().await;
    let recorder = DebuggingRecorder::new();
    let seen = recorder.snapshotter();
    // Told twice, and counted once.
    metrics::with_local_recorder(&recorder, || {
        facade::publish(&groups);
        facade::publish(&groups);
    });
    let told: Vec<_> = seen
        .snapshot()
        .into_vec()
        .into_iter()
        .map(|(key, _, _, value)| {
            let key = key.key();
            let labels: Vec<_> = key
                .labels()
                .map(|one| format!("{}={}", one.key(), one.value()))
                .collect();
            format!("{} {} {value:?}", key.name(), labels.join(" "))
        })
        .collect();
    assert_eq!(told.len(), 2 * SERIES.len(), "{told:#?}");
    for line in [
        "singleflight_calls_total group=prices role=led Counter(2)",
        "singleflight_in_flight group=prices Gauge(0.0)",
    ] {
        assert!(told.iter().any(|one| one == line), "{line}: {told:#?}");
    }
}
