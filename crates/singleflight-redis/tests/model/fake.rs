//! A server that knows the six scripts and nothing else. `scripts.rs` holds it against the real one.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use crate::engine::{Message, Reply, Verb};

#[derive(Clone, Debug, Default)]
pub(super) struct Fake {
    pub(super) run: u64,
    pub(super) now: Duration,
    leases: HashMap<Vec<u8>, Lease>,
    results: HashMap<Vec<u8>, (Vec<u8>, Duration)>,
    marks: HashMap<Vec<u8>, (BTreeSet<Vec<u8>>, Duration)>,
    /// What was published: channel and payload.
    pub(super) published: Vec<(Vec<u8>, Vec<u8>)>,
}

#[derive(Clone, Debug)]
struct Lease {
    /// Empty: vacant, with a count of failures.
    id: Vec<u8>,
    run: Vec<u8>,
    token: i64,
    traceparent: Vec<u8>,
    fails: u32,
    waiting: BTreeSet<Vec<u8>>,
    ends: Duration,
}

impl Fake {
    pub(super) fn wipe(&mut self) {
        *self = Self {
            run: self.run,
            now: self.now,
            ..Self::default()
        };
    }

    /// Another run begins, with what `file` has.
    pub(super) fn restart(&mut self, file: &Self) {
        let (run, now) = (self.run + 1, self.now);
        *self = Self {
            run,
            now,
            published: Vec::new(),
            ..file.clone()
        };
    }

    pub(super) fn run(&self) -> Vec<u8> {
        if crate::seeds::planted("any-run") {
            return b"any".to_vec();
        }
        self.run.to_string().into_bytes()
    }

    /// How many keys there are.
    pub(super) fn keys(&mut self) -> usize {
        self.expire();
        self.leases.len() + self.results.len() + self.marks.len()
    }

    fn expire(&mut self) {
        let now = self.now;
        self.leases.retain(|_, lease| lease.ends > now);
        self.results.retain(|_, (_, ends)| *ends > now);
        self.marks.retain(|_, (_, ends)| *ends > now);
    }

    /// Carries one out, for a client that takes this for the run of `run`.
    pub(super) fn carry_out(&mut self, message: &Message, run: &[u8]) -> Reply {
        self.expire();
        let mut keys: Vec<_> = message.parts().collect();
        let args = keys.split_off(message.keys);
        let mut reply = match message.verb {
            Verb::Join => self.join(keys[0], keys[1], run, &args),
            Verb::Land => self.land(keys[0], keys[1], run, &args),
            Verb::Look => self.look(keys[0], keys[1], run, &args),
            Verb::Renew => self.renew(keys[0], run, &args),
            Verb::Abandon => self.abandon(&keys, run, &args),
            Verb::Forget => self.forget(keys[0], keys[1], &args),
        };
        reply.run = run.into();
        reply
    }

    fn micros(&self) -> i64 {
        i64::try_from(self.now.as_micros()).expect("a test is short")
    }

    fn mark(&mut self, key: &[u8], marks: &[&[u8]], keep: &[u8]) {
        if !marks.is_empty() {
            let ends = self.now + millis(keep);
            let entry = self.marks.entry(key.to_vec()).or_default();
            entry.0.extend(marks.iter().map(|mark| mark.to_vec()));
            entry.1 = ends;
        }
    }

    fn is_marked(&self, key: &[u8], mark: &[u8]) -> bool {
        let sees = !crate::seeds::planted("no-marks");
        sees && self
            .marks
            .get(key)
            .is_some_and(|(marks, _)| marks.contains(mark))
    }

    fn join(&mut self, key: &[u8], marks: &[u8], run: &[u8], args: &[&[u8]]) -> Reply {
        let (id, inbox, lease) = (args[0], args[1], millis(args[2]));
        if !self.is_led(key, id, run) && self.is_marked(marks, id) {
            return code(3);
        }
        self.mark(marks, &args[5..], args[4]);
        let (now, server) = (self.now, self.micros());
        let known = self.leases.get_mut(key).filter(|known| known.run == run);
        let mut fails = 0;
        if let Some(known) = known {
            if !known.id.is_empty() {
                let own = known.id == id || args[5..].contains(&known.id.as_slice());
                if !own && args[3].starts_with(b"1") {
                    known.waiting.insert(inbox.to_vec());
                }
                return Reply {
                    code: i64::from(own),
                    data: if own {
                        known.id.clone()
                    } else {
                        [&known.id[..], &known.traceparent].concat()
                    },
                    numbers: if own { [server, known.token] } else { [0; 2] },
                    ..Reply::default()
                };
            }
            fails = known.fails;
        }
        let made = Lease {
            id: id.to_vec(),
            run: run.to_vec(),
            token: server,
            traceparent: args[3][1..].to_vec(),
            fails,
            waiting: BTreeSet::new(),
            ends: now + lease,
        };
        self.leases.insert(key.to_vec(), made);
        Reply {
            code: 1,
            data: id.to_vec(),
            numbers: [server, 0],
            ..Reply::default()
        }
    }

