//! What can happen, and how it reads.

use std::fmt;

/// One step of a case. Parties are named by numbers that the case chooses, so that a step
/// means the same when others are left out.
#[derive(Clone, PartialEq)]
pub(crate) enum Step {
    /// A party comes, and its work is told what to do.
    Come(usize, Kind, Plan),
    /// It is polled, woken or not; perhaps in another place than before.
    Poll {
        party: usize,
        elsewhere: bool,
    },
    /// Everyone who is due is polled, until nobody is.
    Settle(Order),
    /// What its work is going to do.
    Decide(usize, Plan),
    /// Its deadline comes.
    Expire(usize),
    Drop(usize),
    /// A leader in hand lands its flight.
    Complete(usize, Plan),
    /// A leader in hand runs a work, which may keep its errors.
    Lead {
        party: usize,
        keeps: bool,
    },
    /// A leader in hand runs a work without waiting for anything.
    LeadNow(usize, Plan),
    /// A leader in hand has failed.
    Fail(usize),
    /// A leader in hand hands over.
    HandOver(usize),
    /// A leader in hand lets nobody join any more.
    CloseToNewcomers(usize),
    /// A leader in hand ends its flight if nobody waits for it.
    CloseIfAlone(usize),
    /// A follower in hand waits on without work.
    Disarm(usize),
    /// A follower in hand waits for no time at all.
    WaitNow(usize),
    /// A thread is run, now that it does not have to wait.
    Run(usize),
    /// The group is drained in no time at all.
    DrainNow,
    Forget(u8),
    ForgetUnshared(u8),
    ForgetAll,
    Close,
    /// Time passes.
    Tick(u64),
    /// Everything in flight is listed.
    List,
}

/// Who comes.
#[derive(Clone, PartialEq)]
pub(crate) enum Kind {
    Call(Call),
    /// A batch; its work may fail as a whole.
    Many(Many),
    /// The handles that a front end is made from.
    Raw(u8),
    /// A spawned call, to run in a task or on a thread. Its handle is the party with the next
    /// number.
    Spawned(Spawned),
    /// The handle of a spawned call, which is that party.
    Handle(usize),
    /// Waits until nothing is in flight.
    Drain,
}

/// A batch.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Many {
    pub(crate) keys: Vec<u8>,
    /// Its work may fail as a whole.
    pub(crate) tries: bool,
    pub(crate) is_fenced: bool,
    pub(crate) is_limited: bool,
}

/// A spawned call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spawned {
    pub(crate) key: u8,
    pub(crate) runs: Runs,
    pub(crate) on: On,
    pub(crate) fails: Fails,
}

/// For how long a spawned call runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Runs {
    ToItsEnd,
    WhileWanted,
}

/// What becomes of an `Err` that a work returns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fails {
    /// It is a value as any other, and shared.
    Shares,
    /// It is no value, and stays with its caller, as by `try_run`.
    Keeps,
    /// It is a value that the call does not share, as by `share_if`.
    Withholds,
}

/// What a spawned call runs on. Its thread is the test's own, and so must not have to wait.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum On {
    Task,
    Thread,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Call {
    pub(crate) key: u8,
    /// The key is given as a borrow.
    pub(crate) borrowed: bool,
    pub(crate) fails: Fails,
    pub(crate) form: Form,
}

/// By which entry point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Form {
    /// `run` or `try_run`.
    Bare,
    /// `run_outcome` or `try_run_outcome`.
    Outcome,
    Fenced,
    Limited,
    FencedLimited,
    /// `lead` or `try_lead`, of a party that led already.
    Lead,
}

impl Form {
    pub(crate) fn is_fenced(self) -> bool {
        matches!(self, Self::Fenced | Self::FencedLimited)
    }

    pub(crate) fn is_limited(self) -> bool {
        matches!(self, Self::Limited | Self::FencedLimited)
    }
}

/// What a work does when it is polled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Plan {
    Wait,
    Land,
    /// Lands, but calls for its own key first.
    LandNested,
    /// Of a batch: leaves out the first key.
    LandSome,
    /// Of a batch: returns everything twice, and a key that it was not given.
    LandMore,
    Fail,
    /// As it is made, or if it has been, as it is polled.
    PanicMaking,
    PanicPolling,
    /// Returns a value, but its future panics as it is dropped. It does so too if it is
    /// dropped before.
    PanicDropping,
}

