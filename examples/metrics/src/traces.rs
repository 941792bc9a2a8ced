//! Links across processes: what `singleflight_redis` carries of a trace, by OpenTelemetry.

use opentelemetry::trace::{
    SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState,
};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// For `singleflight_redis::Builder::traceparent`: where this task is traced. In a work of a group with
/// the feature `tracing`, that is the execution's own span.
pub fn tell() -> Option<String> {
    let context = Span::current().context();
    let span = context.span().span_context().clone();
    let (trace, own, flags) = (span.trace_id(), span.span_id(), span.trace_flags().to_u8());
    span.is_valid()
        .then(|| format!("00-{trace}-{own}-{flags:02x}"))
}

/// For `singleflight_redis::Outcome::traceparent`: links the current span to the execution, wherever it
/// ran.
pub fn link(traceparent: &str) {
    if let Some(execution) = read(traceparent) {
        Span::current().add_link(execution);
    }
}

/// Its form was checked already.
fn read(traceparent: &str) -> Option<SpanContext> {
    let mut parts = traceparent.split('-').skip(1);
    let trace = TraceId::from_hex(parts.next()?).ok()?;
    let span = SpanId::from_hex(parts.next()?).ok()?;
    let flags = u8::from_str_radix(parts.next()?, 16).ok()?;
    let flags = TraceFlags::new(flags);
    Some(SpanContext::new(trace, span, flags, true, TraceState::NONE))
}