    fn is_led(&self, key: &[u8], id: &[u8], run: &[u8]) -> bool {
        let known = self.leases.get(key);
        known.is_some_and(|known| known.id == id && known.run == run)
    }

    fn wake(&mut self, lease: &Lease) {
        for inbox in &lease.waiting {
            self.published.push((inbox.clone(), lease.id.clone()));
        }
    }

    fn land(&mut self, key: &[u8], result: &[u8], run: &[u8], args: &[&[u8]]) -> Reply {
        let compares = !crate::seeds::planted("land-without-compare");
        if compares && !self.is_led(key, args[0], run) || !self.leases.contains_key(key) {
            return code(i64::from(self.results.contains_key(result)));
        }
        let lease = self.leases.remove(key).expect("it is led");
        if !lease.waiting.is_empty() {
            let kept = (args[1].to_vec(), self.now + millis(args[2]));
            self.results.insert(result.to_vec(), kept);
        }
        self.wake(&lease);
        code(1)
    }

    fn look(&mut self, key: &[u8], result: &[u8], run: &[u8], args: &[&[u8]]) -> Reply {
        if let Some((payload, _)) = self.results.get(result) {
            return Reply {
                code: 1,
                data: payload.clone(),
                ..Reply::default()
            };
        }
        if !self.is_led(key, args[0], run) {
            return code(2);
        }
        let lease = self.leases.get_mut(key).expect("it is led");
        lease.waiting.insert(args[1].to_vec());
        code(0)
    }

    fn renew(&mut self, key: &[u8], run: &[u8], args: &[&[u8]]) -> Reply {
        let server = self.micros();
        if !self.is_led(key, args[0], run) {
            if !crate::seeds::planted("renew-when-stalled") {
                return code(0);
            }
            let made = Lease {
                id: args[0].to_vec(),
                run: run.to_vec(),
                token: 1,
                traceparent: Vec::new(),
                fails: 0,
                waiting: BTreeSet::new(),
                ends: self.now,
            };
            self.leases.insert(key.to_vec(), made);
        }
        let lease = self.leases.get_mut(key).expect("it is led");
        lease.ends = lease.ends.max(millis(args[1]));
        Reply {
            code: 1,
            numbers: [server, 0],
            ..Reply::default()
        }
    }

    fn abandon(&mut self, keys: &[&[u8]], run: &[u8], args: &[&[u8]]) -> Reply {
        let [failed, most, keep, marks, others] = args[..5] else {
            unreachable!("five, and ids");
        };
        if marks != b"0" {
            self.mark(keys[2], &args[5..], marks);
        }
        let known = self.leases.get(keys[0]);
        let mine =
            known.is_some_and(|known| known.run == run && args[5..].contains(&known.id.as_slice()));
        if !mine {
            return match self.results.get(keys[1]) {
                Some((payload, _)) => Reply {
                    code: 2,
                    data: payload.clone(),
                    ..Reply::default()
                },
                None => code(0),
            };
        }
        let lease = self.leases.remove(keys[0]).expect("it is ours");
        let fails = lease.fails + u32::from(failed == b"1");
        let ended = failed == b"1" && fails >= number(most);
        let told = format!("F{fails}").into_bytes();
        let until = self.now + millis(keep);
        if ended {
            self.results.insert(keys[1].to_vec(), (told.clone(), until));
        } else if fails > 0 && (!lease.waiting.is_empty() || others == b"1") {
            let vacant = Lease {
                id: Vec::new(),
                waiting: BTreeSet::new(),
                ends: until,
                fails,
                ..lease.clone()
            };
            self.leases.insert(keys[0].to_vec(), vacant);
        }
        self.wake(&lease);
        Reply {
            code: if ended { 2 } else { 1 },
            data: if ended { told } else { Vec::new() },
            ..Reply::default()
        }
    }

    fn forget(&mut self, key: &[u8], marks: &[u8], args: &[&[u8]]) -> Reply {
        if self.is_marked(marks, args[0]) {
            return code(3);
        }
        self.mark(marks, &args[2..], args[1]);
        match self.leases.remove(key) {
            Some(lease) if !lease.id.is_empty() => {
                self.wake(&lease);
                code(1)
            }
            _ => code(0),
        }
    }
}

fn code(code: i64) -> Reply {
    Reply {
        code,
        ..Reply::default()
    }
}

fn number(arg: &[u8]) -> u32 {
    let text = std::str::from_utf8(arg).expect("a number is text");
    text.parse().expect("a number has digits")
}

fn millis(arg: &[u8]) -> Duration {
    Duration::from_millis(number(arg).into())
}
