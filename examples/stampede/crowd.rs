//! The clients, all of them, working off a load.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use indicatif::ProgressBar;
use tokio::sync::mpsc::{self, UnboundedSender};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use crate::client::Client;
use crate::failure::Failure;
use crate::ledger::Ledger;
use crate::load::Load;
use crate::stop::Stop;
use crate::tally::{Sample, Tally};

/// How long the requests under way may take to end when an end is wanted.
const PATIENCE: Duration = Duration::from_secs(3);

/// Clients, connected and ready.
#[derive(Debug)]
pub(crate) struct Crowd {
    clients: Vec<Client>,
}

impl Crowd {
    /// Connects them all, before the clock runs; to each server as many.
    pub(crate) async fn connect(clients: usize, servers: &[SocketAddr]) -> Result<Self, Failure> {
        let mut crowd = Vec::with_capacity(clients);
        for &server in servers.iter().cycle().take(clients) {
            let client = Client::connect(server).await.map_err(|error| {
                Failure::service(format_args!("cannot connect to {server}: {error}"))
            })?;
            crowd.push(client);
        }
        Ok(Self { clients: crowd })
    }

    /// Works off the load. When stopped, no further request is sent, and those under way are
    /// awaited for a while.
    pub(crate) async fn work(
        self,
        load: &Arc<Load>,
        ledger: &Arc<Ledger>,
        progress: &ProgressBar,
        stop: &Stop,
    ) -> Tally {
        let (samples, mut results) = mpsc::unbounded_channel();
        let start = Instant::now();
        let shift = Arc::new(Shift {
            load: Arc::clone(load),
            ledger: Arc::clone(ledger),
            next: AtomicUsize::new(0),
            start,
            stop: stop.clone(),
        });
        let mut tasks = JoinSet::new();
        for client in self.clients {
            tasks.spawn(Arc::clone(&shift).serve(client, samples.clone()));
        }
        drop(samples);

        let mut tally = Tally::default();
        let out_of_patience = async {
            stop.asked().await;
            sleep(PATIENCE).await;
        };
        tokio::pin!(out_of_patience);
        loop {
            tokio::select! {
                sample = results.recv() => match sample {
                    Some(sample) => tally.add(sample),
                    None => break,
                },
                () = &mut out_of_patience => break,
            }
            progress.inc(1);
        }
        tally.end(start.elapsed());
        tally
    }
}

/// What the clients have in common while they work off a load.
#[derive(Debug)]
struct Shift {
    load: Arc<Load>,
    ledger: Arc<Ledger>,
    /// The first request that nobody has taken.
    next: AtomicUsize,
    start: Instant,
    stop: Stop,
}

impl Shift {
    /// One client's part: takes the next request, waits until it is due, asks, checks.
    async fn serve(self: Arc<Self>, mut client: Client, samples: UnboundedSender<Sample>) {
        while let Some(arrival) = self
            .load
            .arrivals
            .get(self.next.fetch_add(1, Ordering::Relaxed))
        {
            let mut since = Instant::now();
            if self.load.is_paced() {
                // Whoever asked then would have waited from then on, busy clients or not.
                since = self.start + arrival.due;
                tokio::select! {
                    () = self.stop.asked() => {}
                    () = sleep_until(since) => {}
                }
            }
            if self.stop.is_asked() {
                break;
            }
            let key = self.load.key(*arrival);
            let answer = if arrival.is_shared {
                client.get(key).await
            } else {
                client.post(key).await
            };
            let fault = match answer {
                Ok(body) if body == self.ledger.sales(key).body(key) => None,
                Ok(body) => Some(format!(
                    "a wrong answer for {key}: {}",
                    String::from_utf8_lossy(&body).trim()
                )),
                Err(fault) => Some(fault.to_string()),
            };
            let latency = since.elapsed();
            // Refused only if the collector has lost patience.
            drop(samples.send(Sample { latency, fault }));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use indicatif::ProgressBar;
    use tokio::net::TcpListener;

    use super::Crowd;
    use crate::ledger::{Ledger, Sales};
    use crate::load::Load;
    use crate::pool::QueryFailed;
    use crate::service::{Answer, Service, router};
    use crate::stop::Stop;
    use crate::tally::Tally;

    #[derive(Clone)]
    struct Fixed(Answer);

    impl Service for Fixed {
        async fn sales(&self, _key: String) -> Answer {
            self.0.clone()
        }
    }

    /// What three clients measure who make ten requests to a service with this answer.
    async fn measure(answer: Answer, stop: Stop) -> Tally {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async { axum::serve(listener, router(Fixed(answer))).await });
        let crowd = Crowd::connect(3, &[address]).await.unwrap();
        let load = Arc::new(Load::drawn(10, 2, 1.0, 1));
        let ledger = Arc::new(Ledger::new(10));
        crowd
            .work(&load, &ledger, &ProgressBar::hidden(), &stop)
            .await
    }

    #[tokio::test]
    async fn a_wrong_answer_is_an_error() {
        let tally = measure(
            Ok(Sales {
                rows: 10,
                total: -1,
            }),
            Stop::forever(),
        )
        .await;
        assert_eq!((tally.requests(), tally.errors()), (10, 10));
        assert!(
            tally
                .first_fault()
                .unwrap()
                .starts_with("a wrong answer for item-")
        );
    }

    #[tokio::test]
    async fn a_query_that_failed_is_an_error_with_its_reason() {
        let failed = QueryFailed::from(std::fmt::Error);
        let tally = measure(Err(failed), Stop::forever()).await;
        assert_eq!((tally.requests(), tally.errors()), (10, 10));
        let fault = tally.first_fault().unwrap();
        assert!(
            fault.starts_with("500 Internal Server Error: an error"),
            "{fault}"
        );
    }

    #[tokio::test]
    async fn once_stopped_no_request_is_sent() {
        let tally = measure(Ok(Sales { rows: 10, total: 1 }), Stop::already()).await;
        assert_eq!(tally.requests(), 0);
    }
}
