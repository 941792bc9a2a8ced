//! The HTTP server: one on tokio, one on smol, chosen by the front end.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use async_channel::{Receiver, Sender};
use axum::Router;
use hyper::server::conn::http1;
use hyper_util::service::TowerToHyperService;
use smol::{Executor, Timer, future};
use smol_hyper::rt::FuturesIo;
use tokio::runtime;

use crate::cached::Cached;
use crate::failure::Failure;
use crate::on_redis::OnRedis;
use crate::on_smol::OnSmol;
use crate::on_threads::OnThreads;
use crate::on_tokio::OnTokio;
use crate::options::{Grouping, Runtime};
use crate::pool::Pool;
use crate::service::{Service, router, router_alone};
use crate::workers::Workers;

/// Beyond this many, threads that wait cost more than the queue does.
const MOST_WORKERS: usize = 512;

/// A server that is running, until it is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    address: SocketAddr,
    pool: Pool,
    host: Option<Host>,
}

impl Server {
    /// Starts a server on a free port of the loopback interface.
    ///
    /// `clients` is how many requests it must expect at a time.
    pub(crate) fn start(
        runtime: Runtime,
        grouping: &Grouping,
        clients: usize,
        pool: Pool,
    ) -> Result<Self, Failure> {
        let fail = |error: io::Error| Failure::service(format_args!("cannot serve: {error}"));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(fail)?;
        let address = listener.local_addr().map_err(fail)?;
        let host = Host::start(runtime, grouping, clients, &pool, listener).map_err(fail)?;
        Ok(Self {
            address,
            pool,
            host: Some(host),
        })
    }

    /// Starts a server on tokio that answers from a cache, but for what is served alone.
    pub(crate) fn start_cached(cached: Cached, pool: Pool) -> Result<Self, Failure> {
        let fail = |error: io::Error| Failure::service(format_args!("cannot serve: {error}"));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(fail)?;
        let address = listener.local_addr().map_err(fail)?;
        let alone = router_alone(OnTokio::new(pool.clone(), None));
        let tasks = on_tokio(listener, router(cached).merge(alone)).map_err(fail)?;
        let host = Some(Host::Tokio(tasks));
        Ok(Self {
            address,
            pool,
            host,
        })
    }

    /// Returns where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // First, so that no thread is left waiting for a connection to the database.
        self.pool.close();
        self.host.take();
    }
}

/// What the server runs on; dropping it drops its tasks and waits for its threads.
#[derive(Debug)]
#[expect(dead_code, reason = "it is held to be dropped")]
enum Host {
    /// Dropped in this order: the tasks hold the queue that the threads work off.
    Threads(runtime::Runtime, Workers),
    Tokio(runtime::Runtime),
    Smol(SmolHost),
}

impl Host {
    fn start(
        runtime: Runtime,
        grouping: &Grouping,
        clients: usize,
        pool: &Pool,
        listener: TcpListener,
    ) -> io::Result<Self> {
        let pool = pool.clone();
        let grouped = *grouping != Grouping::None;
        match runtime {
            Runtime::Threads => {
                let (workers, queue) = Workers::start(clients.min(MOST_WORKERS))?;
                let group = grouped.then(singleflight_std::Group::new);
                let alone = OnThreads::new(queue.clone(), pool.clone(), None);
                let router = routes(OnThreads::new(queue, pool, group), alone);
                let tasks = on_tokio(listener, router)?;
                Ok(Self::Threads(tasks, workers))
            }
            Runtime::Tokio => {
                if let Grouping::Redis(url) = grouping {
                    return on_redis(listener, pool, url).map(Self::Tokio);
                }
                let group = grouped.then(singleflight_tokio::Group::new);
                let alone = OnTokio::new(pool.clone(), None);
                let router = routes(OnTokio::new(pool, group), alone);
                on_tokio(listener, router).map(Self::Tokio)
            }
            Runtime::Smol => {
                let group = grouped.then(singleflight_smol::Group::new);
                let alone = OnSmol::new(pool.clone(), None);
                let router = routes(OnSmol::new(pool, group), alone);
                SmolHost::start(listener, router).map(Self::Smol)
            }
        }
    }
}

/// Requests that may share an answer go to one service, those that may not to the other.
fn routes<S: Service, A: Service>(shared: S, alone: A) -> Router {
    router(shared).merge(router_alone(alone))
}

/// Serves on a tokio runtime of its own, through a group over Redis.
fn on_redis(listener: TcpListener, pool: Pool, url: &str) -> io::Result<runtime::Runtime> {
    let tasks = runtime::Builder::new_multi_thread().enable_all().build()?;
    let alone = OnTokio::new(pool.clone(), None);
    let service = tasks
        .block_on(OnRedis::connect(pool, url))
        .map_err(io::Error::other)?;
    serve(tasks, listener, routes(service, alone))
}

/// Serves on a tokio runtime of its own.
pub(crate) fn on_tokio(listener: TcpListener, router: Router) -> io::Result<runtime::Runtime> {
    let tasks = runtime::Builder::new_multi_thread().enable_all().build()?;
    serve(tasks, listener, router)
}

/// Serves on this runtime.
pub(crate) fn serve(
    tasks: runtime::Runtime,
    listener: TcpListener,
    router: Router,
) -> io::Result<runtime::Runtime> {
    listener.set_nonblocking(true)?;
    let listener = {
        let _inside = tasks.enter();
        tokio::net::TcpListener::from_std(listener)?
    };
    tasks.spawn(async { axum::serve(listener, router).await });
    Ok(tasks)
}

/// An executor of smol on as many threads as there are processors. Axum's router is driven by
/// hyper, over smol's sockets: no tokio runtime takes part.
#[derive(Debug)]
struct SmolHost {
    stop: Sender<()>,
    thread: Option<JoinHandle<()>>,
}

impl SmolHost {
    fn start(listener: TcpListener, router: Router) -> io::Result<Self> {
        let listener = smol::Async::new(listener)?.into();
        // Nothing is ever sent: the channel is closed when the server is to end.
        let (stop, stopped) = async_channel::bounded(1);
        let thread = thread::Builder::new()
            .name("smol".to_owned())
            .spawn(move || run_smol(&listener, &router, &stopped))?;
        Ok(Self {
            stop,
            thread: Some(thread),
        })
    }
}

impl Drop for SmolHost {
    fn drop(&mut self) {
        self.stop.close();
        if let Some(thread) = self.thread.take() {
            thread.join().expect("a task's panic stays with the task");
        }
    }
}

fn run_smol(listener: &smol::net::TcpListener, router: &Router, stopped: &Receiver<()>) {
    let executor = Executor::new();
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(|| smol::block_on(executor.run(stopped.recv())));
        }
        let accepting = accept(listener, router, &executor);
        let stopped = async { stopped.recv().await.unwrap_or_default() };
        smol::block_on(executor.run(future::or(accepting, stopped)));
    });
}

async fn accept(listener: &smol::net::TcpListener, router: &Router, executor: &Executor<'static>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let service = TowerToHyperService::new(router.clone());
                let connection =
                    http1::Builder::new().serve_connection(FuturesIo::new(stream), service);
                // What goes wrong with one connection is its client's to see.
                executor.spawn(async { drop(connection.await) }).detach();
            }
            // Out of descriptors, most likely: one may be given back soon.
            Err(_) => drop(Timer::after(Duration::from_millis(100)).await),
        }
    }
}
