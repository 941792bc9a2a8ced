//! The scripts, as they stand in `scripts/`, and how they are made of their parts.

use redis::Script;

use crate::engine::Verb;
use crate::seeds::planted;

const PRELUDE: &str = include_str!("scripts/prelude.lua");
/// In a cluster the server itself says which of its runs this is.
const RUN_ID: &str = include_str!("scripts/run_id.lua");

/// All six, loaded by their digest and sent in full where the server does not know them.
pub(crate) struct Scripts([Script; 6]);

const VERBS: [Verb; 6] = [
    Verb::Join,
    Verb::Land,
    Verb::Look,
    Verb::Renew,
    Verb::Abandon,
    Verb::Forget,
];

impl Scripts {
    pub(crate) fn new(asks_the_server: bool) -> Self {
        Self(VERBS.map(|verb| Script::new(&source(verb, asks_the_server))))
    }

    pub(crate) fn of(&self, verb: Verb) -> &Script {
        &self.0[verb as usize]
    }
}

/// What holds a lease against the flight that it should be of.
const COMPARE: &str = "if l[1] ~= ARGV[2] or l[2] ~= run then";

fn source(verb: Verb, asks_the_server: bool) -> String {
    let run = if asks_the_server { RUN_ID } else { "" };
    format!("{PRELUDE}{run}{}", body(verb))
}

fn body(verb: Verb) -> String {
    let body = match verb {
        Verb::Join => include_str!("scripts/join.lua"),
        Verb::Land => include_str!("scripts/land.lua"),
        Verb::Look => include_str!("scripts/look.lua"),
        Verb::Renew => include_str!("scripts/renew.lua"),
        Verb::Abandon => include_str!("scripts/abandon.lua"),
        Verb::Forget => include_str!("scripts/forget.lua"),
    };
    match verb {
        Verb::Land if planted("land-without-compare") => {
            body.replace(COMPARE, "if #redis.call('HKEYS', KEYS[1]) == 0 then")
        }
        Verb::Join | Verb::Forget if planted("no-marks") => body.replace("== 1 then return {3} end", "== 2 then return {3} end"),
        Verb::Renew if planted("renew-when-stalled") => body.replace(
            "return {0} end",
            "redis.call('DEL', KEYS[1]) redis.call('HSET', KEYS[1], 'id', ARGV[2], 'run', run, 'tok', 1, 'fails', 0) end",
        ),
        _ => body.to_owned(),
    }
}
