//! Bugs that are planted by name, to see the arena catch them.

use std::env::var;
use std::sync::LazyLock;

use crate::verb::Verb;

/// Whether the bug of this name is planted.
pub(crate) fn planted(name: &str) -> bool {
    static PLANTED: LazyLock<Option<String>> = LazyLock::new(|| var("SINGLEFLIGHT_SEED").ok());
    PLANTED.as_deref() == Some(name)
}

/// A script, with what is planted in it.
pub(crate) fn with_bugs(verb: Verb, body: &str) -> String {
    let (sound, planted) = match verb {
        Verb::Land if planted("land-without-compare") => (
            "if l[1] ~= ARGV[2] or l[2] ~= run then",
            "if #redis.call('HKEYS', KEYS[1]) == 0 then",
        ),
        Verb::Join | Verb::Forget if planted("no-marks") => {
            ("== 1 then return answer(3)", "== 2 then return answer(3)")
        }
        Verb::Renew if planted("renew-when-stalled") => (
            "return answer(0) end",
            "redis.call('DEL', KEYS[1]) redis.call('HSET', KEYS[1], 'id', ARGV[2], 'run', run, 'tok', 1, 'fails', 0) end",
        ),
        _ => return body.to_owned(),
    };
    body.replace(sound, planted)
}
