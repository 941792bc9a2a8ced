//! An axum server whose slow route is asked a hundred times at once, and works once:
//! `cargo run -p singleflight-examples-http --example server`.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use singleflight_tower::{HttpCoalesce, HttpKey};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let works = Arc::new(AtomicUsize::new(0));
    let layer = HttpCoalesce::builder(HttpKey::all_headers(), tokio::time::sleep)
        // No client that goes takes the work with it.
        .detached(|task| drop(tokio::spawn(task)))
        .cache_status("example")
        .build();
    let counted = Arc::clone(&works);
    let report = get(move || async move {
        counted.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(500)).await;
        "the report"
    });
    let app = Router::new().route("/report", report).layer(layer.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let uri: http::Uri = format!("http://{}/report", listener.local_addr()?).parse()?;
    let server = tokio::spawn(async move { axum::serve(listener, app).await });

    let client: Client<_, Empty<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let mut requests = JoinSet::new();
    for _ in 0..100 {
        requests.spawn(client.get(uri.clone()));
    }
    let mut collapsed = 0;
    while let Some(response) = requests.join_next().await {
        let response = response??;
        let way = response.headers()["cache-status"].to_str()?.to_owned();
        collapsed += usize::from(way.ends_with("; collapsed"));
        assert_eq!(
            response.into_body().collect().await?.to_bytes(),
            "the report"
        );
    }
    println!(
        "100 requests, {} works, {collapsed} collapsed",
        works.load(Ordering::Relaxed)
    );
    assert!(collapsed > 0 && works.load(Ordering::Relaxed) < 100);

    // Nothing is refused that is under way when the server stops.
    layer.drained().await;
    server.abort();
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn it_runs() {
        super::main().expect("it works");
    }
}
