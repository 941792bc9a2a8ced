//! What is measured over sockets, of servers that any program may run.

use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tower::ServiceExt as _;

use crate::stacks::{Kind, Stack, Work};

/// How long the work takes: long enough for all to come.
const TIME: Duration = Duration::from_secs(2);
const PATIENCE: Duration = Duration::from_secs(60);

/// A server, which ends with it.
pub struct Server {
    pub address: SocketAddr,
    work: Work,
    _tasks: JoinSet<()>,
    _process: Option<Child>,
    directory: Option<PathBuf>,
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(directory) = &self.directory {
            drop(std::fs::remove_dir_all(directory));
        }
    }
}

impl Server {
    /// Starts a server in this program.
    pub async fn of(kind: Kind) -> io::Result<Self> {
        let work = Work::new(TIME, 0);
        let (address, tasks) = serve(kind.stack(work.clone())).await?;
        Ok(Self {
            address,
            work,
            _tasks: tasks,
            _process: None,
            directory: None,
        })
    }

    /// Starts a proxy of another project in front of the bare service, if it is installed.
    pub async fn proxy(name: &str) -> io::Result<Option<Self>> {
        let program = ["/usr/sbin", "/usr/bin", "/usr/local/sbin"]
            .map(|directory| Path::new(directory).join(name))
            .into_iter()
            .find(|path| path.is_file());
        let Some(program) = program else {
            return Ok(None);
        };
        let mut server = Self::of(Kind::Bare).await?;
        let port = StdListener::bind("127.0.0.1:0")?.local_addr()?;
        let unique = format!("compare-http-{}-{}", std::process::id(), port.port());
        let directory = std::env::temp_dir().join(unique);
        std::fs::create_dir_all(&directory)?;
        let origin = server.address;
        let mut command = Command::new(program);
        if name == "nginx" {
            let at = directory.display();
            let text = format!(
                "daemon off; user root; pid {at}/pid; error_log {at}/error.log;\n\
                 events {{ worker_connections 4096; }}\n\
                 http {{ access_log off; client_body_temp_path {at}/a; proxy_temp_path {at}/b;\n\
                 fastcgi_temp_path {at}/c; uwsgi_temp_path {at}/d; scgi_temp_path {at}/e;\n\
                 proxy_cache_path {at}/cache keys_zone=all:1m;\n\
                 server {{ listen {port} http2; listen {} ; location / {{ proxy_pass http://{origin};\n\
                 proxy_http_version 1.1; proxy_cache all; proxy_cache_valid 200 1m;\n\
                 proxy_cache_lock on; }} }} }}",
                SocketAddr::new(port.ip(), port.port().wrapping_add(1)),
            );
            let file = directory.join("nginx.conf");
            std::fs::write(&file, text)?;
            command.arg("-c").arg(file).arg("-p").arg(&directory);
        } else {
            command.args(["-F", "-a", &port.to_string(), "-b", &origin.to_string()]);
            command
                .args(["-s", "malloc,64m", "-p", "feature=+http2", "-n"])
                .arg(&directory);
        }
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        server._process = Some(child.kill_on_drop(true).spawn()?);
        server.directory = Some(directory);
        server.address = port;
        for _ in 0..200 {
            if TcpStream::connect(port).await.is_ok() {
                return Ok(Some(server));
            }
            sleep(Duration::from_millis(50)).await;
        }
        Err(io::Error::other(format!("{name} does not come up")))
    }

    /// Where the same server speaks HTTP/1.1, if not at its address.
    fn http_1(&self) -> SocketAddr {
        let is_nginx = self
            .directory
            .as_ref()
            .is_some_and(|at| at.join("nginx.conf").is_file());
        let port = self.address.port().wrapping_add(u16::from(is_nginx));
        SocketAddr::new(self.address.ip(), port)
    }

    /// 1,000 equal requests at once over 100 connections of h2c: executions and errors.
    pub async fn equal(&self) -> (usize, usize) {
        let before = self.work.calls();
        let mut connections = JoinSet::new();
        for _ in 0..100 {
            connections.spawn(ten(self.address));
        }
        let answered: usize = connections.join_all().await.into_iter().sum();
        (self.work.calls() - before, 1_000 - answered)
    }

    /// The leader's socket is reset while 100 follow: executions and errors.
    pub async fn reset(&self) -> (usize, usize) {
        let before = self.work.calls();
        let leader = TcpStream::connect(self.http_1()).await;
        if let Ok(mut leader) = leader {
            drop(
                leader
                    .write_all(b"GET /reset HTTP/1.1\r\nHost: a.example\r\n\r\n")
                    .await,
            );
            sleep(Duration::from_millis(300)).await;
            let mut followers = JoinSet::new();
            for _ in 0..100 {
                followers.spawn(one(self.http_1()));
            }
            sleep(Duration::from_millis(700)).await;
            #[expect(
                deprecated,
                reason = "a socket that lingers for no time is reset at once"
            )]
            drop(leader.set_linger(Some(Duration::ZERO)));
            drop(leader);
            let answered = followers
                .join_all()
                .await
                .into_iter()
                .filter(|good| *good)
                .count();
            return (self.work.calls() - before, 100 - answered);
        }
        (0, 100)
    }
}

async fn serve(stack: Stack) -> io::Result<(SocketAddr, JoinSet<()>)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            // The body is known to be empty: the peers' services are made for such.
            let stack = stack
                .clone()
                .map_request(|request: Request<Incoming>| request.map(|_| Empty::<Bytes>::new()));
            connections.spawn(async move {
                let builder = auto::Builder::new(TokioExecutor::new());
                let service = TowerToHyperService::new(stack);
                drop(
                    builder
                        .serve_connection(TokioIo::new(stream), service)
                        .await,
                );
            });
        }
    });
    Ok((address, tasks))
}

/// Sends ten equal requests at once over one connection; returns how many were answered.
async fn ten(address: SocketAddr) -> usize {
    let asking = async {
        let stream = TcpStream::connect(address).await.ok()?;
        let io = TokioIo::new(stream);
        let shake = hyper::client::conn::http2::handshake(TokioExecutor::new(), io);
        let (client, connection) = shake.await.ok()?;
        let connection = tokio::spawn(connection);
        let mut streams = JoinSet::new();
        for _ in 0..10 {
            let mut client = client.clone();
            streams.spawn(async move {
                client.ready().await.ok()?;
                let request = Request::get("http://a.example/equal").body(Empty::<Bytes>::new());
                let response = client.send_request(request.ok()?).await.ok()?;
                let is_good = response.status() == 200;
                let body = response.into_body().collect().await.ok()?.to_bytes();
                (is_good && body == "answer").then_some(())
            });
        }
        let answered = streams.join_all().await.into_iter().flatten().count();
        connection.abort();
        Some(answered)
    };
    timeout(PATIENCE, asking)
        .await
        .ok()
        .flatten()
        .unwrap_or_default()
}

/// Sends one request on a connection of its own; says whether it was answered.
async fn one(address: SocketAddr) -> bool {
    let asking = async {
        let mut stream = TcpStream::connect(address).await.ok()?;
        let request = b"GET /reset HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n";
        stream.write_all(request).await.ok()?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.ok()?;
        let is_good = answer.starts_with(b"HTTP/1.1 200") && answer.ends_with(b"answer");
        is_good.then_some(())
    };
    timeout(PATIENCE, asking).await.ok().flatten().is_some()
}
