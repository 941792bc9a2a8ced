//! A proxy that breaks connections: it delays, stalls, cuts after some bytes, refuses and resets, each
//! direction by itself, as a seed says.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use fastrand::Rng;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// What is done to one direction of a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Fault {
    /// Nothing.
    None,
    /// Every read is passed on later.
    Delay(Duration),
    /// After so many bytes nothing is passed on for a while.
    Stall(usize, Duration),
    /// After so many bytes the direction ends, as if its sender had ended it.
    Cut(usize),
    /// After so many bytes the connection is reset.
    Reset(usize),
}

/// What is done to a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Fate {
    /// It is reset as it comes.
    Refused,
    /// To the server, and back.
    Carried(Fault, Fault),
}

/// The proxy. Its connections end with it.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    counts: Arc<Counts>,
    _tasks: JoinSet<()>,
}

#[derive(Debug, Default)]
struct Counts {
    connections: AtomicU64,
    broken: AtomicU64,
}

impl Proxy {
    /// Starts a proxy in front of a server, on a port of the loopback. `share` of a hundred connections
    /// have a fault.
    ///
    /// # Errors
    ///
    /// If there is no port.
    pub async fn start(server: SocketAddr, seed: u64, share: u8) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let counts = Arc::<Counts>::default();
        let counted = Arc::clone(&counts);
        let mut rng = Rng::with_seed(seed);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                while connections.try_join_next().is_some() {}
                let fate = fate(&mut rng, share);
                counted.connections.fetch_add(1, Ordering::Relaxed);
                if fate != Fate::Carried(Fault::None, Fault::None) {
                    counted.broken.fetch_add(1, Ordering::Relaxed);
                }
                connections.spawn(carry(client, server, fate));
            }
        });
        Ok(Self {
            address,
            counts,
            _tasks: tasks,
        })
    }

    /// Where clients connect to.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many connections there were, and how many of them had a fault.
    #[must_use]
    pub fn counts(&self) -> (u64, u64) {
        let Counts {
            connections,
            broken,
        } = &*self.counts;
        (
            connections.load(Ordering::Relaxed),
            broken.load(Ordering::Relaxed),
        )
    }
}

fn fate(rng: &mut Rng, share: u8) -> Fate {
    if rng.u8(..100) >= share {
        return Fate::Carried(Fault::None, Fault::None);
    }
    let mut fault = || match rng.u8(..8) {
        0..3 => Fault::None,
        3 => Fault::Delay(Duration::from_millis(rng.u64(..20))),
        4 => Fault::Stall(rng.usize(..4_000), Duration::from_millis(rng.u64(..50))),
        5 => Fault::Cut(rng.usize(..4_000)),
        _ => Fault::Reset(rng.usize(..4_000)),
    };
    let (there, back) = (fault(), fault());
    if rng.u8(..10) == 0 {
        return Fate::Refused;
    }
    Fate::Carried(there, back)
}

async fn carry(client: TcpStream, server: SocketAddr, fate: Fate) {
    let Fate::Carried(there, back) = fate else {
        reset(&client);
        return;
    };
    let Ok(server) = TcpStream::connect(server).await else {
        reset(&client);
        return;
    };
    // Answers are small, and a delayed acknowledgement is not the fault that was drawn.
    drop((client.set_nodelay(true), server.set_nodelay(true)));
    let (mut client, mut server) = (client, server);
    let is_reset = {
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        let there = pass(from_client, to_server, there);
        let back = pass(from_server, to_client, back);
        tokio::pin!(there, back);
        let (mut there_ended, mut back_ended) = (false, false);
        loop {
            let ended = tokio::select! {
                ended = &mut there, if !there_ended => {
                    there_ended = true;
                    ended
                }
                ended = &mut back, if !back_ended => {
                    back_ended = true;
                    ended
                }
                else => break false,
            };
            if ended.is_err() {
                break true;
            }
        }
    };
    if is_reset {
        reset(&client);
        reset(&server);
    }
}

/// Makes the end of a connection a reset.
fn reset(stream: &TcpStream) {
    #[expect(
        deprecated,
        reason = "a socket that lingers for no time is reset at once"
    )]
    drop(stream.set_linger(Some(Duration::ZERO)));
}

/// Passes one direction on to its end. The error is a connection to be reset.
async fn pass(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    fault: Fault,
) -> io::Result<()> {
    let mut buffer = vec![0; 8_192];
    let mut passed = 0;
    loop {
        let mut read = from.read(&mut buffer).await?;
        let mut ends = read == 0;
        match fault {
            Fault::Delay(time) => tokio::time::sleep(time).await,
            Fault::Stall(at, time) if (passed..passed + read).contains(&at) => {
                tokio::time::sleep(time).await;
            }
            Fault::Cut(at) if passed + read >= at => {
                read = at.saturating_sub(passed);
                ends = true;
            }
            Fault::Reset(at) if passed + read >= at => {
                let rest = at.saturating_sub(passed).min(read);
                to.write_all(buffer.get(..rest).unwrap_or_default()).await?;
                return Err(io::ErrorKind::ConnectionReset.into());
            }
            _ => {}
        }
        to.write_all(buffer.get(..read).unwrap_or_default()).await?;
        passed += read;
        if ends {
            return to.shutdown().await;
        }
    }
}
