//! The text that Prometheus scrapes.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;
use singleflight_tokio::StatKind;

use crate::Groups;
use crate::names::families;

/// What the text is, for the header `Content-Type`.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

impl Collector for Groups {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut values = Vec::new();
        self.read(|series, group, value| values.push((series, group.to_owned(), value)));
        for family in families() {
            let kind = match family.kind {
                StatKind::Counter => MetricType::Counter,
                StatKind::Gauge => MetricType::Gauge,
            };
            let mut metric = encoder.encode_descriptor(family.family, family.help, None, kind)?;
            let of_family = values
                .iter()
                .filter(|(one, _, _)| one.family == family.family);
            for (series, group, value) in of_family {
                let labels = series.labels(group);
                let mut metric = metric.encode_family(&labels)?;
                match series.kind {
                    StatKind::Counter => {
                        metric.encode_counter::<NoLabelSet, u64, u64>(value, None)?;
                    }
                    StatKind::Gauge => metric.encode_gauge(value)?,
                }
            }
        }
        Ok(())
    }
}

/// Makes a registry that reads the groups whenever it is encoded.
pub fn registry(groups: &Groups) -> Registry {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(groups.clone()));
    registry
}

/// Writes the text.
///
/// # Errors
///
/// If a number could not be written.
pub fn text(registry: &Registry) -> Result<String, fmt::Error> {
    let mut text = String::new();
    encode(&mut text, registry)?;
    Ok(text)
}
