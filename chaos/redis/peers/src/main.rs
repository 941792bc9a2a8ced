//! cachekit-rs as the processes of the arena: `chaos-redis --child THIS`.
//!
//! It is a cache: a value is kept for a second and served again, which the checker calls stale, and
//! by design. What is compared is the rest: two works at once, values from before an invalidation,
//! how long calls wait. Its lock lasts 5 s and is not renewed.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use cachekit::CacheKit;
use cachekit::backend::redis::RedisBackend;
use clap::{Parser, Subcommand};
use singleflight_arena::End;
use singleflight_chaos_redis::{Answer, Child, Settings, Subject, Work};

#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    settings: Settings,
    #[command(subcommand)]
    part: Part,
}

#[derive(Subcommand)]
enum Part {
    Child(Child),
}

/// Calls by hand as its documentation shows.
struct Cachekit(CacheKit);

/// The shortest that it keeps a value.
const KEPT: Duration = Duration::from_secs(1);

impl Cachekit {
    async fn get_or_make(&self, key: u64, work: Work) -> Result<Answer, String> {
        let text = |error: cachekit::CachekitError| format!("{:?}", error.to_string());
        let name = format!("key{key}");
        let found = |value| Answer {
            value,
            end: End::Landed,
            is_leader: false,
        };
        if let Some(value) = self.0.get::<String>(&name).await.map_err(text)? {
            return Ok(found(value));
        }
        let mut flight = self.0.single_flight(&name).await;
        while flight.wait_for_fill().await {
            if let Some(value) = self.0.get::<String>(&name).await.map_err(text)? {
                flight.release().await;
                return Ok(found(value));
            }
        }
        // It has no token; the checker needs one to take it for a work under a lease.
        let value = work(Some(1)).await?;
        self.0
            .set_with_ttl(&name, &value, KEPT)
            .await
            .map_err(text)?;
        flight.release().await;
        Ok(Answer {
            is_leader: true,
            ..found(value)
        })
    }
}

impl Subject for Cachekit {
    async fn call(
        &self,
        key: u64,
        timeout: Option<Duration>,
        work: Work,
    ) -> Result<Answer, String> {
        let call = self.get_or_make(key, work);
        match timeout {
            Some(timeout) => match tokio::time::timeout(timeout, call).await {
                Ok(answer) => answer,
                Err(_) => Err("timed-out".to_owned()),
            },
            None => call.await,
        }
    }

    async fn forget(&self, key: u64) -> bool {
        self.0.delete(&format!("key{key}")).await.is_ok()
    }
}

async fn run(settings: &Settings, child: Child) -> Result<(), String> {
    let backend = RedisBackend::builder()
        .url(format!("redis://127.0.0.1:{}/", child.port))
        .auto_reconnect()
        .command_timeout(Duration::from_millis(250))
        .build()
        .map_err(|error| error.to_string())?;
    let _connection = backend
        .connect()
        .await
        .map_err(|error| format!("{error:?}"))?;
    let cache = CacheKit::builder()
        .backend(Arc::new(backend))
        .namespace("chaos")
        .build()
        .map_err(|error| error.to_string())?;
    child.run(settings, Cachekit(cache)).await
}

fn main() -> ExitCode {
    let Arguments {
        settings,
        part: Part::Child(child),
    } = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let ended = runtime
        .map_err(|error| error.to_string())
        .and_then(|runtime| runtime.block_on(run(&settings, child)));
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("chaos-redis-cachekit: {error}");
            ExitCode::FAILURE
        }
    }
}
