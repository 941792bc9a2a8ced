//! Every number reaches every exporter, under its name and with one group label; and those of every front
//! end, layer and cache do.

use std::collections::BTreeMap;
use std::convert::Infallible;

use futures_lite::future::block_on;
use metrics_example::{direct, otel, scraped};
use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use opentelemetry::KeyValue;
use opentelemetry::metrics::MeterProvider as _;
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, MetricData, ScopeMetrics};
use opentelemetry_sdk::metrics::{InMemoryMetricExporter, PeriodicReader, SdkMeterProvider};
use singleflight_metrics::{Meter, Numbers, Registry, Stat};
use singleflight_tower::{HttpCoalesce, HttpKey};
use tower::{Layer as _, ServiceExt as _, service_fn};

/// Every number there is, and one of a group whose name needs escaping.
fn registry() -> Registry {
    let registry = Registry::new();
    registry.watch_static("prices", || -> Numbers {
        Stat::ALL.iter().copied().zip(1..).collect()
    });
    registry.watch_static("a \"quoted\"\nname", || [(Stat::InFlight, 0)]);
    registry
}

const TOLD: usize = Stat::ALL.len() + 1;

#[test]
fn prometheus_is_told_every_number_directly() {
    let text = direct::text(&direct::exporter(&registry())).expect("it is written");
    for line in [
        "# TYPE singleflight_calls counter",
        "singleflight_calls_total{group=\"prices\",role=\"led\"} 1",
        "singleflight_calls_total{group=\"prices\",role=\"followed\"} 2",
        "singleflight_flights_ended_total{group=\"prices\",how=\"landed\"} 4",
        "# TYPE singleflight_in_flight gauge",
        "singleflight_in_flight{group=\"prices\"} 9",
        "singleflight_in_flight{group=\"a \\\"quoted\\\"\\nname\"} 0",
    ] {
        assert!(text.lines().any(|one| one == line), "{line}\n{text}");
    }
    let values = text.lines().filter(|line| !line.starts_with('#'));
    assert_eq!(values.count(), TOLD, "{text}");
    assert!(text.ends_with("# EOF\n"));
}

#[test]
fn prometheus_is_told_every_number_by_the_facade_and_the_times_as_histograms() {
    let recorder = scraped::builder()
        .expect("there are buckets")
        .build_recorder();
    let registry = registry();
    let text = metrics::with_local_recorder(&recorder, || {
        let meter = Meter::new(&registry, "prices");
        drop((meter.wait(), meter.work()));
        scraped::text(&registry, &recorder.handle())
    });
    for line in [
        "# TYPE singleflight_calls_total counter",
        "singleflight_calls_total{group=\"prices\",role=\"followed\"} 2",
        "singleflight_in_flight{group=\"prices\"} 9",
        "# TYPE singleflight_wait_seconds histogram",
        "singleflight_wait_seconds_bucket{group=\"prices\",le=\"30\"} 1",
        "singleflight_work_seconds_count{group=\"prices\"} 1",
    ] {
        assert!(text.lines().any(|one| one == line), "{line}\n{text}");
    }
    let is_count = |line: &&str| line.contains('{') && !line.contains("_seconds");
    assert_eq!(text.lines().filter(is_count).count(), TOLD, "{text}");
    let described = text.lines().filter(|line| line.starts_with("# HELP"));
    assert_eq!(described.count(), 2 + names().len(), "{text}");
}

fn names() -> BTreeMap<&'static str, usize> {
    let mut names = BTreeMap::new();
    for stat in Stat::ALL {
        *names.entry(stat.name()).or_default() += 1;
    }
    names
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn opentelemetry_is_told_the_same() {
    let exporter = InMemoryMetricExporter::default();
    let reader = PeriodicReader::builder(exporter.clone()).build();
    let provider = SdkMeterProvider::builder().with_reader(reader).build();
    otel::observe(&provider.meter("singleflight"), &registry());
    provider.force_flush().expect("it is collected");
    let mut told = Vec::new();
    for collected in exporter.get_finished_metrics().expect("it is there") {
        for metric in collected.scope_metrics().flat_map(ScopeMetrics::metrics) {
            let AggregatedMetrics::U64(data) = metric.data() else {
                panic!("{} is of another type", metric.name());
            };
            let points: Vec<(u64, Vec<KeyValue>)> = match data {
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
                let attributes = attributes.iter();
                let mut attributes: Vec<_> = attributes
                    .map(|one| format!("{}={}", one.key, one.value))
                    .collect();
                attributes.sort();
                let attributes = attributes.join(" ");
                told.push(format!("{} {attributes} {value}", metric.name()));
            }
        }
    }
    assert_eq!(told.len(), TOLD, "{told:#?}");
    for line in [
        "singleflight.calls group=prices role=led 1",
        "singleflight.in_flight group=prices 9",
    ] {
        assert!(told.iter().any(|one| one == line), "{line}: {told:#?}");
    }
}

