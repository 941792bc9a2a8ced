//! What happened, as lines: each process appends its own to a file, one `write` for each, so that
//! what it wrote survives it. Stamps are of one clock for all processes of a machine.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;
use std::str::FromStr;

use rustix::time::{ClockId, clock_gettime};

/// One line.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "this workspace alone reads it")]
pub struct Event {
    /// Nanoseconds of the machine's monotonic clock.
    pub at: u64,
    /// What happened.
    pub what: What,
}

/// What may happen. Calls, executions and forgets are numbered, across all processes.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "this workspace alone reads it")]
pub enum What {
    /// A call begins.
    Call {
        /// Its number.
        call: u64,
        /// Its key.
        key: u64,
    },
    /// A call is answered with a value.
    Answer {
        /// The call.
        call: u64,
        /// The execution whose value it is.
        execution: u64,
        /// The key that the value was made for.
        key: u64,
        /// What the call was told.
        end: End,
        /// Whether the call says that it ran the work.
        is_leader: bool,
    },
    /// A call ends without a value: an error, or its caller dropped it.
    NoAnswer {
        /// The call.
        call: u64,
        /// Which error, in a word.
        why: String,
    },
    /// A work begins.
    Begin {
        /// The execution.
        execution: u64,
        /// Its key.
        key: u64,
        /// Its fencing token; none for one that runs alone.
        token: Option<u64>,
    },
    /// A work has ended, or was dropped.
    Finish {
        /// The execution.
        execution: u64,
    },
    /// A key is about to be forgotten.
    Forget {
        /// The number of the forget.
        forget: u64,
        /// The key.
        key: u64,
    },
    /// It was confirmed.
    Forgotten {
        /// The number of the forget.
        forget: u64,
    },
    /// Something was done to the processes or the server, from the stamp on.
    Cause {
        /// What.
        cause: Cause,
        /// Until when.
        until: u64,
        /// The process, for what concerns one.
        process: u64,
    },
}

/// How the lease of an answer ended, as the call was told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "this workspace alone reads it")]
pub enum End {
    /// Held to the end.
    Landed,
    /// Lost, or forgotten.
    Lost,
    /// Redis did not say.
    Unknown,
    /// The work ran without one.
    Alone,
}

/// What can be done to processes and servers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "this workspace alone reads it")]
pub enum Cause {
    /// A process was killed.
    Kill,
    /// A process was stopped, or was not given the processor.
    Stop,
    /// The server stalled, or was cut off from everybody.
    Stall,
    /// Connections were cut.
    Cut,
    /// The server lost what it knew: flushed, restarted, failed over.
    Wipe,
}

/// Returns the stamp of this moment.
#[must_use]
pub fn now() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    let (seconds, nanos) = (time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs());
    seconds * 1_000_000_000 + nanos
}

impl Event {
    fn line(&self) -> String {
        let at = self.at;
        match &self.what {
            What::Call { call, key } => format!("{at} call {call} {key}\n"),
            What::Answer {
                call,
                execution,
                key,
                end,
                is_leader,
            } => {
                let leader = u8::from(*is_leader);
                format!(
                    "{at} answer {call} {execution} {key} {} {leader}\n",
                    *end as u8
                )
            }
            What::NoAnswer { call, why } => format!("{at} none {call} {why}\n"),
            What::Begin {
                execution,
                key,
                token,
            } => {
                format!("{at} begin {execution} {key} {}\n", token.unwrap_or(0))
            }
            What::Finish { execution } => format!("{at} finish {execution}\n"),
            What::Forget { forget, key } => format!("{at} forget {forget} {key}\n"),
            What::Forgotten { forget } => format!("{at} forgotten {forget}\n"),
            What::Cause {
                cause,
                until,
                process,
            } => {
                format!("{at} cause {} {until} {process}\n", *cause as u8)
            }
        }
    }
}

impl FromStr for Event {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        parse(line).ok_or_else(|| format!("not a line of a history: `{line}`"))
    }
}

fn parse(line: &str) -> Option<Event> {
    let mut words = line.split(' ');
    let at = words.next()?.parse().ok()?;
    let kind = words.next()?;
    let mut number = || words.next()?.parse::<u64>().ok();
    let what = match kind {
        "call" => What::Call {
            call: number()?,
            key: number()?,
        },
        "answer" => What::Answer {
            call: number()?,
            execution: number()?,
            key: number()?,
            end: *[End::Landed, End::Lost, End::Unknown, End::Alone]
                .get(usize::try_from(number()?).ok()?)?,
            is_leader: number()? == 1,
        },
        "none" => What::NoAnswer {
            call: number()?,
            why: words.next()?.to_owned(),
        },
        "begin" => What::Begin {
            execution: number()?,
            key: number()?,
            token: number().map(|token| (token != 0).then_some(token))?,
        },
        "finish" => What::Finish {
            execution: number()?,
        },
        "forget" => What::Forget {
            forget: number()?,
            key: number()?,
        },
        "forgotten" => What::Forgotten { forget: number()? },
        "cause" => What::Cause {
            cause: *[
                Cause::Kill,
                Cause::Stop,
                Cause::Stall,
                Cause::Cut,
                Cause::Wipe,
            ]
            .get(usize::try_from(number()?).ok()?)?,
            until: number()?,
            process: number()?,
        },
        _ => return None,
    };
    Some(Event { at, what })
}

/// Appends to one file.
#[derive(Debug)]
pub struct Writer(File);

impl Writer {
    /// Opens the file of one process.
    ///
    /// # Errors
    ///
    /// If it cannot be opened.
    pub fn append(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        Ok(Self(file))
    }

    /// Writes what happens now, in one piece.
    ///
    /// # Panics
    ///
    /// If it cannot be written: a history with holes shows nothing.
    pub fn write(&self, what: What) {
        let event = Event { at: now(), what };
        self.write_event(&event);
    }

    /// Writes what happened at its stamp.
    ///
    /// # Panics
    ///
    /// As [`write`](Self::write).
    pub fn write_event(&self, event: &Event) {
        let line = event.line();
        (&self.0)
            .write_all(line.as_bytes())
            .expect("the history can be written");
    }
}

/// Reads the files of a directory as one history. A last line without its end is of a writer that
/// was killed, and is left out.
///
/// # Errors
///
/// If a file cannot be read, or a line is none.
pub fn read(directory: &Path) -> io::Result<Vec<Event>> {
    let mut events = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.extension().is_none_or(|ending| ending != "history") {
            continue;
        }
        let text = fs::read_to_string(&path)?;
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        for line in text[..whole].lines() {
            events.push(line.parse().map_err(io::Error::other)?);
        }
    }
    events.sort_by_key(|event: &Event| event.at);
    Ok(events)
}
