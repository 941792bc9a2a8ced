//! What processes do together: works a round, how late a follower is, who takes over.

use std::process::Stdio;
use std::time::Duration;

use singleflight_arena::{Server as Redis, now};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use crate::table::{Table, millis, quantile};

struct Process {
    child: Child,
    to: ChildStdin,
    from: Lines<BufReader<ChildStdout>>,
}

/// What one process printed for a round.
struct Round {
    works: u64,
    ended: u64,
    remote: u64,
    trips: u64,
}

const PATIENCE: Duration = Duration::from_secs(60);

impl Process {
    async fn start(port: u16, lease: u64, poll: u64) -> Result<Self, String> {
        let program = std::env::current_exe().map_err(|error| error.to_string())?;
        let mut child = Command::new(program)
            .arg("child")
            .arg(format!("--port={port}"))
            .arg(format!("--lease={lease}"))
            .arg(format!("--poll={poll}"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| error.to_string())?;
        let to = child.stdin.take().ok_or("it has an input")?;
        let from = child.stdout.take().ok_or("it has an output")?;
        let from = BufReader::new(from).lines();
        let mut process = Self { child, to, from };
        process.line("ready").await?;
        Ok(process)
    }

    /// The rest of the next line that begins so.
    async fn line(&mut self, begins: &str) -> Result<String, String> {
        loop {
            let line = timeout(PATIENCE, self.from.next_line()).await;
            let line = line
                .map_err(|_| "a process hangs")?
                .map_err(|error| error.to_string())?;
            let line = line.ok_or("a process ended")?;
            if let Some(rest) = line.strip_prefix(begins) {
                return Ok(rest.trim().to_owned());
            }
        }
    }

    async fn call(&mut self, call: &str) -> Result<(), String> {
        let line = format!("call {call}\n");
        self.to
            .write_all(line.as_bytes())
            .await
            .map_err(|error| error.to_string())
    }

    async fn done(&mut self) -> Result<Round, String> {
        let line = self.line("done").await?;
        let mut numbers = line.split(' ').map(|word| word.parse().unwrap_or(0));
        let mut next = || numbers.next().unwrap_or(0);
        Ok(Round {
            works: next(),
            ended: next(),
            remote: next(),
            trips: next(),
        })
    }
}

async fn start(redis: &Redis, count: u64, lease: u64, poll: u64) -> Result<Vec<Process>, String> {
    let mut processes = Vec::new();
    for _ in 0..count {
        processes.push(Process::start(redis.port(), lease, poll).await?);
    }
    Ok(processes)
}

async fn round(processes: &mut [Process], call: &str) -> Result<Vec<Round>, String> {
    for process in processes.iter_mut() {
        process.call(call).await?;
    }
    let mut rounds = Vec::new();
    for process in processes {
        rounds.push(process.done().await?);
    }
    Ok(rounds)
}

pub(crate) async fn measure(redis: &Redis, quick: bool, table: &mut Table) -> Result<(), String> {
    for count in [8, 24] {
        let mut processes = start(redis, count, 5_000, 250).await?;
        let rounds = if quick { 40 } else { 200 };
        let (mut works, mut trips, mut late) = (0, 0, Vec::new());
        for number in 0..rounds {
            let seen = round(&mut processes, &format!("key{number} 50 1 0")).await?;
            works += seen.iter().map(|round| round.works).sum::<u64>();
            trips += seen.iter().map(|round| round.trips).sum::<u64>();
            let led = seen
                .iter()
                .filter(|round| round.works > 0)
                .map(|round| round.ended)
                .min();
            let remote = seen.iter().filter(|round| round.remote > 0);
            late.extend(remote.filter_map(|round| Some(round.ended.saturating_sub(led?))));
        }
        let per = works * 1_000 / rounds;
        table.row(
            &format!("works a round, {count} processes, {rounds} rounds"),
            format!("{}.{:03}", per / 1_000, per % 1_000),
            "1.000",
            Some(works == rounds),
        );
        let per = trips * 100 / (rounds * count);
        table.row(
            &format!("round trips a call, {count} processes"),
            format!("{}.{:02}", per / 100, per % 100),
            "2",
            Some(per <= 205),
        );
        let (half, most) = (quantile(&mut late, 500), quantile(&mut late, 990));
        table.row(
            &format!("remote follower after its leader, {count} processes"),
            format!("p50 {}, p99 {}", millis(half), millis(most)),
            "p50 1 ms, p99 5 ms on an idle machine",
            Some(half <= 1_000_000 && most <= 5_000_000),
        );
    }
    crowded(redis, table).await?;
    idle(redis, quick, table).await?;
    take_over(redis, quick, table).await
}

/// A hundred callers a process, spread over the work.
async fn crowded(redis: &Redis, table: &mut Table) -> Result<(), String> {
    let mut processes = start(redis, 4, 5_000, 250).await?;
    let (mut works, mut trips) = (0, 0);
    for number in 0..20 {
        let seen = round(&mut processes, &format!("crowd{number} 100 100 90")).await?;
        works += seen.iter().map(|round| round.works).sum::<u64>();
        trips += seen.iter().map(|round| round.trips).sum::<u64>();
    }
    let measured = format!(
        "{}.{:02} works a round, {}.{:02} round trips a process and round",
        works / 20,
        works % 20 * 5,
        trips / 80,
        trips % 80 * 100 / 80,
    );
    table.row(
        "100 callers a process over 90 of 100 ms, 4 processes",
        measured,
        "printed",
        None,
    );
    Ok(())
}

async fn idle(redis: &Redis, quick: bool, table: &mut Table) -> Result<(), String> {
    let _processes = start(redis, 4, 5_000, 250).await?;
    let count = || -> Result<u64, String> {
        let info = redis
            .command(&["INFO", "stats"])
            .map_err(|error| error.to_string())?;
        let found = info
            .lines()
            .find_map(|line| line.strip_prefix("total_commands_processed:"));
        found
            .and_then(|count| count.trim().parse().ok())
            .ok_or("no count".to_owned())
    };
    let seconds = if quick { 10 } else { 30 };
    let before = count()?;
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    // The question itself is an INFO and the QUIT before it.
    let commands = count()? - before - 2;
    let per = commands * 100 / (4 * seconds);
    table.row(
        "commands a second of an idle process",
        format!("{}.{:02}", per / 100, per % 100),
        "0.2",
        Some(per <= 20),
    );
    Ok(())
}

/// The leader is killed; the next work begins when its lease has ended.
async fn take_over(redis: &Redis, quick: bool, table: &mut Table) -> Result<(), String> {
    let (lease, poll) = (1_000, 250);
    let mut took = Vec::new();
    for number in 0..if quick { 3 } else { 10 } {
        let mut processes = start(redis, 2, lease, poll).await?;
        processes[0]
            .call(&format!("dead{number} 60000 1 0"))
            .await?;
        processes[0].line("begun").await?;
        processes[1].call(&format!("dead{number} 1 1 0")).await?;
        // It has joined when it is registered.
        let name = format!("sf1:rounds{{=dead{number}}}");
        while !redis
            .command(&["HKEYS", &name])
            .map_err(|error| error.to_string())?
            .contains("w:")
        {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        processes[0]
            .child
            .kill()
            .await
            .map_err(|error| error.to_string())?;
        let killed = now();
        let begun: u64 = processes[1].line("begun").await?.parse().unwrap_or(0);
        processes[1].done().await?;
        took.push(begun.saturating_sub(killed));
    }
    let most = took.iter().copied().max().unwrap_or(0);
    table.row(
        "takeover after kill -9, lease 1 s, poll 250 ms, the longest",
        millis(most),
        "1300 ms",
        Some(most <= (lease + poll + 50) * 1_000_000),
    );
    Ok(())
}
