//! What a recorder was told, as lines.

use metrics_util::debugging::{DebugValue, DebuggingRecorder};

/// Runs `f`, and returns what the recorder has been told, each number a line: its name, its labels, its
/// value.
pub(crate) fn told(f: impl FnOnce()) -> Vec<String> {
    let recorder = DebuggingRecorder::new();
    metrics::with_local_recorder(&recorder, f);
    lines(&recorder)
}

pub(crate) fn lines(recorder: &DebuggingRecorder) -> Vec<String> {
    let told = recorder.snapshotter().snapshot().into_vec().into_iter();
    told.map(|(key, _, _, value)| {
        let key = key.key();
        let labels = key
            .labels()
            .map(|label| format!(" {}={}", label.key(), label.value()));
        let value = match value {
            DebugValue::Counter(count) => count.to_string(),
            DebugValue::Gauge(gauge) => format!("{gauge}"),
            DebugValue::Histogram(times) => format!("{times:?}"),
        };
        format!("{}{} {value}", key.name(), labels.collect::<String>())
    })
    .collect()
}

/// Whether all of these were told.
pub(crate) fn has(told: &[String], lines: &[&str]) {
    for line in lines {
        assert!(told.iter().any(|one| one == line), "{line}: {told:#?}");
    }
}
