//! What goes wrong, one thing after another, each noted in the history.

use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use singleflight_arena::{Cause, Event, Server, What, Wire, Writer, command, now};
use tokio::process::Child;

use crate::children::Children;
use singleflight_chaos_redis::{Mischief, Settings};

/// Who does it.
pub(crate) struct Doer<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) random: fastrand::Rng,
    pub(crate) wire: Arc<Wire>,
    /// The one that serves, and its replica.
    pub(crate) servers: [Server; 2],
    pub(crate) history: Writer,
}

impl Doer<'_> {
    fn note(&self, cause: Cause, from: u64, process: u64) {
        let what = What::Cause {
            cause,
            until: now(),
            process,
        };
        self.history.write_event(&Event { at: from, what });
    }

    /// Less than the lease mostly, sometimes more.
    fn a_while(&mut self) -> Duration {
        let lease = self.settings.lease;
        let longest = if self.random.bool() {
            lease / 3
        } else {
            lease * 2
        };
        Duration::from_millis(self.random.u64(lease / 20..longest))
    }

    pub(crate) async fn one(&mut self, children: &mut Children<'_>) -> Result<(), String> {
        let kinds: &[u8] = match self.settings.mischief {
            Mischief::Calm => return Ok(()),
            Mischief::Processes => &[0, 1, 1],
            Mischief::Wire => &[2, 3, 4, 5, 6, 7],
            Mischief::Server => &[8, 9, 10, 11, 12, 13],
            Mischief::All => &[0, 1, 1, 1, 2, 3, 4, 5, 6, 7, 8, 8, 9, 10, 11, 12, 13],
        };
        let kind = kinds[self.random.usize(..kinds.len())];
        let (from, time) = (now(), self.a_while());
        match kind {
            0 => {
                let index = self.random.usize(..children.all.len());
                children.replace(index, &self.history).await?;
            }
            1 => {
                let index = self.random.usize(..children.all.len());
                let (number, child) = &children.all[index];
                stop(child, Signal::STOP);
                tokio::time::sleep(time).await;
                stop(child, Signal::CONT);
                self.note(Cause::Stop, from, *number);
            }
            2 | 3 => {
                let kind = if kind == 2 { "pubsub" } else { "normal" };
                self.ask(&["CLIENT", "KILL", "TYPE", kind]);
                self.note(Cause::Cut, from, 0);
            }
            4 | 5 => {
                // Held back to the server, requests come late, after they were given up.
                self.wire.hold(kind == 5, time);
                tokio::time::sleep(time).await;
                self.note(Cause::Stall, from, 0);
            }
            6 => {
                self.wire.cut();
                self.note(Cause::Cut, from, 0);
            }
            7 => {
                self.wire.refuse(true);
                self.wire.cut();
                tokio::time::sleep(time).await;
                self.wire.refuse(false);
                self.note(Cause::Stall, from, 0);
            }
            8 => {
                let seconds = format!("{:.3}", time.as_secs_f64());
                let port = self.servers[0].port();
                // It answers when it has slept.
                let slept = tokio::task::spawn_blocking(move || {
                    command(port, &["DEBUG", "SLEEP", &seconds])
                });
                let _answer = slept.await;
                self.note(Cause::Stall, from, 0);
            }
            9 => {
                self.ask(&["FLUSHALL"]);
                self.note(Cause::Wipe, from, 0);
            }
            10 => {
                self.ask(&["SAVE"]);
            }
            11 | 12 => {
                if kind == 11 {
                    // Without its file it starts empty; with one, it goes back to it.
                    let file = self.servers[0].directory().join("dump.rdb");
                    let _removed = std::fs::remove_file(file);
                }
                self.servers[0].kill();
                tokio::time::sleep(time / 4).await;
                self.servers[0]
                    .start_again()
                    .map_err(|error| error.to_string())?;
                self.note(Cause::Wipe, from, 0);
                self.follow();
            }
            _ => self.fail_over(time, from).await,
        }
        Ok(())
    }

    fn ask(&self, words: &[&str]) {
        // A server that does not answer just now is in trouble enough.
        let _answer = self.servers[0].command(words);
    }

    /// The second server copies the first.
    pub(crate) fn follow(&self) {
        let port = self.servers[0].port().to_string();
        let _answer = self.servers[1].command(&["REPLICAOF", "127.0.0.1", &port]);
    }

    /// The replica becomes the master, sometimes without the last that the master knew.
    async fn fail_over(&mut self, time: Duration, from: u64) {
        let lags = self.random.bool();
        if lags {
            self.servers[1].pause(true);
            tokio::time::sleep(time / 2).await;
        }
        self.servers[0].pause(true);
        self.servers[1].pause(false);
        let _answer = self.servers[1].command(&["REPLICAOF", "NO", "ONE"]);
        self.wire.turn(self.servers[1].port());
        self.wire.cut();
        self.servers.swap(0, 1);
        self.servers[1].pause(false);
        self.note(Cause::Wipe, from, 0);
        self.follow();
    }
}

fn stop(child: &Child, signal: Signal) {
    let pid = child
        .id()
        .and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
    if let Some(pid) = pid {
        let _sent = kill_process(pid, signal);
    }
}
