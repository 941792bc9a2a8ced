//! One process: callers at random, and what they see appended to its history.

use std::io::Read as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use clap::Args;
use singleflight_arena::{Cause, What, Writer, now};
use tokio::net::UnixDatagram;

use crate::settings::Settings;
use crate::subject::{Subject, Work};

/// What one process is told.
#[derive(Args, Clone, Debug)]
pub struct Child {
    /// Its number, which no other process ever has
    #[arg(long)]
    number: u64,
    /// Where Redis is
    #[arg(long)]
    pub port: u16,
    /// Where histories and sockets are
    #[arg(long)]
    directory: PathBuf,
}

/// How many keys are hot.
const KEYS: u64 = 3;

/// A gap of this process that the history should know of.
const GAP: Duration = Duration::from_millis(40);

struct Process<S> {
    settings: Settings,
    child: Child,
    subject: S,
    history: Writer,
    next: AtomicU64,
    socket: UnixDatagram,
    ends: AtomicBool,
}

impl Child {
    /// Calls until the standard input ends.
    ///
    /// # Errors
    ///
    /// If the history or the socket cannot be opened, or a caller panics.
    pub async fn run<S: Subject>(self, settings: &Settings, subject: S) -> Result<(), String> {
        let text = |error: &dyn std::fmt::Display| error.to_string();
        let path = self.directory.join(format!("{}.history", self.number));
        let history = Writer::append(&path).map_err(|error| text(&error))?;
        let socket = self.directory.join(format!("{}.socket", self.number));
        let socket = UnixDatagram::bind(socket).map_err(|error| text(&error))?;
        let process = Arc::new(Process {
            settings: settings.clone(),
            child: self,
            subject,
            history,
            next: AtomicU64::new(1),
            socket,
            ends: AtomicBool::new(false),
        });
        process.watch();
        let mut callers = Vec::new();
        for caller in 0..settings.callers {
            callers.push(tokio::spawn(Arc::clone(&process).calls(caller)));
        }
        callers.push(tokio::spawn(Arc::clone(&process).asked()));
        for caller in callers {
            caller.await.map_err(|error| text(&error))?;
        }
        Ok(())
    }
}

impl<S: Subject> Process<S> {
    /// Two threads: one waits for the end of the input, one notes when this process did not run.
    fn watch(self: &Arc<Self>) {
        let process = Arc::clone(self);
        std::thread::spawn(move || {
            // The parent ends it by closing its end.
            let _ended = std::io::stdin().read(&mut [0]);
            process.ends.store(true, Ordering::Relaxed);
        });
        let process = Arc::clone(self);
        std::thread::spawn(move || {
            let mut last = now();
            loop {
                std::thread::sleep(Duration::from_millis(5));
                let at = now();
                if u128::from(at - last) > GAP.as_nanos() {
                    let what = What::Cause {
                        cause: Cause::Stop,
                        until: at,
                        process: process.child.number,
                    };
                    process
                        .history
                        .write_event(&singleflight_arena::Event { at: last, what });
                }
                last = at;
            }
        });
    }

    fn number(&self) -> u64 {
        self.child.number << 32 | self.next.fetch_add(1, Ordering::Relaxed)
    }

    async fn calls(self: Arc<Self>, caller: u64) {
        let seed = self.settings.seed ^ self.child.number << 16 ^ caller;
        let mut random = fastrand::Rng::with_seed(seed);
        while !self.ends.load(Ordering::Relaxed) {
            tokio::time::sleep(Duration::from_micros(random.u64(..30_000))).await;
            let key = random.u64(..KEYS);
            if random.u8(..40) == 0 && !self.settings.no_forgets {
                self.forget(key).await;
            } else {
                Arc::clone(&self).call(key, &mut random).await;
            }
        }
    }

    /// Another process has just been answered, and asks this one: a value that it has cannot be
    /// received here any more.
    async fn asked(self: Arc<Self>) {
        let mut random = fastrand::Rng::with_seed(self.child.number);
        while !self.ends.load(Ordering::Relaxed) {
            let mut bytes = [0; 8];
            let asked = self.socket.recv(&mut bytes);
            if tokio::time::timeout(Duration::from_millis(100), asked)
                .await
                .is_ok()
            {
                Arc::clone(&self)
                    .call(u64::from_le_bytes(bytes), &mut random)
                    .await;
            }
        }
    }

    async fn forget(&self, key: u64) {
        let forget = self.number();
        self.history.write(What::Forget { forget, key });
        if self.subject.forget(key).await {
            self.history.write(What::Forgotten { forget });
        }
    }

    async fn call(self: Arc<Self>, key: u64, random: &mut fastrand::Rng) {
        let (call, execution) = (self.number(), self.number());
        let most = self.settings.work * 1_000;
        let length = match random.u8(..3) {
            0 => random.u64(..=most / 20),
            _ => random.u64(..most),
        };
        let length = Duration::from_micros(length);
        let (kind, partner) = (random.u8(..40), random.u64(..self.settings.processes + 4));
        let process = Arc::clone(&self);
        process.history.write(What::Call { call, key });
        // A task of its own: its panic is its own, and it can be dropped.
        let mut task = tokio::spawn(async move {
            let work = process.work(key, execution, length, kind);
            let timeout = (kind == 2).then_some(length / 2);
            process
                .history
                .write(match process.subject.call(key, timeout, work).await {
                    Ok(answer) => {
                        let numbers = answer.value.split_once(':');
                        let (made_for, execution) = numbers.unwrap_or(("0", "0"));
                        What::Answer {
                            call,
                            execution: execution.parse().unwrap_or(0),
                            key: made_for.parse().unwrap_or(u64::MAX),
                            end: answer.end,
                            is_leader: answer.is_leader,
                        }
                    }
                    Err(why) => What::NoAnswer { call, why },
                });
        });
        let ended = if kind == 3 {
            if let Ok(ended) = tokio::time::timeout(length / 2, &mut task).await {
                ended
            } else {
                task.abort();
                task.await
            }
        } else {
            task.await
        };
        match ended {
            Ok(()) if partner % 3 == 0 => {
                let to = self.child.directory.join(format!("{partner}.socket"));
                // A process that is gone is asked nothing.
                let _sent = self.socket.try_send_to(&key.to_le_bytes(), to);
            }
            Ok(()) => {}
            Err(error) => {
                let why = if error.is_panic() {
                    "panicked"
                } else {
                    "dropped"
                };
                self.history.write(What::NoAnswer {
                    call,
                    why: why.to_owned(),
                });
            }
        }
    }

    fn work(self: &Arc<Self>, key: u64, execution: u64, length: Duration, kind: u8) -> Work {
        let process = Arc::clone(self);
        Box::new(move |token| {
            process.history.write(What::Begin {
                execution,
                key,
                token,
            });
            let ends = Ends(process, execution);
            Box::pin(async move {
                tokio::time::sleep(length).await;
                drop(ends);
                match kind {
                    0 => Err("failed"),
                    1 => panic!("on purpose"),
                    _ => Ok(format!("{key}:{execution}")),
                }
            })
        })
    }
}

/// Tells that a work has ended, however it does.
struct Ends<S>(Arc<Process<S>>, u64);

impl<S> Drop for Ends<S> {
    fn drop(&mut self) {
        let execution = self.1;
        self.0.history.write(What::Finish { execution });
    }
}
