//! A service under load: an HTTP server on tokio over real sockets, many connections that ask
//! as fast as they are answered, keys drawn by Zipf's law, and a backend that takes a while.

use std::cell::RefCell;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Path, State};
use axum::routing::get;
use fastrand::Rng;
use singleflight_benches::peers::{OursOnTokio, Peer, Visitor, each_other};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{self, Runtime};
use tokio::sync::Semaphore;
use tokio::time::sleep;

use crate::contest::{Contestant, Round, Row, contest};
use crate::figure::Figure;
use crate::options::Options;
use crate::zipf::Zipf;

const CONNECTIONS: usize = 1_000;
/// Requests of each connection in a round.
const REQUESTS: usize = 10;
const KEYS: u32 = 1_000;
/// How many queries the backend works on at a time, and how long each takes.
const QUERIES: usize = 32;
const QUERY: Duration = Duration::from_millis(2);
/// Ends a body, and stands nowhere else in a response.
const END: u8 = 4;

/// The latencies of a contestant that 99 % of its requests stayed below, one for each round.
type Slowest = Rc<RefCell<Vec<f64>>>;

pub(crate) fn measure(options: &Options) -> Vec<Figure> {
    let mut line = Line(Vec::new());
    line.visit::<OursOnTokio>();
    each_other(&mut line);
    let (contestants, slowest): (Vec<_>, Vec<_>) = line.0.into_iter().unzip();
    let rounds = options.rounds(3, 41);
    let times = contest(rounds, contestants);
    let rows = times.iter().zip(&slowest);
    let latencies = rows
        .map(|(row, slowest)| latency(row, &slowest.borrow()))
        .collect();
    let title =
        |what: &str| format!("An HTTP service, {CONNECTIONS} connections, Zipf keys: {what}");
    vec![
        Figure::new("service-time", title("time per request"), "us", times).against_peers(1.0),
        Figure::new(
            "service-p99",
            title("99 % of requests within"),
            "ms",
            latencies,
        )
        .against_peers(1.0),
    ]
}

/// The row of latencies beside that of times. The first round was to warm up, unless it took so
/// long that there was no other.
fn latency(times: &Row, slowest: &[f64]) -> Row {
    let first = usize::from(slowest.len() > 1);
    let mut slowest = slowest[first..].to_vec();
    slowest.sort_by(f64::total_cmp);
    let at = |quarter: usize| slowest[(slowest.len() - 1) * quarter / 4];
    Row {
        value: at(2),
        spread: (at(1), at(3)),
        ..times.clone()
    }
}

struct Line(Vec<(Contestant, Slowest)>);

impl Visitor for Line {
    fn visit<P: Peer>(&mut self) {
        let slowest = Slowest::default();
        let server = Server::start::<P>();
        let clients = runtime::Builder::new_current_thread().enable_all().build();
        let clients = clients.expect("a runtime of one thread needs nothing");
        let slow = Rc::clone(&slowest);
        let mut seed = 0;
        let round = move || {
            // The whole of it, runtime included.
            let server = &server;
            seed += 1;
            let before = server.backend.queries.load(Ordering::Relaxed);
            let (took, mut latencies) = clients.block_on(storm(server.address, seed));
            latencies.sort();
            let slow_one = latencies[latencies.len() * 99 / 100];
            slow.borrow_mut().push(slow_one.as_secs_f64() * 1e3);
            let queries = server.backend.queries.load(Ordering::Relaxed) - before;
            let calls = latencies.len() as u64;
            Round {
                value: took.as_secs_f64() * 1e6 / calls as f64,
                ..Round::of_calls(took, calls, queries)
            }
        };
        self.0.push((Contestant::new(P::ABOUT, round), slowest));
    }
}

/// What a query runs on.
struct Backend {
    places: Semaphore,
    queries: AtomicU64,
}

impl Backend {
    async fn query(&self) -> Arc<str> {
        let place = self.places.acquire().await;
        sleep(QUERY).await;
        drop(place);
        self.queries.fetch_add(1, Ordering::Relaxed);
        "an answer that took its time".into()
    }
}

/// A server on two threads of its own, until it is dropped.
struct Server {
    address: SocketAddr,
    backend: Arc<Backend>,
    /// Dropped with the server, and its tasks with it.
    _runtime: Runtime,
}

impl Server {
    fn start<P: Peer>() -> Self {
        let runtime = runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("two threads can be started");
        let backend = Arc::new(Backend {
            places: Semaphore::new(QUERIES),
            queries: AtomicU64::new(0),
        });
        let shared = Arc::new(Shared::<P> {
            group: P::group(),
            backend: Arc::clone(&backend),
        });
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)));
        let listener = listener.expect("a port of the loopback interface is free");
        let address = listener.local_addr().expect("it is bound");
        let routes = Router::new()
            .route("/{key}", get(respond::<P>))
            .with_state(shared);
        runtime.spawn(async { axum::serve(listener, routes).await });
        Self {
            address,
            backend,
            _runtime: runtime,
        }
    }
}

/// What the requests share.
struct Shared<P: Peer> {
    group: P::Group<String, Arc<str>>,
    backend: Arc<Backend>,
}

async fn respond<P: Peer>(State(shared): State<Arc<Shared<P>>>, Path(key): Path<String>) -> String {
    let backend = Arc::clone(&shared.backend);
    let work = move || async move { backend.query().await };
    let answer = P::call(&shared.group, &key, work).await;
    format!("{key}: {answer}{}", char::from(END))
}

/// Connects everybody, and then lets them ask; says how long all took and each request.
async fn storm(server: SocketAddr, seed: u64) -> (Duration, Vec<Duration>) {
    let mut streams = Vec::with_capacity(CONNECTIONS);
    for _ in 0..CONNECTIONS {
        let stream = TcpStream::connect(server)
            .await
            .expect("the server listens");
        stream.set_nodelay(true).expect("it is a socket");
        streams.push(stream);
    }
    let (zipf, mut random) = (Zipf::new(KEYS, 1.0), Rng::with_seed(seed));
    let mut draw = || (0..REQUESTS).map(|_| zipf.draw(&mut random)).collect();
    let start = Instant::now();
    let clients: Vec<_> = streams
        .into_iter()
        .map(|stream| tokio::spawn(client(stream, draw())))
        .collect();
    let mut latencies = Vec::with_capacity(CONNECTIONS * REQUESTS);
    for client in clients {
        latencies.extend(client.await.expect("every request is answered"));
    }
    (start.elapsed(), latencies)
}

async fn client(mut stream: TcpStream, keys: Vec<usize>) -> Vec<Duration> {
    let mut latencies = Vec::with_capacity(keys.len());
    let mut response = Vec::with_capacity(512);
    for key in keys {
        let start = Instant::now();
        let request = format!("GET /{key} HTTP/1.1\r\nhost: here\r\n\r\n");
        stream
            .write_all(request.as_bytes())
            .await
            .expect("the server reads");
        response.clear();
        while response.last() != Some(&END) {
            let count = stream
                .read_buf(&mut response)
                .await
                .expect("the server answers");
            assert!(count > 0, "the server has hung up");
        }
        let body = format!("\r\n\r\n{key}: ");
        assert!(response.starts_with(b"HTTP/1.1 200"), "it went well");
        assert!(
            response
                .windows(body.len())
                .any(|part| part == body.as_bytes()),
            "the answer is to what was asked"
        );
        latencies.push(start.elapsed());
    }
    latencies
}
