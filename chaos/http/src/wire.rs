//! Rounds over sockets: a server of HTTP/1.1 and h2c, clients that keep their connections, and the proxy
//! between them for some.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use fastrand::Rng;
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tower::ServiceExt as _;

use crate::oracle::{Asked, Found, Violation};
use crate::origin::{Origin, Payload, Stack, payload};
use crate::proxy::Proxy;
use crate::report::Report;
use crate::request::{Target, draw};
use crate::sabotage::Mode;

/// How many clients a round has, and how many requests each sends.
const CLIENTS: u64 = 96;
const REQUESTS: u64 = 20;
const PATIENCE: Duration = Duration::from_secs(20);

/// Runs one round against what `stack` puts in front of the origin. It returns how many flights are left
/// when everybody is gone, if it can tell.
///
/// # Errors
///
/// If there is no port, or no runtime.
pub fn wire(
    round: u64,
    seed: u64,
    mode: Mode,
    report: &mut Report,
    stack: impl FnOnce(&mut Rng, Origin) -> (Stack, Box<dyn Fn() -> usize>),
) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut rng = Rng::with_seed(seed ^ round.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let origin = Origin::new(rng.u64(..), 30);
        let (service, in_flight) = stack(&mut rng, origin.clone());
        let (server, address) = serve(service).await?;
        let proxy = Proxy::start(address, rng.u64(..), 30).await?;
        let mut clients = JoinSet::new();
        for number in 0..CLIENTS {
            let address = if rng.bool() { address } else { proxy.address() };
            clients.spawn(client(rng.fork(), number, address, mode));
        }
        while let Some(found) = clients.join_next().await {
            match found {
                Ok(found) => {
                    for found in found {
                        match found {
                            Some(found) => report.add(round, found),
                            None => report.dropped += 1,
                        }
                    }
                }
                Err(_) => report.violates(round, Violation::Hang),
            }
        }
        drop((proxy, server));
        let start = Instant::now();
        while in_flight() > 0 && start.elapsed() < PATIENCE {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        if in_flight() > 0 {
            report.violates(round, Violation::LeftBehind);
        }
        report.executions += origin.executions();
        Ok(())
    })
}

/// Starts a server; its connections end with what is returned.
async fn serve(service: Stack) -> io::Result<(JoinSet<()>, SocketAddr)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let mut server = JoinSet::new();
    server.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            while connections.try_join_next().is_some() {}
            let service = service.clone();
            let service =
                service.map_request(|request: http::Request<Incoming>| request.map(payload));
            connections.spawn(async move {
                drop(stream.set_nodelay(true));
                let builder = auto::Builder::new(TokioExecutor::new());
                let service = TowerToHyperService::new(service);
                drop(
                    builder
                        .serve_connection(TokioIo::new(stream), service)
                        .await,
                );
            });
        }
    });
    Ok((server, address))
}

/// Sends requests one after another, and goes away from some of them.
async fn client(mut rng: Rng, number: u64, address: SocketAddr, mode: Mode) -> Vec<Option<Found>> {
    let is_http_2 = rng.u8(..4) == 0;
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client: Client<_, Payload> = Client::builder(TokioExecutor::new())
        .http2_only(is_http_2)
        .retry_canceled_requests(false)
        .build(connector);
    let mut all = Vec::new();
    for index in 0..REQUESTS {
        let id = number * REQUESTS + index + 1;
        let request = draw(&mut rng, id, Target::Server(address, is_http_2));
        let asked = Asked::note(&request);
        let answering = async {
            match client.request(request).await {
                Ok(response) => asked.judge(response, mode, is_http_2).await,
                Err(_) => Found::FAILURE,
            }
        };
        if rng.u8(..12) == 0 {
            let patience = Duration::from_millis(rng.u64(..6));
            all.push(tokio::time::timeout(patience, answering).await.ok());
            continue;
        }
        let found = tokio::time::timeout(PATIENCE, answering).await;
        all.push(Some(found.unwrap_or(Found {
            violation: Some(Violation::Hang),
            ..Found::FAILURE
        })));
    }
    all
}
