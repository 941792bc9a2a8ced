//! The checker: reads one history of all processes, and says what in it must not be.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};

use crate::history::{Cause, End, Event, What};
use crate::overlaps::Overlaps;
use crate::report::{Limits, Report, Rule, Violation};
use crate::seen::{Caused, Execution, Forget, process};

#[derive(Debug)]
struct Call {
    key: u64,
    begun: u64,
    /// When the newest work began whose value had been received by then.
    newest: u64,
    /// When the latest forget began that had returned by then.
    forgotten: u64,
    ended: bool,
}

/// Checks a history that is in the order of its stamps.
#[must_use]
pub fn check(events: &[Event], limits: &Limits) -> Report {
    let mut checker = Checker {
        limits,
        report: Report::default(),
        executions: HashMap::new(),
        calls: HashMap::new(),
        forgets: HashMap::new(),
        causes: Vec::new(),
        newest: HashMap::new(),
        forgotten: HashMap::new(),
    };
    for event in events {
        checker.take(event);
    }
    checker.end(events.last().map_or(0, |event| event.at))
}

struct Checker<'a> {
    limits: &'a Limits,
    report: Report,
    executions: HashMap<u64, Execution>,
    calls: HashMap<u64, Call>,
    forgets: HashMap<u64, Forget>,
    causes: Vec<Caused>,
    newest: HashMap<u64, u64>,
    forgotten: HashMap<u64, u64>,
}

