//! A history, sorted so that everything is found by its name.

use std::ops::Range;

use crate::clock::Stamp;
use crate::history::{Call, Closing, Ending, Execution, History, Question, Retirement};

pub(super) struct Index {
    /// By `begin`, then key.
    pub(super) calls: Vec<Call>,
    /// By key, then `begin`.
    pub(super) executions: Vec<Execution>,
    /// Beside each execution: from when on no call that begins may be answered from it.
    pub(super) over: Vec<Stamp>,
    pub(super) questions: Vec<Question>,
    pub(super) closing: Option<Closing>,
    /// The call, the key and the place of each execution, sorted.
    own: Vec<(Stamp, u64, usize)>,
    retirements: Retirements,
}

impl Index {
    pub(super) fn new(history: History) -> Self {
        let History {
            mut calls,
            mut executions,
            retirements,
            questions,
            closing,
            ..
        } = history;
        calls.sort_unstable_by_key(|call| (call.begin, call.order.key));
        executions.sort_unstable_by_key(|execution| (execution.key, execution.begin));
        let mut own: Vec<_> = executions
            .iter()
            .enumerate()
            .map(|(at, execution)| (execution.call, execution.key, at))
            .collect();
        own.sort_unstable();
        let mut index = Self {
            own,
            over: vec![Stamp::MAX; executions.len()],
            calls,
            executions,
            questions,
            closing,
            retirements: Retirements::new(retirements),
        };
        index.note_receipts();
        index.note_retirements();
        index.note_successors();
        index
    }

    /// Finds an execution by its name.
    pub(super) fn execution(&self, key: u64, begin: Stamp) -> Option<usize> {
        let name = (key, begin);
        self.executions
            .binary_search_by_key(&name, |execution| (execution.key, execution.begin))
            .ok()
    }

    /// Finds a call by its name.
    pub(super) fn call(&self, key: u64, begin: Stamp) -> Option<&Call> {
        let name = (begin, key);
        let at = self
            .calls
            .binary_search_by_key(&name, |call| (call.begin, call.order.key));
        at.ok().map(|at| &self.calls[at])
    }

    /// Finds the execution whose result a call got.
    pub(super) fn received(&self, call: &Call) -> Option<usize> {
        let begin = match &call.ending {
            Ending::Answered(told) => told.execution,
            Ending::Failed(execution)
            | Ending::Thrown(execution)
            | Ending::Panicked(Some(execution)) => *execution,
            _ => return None,
        };
        self.execution(call.order.key, begin)
    }

    /// The executions of a call's own works for its key.
    pub(super) fn own(&self, call: &Call) -> impl Iterator<Item = &Execution> {
        let name = (call.begin, call.order.key);
        let from = self
            .own
            .partition_point(|(call, key, _)| (*call, *key) < name);
        let own = self.own[from..].iter();
        own.take_while(move |(call, key, _)| (*call, *key) == name)
            .map(|(_, _, at)| &self.executions[*at])
    }

    /// The executions of a key that began before a moment, the last first.
    pub(super) fn begun_before(&self, key: u64, moment: Stamp) -> impl Iterator<Item = &Execution> {
        let to = self
            .executions
            .partition_point(|one| (one.key, one.begin) < (key, moment));
        let before = self.executions[..to].iter().rev();
        before.take_while(move |one| one.key == key)
    }

    /// Whether one of the works of a call began at this moment, for whatever key.
    pub(super) fn has_begun(&self, call: Stamp, begin: Stamp) -> bool {
        let from = self.own.partition_point(|(of, _, _)| *of < call);
        let own = self.own[from..].iter();
        own.take_while(|(of, _, _)| *of == call)
            .any(|(_, _, at)| self.executions[*at].begin == begin)
    }

