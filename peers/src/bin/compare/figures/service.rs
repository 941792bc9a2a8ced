//! The stampede's service under load: its axum server on tokio over real sockets, its `SQLite`
//! file and its pool of connections, with each peer in the group's place; many connections that
//! ask as fast as they are answered, for keys drawn by Zipf's law.

use std::cell::RefCell;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fastrand::Rng;
use singleflight_peers::{OursOnTokio, Peer, Visitor, each_other};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{self, Runtime};
use tokio::task;

use crate::contest::{Contestant, Round, Row, contest};
use crate::database::Database;
use crate::figure::Figure;
use crate::ledger::Ledger;
use crate::options::Options;
use crate::pool::Pool;
use crate::service::{Answer, Service, router};
use crate::stop::Stop;
use crate::zipf::Zipf;

const CONNECTIONS: usize = 1_000;
/// Requests of each connection in a round.
const REQUESTS: usize = 10;
const KEYS: u32 = 1_000;
/// Rows that a query reads.
const ROWS: u32 = 1_000;
/// How many queries run at a time, as in the stampede.
const QUERIES: u32 = 4;

/// The latencies of a contestant that 99 % of its requests stayed below, one for each round.
type Slowest = Rc<RefCell<Vec<f64>>>;

pub(crate) fn measure(options: &Options) -> Vec<Figure> {
    let (ledger, database) = (Arc::new(Ledger::new(ROWS)), database(options));
    let mut line = Line {
        ledger,
        database,
        contestants: Vec::new(),
    };
    line.visit::<OursOnTokio>();
    each_other(&mut line);
    let (contestants, slowest): (Vec<_>, Vec<_>) = line.contestants.into_iter().unzip();
    let rounds = options.rounds(5, 41);
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

/// The stampede's database, beside the report; made if it is not there yet.
fn database(options: &Options) -> Database {
    fs::create_dir_all(&options.out)
        .unwrap_or_else(|error| panic!("{}: {error}", options.out.display()));
    let path = options.out.join("stampede.sqlite");
    // Nobody drives this runtime, so Ctrl-C ends the program as it always does.
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime of one thread needs nothing");
    Database::open(&path, &Stop::on_interrupt(&runtime))
        .unwrap_or_else(|failure| panic!("{failure}"))
        .expect("nobody stops it")
}

struct Line {
    ledger: Arc<Ledger>,
    database: Database,
    contestants: Vec<(Contestant, Slowest)>,
}

impl Visitor for Line {
    fn visit<P: Peer>(&mut self) {
        let slowest = Slowest::default();
        let pool = Pool::open(&self.database, QUERIES, &self.ledger);
        let pool = pool.unwrap_or_else(|failure| panic!("{failure}"));
        let server = Server::start::<P>(pool);
        let clients = runtime::Builder::new_current_thread().enable_all().build();
        let clients = clients.expect("a runtime of one thread needs nothing");
        let (slow, ledger) = (Rc::clone(&slowest), Arc::clone(&self.ledger));
        let mut seed = 0;
        let round = move || {
            // The whole of it, runtime included.
            let server = &server;
            seed += 1;
            let before = server.pool.queries();
            let (took, mut latencies) = clients.block_on(storm(server.address, &ledger, seed));
            latencies.sort();
            let slow_one = latencies[latencies.len() * 99 / 100];
            slow.borrow_mut().push(slow_one.as_secs_f64() * 1e3);
            let queries = server.pool.queries() - before;
            let calls = latencies.len() as u64;
            Round {
                value: took.as_secs_f64() * 1e6 / calls as f64,
                ..Round::of_calls(took, calls, queries)
            }
        };
        self.contestants
            .push((Contestant::new(P::ABOUT, round), slowest));
    }
}

/// A server on two threads of its own, until it is dropped.
struct Server {
    address: SocketAddr,
    pool: Pool,
    /// Dropped with the server, and its tasks with it.
    _runtime: Runtime,
}

impl Server {
    fn start<P: Peer>(pool: Pool) -> Self {
        let runtime = runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("two threads can be started");
        let sales = Sales::<P> {
            group: Arc::new(P::group()),
            pool: pool.clone(),
        };
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)));
        let listener = listener.expect("a port of the loopback interface is free");
        let address = listener.local_addr().expect("it is bound");
        runtime.spawn(async { axum::serve(listener, router(sales)).await });
        Self {
            address,
            pool,
            _runtime: runtime,
        }
    }
}

/// The service with a peer's group.
struct Sales<P: Peer> {
    group: Arc<P::Group<String, Answer>>,
    pool: Pool,
}

impl<P: Peer> Clone for Sales<P> {
    fn clone(&self) -> Self {
        Self {
            group: Arc::clone(&self.group),
            pool: self.pool.clone(),
        }
    }
}

impl<P: Peer> Service for Sales<P> {
    async fn sales(&self, key: String) -> Answer {
        let (pool, name) = (self.pool.clone(), key.clone());
        let work = move || async move {
            let lease = pool.take().await?;
            task::spawn_blocking(move || lease.query(&name)).await?
        };
        P::call(&self.group, &key, work).await
    }
}

/// Connects everybody, and then lets them ask; says how long all took and each request.
async fn storm(server: SocketAddr, ledger: &Arc<Ledger>, seed: u64) -> (Duration, Vec<Duration>) {
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
        .map(|stream| tokio::spawn(client(stream, Arc::clone(ledger), draw())))
        .collect();
    let mut latencies = Vec::with_capacity(CONNECTIONS * REQUESTS);
    for client in clients {
        latencies.extend(client.await.expect("every request is answered"));
    }
    (start.elapsed(), latencies)
}

async fn client(mut stream: TcpStream, ledger: Arc<Ledger>, keys: Vec<usize>) -> Vec<Duration> {
    let mut latencies = Vec::with_capacity(keys.len());
    let mut response = Vec::with_capacity(512);
    for key in keys {
        let start = Instant::now();
        let key = format!("item-{key}");
        let request = format!("GET /sales/{key} HTTP/1.1\r\nhost: here\r\n\r\n");
        stream
            .write_all(request.as_bytes())
            .await
            .expect("the server reads");
        response.clear();
        // The line break that ends a body is the only one alone.
        while !response.ends_with(b"\n") || response.ends_with(b"\r\n") {
            let count = stream
                .read_buf(&mut response)
                .await
                .expect("the server answers");
            assert!(count > 0, "the server has hung up");
        }
        latencies.push(start.elapsed());
        let text = str::from_utf8(&response).expect("it is text");
        let (head, body) = text.split_once("\r\n\r\n").expect("it has a head");
        assert!(head.starts_with("HTTP/1.1 200"), "it went well: {head}");
        let expected = ledger.sales(&key).body(&key);
        assert_eq!(body, expected, "the answer is to what was asked");
    }
    latencies
}