impl Plan {
    /// Whether the work returns something.
    pub(crate) fn is_return(self) -> bool {
        !matches!(
            self,
            Self::Wait | Self::PanicMaking | Self::PanicPolling | Self::PanicDropping
        )
    }
}

/// In which order those who are due are polled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Order {
    OldestFirst,
    NewestFirst,
    /// From this party on, then those before it.
    From(usize),
}

impl Order {
    pub(crate) fn sort(self, parties: &mut [usize]) {
        match self {
            Self::OldestFirst => parties.sort_unstable(),
            Self::NewestFirst => parties.sort_unstable_by_key(|party| usize::MAX - party),
            Self::From(first) => parties.sort_unstable_by_key(|party| (*party < first, *party)),
        }
    }
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Come(party, kind, plan) => {
                write!(f, "make party {party}: {kind:?}")?;
                if *plan != Plan::Wait {
                    write!(f, ", told to {plan:?}")?;
                }
                if let Kind::Spawned(_) = kind {
                    write!(f, ", with party {} as its handle", party + 1)?;
                }
                Ok(())
            }
            Self::Poll { party, elsewhere } => {
                let place = if *elsewhere { " in another place" } else { "" };
                write!(f, "poll party {party}{place}")
            }
            Self::Settle(order) => write!(f, "run until idle, {order:?}"),
            Self::Decide(party, plan) => write!(f, "tell the work of party {party} to {plan:?}"),
            Self::Expire(party) => write!(f, "let the time of party {party} be over"),
            Self::Drop(party) => write!(f, "drop party {party}"),
            Self::Complete(party, plan) => write!(f, "party {party} completes: {plan:?}"),
            Self::Lead { party, keeps } => {
                let keeping = if *keeps { ", keeping errors" } else { "" };
                write!(f, "party {party} is going to run its work{keeping}")
            }
            Self::LeadNow(party, plan) => {
                write!(f, "party {party} runs a work at once, to {plan:?}")
            }
            Self::Fail(party) => write!(f, "party {party} has failed"),
            Self::HandOver(party) => write!(f, "party {party} hands over"),
            Self::CloseToNewcomers(party) => write!(f, "party {party} lets nobody join"),
            Self::CloseIfAlone(party) => write!(f, "party {party} ends its flight if alone"),
            Self::Disarm(party) => write!(f, "party {party} is without work"),
            Self::WaitNow(party) => write!(f, "party {party} waits for no time at all"),
            Self::Run(party) => write!(f, "run the thread of party {party}"),
            Self::DrainNow => write!(f, "drain the group in no time at all"),
            Self::Forget(key) => write!(f, "forget key {key}"),
            Self::ForgetUnshared(key) => write!(f, "forget key {key} if it is unshared"),
            Self::ForgetAll => write!(f, "forget all"),
            Self::Close => write!(f, "close the group"),
            Self::Tick(ticks) => write!(f, "{ticks} ticks pass"),
            Self::List => write!(f, "list what is in flight"),
        }
    }
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(call) => {
                write!(f, "{:?} call for key {}", call.form, call.key)?;
                if call.borrowed {
                    write!(f, ", borrowed")?;
                }
                fails(f, call.fails)
            }
            Self::Many(many) => {
                write!(f, "batch for keys {:?}", many.keys)?;
                for (is, what) in [
                    (many.tries, ", which may fail"),
                    (many.is_fenced, ", fenced"),
                    (many.is_limited, ", limited"),
                ] {
                    if is {
                        f.write_str(what)?;
                    }
                }
                Ok(())
            }
            Self::Raw(key) => write!(f, "join of key {key}"),
            Self::Spawned(call) => {
                write!(
                    f,
                    "{:?} for key {}, runs {:?}",
                    call.on, call.key, call.runs
                )?;
                fails(f, call.fails)
            }
            Self::Handle(task) => write!(f, "handle of party {task}"),
            Self::Drain => write!(f, "wait for the group to be drained"),
        }
    }
}

fn fails(f: &mut fmt::Formatter<'_>, fails: Fails) -> fmt::Result {
    match fails {
        Fails::Shares => Ok(()),
        Fails::Keeps => f.write_str(", keeping errors"),
        Fails::Withholds => f.write_str(", not sharing errors"),
    }
}