    /// The executions of each key.
    pub(super) fn by_key(&self) -> impl Iterator<Item = Range<usize>> + '_ {
        let mut from = 0;
        self.executions
            .chunk_by(|a, b| a.key == b.key)
            .map(move |chunk| {
                let range = from..from + chunk.len();
                from = range.end;
                range
            })
    }

    /// Whether flights of a key may have been retired at a moment after `after` and before
    /// `before`.
    pub(super) fn may_be_retired(&self, key: u64, after: Stamp, before: Stamp) -> bool {
        self.retirements.may_be(key, after, before)
    }

    /// Whether flights of a key were retired from beginning to end between two moments.
    pub(super) fn is_retired(&self, key: u64, after: Stamp, before: Stamp) -> bool {
        self.retirements.first_end(key, after) < before
    }

    /// A result that a call has is not for calls that begin later (P2).
    fn note_receipts(&mut self) {
        for at in 0..self.calls.len() {
            let call = &self.calls[at];
            if let Some(execution) = self.received(call) {
                let over = &mut self.over[execution];
                *over = (*over).min(call.end);
            }
        }
    }

    /// A flight that was retired is for those who came before.
    fn note_retirements(&mut self) {
        for (execution, over) in self.executions.iter().zip(&mut self.over) {
            let retired = self.retirements.first_end(execution.key, execution.begin);
            *over = (*over).min(retired);
        }
    }

    /// Where a caller that came after an execution was over has begun one of its own, the
    /// first can be joined no more, whoever has its result.
    fn note_successors(&mut self) {
        let ranges: Vec<_> = self.by_key().collect();
        for range in ranges {
            let executions = &self.executions[range.clone()];
            let mut comers: Vec<_> = executions.iter().map(|e| (e.call, e.begin)).collect();
            comers.sort_unstable();
            // From the last to the first: the earliest beginning of all who came later.
            let mut earliest = Stamp::MAX;
            for (_, begin) in comers.iter_mut().rev() {
                earliest = earliest.min(*begin);
                *begin = earliest;
            }
            for at in range {
                let end = self.executions[at].end;
                let later = comers.partition_point(|(call, _)| *call <= end);
                if let Some((_, begin)) = comers.get(later) {
                    self.over[at] = self.over[at].min(*begin);
                }
            }
        }
    }
}

/// Retirements, those of all keys apart.
struct Retirements {
    of_keys: Vec<Sorted>,
    of_all: Vec<Sorted>,
}

/// A retirement in a list that is sorted by key, then by `begin`.
struct Sorted {
    /// Zero in the list of those of all keys.
    key: u64,
    begin: Stamp,
    /// The latest end of its key in the list up to here.
    latest_end: Stamp,
    /// The earliest end of its key in the list from here on.
    earliest_end: Stamp,
}

impl Retirements {
    fn new(retirements: Vec<Retirement>) -> Self {
        let (of_keys, of_all) = retirements
            .into_iter()
            .partition(|retirement| retirement.key.is_some());
        Self {
            of_keys: sorted(of_keys),
            of_all: sorted(of_all),
        }
    }

    /// Both lists, with the key to look for.
    fn lists(&self, key: u64) -> [(&[Sorted], u64); 2] {
        [(&self.of_keys, key), (&self.of_all, 0)]
    }

    /// Whether one ends after `after` and begins before `before`.
    fn may_be(&self, key: u64, after: Stamp, before: Stamp) -> bool {
        self.lists(key).into_iter().any(|(list, key)| {
            let to = list.partition_point(|one| (one.key, one.begin) < (key, before));
            let last = list[..to].last().filter(|last| last.key == key);
            last.is_some_and(|last| last.latest_end > after)
        })
    }

    /// Returns the earliest end of those that begin after `after`.
    fn first_end(&self, key: u64, after: Stamp) -> Stamp {
        let ends = self.lists(key).map(|(list, key)| {
            let from = list.partition_point(|one| (one.key, one.begin) <= (key, after));
            let first = list[from..].first().filter(|first| first.key == key);
            first.map_or(Stamp::MAX, |first| first.earliest_end)
        });
        ends[0].min(ends[1])
    }
}

fn sorted(retirements: Vec<Retirement>) -> Vec<Sorted> {
    let mut list: Vec<_> = retirements
        .into_iter()
        .map(|Retirement { key, begin, end }| Sorted {
            key: key.unwrap_or(0),
            begin,
            latest_end: end,
            earliest_end: end,
        })
        .collect();
    list.sort_unstable_by_key(|one| (one.key, one.begin));
    for at in 1..list.len() {
        if list[at - 1].key == list[at].key {
            list[at].latest_end = list[at].latest_end.max(list[at - 1].latest_end);
        }
    }
    for at in (1..list.len()).rev() {
        if list[at - 1].key == list[at].key {
            list[at - 1].earliest_end = list[at - 1].earliest_end.min(list[at].earliest_end);
        }
    }
    list
}