impl Checker<'_> {
    fn violated(&mut self, rule: Rule, text: String) {
        self.report.violations.push(Violation { rule, text });
    }

    fn take(&mut self, event: &Event) {
        let at = event.at;
        match event.what {
            What::Call { call, key } => {
                self.report.calls += 1;
                let begun = Call {
                    key,
                    begun: at,
                    newest: self.newest.get(&key).copied().unwrap_or(0),
                    forgotten: self.forgotten.get(&key).copied().unwrap_or(0),
                    ended: false,
                };
                self.calls.insert(call, begun);
            }
            What::Answer {
                call,
                execution,
                key,
                end,
                is_leader,
            } => {
                self.answer(at, call, execution, key, end, is_leader);
            }
            What::NoAnswer { call, ref why } => {
                *self.report.without.entry(why.clone()).or_default() += 1;
                self.ended(at, call);
            }
            What::Begin {
                execution,
                key,
                token,
            } => {
                self.report.executions += 1;
                let begun = Execution {
                    number: execution,
                    key,
                    token,
                    begun: at,
                    ended: u64::MAX,
                    received: None,
                    told: None,
                };
                self.executions.insert(execution, begun);
            }
            What::Finish { execution } => {
                if let Some(execution) = self.executions.get_mut(&execution) {
                    execution.ended = at;
                }
            }
            What::Forget { forget, key } => {
                let begun = Forget {
                    key,
                    from: at,
                    until: u64::MAX,
                };
                self.forgets.insert(forget, begun);
            }
            What::Forgotten { forget } => {
                if let Some(forget) = self.forgets.get_mut(&forget) {
                    forget.until = at;
                    let latest = self.forgotten.entry(forget.key).or_default();
                    *latest = (*latest).max(forget.from);
                }
            }
            What::Cause {
                cause,
                until,
                process,
            } => {
                if cause == Cause::Kill {
                    self.killed(at, process);
                }
                self.causes.push(Caused {
                    cause,
                    from: at,
                    until,
                    process,
                });
            }
        }
    }

    /// What a killed process was doing has ended.
    fn killed(&mut self, at: u64, dead: u64) {
        for execution in self.executions.values_mut() {
            if process(execution.number) == dead {
                execution.ended = execution.ended.min(at);
            }
        }
        for (&number, call) in &mut self.calls {
            call.ended |= process(number) == dead;
        }
    }

    /// Returns the call, if it is its first end.
    fn ended(&mut self, at: u64, call: u64) -> Option<(u64, u64, u64)> {
        let Some(found) = self.calls.get_mut(&call) else {
            self.violated(Rule::Wrong, format!("call {call:x} ends and never began"));
            return None;
        };
        if found.ended {
            self.violated(Rule::Twice, format!("call {call:x} ends twice"));
            return None;
        }
        found.ended = true;
        let (key, newest, forgotten) = (found.key, found.newest, found.forgotten);
        let took = at - found.begun;
        if took > self.limits.longest {
            let text = format!("call {call:x} of key {key} took {} ms", took / 1_000_000);
            self.violated(Rule::Late, text);
        }
        Some((key, newest, forgotten))
    }

    fn answer(
        &mut self,
        at: u64,
        call: u64,
        number: u64,
        made_for: u64,
        end: End,
        is_leader: bool,
    ) {
        let Some((key, newest, forgotten)) = self.ended(at, call) else {
            return;
        };
        let begun = self.calls[&call].begun;
        self.report.answered += 1;
        self.report.shared += usize::from(!is_leader);
        match end {
            End::Alone => self.report.alone += 1,
            End::Landed | End::Lost | End::Unknown => self.report.leases[end as usize] += 1,
        }
        let Some(execution) = self.executions.get_mut(&number) else {
            let text = format!("call {call:x} has a value of no execution: {number:x}");
            return self.violated(Rule::Wrong, text);
        };
        if is_leader {
            execution.told = Some(end);
        }
        let (made, received) = (execution.begun, execution.received);
        if (execution.key, made_for) != (key, key) {
            let text = format!("call {call:x} of key {key} has a value of key {made_for}");
            return self.violated(Rule::Wrong, text);
        }
        if end == End::Alone {
            // The promises exclude it, and it says so.
            return;
        }
        execution.received = Some(received.unwrap_or(at));
        let about =
            format!("call {call:x} of key {key}, begun at {begun}: execution {number:x} of {made}");
        if let Some(received) = received.filter(|&received| received < begun) {
            self.violated(Rule::Stale, format!("{about} was received at {received}"));
        }
        if made < newest {
            self.violated(
                Rule::Older,
                format!("{about} is older than one of {newest}"),
            );
        }
        if made < forgotten {
            self.violated(
                Rule::BeforeForget,
                format!("{about} was forgotten at {forgotten}"),
            );
        }
        // Of a lost work its own caller alone learns, and it knows; or could not be told.
        let is_lost = end == End::Lost || end == End::Unknown && self.was_overtaken(number);
        if !(is_leader && is_lost) {
            let newest = self.newest.entry(key).or_default();
            *newest = (*newest).max(made);
        }
    }

    /// Whether a work with a later token began before this one had ended: its lease was gone by then.
    fn was_overtaken(&self, number: u64) -> bool {
        let work = &self.executions[&number];
        let mut others = self.executions.values().filter(|one| one.key == work.key);
        others.any(|other| other.token > work.token && other.begun < work.ended)
    }

    fn end(mut self, at: u64) -> Report {
        if self.limits.is_complete {
            let mut open: Vec<_> = self.calls.iter().filter(|(_, call)| !call.ended).collect();
            open.sort_by_key(|(_, call)| call.begun);
            let text = |(number, call): &(&u64, &Call)| {
                format!("call {number:x} of key {} has no end at {at}", call.key)
            };
            let open: Vec<_> = open.iter().map(text).collect();
            for text in open {
                self.violated(Rule::Never, text);
            }
        }
        let mut by_key: BTreeMap<u64, Vec<Execution>> = BTreeMap::new();
        for execution in self.executions.into_values() {
            by_key.entry(execution.key).or_default().push(execution);
        }
        let forgets: Vec<_> = self.forgets.into_values().collect();
        for (key, mut executions) in by_key {
            executions.sort_by_key(|execution| execution.begun);
            let mut key = Overlaps {
                key,
                lease: self.limits.lease,
                causes: &self.causes,
                forgets: &forgets,
                report: &mut self.report,
            };
            key.check(&executions);
        }
        self.report
    }
}
