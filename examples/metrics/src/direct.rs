//! The text that Prometheus scrapes, by `prometheus-client`, straight from the registry. For those who have no
//! recorder of the facade, or a thousand groups: it is the faster way. There are counts in it, and no times.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry as Exporter;
use singleflight_metrics::{Registry, StatKind};

/// What the text is, for the header `Content-Type`.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Debug)]
struct Counts(Registry);

impl Collector for Counts {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let numbers = self.0.read();
        for family in numbers.chunk_by(|one, next| one.stat.name() == next.stat.name()) {
            let stat = family[0].stat;
            let kind = match stat.kind() {
                StatKind::Counter => MetricType::Counter,
                StatKind::Gauge => MetricType::Gauge,
            };
            // The encoder adds it again.
            let name = stat.name().trim_end_matches("_total");
            let mut metric = encoder.encode_descriptor(name, stat.help(), None, kind)?;
            for number in family {
                let labels: Vec<_> = number.labels().collect();
                let mut metric = metric.encode_family(&labels)?;
                match stat.kind() {
                    StatKind::Counter => {
                        metric.encode_counter::<NoLabelSet, u64, u64>(&number.value, None)?;
                    }
                    StatKind::Gauge => metric.encode_gauge(&number.value)?,
                }
            }
        }
        Ok(())
    }
}

/// Makes an exporter that reads the groups whenever it is encoded.
pub fn exporter(registry: &Registry) -> Exporter {
    let mut exporter = Exporter::default();
    exporter.register_collector(Box::new(Counts(registry.clone())));
    exporter
}

/// Writes the text.
///
/// # Errors
///
/// If a number could not be written.
pub fn text(exporter: &Exporter) -> Result<String, fmt::Error> {
    let mut text = String::new();
    encode(&mut text, exporter)?;
    Ok(text)
}
