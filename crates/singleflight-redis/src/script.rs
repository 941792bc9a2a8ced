//! The scripts, as they stand in `scripts/`, and what they are sent with.

use std::sync::LazyLock;
use std::time::Duration;

use redis::Script;

use crate::engine::{Id, Message, Verb};
use crate::key::Slot;
use crate::seeds::{planted, with_bugs};
use crate::settings::Settings;

/// Every script begins with it. Where the client does not say which run of the server it takes this
/// for, the server is asked.
const PRELUDE: &str = include_str!("scripts/prelude.lua");

impl Verb {
    /// Known by its digest, and sent in full where the server does not know it.
    pub(crate) fn script(self) -> &'static (Script, String) {
        static SCRIPTS: LazyLock<[(Script, String); 6]> = LazyLock::new(|| {
            [
                ("join", include_str!("scripts/join.lua")),
                ("land", include_str!("scripts/land.lua")),
                ("look", include_str!("scripts/look.lua")),
                ("renew", include_str!("scripts/renew.lua")),
                ("abandon", include_str!("scripts/abandon.lua")),
                ("forget", include_str!("scripts/forget.lua")),
            ]
            .map(|(name, body)| {
                let text = format!("{PRELUDE}{}", with_bugs(name, body));
                (Script::new(&text), text)
            })
        });
        &SCRIPTS[self as usize]
    }
}

/// What answers with the run of the server.
pub(crate) fn ask_the_run() -> String {
    let answer = if planted("any-run") { "'any'" } else { "run" };
    format!("{PRELUDE}return {answer}")
}

/// JOIN under the last of these ids. The others are those of the sends before. `resends`: the client
/// may send it again under the same id.
pub(crate) fn join(
    slot: &Slot,
    ids: &[Id],
    resends: bool,
    inbox: &[u8],
    waits: bool,
    traceparent: &str,
    how: &Settings,
) -> Message {
    let (id, marks) = marked(ids, resends);
    Message::new(Verb::Join, &[slot.lease(), slot.marks()])
        .arg(id)
        .arg(inbox)
        .millis(how.lease)
        .shown(format_args!("{}{traceparent}", u8::from(waits)))
        .millis(how.marks())
        .args(marks)
}

pub(crate) fn land(slot: &Slot, id: &Id, payload: &[u8], keep: Duration) -> Message {
    let message = Message::new(Verb::Land, &[slot.lease(), slot.result(id)]);
    message.arg(id).arg(payload).millis(keep)
}

pub(crate) fn look(slot: &Slot, id: &Id, inbox: &[u8]) -> Message {
    let message = Message::new(Verb::Look, &[slot.lease(), slot.result(id)]);
    message.arg(id).arg(inbox)
}

/// `end`: by the server's clock.
pub(crate) fn renew(slot: &Slot, id: &Id, end: Duration) -> Message {
    Message::new(Verb::Renew, &[slot.lease()])
        .arg(id)
        .millis(end)
}

/// ABANDON of whichever lease has one of these ids. What it may have left stands under the last.
/// `is_late`: a JOIN under one of them may come later, and is to find its mark. `failed`: the work did,
/// which has to be counted; and whether callers of this process wait still.
pub(crate) fn abandon(
    slot: &Slot,
    ids: &[Id],
    is_late: bool,
    failed: Option<bool>,
    how: &Settings,
) -> Message {
    let id = ids.last().expect("a JOIN has an id");
    let marks = if is_late { how.marks() } else { Duration::ZERO };
    Message::new(
        Verb::Abandon,
        &[slot.lease(), slot.result(id), slot.marks()],
    )
    .flag(failed.is_some())
    .shown(how.max_failures)
    .millis(how.keep)
    .millis(marks)
    .flag(failed == Some(true))
    .args(ids)
}

/// FORGET under the last of these ids. The others are those of the sends before. `resends`: the client
/// may send it again under the same id.
pub(crate) fn forget(slot: &Slot, ids: &[Id], resends: bool, how: &Settings) -> Message {
    let (id, marks) = marked(ids, resends);
    let message = Message::new(Verb::Forget, &[slot.lease(), slot.marks()]);
    message.arg(id).millis(how.marks()).args(marks)
}

/// The id of this send, and those under which a late copy may come.
fn marked(ids: &[Id], resends: bool) -> (&Id, &[Id]) {
    let (id, earlier) = ids.split_last().expect("each send has an id");
    (id, if resends { ids } else { earlier })
}

impl Message {
    fn args(self, ids: &[Id]) -> Self {
        ids.iter().fold(self, Self::arg)
    }

    fn flag(self, flag: bool) -> Self {
        self.shown(u8::from(flag))
    }

    fn millis(self, duration: Duration) -> Self {
        self.shown(duration.as_millis())
    }
}
