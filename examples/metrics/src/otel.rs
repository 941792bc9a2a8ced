//! The same numbers as instruments of OpenTelemetry, which are read when they are collected.

use opentelemetry::KeyValue;
use opentelemetry::metrics::{AsyncInstrument, Meter};
use singleflight_tokio::StatKind;

use crate::Groups;
use crate::names::families;

/// Makes one observable instrument for each family, `singleflight.calls` for
/// `singleflight_calls`. They live as long as the meter's provider.
pub fn observe(meter: &Meter, groups: &Groups) {
    for family in families() {
        let name = family.family.replacen('_', ".", 1);
        let groups = groups.clone();
        let observe = move |instrument: &dyn AsyncInstrument<u64>| {
            groups.read(|series, group, value| {
                if series.family == family.family {
                    let labels = series.labels(group).into_iter();
                    let attributes: Vec<_> = labels
                        .map(|(name, value)| KeyValue::new(name, value.to_owned()))
                        .collect();
                    instrument.observe(value, &attributes);
                }
            });
        };
        match family.kind {
            StatKind::Counter => {
                let instrument = meter.u64_observable_counter(name);
                let _registered = instrument
                    .with_description(family.help)
                    .with_callback(observe)
                    .build();
            }
            StatKind::Gauge => {
                let instrument = meter.u64_observable_gauge(name);
                let _registered = instrument
                    .with_description(family.help)
                    .with_callback(observe)
                    .build();
            }
        }
    }
}
