//! How the counts of groups reach those who watch a service.
//!
//! A group counts what it does anyway, and `singleflight-metrics` reads that when it is asked to. By the
//! facade `metrics` any exporter of its ecosystem tells it: [`scraped`] is Prometheus's. Those who have no
//! use for the facade take the numbers themselves: [`direct`] writes them for Prometheus, [`otel`] gives
//! them to OpenTelemetry. What links spans across processes is in [`traces`].

pub mod direct;
pub mod otel;
pub mod scraped;
pub mod traces;
