//! A Redis of a test's own.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use redis::Client;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};

/// Dropped, it is stopped.
pub(super) struct Server {
    process: Child,
    port: u16,
}

impl Server {
    /// Returns nothing, and says so, if there is no `redis-server`.
    pub(super) async fn start() -> Option<Self> {
        for _ in 0..20 {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
            let port = listener.local_addr().expect("it is bound").port();
            drop(listener);
            let port_text = port.to_string();
            let arguments = [
                "--bind",
                "127.0.0.1",
                "--port",
                &port_text,
                "--save",
                "",
                "--appendonly",
                "no",
            ];
            let mut command = Command::new("redis-server");
            let command = command
                .args(arguments)
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            let Ok(process) = command.spawn() else {
                println!("!!! SKIPPED: there is no redis-server on this machine");
                return None;
            };
            let mut server = Self { process, port };
            if server.answers().await {
                return Some(server);
            }
        }
        panic!("redis-server does not start");
    }

    /// Waits until it answers; not for ever, and not if it has ended: its port was taken.
    async fn answers(&mut self) -> bool {
        for _ in 0..1_000 {
            if self.process.try_wait().is_ok_and(|ended| ended.is_some()) {
                return false;
            }
            if let Ok(mut connection) = self.client().get_multiplexed_async_connection().await {
                let answer: Result<String, _> =
                    redis::cmd("PING").query_async(&mut connection).await;
                if answer.is_ok() {
                    return true;
                }
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        false
    }

    fn client(&self) -> Client {
        Client::open(("127.0.0.1", self.port)).expect("it is an address")
    }

    pub(super) async fn connect(&self) -> ConnectionManager {
        // Half a second, as by default, is too little where a machine is busy: no test is about that.
        let minute = Some(Duration::from_secs(60));
        let patient = ConnectionManagerConfig::new()
            .set_response_timeout(minute)
            .set_connection_timeout(minute);
        let client = self.client();
        let connected = client.get_connection_manager_with_config(patient).await;
        connected.expect("it has answered")
    }

    pub(super) fn stop(&mut self) {
        // It has ended already, or ends now.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}
