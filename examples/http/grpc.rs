//! Unary gRPC calls by tonic, coalesced by method and message; streams go alone.
//! `cargo run -p singleflight-examples-http --example grpc`.
//!
//! A call is a POST whose message is its body, so what makes two of them equal has to be read first: a
//! service outside of the layer does that, and puts the message into the request's extensions, where the
//! key finds it. The status of a call stands in the trailers of its answer, which are shared with it.

use std::convert::Infallible;
use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::{Buf as _, BufMut as _, Bytes};
use http::{Method, Request};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use singleflight_tower::{HttpCoalesce, HttpKey};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::Channel;
use tonic::{Response, Status};
use tower::{Layer as _, ServiceExt as _, service_fn};

/// The methods that may be coalesced: to ask once and to ask often is the same.
const PURE: [&str; 1] = ["/example.Words/Length"];
/// More than a message of these methods has.
const MOST: usize = 1 << 16;

/// The message of a call, for its key.
#[derive(Clone, Eq, Hash, PartialEq)]
struct Message(Bytes);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let works = Arc::new(AtomicUsize::new(0));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    drop(tokio::spawn(serve(listener, Arc::clone(&works))));

    let channel = Channel::from_shared(format!("http://{address}"))?
        .connect()
        .await?;
    let mut calls = JoinSet::new();
    for word in ["coalesce"; 20].into_iter().chain(["alone"]) {
        let mut client = tonic::client::Grpc::new(channel.clone());
        calls.spawn(async move {
            client
                .ready()
                .await
                .map_err(|error| Status::unknown(error.to_string()))?;
            let path = http::uri::PathAndQuery::from_static(PURE[0]);
            let request = tonic::Request::new(word.to_owned());
            let answer: Response<String> = client.unary(request, path, Text).await?;
            // tonic makes an error of an answer without its trailers.
            Ok::<_, Status>((word, answer.into_inner()))
        });
    }
    while let Some(answer) = calls.join_next().await {
        let (word, length) = answer??;
        assert_eq!(length, word.len().to_string());
    }
    println!(
        "21 calls of two messages, {} works",
        works.load(Ordering::Relaxed)
    );
    assert!(works.load(Ordering::Relaxed) < 21);
    Ok(())
}

async fn serve(listener: TcpListener, works: Arc<AtomicUsize>) {
    let key = HttpKey::by(|head| {
        let message = head.extensions.get::<Message>()?.clone();
        // What is late for one deadline is not for another, and not all read what is compressed.
        let limits = ["grpc-timeout", "grpc-encoding", "grpc-accept-encoding"];
        let limits = limits.map(|name| head.headers.get(name).cloned());
        let path = head.uri.path();
        PURE.contains(&path)
            .then(|| (path.to_owned(), message, limits))
    });
    let layer = HttpCoalesce::builder(key, tokio::time::sleep)
        .also_methods([Method::POST])
        .body_is_in_key()
        .detached(|task| drop(tokio::spawn(task)))
        .build();
    let answers = service_fn(move |request| {
        let method = Length(Arc::clone(&works));
        async move {
            let answer = tonic::server::Grpc::new(Text).unary(method, request).await;
            Ok::<_, Infallible>(answer)
        }
    });
    let coalesced = layer.layer(answers);
    let service = service_fn(move |request: Request<Incoming>| {
        let coalesced = coalesced.clone();
        async move {
            let (mut head, body) = request.into_parts();
            let message = Limited::new(body, MOST).collect().await;
            let message = message.map_err(|error| Status::invalid_argument(error.to_string()))?;
            let message = message.to_bytes();
            head.extensions.insert(Message(message.clone()));
            let body = tonic::body::Body::new(Full::new(message));
            let answer = coalesced.oneshot(Request::from_parts(head, body)).await;
            answer.map_err(|error| Status::unknown(error.to_string()))
        }
    });
    while let Ok((stream, _)) = listener.accept().await {
        let service = TowerToHyperService::new(service.clone());
        drop(tokio::spawn(async move {
            let builder = auto::Builder::new(TokioExecutor::new()).http2_only();
            drop(
                builder
                    .serve_connection(TokioIo::new(stream), service)
                    .await,
            );
        }));
    }
}

/// Tells the length of a word.
struct Length(Arc<AtomicUsize>);

impl tonic::server::UnaryService<String> for Length {
    type Response = String;
    type Future = Pin<Box<dyn Future<Output = Result<Response<String>, Status>> + Send>>;

    fn call(&mut self, request: tonic::Request<String>) -> Self::Future {
        self.0.fetch_add(1, Ordering::Relaxed);
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(300)).await;
            Ok(Response::new(request.into_inner().len().to_string()))
        })
    }
}

/// Messages that are text, where a real service has Protocol Buffers.
#[derive(Clone, Copy)]
struct Text;

impl Codec for Text {
    type Encode = String;
    type Decode = String;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for Text {
    type Item = String;
    type Error = Status;

    fn encode(&mut self, item: String, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put_slice(item.as_bytes());
        Ok(())
    }
}

impl Decoder for Text {
    type Item = String;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<String>, Status> {
        let bytes = buffer.copy_to_bytes(buffer.remaining());
        let text = String::from_utf8(bytes.to_vec());
        text.map(Some)
            .map_err(|error| Status::invalid_argument(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn it_runs() {
        super::main().expect("it works");
    }
}
