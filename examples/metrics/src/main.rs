//! A service with a slow price, and its counts at `/metrics`.
//!
//! `cargo run --release` prints where it listens; `curl` that address with `/price/tea` a few times
//! at once, then with `/metrics`. With `--scrape` it times the text of 1,000 groups, and ends.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use metrics_example::{Groups, prometheus};
use prometheus_client::registry::Registry;
use singleflight_tokio::{CallError, Group};
use tokio::net::TcpListener;

#[derive(Clone)]
struct Service {
    prices: Group<String, u64>,
    registry: Arc<Registry>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    if std::env::args().any(|argument| argument == "--scrape") {
        return scrape().map_err(Into::into);
    }
    let prices: Group<String, u64> = Group::new();
    let groups = Groups::default();
    groups.register("prices", {
        let prices = prices.clone();
        move || prices.stats()
    });
    let service = Service {
        prices,
        registry: Arc::new(prometheus::registry(&groups)),
    };
    let router = Router::new()
        .route("/price/{item}", get(price))
        .route("/metrics", get(metrics))
        .with_state(service);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on http://{}/", listener.local_addr()?);
    axum::serve(listener, router)
        .with_graceful_shutdown(async { drop(tokio::signal::ctrl_c().await) })
        .await?;
    Ok(())
}

async fn price(
    State(service): State<Service>,
    Path(item): Path<String>,
) -> Result<String, (StatusCode, String)> {
    let price = service
        .prices
        .run(item.as_str(), || slow_price(&item))
        .await;
    match price {
        Ok(price) => Ok(format!("{item} costs {price}\n")),
        Err(error) => Err(refused(&error)),
    }
}

async fn slow_price(item: &str) -> u64 {
    tokio::time::sleep(Duration::from_millis(200)).await;
    item.len() as u64
}

fn refused(error: &CallError) -> (StatusCode, String) {
    (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n"))
}

async fn metrics(State(service): State<Service>) -> impl IntoResponse {
    match prometheus::text(&service.registry) {
        Ok(text) => Ok(([(CONTENT_TYPE, prometheus::CONTENT_TYPE)], text)),
        Err(error) => Err((StatusCode::INTERNAL_SERVER_ERROR, error.to_string())),
    }
}

/// Times what a scrape of many groups costs.
fn scrape() -> Result<(), std::fmt::Error> {
    let groups = Groups::default();
    for number in 0..1_000 {
        let group: Group<u64, u64> = Group::new();
        groups.register(&format!("group-{number}"), move || group.stats());
    }
    let registry = prometheus::registry(&groups);
    let mut times = Vec::new();
    let mut bytes = 0;
    for _ in 0..101 {
        let start = Instant::now();
        bytes = prometheus::text(&registry)?.len();
        times.push(start.elapsed());
    }
    times.sort();
    println!(
        "1,000 groups, {bytes} bytes: median {:?}, least {:?} of {}",
        times[50],
        times[0],
        times.len()
    );
    Ok(())
}
