//! Clients whose equal requests are sent once: hyper-util's, and reqwest's.
//! `cargo run -p singleflight-examples-http --example client`.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use singleflight_tower::{HttpCoalesce, HttpKey};
use tokio::net::TcpListener;
use tower::{Layer as _, ServiceExt as _, service_fn};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let received = Arc::new(AtomicUsize::new(0));
    let uri = origin(Arc::clone(&received)).await?;

    // hyper-util's client is a tower service of HTTP requests as it is.
    let client: Client<_, Empty<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let client = layer().layer(client);
    let ask = || {
        client
            .clone()
            .oneshot(Request::get(&uri).body(Empty::new()).expect("it is one"))
    };
    for response in [tokio::join!(ask(), ask(), ask())]
        .map(<[_; 3]>::from)
        .into_iter()
        .flatten()
    {
        let body = response?.into_body().collect().await;
        let body = body.map_err(|error| error.to_string())?;
        assert_eq!(body.to_bytes(), "from the origin");
    }
    println!(
        "hyper-util: 3 requests, {} sent",
        received.swap(0, Ordering::Relaxed)
    );

    // reqwest's is one of its own requests, which are made of HTTP's.
    let client = reqwest::Client::new();
    let client = service_fn(move |request: Request<reqwest::Body>| {
        let client = client.clone();
        async move {
            let response = client.execute(request.try_into()?).await?;
            Ok::<_, reqwest::Error>(Response::<reqwest::Body>::from(response))
        }
    });
    let client = layer().layer(client);
    let ask = || {
        let request = Request::get(&uri).body(reqwest::Body::from(""));
        client.clone().oneshot(request.expect("it is one"))
    };
    for response in [tokio::join!(ask(), ask(), ask())]
        .map(<[_; 3]>::from)
        .into_iter()
        .flatten()
    {
        let body = response?
            .into_body()
            .collect()
            .await
            .map_err(|error| error.to_string())?;
        assert_eq!(body.to_bytes(), "from the origin");
    }
    println!(
        "reqwest: 3 requests, {} sent",
        received.load(Ordering::Relaxed)
    );
    assert!(received.load(Ordering::Relaxed) < 3);
    Ok(())
}

/// A client sends its own credentials, and its answers stay in this program: what is shared here is
/// shared with nobody else. So a request that says who asks need not go alone.
fn layer() -> HttpCoalesce {
    HttpCoalesce::builder(HttpKey::all_headers(), tokio::time::sleep)
        .identity(singleflight_tower::Identity::PartOfKey)
        .build()
}

/// A server that counts what it receives.
async fn origin(received: Arc<AtomicUsize>) -> std::io::Result<String> {
    let slow = get(move || async move {
        received.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(300)).await;
        "from the origin"
    });
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let uri = format!("http://{}/", listener.local_addr()?);
    // It ends with the runtime.
    drop(tokio::spawn(async move {
        axum::serve(listener, Router::new().route("/", slow)).await
    }));
    Ok(uri)
}

#[cfg(test)]
mod tests {
    #[test]
    fn it_runs() {
        super::main().expect("it works");
    }
}
