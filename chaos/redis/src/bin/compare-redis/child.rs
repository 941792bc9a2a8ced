//! One process: it does what it reads, a line at a time, and prints what it saw.

use std::io::BufRead as _;
use std::time::Duration;

use clap::Args;
use singleflight_arena::now;
use singleflight_redis::{Group, Raw, Role, Runtime, Server};

/// Where Redis is.
#[derive(Args, Debug)]
pub(crate) struct Child {
    #[arg(long)]
    port: u16,
    #[arg(long)]
    lease: u64,
    #[arg(long)]
    poll: u64,
}

impl Child {
    /// `call KEY WORK_MS CALLERS SPREAD_MS`: that many callers, spread over that time. Prints works,
    /// when the first began, when the last was answered, and round trips.
    pub(crate) async fn run(self) -> Result<(), String> {
        let text = |error: &dyn std::fmt::Display| error.to_string();
        let client = redis::Client::open(format!("redis://127.0.0.1:{}/", self.port))
            .map_err(|error| text(&error))?;
        let server = Server::connect(client, Runtime::Tokio)
            .await
            .map_err(|error| text(&error))?;
        let group: Group<str, String> = Group::builder(&server, "rounds")
            .lease(Duration::from_millis(self.lease))
            .poll(Duration::from_millis(self.poll))
            .wait_at_most(Duration::from_secs(30))
            .codec(Raw)
            .build()
            .map_err(|error| text(&error))?;
        println!("ready");
        let (send, mut lines) = tokio::sync::mpsc::unbounded_channel();
        std::thread::spawn(move || {
            for line in std::io::stdin().lock().lines().map_while(Result::ok) {
                // Its receiver ends with the process.
                let _sent = send.send(line);
            }
        });
        while let Some(line) = lines.recv().await {
            let mut parts = line.split(' ').skip(1);
            let key = parts.next().unwrap_or("key").to_owned();
            let mut number = || parts.next().and_then(|word| word.parse().ok()).unwrap_or(0);
            let (work, callers, spread): (u64, u64, u64) = (number(), number(), number());
            let trips = server.round_trips();
            let mut calls = Vec::new();
            for caller in 0..callers {
                let (group, key) = (group.clone(), key.clone());
                let after = Duration::from_micros(caller * spread * 1_000 / callers);
                calls.push(tokio::spawn(async move {
                    tokio::time::sleep(after).await;
                    let mut begun = 0;
                    let run = group.run_outcome(&key, async |_| {
                        begun = now();
                        // Told at once: a process that is killed tells nothing later.
                        println!("begun {begun}");
                        tokio::time::sleep(Duration::from_millis(work)).await;
                        "value".to_owned()
                    });
                    let outcome = run.await;
                    let remote = outcome.is_ok_and(|outcome| outcome.role == Role::Remote);
                    (begun, now(), remote)
                }));
            }
            let (mut works, mut last, mut remote) = (0, 0, 0);
            for call in calls {
                let (begun, ended, is_remote) = call.await.map_err(|error| text(&error))?;
                works += u64::from(begun != 0);
                remote += u64::from(is_remote);
                last = last.max(ended);
            }
            println!(
                "done {works} {last} {remote} {}",
                server.round_trips() - trips
            );
        }
        Ok(())
    }
}
