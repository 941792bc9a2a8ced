//! The feature sets of the core, each of which is checked by itself.

/// The feature sets of the core that are checked one by one. A build of the workspace
/// unifies features, so it says nothing about the core without `std`.
pub(crate) const FEATURE_SETS: [&str; 6] = [
    "",
    "std",
    "critical-section",
    "critical-section,std",
    "portable-atomic",
    "tracing",
];

/// The layers that tell the facade `metrics` what they do, if they are asked to.
pub(crate) const METERED: &str = "-p singleflight-cache -p singleflight-tower \
     --features singleflight-cache/metrics,singleflight-tower/metrics";

/// Returns the options that build the core alone with these features.
pub(crate) fn core_with(features: &str) -> String {
    match features {
        "" => "-p singleflight-core".to_owned(),
        _ => format!("-p singleflight-core --features {features}"),
    }
}
