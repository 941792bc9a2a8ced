//! The process that starts the others, does the mischief, and reads what they wrote.

use std::path::Path;
use std::time::{Duration, Instant};

use singleflight_arena::{
    Event, Limits, Rule, Server, Violation, Wire, Writer, check, program, read,
};
use singleflight_chaos_redis::{Mischief, Settings};

use crate::children::Children;
use crate::mischief::Doer;

/// Runs, prints what was seen, and returns how many violations there were.
pub(crate) async fn run(settings: &Settings) -> Result<usize, String> {
    let text = |error: std::io::Error| error.to_string();
    let program = match program() {
        Ok(program) => program,
        Err(why) if std::env::var_os("SINGLEFLIGHT_REDIS_REQUIRED").is_some() => return Err(why),
        Err(why) => {
            println!("!!! SKIPPED: {why}");
            return Ok(0);
        }
    };
    let kept = settings.history.clone();
    let directory = kept.clone().unwrap_or_else(|| {
        let name = format!("singleflight-chaos-{}", std::process::id());
        std::env::temp_dir().join(name)
    });
    std::fs::create_dir_all(&directory).map_err(text)?;
    let ended = arena(settings, &program, &directory).await;
    if kept.is_none() {
        // What cannot be removed is in the directory for temporary files.
        let _removed = std::fs::remove_dir_all(&directory);
    }
    ended
}

async fn arena(settings: &Settings, program: &Path, directory: &Path) -> Result<usize, String> {
    let text = |error: std::io::Error| error.to_string();
    println!(
        "chaos-redis: {}, {} processes, {} s, seed {}, lease {} ms, works up to {} ms, mischief {:?}, \
         when down {:?}{}",
        program.display(),
        settings.processes,
        settings.seconds,
        settings.seed,
        settings.lease,
        settings.work,
        settings.mischief,
        settings.when_down,
        if settings.no_forgets {
            ", nobody forgets"
        } else {
            ""
        },
    );
    let server = || Server::start(program, &[]).map_err(text);
    let servers = [server()?, server()?];
    let (port, wire) = Wire::start(servers[0].port()).await.map_err(text)?;
    let mut doer = Doer {
        settings,
        random: fastrand::Rng::with_seed(settings.seed),
        wire,
        servers,
        history: Writer::append(&directory.join("parent.history")).map_err(text)?,
    };
    doer.follow();
    let mut children = Children {
        all: Vec::new(),
        settings,
        directory,
        port,
        next: 0,
    };
    for _ in 0..settings.processes {
        children.start()?;
    }
    let until = Instant::now() + Duration::from_secs(settings.seconds);
    while Instant::now() < until {
        let pause = doer.random.u64(..settings.lease);
        tokio::time::sleep(Duration::from_millis(pause)).await;
        doer.one(&mut children).await?;
    }
    children.end().await?;
    report(settings, directory, &doer).await
}

async fn report(settings: &Settings, directory: &Path, doer: &Doer<'_>) -> Result<usize, String> {
    let text = |error: std::io::Error| error.to_string();
    let nanos = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    let events: Vec<Event> = read(directory).map_err(text)?;
    let limits = Limits {
        lease: nanos(settings.lease()),
        longest: nanos(settings.longest()),
        is_complete: true,
    };
    let mut report = check(&events, &limits);
    // Marks last longest: two leases and what a result is kept for.
    tokio::time::sleep(settings.lease() * 2 + Duration::from_secs(3)).await;
    let left = doer.servers[0].command(&["DBSIZE"]).map_err(text)?;
    if !left.starts_with(":0") {
        let (rule, text) = (Rule::KeysLeft, format!("keys at the end {}", left.trim()));
        report.violations.push(Violation { rule, text });
    }
    print!("{report}");
    if settings.mischief == Mischief::Calm {
        let executions = report.executions;
        println!(
            "calls for each work: {:.2}",
            ratio(report.answered, executions)
        );
    }
    if report.shared * 3 < report.answered {
        println!("!!! less than a third of the answers are another call's");
        println!("violations {}", report.violations.len() + 1);
        return Ok(report.violations.len() + 1);
    }
    println!("violations {}", report.violations.len());
    Ok(report.violations.len())
}

#[expect(clippy::cast_precision_loss, reason = "counts of a run are small")]
fn ratio(a: usize, b: usize) -> f64 {
    a as f64 / b.max(1) as f64
}
