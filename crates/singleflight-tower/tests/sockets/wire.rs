//! A client of HTTP/1.1 that does to its socket what a test says.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Wire {
    stream: TcpStream,
    /// What was received and not looked at yet.
    read: Vec<u8>,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (known, value) = line.split_once(": ")?;
            known.eq_ignore_ascii_case(name).then_some(value)
        })
    }
}

impl Wire {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        // A small buffer, so that a slow reader is felt.
        socket.set_recv_buffer_size(4_096).unwrap();
        Self {
            stream: socket.connect(address).await.unwrap(),
            read: Vec::new(),
        }
    }

    pub(crate) async fn send(&mut self, method: &str, path: &str, headers: &str) {
        let request = format!("{method} {path} HTTP/1.1\r\nHost: example\r\n{headers}\r\n");
        self.stream.write_all(request.as_bytes()).await.unwrap();
    }

    /// Reads more; says whether there was more.
    async fn fill(&mut self) -> bool {
        let mut buffer = vec![0; 16_384];
        let read = timeout(PATIENCE, self.stream.read(&mut buffer)).await;
        let read = read.expect("something comes in time").unwrap_or(0);
        self.read.extend_from_slice(&buffer[..read]);
        read > 0
    }

    pub(crate) async fn read_some(&mut self, bytes: usize) {
        let mut buffer = vec![0; bytes];
        let read = timeout(PATIENCE, self.stream.read_exact(&mut buffer)).await;
        read.expect("it comes in time").unwrap();
        self.read.extend_from_slice(&buffer);
    }

    /// Reads until this text was there.
    pub(crate) async fn reads(&mut self, text: &str) {
        while !self
            .read
            .windows(text.len())
            .any(|at| at == text.as_bytes())
        {
            assert!(self.fill().await, "the connection ends before {text}");
        }
    }

    async fn head(&mut self) -> (u16, String) {
        self.reads("\r\n\r\n").await;
        let end = self
            .read
            .windows(4)
            .position(|at| at == b"\r\n\r\n")
            .unwrap();
        let rest = self.read.split_off(end + 4);
        let head = String::from_utf8(std::mem::replace(&mut self.read, rest)).unwrap();
        (head[9..12].parse().unwrap(), head)
    }

    pub(crate) async fn answer_to_head(&mut self) -> Answer {
        let (status, head) = self.head().await;
        let body = Vec::new();
        Answer { status, head, body }
    }

    /// Reads a whole answer, whose length its head tells.
    pub(crate) async fn answer(&mut self) -> Answer {
        let mut answer = self.answer_to_head().await;
        let length: usize = answer.header("content-length").unwrap().parse().unwrap();
        while self.read.len() < length {
            assert!(self.fill().await, "the connection ends in the body");
        }
        let rest = self.read.split_off(length);
        answer.body = std::mem::replace(&mut self.read, rest);
        answer
    }

    /// Whether the connection ends before a chunked answer does.
    pub(crate) async fn breaks_off(&mut self) -> bool {
        while self.fill().await {}
        !self.read.ends_with(b"0\r\n\r\n")
    }

    /// Ends the connection by a reset.
    pub(crate) fn reset(self) {
        #[expect(
            deprecated,
            reason = "a socket that lingers for no time is reset at once"
        )]
        self.stream.set_linger(Some(Duration::ZERO)).unwrap();
    }

    /// Ends the one half of the connection, and waits until the server ends the other.
    pub(crate) async fn half_close(mut self) {
        self.stream.shutdown().await.unwrap();
        while self.fill().await {}
    }
}
