//! The scripts, as they stand in `scripts/`, and what they are sent with.

use std::sync::LazyLock;
use std::time::Duration;

use redis::Script;

use crate::engine::{Id, Message, Verb};
use crate::key::Slot;
use crate::seeds::planted;
use crate::settings::Settings;

/// Every script begins with it. Where the client does not say which run of the server it takes this
/// for, the server is asked.
const PRELUDE: &str = include_str!("scripts/prelude.lua");

impl Verb {
    /// Known by its digest, and sent in full where the server does not know it.
    pub(crate) fn script(self) -> &'static Script {
        static SCRIPTS: LazyLock<[Script; 6]> = LazyLock::new(|| {
            [
                (Verb::Join, include_str!("scripts/join.lua")),
                (Verb::Land, include_str!("scripts/land.lua")),
                (Verb::Look, include_str!("scripts/look.lua")),
                (Verb::Renew, include_str!("scripts/renew.lua")),
                (Verb::Abandon, include_str!("scripts/abandon.lua")),
                (Verb::Forget, include_str!("scripts/forget.lua")),
            ]
            .map(|(verb, body)| Script::new(&format!("{PRELUDE}{}", planted_in(verb, body))))
        });
        &SCRIPTS[self as usize]
    }
}

/// What answers with the run of the server.
pub(crate) fn ask_the_run() -> String {
    let answer = if planted("any-run") { "'any'" } else { "run" };
    format!("{PRELUDE}return {answer}")
}

fn planted_in(verb: Verb, body: &str) -> String {
    let (sound, planted) = match verb {
        Verb::Land if planted("land-without-compare") => (
            "if l[1] ~= ARGV[2] or l[2] ~= run then",
            "if #redis.call('HKEYS', KEYS[1]) == 0 then",
        ),
        Verb::Join | Verb::Forget if planted("no-marks") => {
            ("== 1 then return {3} end", "== 2 then return {3} end")
        }
        Verb::Renew if planted("renew-when-stalled") => (
            "return {0} end",
            "redis.call('DEL', KEYS[1]) redis.call('HSET', KEYS[1], 'id', ARGV[2], 'run', run, 'tok', 1, 'fails', 0) end",
        ),
        _ => return body.to_owned(),
    };
    body.replace(sound, planted)
}

/// JOIN under the last of these ids. The others are those of the sends before.
pub(crate) fn join(slot: &Slot, ids: &[Id], inbox: &[u8], waits: bool, how: &Settings) -> Message {
    let (id, earlier) = ids.split_last().expect("a JOIN has an id");
    let args = vec![
        id.to_vec(),
        inbox.to_vec(),
        millis(how.lease),
        flag(waits),
        millis(how.marks()),
    ];
    let keys = vec![slot.lease(), slot.marks()];
    with_ids(Verb::Join, keys, args, earlier)
}

pub(crate) fn land(slot: &Slot, id: Id, payload: Vec<u8>, keep: Duration) -> Message {
    Message {
        verb: Verb::Land,
        keys: vec![slot.lease(), slot.result(&id)],
        args: vec![id.to_vec(), payload, millis(keep)],
    }
}

pub(crate) fn look(slot: &Slot, id: Id, inbox: &[u8]) -> Message {
    Message {
        verb: Verb::Look,
        keys: vec![slot.lease(), slot.result(&id)],
        args: vec![id.to_vec(), inbox.to_vec()],
    }
}

/// `end`: milliseconds of the server's time.
pub(crate) fn renew(slot: &Slot, id: Id, end: i64) -> Message {
    Message {
        verb: Verb::Renew,
        keys: vec![slot.lease()],
        args: vec![id.to_vec(), end.to_string().into_bytes()],
    }
}

/// Why a lease is given up.
#[derive(Clone, Copy)]
pub(crate) enum Why {
    /// Its caller is gone.
    Dropped,
    /// The work failed; callers of this process may wait still.
    Failed { others_wait: bool },
}

/// ABANDON of whichever lease has one of these ids; of the last, if a result is looked for.
pub(crate) fn abandon(slot: &Slot, ids: &[Id], why: Why, how: &Settings) -> Message {
    let id = ids.last().expect("a JOIN has an id");
    let (failed, others_wait) = match why {
        Why::Dropped => (false, false),
        Why::Failed { others_wait } => (true, others_wait),
    };
    // A JOIN that is sent again was not answered, so that a late copy of it may come.
    let marks = if ids.len() > 1 {
        how.marks()
    } else {
        Duration::ZERO
    };
    let args = vec![
        flag(failed),
        how.max_failures.to_string().into_bytes(),
        millis(how.keep),
        millis(marks),
        flag(others_wait),
    ];
    let keys = vec![slot.lease(), slot.result(id), slot.marks()];
    with_ids(Verb::Abandon, keys, args, ids)
}

/// FORGET under the last of these ids. The others are those of the sends before.
pub(crate) fn forget(slot: &Slot, ids: &[Id], how: &Settings) -> Message {
    let (id, earlier) = ids.split_last().expect("a FORGET has an id");
    let keys = vec![slot.lease(), slot.marks()];
    let args = vec![id.to_vec(), millis(how.marks())];
    with_ids(Verb::Forget, keys, args, earlier)
}

fn with_ids(verb: Verb, keys: Vec<Vec<u8>>, mut args: Vec<Vec<u8>>, ids: &[Id]) -> Message {
    args.extend(ids.iter().map(|id| id.to_vec()));
    Message { verb, keys, args }
}

fn flag(flag: bool) -> Vec<u8> {
    if flag { b"1".to_vec() } else { b"0".to_vec() }
}

fn millis(duration: Duration) -> Vec<u8> {
    duration.as_millis().to_string().into_bytes()
}
