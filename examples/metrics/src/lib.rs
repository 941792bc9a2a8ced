//! How the counts of groups reach those who watch a service.
//!
//! A group counts what it does anyway. So nothing is counted a second time, and a call costs nothing
//! more: [`Groups`] reads [`Stats`](singleflight_tokio::Stats) when it is asked to, by
//! [Prometheus](prometheus), [OpenTelemetry](otel) or the facade [`metrics`](facade). What links spans across processes is in
//! [`traces`].

pub mod facade;
pub mod groups;
pub mod names;
pub mod otel;
pub mod prometheus;
pub mod traces;

pub use groups::Groups;
