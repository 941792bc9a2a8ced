//! The same numbers as instruments of OpenTelemetry, which are read when they are collected.

use opentelemetry::KeyValue;
use opentelemetry::metrics::{AsyncInstrument, Meter};
use singleflight_metrics::{Registry, Stat, StatKind};

/// Makes one observable instrument for each name, `singleflight.calls` for `singleflight_calls_total`. They
/// live as long as the meter's provider.
pub fn observe(meter: &Meter, registry: &Registry) {
    for family in Stat::ALL.chunk_by(|one, next| one.name() == next.name()) {
        let stat = family[0];
        let name = stat.name().trim_end_matches("_total").replacen('_', ".", 1);
        let registry = registry.clone();
        let observe = move |instrument: &dyn AsyncInstrument<u64>| {
            let numbers = registry.read().into_iter();
            for number in numbers.filter(|number| family.contains(&number.stat)) {
                let labels = number.labels();
                let attributes: Vec<_> = labels
                    .map(|(name, value)| KeyValue::new(name, value.to_owned()))
                    .collect();
                instrument.observe(number.value, &attributes);
            }
        };
        match stat.kind() {
            StatKind::Counter => {
                let instrument = meter.u64_observable_counter(name);
                let instrument = instrument.with_description(stat.help());
                let _registered = instrument.with_callback(observe).build();
            }
            StatKind::Gauge => {
                let instrument = meter.u64_observable_gauge(name);
                let instrument = instrument.with_description(stat.help());
                let _registered = instrument.with_callback(observe).build();
            }
        }
    }
}
