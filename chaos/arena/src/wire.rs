//! The wire between the processes and the server: it can hold bytes back, cut connections, refuse
//! new ones, and turn to another server. What a client sent before it gave up still arrives, late.

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use crate::history::now;

/// What the wire does.
#[derive(Debug, Default)]
pub struct Wire {
    /// Where the server is.
    target: AtomicU16,
    /// Until when bytes are held back, by the machine's clock: to the server, and from it.
    held: [AtomicU64; 2],
    refuses: AtomicBool,
    cut: Notify,
}

impl Wire {
    /// Listens on a port of its own; returns it.
    ///
    /// # Errors
    ///
    /// If there is none.
    pub async fn start(target: u16) -> io::Result<(u16, Arc<Self>)> {
        let wire = Arc::new(Self {
            target: AtomicU16::new(target),
            ..Self::default()
        });
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let accepting = Arc::clone(&wire);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if !accepting.refuses.load(Ordering::Relaxed) {
                    tokio::spawn(Arc::clone(&accepting).carry(client));
                }
            }
        });
        Ok((port, wire))
    }

    /// Turns to another server; what is open stays where it is until it is cut.
    pub fn turn(&self, target: u16) {
        self.target.store(target, Ordering::Relaxed);
    }

    /// Refuses new connections, or no longer.
    pub fn refuse(&self, refuses: bool) {
        self.refuses.store(refuses, Ordering::Relaxed);
    }

    /// Cuts every connection.
    pub fn cut(&self) {
        self.cut.notify_waiters();
    }

    /// Holds back what goes to the server, or what comes from it.
    pub fn hold(&self, from_server: bool, duration: Duration) {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.held[usize::from(from_server)].store(now() + nanos, Ordering::Relaxed);
    }

    async fn carry(self: Arc<Self>, client: TcpStream) {
        // From now on a cut is for this connection, too.
        let mut cut = std::pin::pin!(self.cut.notified());
        cut.as_mut().enable();
        let target = self.target.load(Ordering::Relaxed);
        let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, target)).await else {
            return;
        };
        // Requests are small and many.
        let _set = (client.set_nodelay(true), server.set_nodelay(true));
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        // The way there goes on after the client has gone: that is a late copy.
        let there = tokio::spawn(Arc::clone(&self).pump(from_client, to_server, 0));
        let back = Arc::clone(&self).pump(from_server, to_client, 1);
        tokio::select! {
            () = back => {}
            () = cut => there.abort(),
        }
    }

    async fn pump<R, W>(self: Arc<Self>, mut from: R, mut to: W, way: usize)
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        let mut bytes = vec![0; 16 << 10];
        loop {
            let Ok(count @ 1..) = from.read(&mut bytes).await else {
                return;
            };
            let held = self.held[way].load(Ordering::Relaxed).saturating_sub(now());
            if held > 0 {
                tokio::time::sleep(Duration::from_nanos(held)).await;
            }
            if to.write_all(&bytes[..count]).await.is_err() {
                return;
            }
        }
    }
}
