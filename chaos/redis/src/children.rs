//! The processes that run.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use singleflight_arena::{Cause, What, Writer, now};
use singleflight_chaos_redis::Settings;
use tokio::process::{Child, Command};

/// The processes that run, each with its number.
pub(crate) struct Children<'a> {
    pub(crate) all: Vec<(u64, Child)>,
    pub(crate) settings: &'a Settings,
    pub(crate) directory: &'a Path,
    pub(crate) port: u16,
    pub(crate) next: u64,
}

impl Children<'_> {
    pub(crate) fn start(&mut self) -> Result<(), String> {
        let number = self.next;
        self.next += 1;
        let program = match &self.settings.child {
            Some(program) => program.clone(),
            None => std::env::current_exe().map_err(|error| error.to_string())?,
        };
        let child = Command::new(program)
            .args(self.settings.arguments())
            .arg("child")
            .arg(format!("--number={number}"))
            .arg(format!("--port={}", self.port))
            .arg("--directory")
            .arg(self.directory)
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| error.to_string())?;
        self.all.push((number, child));
        Ok(())
    }

    /// Kills one and starts another in its place.
    pub(crate) async fn replace(&mut self, index: usize, history: &Writer) -> Result<(), String> {
        let (number, mut child) = self.all.swap_remove(index);
        child.kill().await.map_err(|error| error.to_string())?;
        note_kill(history, number);
        self.start()
    }

    /// Lets them come to their end.
    pub(crate) async fn end(&mut self) -> Result<(), String> {
        for (_, child) in &mut self.all {
            drop(child.stdin.take());
        }
        let until = Instant::now() + self.settings.longest() + Duration::from_secs(5);
        for (number, child) in &mut self.all {
            let left = until.saturating_duration_since(Instant::now());
            if tokio::time::timeout(left, child.wait()).await.is_err() {
                // Its calls have no end, and the checker will say so.
                eprintln!("!!! process {number} does not end");
                child.kill().await.map_err(|error| error.to_string())?;
            }
        }
        Ok(())
    }
}

fn note_kill(history: &Writer, process: u64) {
    let (cause, until) = (Cause::Kill, now());
    history.write(What::Cause {
        cause,
        until,
        process,
    });
}
