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

/// The workspace, and what the layers have beside their defaults. Each other choice of packages or of
/// features would build what they depend on anew. Without `tracing`, which the core would have as well.
pub(crate) const WORKSPACE: &str = "--workspace --features \
     singleflight-cache/metrics,singleflight-cache/serde,singleflight-redis/cache,\
     singleflight-redis/cluster,singleflight-redis/hash-keys,singleflight-redis/metrics,\
     singleflight-redis/postcard,singleflight-redis/sentinel,singleflight-redis/serde-json,\
     singleflight-redis/smol,singleflight-tower/metrics";

/// Returns the options that build the core alone with these features.
pub(crate) fn core_with(features: &str) -> String {
    match features {
        "" => "-p singleflight-core".to_owned(),
        _ => format!("-p singleflight-core --features {features}"),
    }
}