/// Publishes what was registered, twice, and returns what was counted, without what was not.
fn published(registry: &Registry) -> Vec<String> {
    let recorder = DebuggingRecorder::new();
    metrics::with_local_recorder(&recorder, || {
        registry.publish();
        registry.publish();
    });
    let told = recorder.snapshotter().snapshot().into_vec().into_iter();
    let mut told: Vec<_> = told
        .filter_map(|(key, _, _, value)| {
            let DebugValue::Counter(count @ 1..) = value else {
                return None;
            };
            let labels = key.key().labels();
            let labels = labels.map(|one| format!("{}={} ", one.key(), one.value()));
            let name = key.key().name();
            Some(format!("{name} {}{count}", labels.collect::<String>()))
        })
        .collect();
    told.sort();
    told
}

/// What a group tells that led two calls.
const TWO_LED: [&str; 2] = [
    "singleflight_calls_total group=prices role=led 2",
    "singleflight_flights_ended_total group=prices how=landed 2",
];

#[test]
fn a_group_of_the_core_is_told() {
    let group = std::sync::Arc::new(singleflight_core::Group::<u64, u64>::new());
    for key in [1, 2] {
        assert_eq!(block_on(group.run(key, async || key)), Ok(key));
    }
    let registry = Registry::new();
    registry.register("prices", &group);
    assert_eq!(published(&registry), TWO_LED);
    drop(group);
    assert!(published(&registry).is_empty());
}

#[test]
fn a_group_of_threads_is_told() {
    let group = singleflight_std::Group::<u64, u64>::new();
    for key in [1, 2] {
        assert_eq!(group.run(key, || key), Ok(key));
    }
    let registry = Registry::new();
    registry.register("prices", group.shared());
    assert_eq!(published(&registry), TWO_LED);
    drop(group);
    assert!(published(&registry).is_empty());
}

#[tokio::test]
async fn a_group_of_tokio_is_told() {
    let group = singleflight_tokio::Group::<u64, u64>::new();
    for key in [1, 2] {
        assert_eq!(group.run(key, async || key).await, Ok(key));
    }
    let registry = Registry::new();
    registry.register("prices", group.shared());
    assert_eq!(published(&registry), TWO_LED);
    drop(group);
    assert!(published(&registry).is_empty());
}

#[test]
fn a_group_of_smol_is_told() {
    let group = singleflight_smol::Group::<u64, u64>::new();
    for key in [1, 2] {
        assert_eq!(block_on(group.run(key, async || key)), Ok(key));
    }
    let registry = Registry::new();
    registry.register("prices", group.shared());
    assert_eq!(published(&registry), TWO_LED);
    drop(group);
    assert!(published(&registry).is_empty());
}

#[tokio::test]
async fn a_layer_is_told_as_long_as_it_is_there() {
    use axum::body::Body;
    use axum::http::{Request, Response};

    let registry = Registry::new();
    let layer = HttpCoalesce::builder(HttpKey::all_headers(), tokio::time::sleep)
        .metrics(Meter::new(&registry, "http"))
        .build();
    let answer = async |_: Request<Body>| Ok::<_, Infallible>(Response::new(Body::empty()));
    let service = layer.layer(service_fn(answer));
    for method in ["GET", "POST"] {
        let request = Request::builder().method(method).body(Body::empty());
        let request = request.expect("it is one");
        assert!(service.clone().oneshot(request).await.is_ok());
    }
    assert_eq!(
        published(&registry),
        [
            "singleflight_alone_total group=http why=bypassed 1",
            "singleflight_calls_total group=http role=led 1",
            "singleflight_flights_ended_total group=http how=landed 1",
        ]
    );
    drop((service, layer));
    assert!(published(&registry).is_empty());
}
