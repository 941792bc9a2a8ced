//! Bugs that are planted by name, to see the arena catch them.

use std::env::var;
use std::sync::LazyLock;

/// Whether the bug of this name is planted.
pub(crate) fn planted(name: &str) -> bool {
    static PLANTED: LazyLock<Option<String>> = LazyLock::new(|| var("SINGLEFLIGHT_SEED").ok());
    PLANTED.as_deref() == Some(name)
}

/// A script, with what is planted in it.
pub(crate) fn with_bugs(name: &str, body: &str) -> String {
    let (sound, planted) = match name {
        "land" if planted("land-without-compare") => (
            "if l[1] ~= ARGV[2] or l[2] ~= run then",
            "if #redis.call('HKEYS', KEYS[1]) == 0 then",
        ),
        "join" | "forget" if planted("no-marks") => {
            ("== 1 then return {3}", "== 2 then return {3}")
        }
        "renew" if planted("renew-when-stalled") => (
            "return {0} end",
            "redis.call('DEL', KEYS[1]) redis.call('HSET', KEYS[1], 'id', ARGV[2], 'run', run, 'tok', 1, 'fails', 0) end",
        ),
        _ => return body.to_owned(),
    };
    body.replace(sound, planted)
}
