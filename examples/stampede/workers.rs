//! A pool of blocking threads behind a bounded queue.

use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::{self, JoinHandle};

use async_channel::{Receiver, Sender};
use tokio::sync::oneshot;
use tokio::sync::oneshot::error::RecvError;

/// Something to be done on a thread that may block.
type Job = Box<dyn FnOnce() + Send>;

/// The threads. Dropped, it waits for their end, which comes when every [`Queue`] is gone.
#[derive(Debug)]
pub(crate) struct Workers {
    threads: Vec<JoinHandle<()>>,
}

impl Workers {
    /// Starts the threads, and gives the way to hand them work.
    pub(crate) fn start(threads: usize) -> io::Result<(Self, Queue)> {
        let (jobs, waiting) = async_channel::bounded(threads);
        let threads = (0..threads)
            .map(|number| {
                let waiting = waiting.clone();
                thread::Builder::new()
                    .name(format!("worker-{number}"))
                    .spawn(move || work(&waiting))
            })
            .collect::<io::Result<_>>()?;
        Ok((Self { threads }, Queue { jobs }))
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        for thread in self.threads.drain(..) {
            thread.join().expect("a job's panic stays with the job");
        }
    }
}

/// The way to the threads. It holds as many jobs as there are threads; beyond that, who hands
/// one over waits.
#[derive(Clone)]
pub(crate) struct Queue {
    jobs: Sender<Job>,
}

impl Queue {
    /// Has `work` run on one of the threads.
    ///
    /// # Errors
    ///
    /// If the work panicked.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, RecvError> {
        let (give, receive) = oneshot::channel();
        // Nobody to receive it: the request was given up, and the value is of no use.
        let job: Job = Box::new(move || drop(give.send(work())));
        // Never refused while there are threads; if it were, the other end would tell.
        drop(self.jobs.send(job).await);
        receive.await
    }
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue")
            .field("waiting", &self.jobs.len())
            .finish()
    }
}

fn work(waiting: &Receiver<Job>) {
    while let Ok(job) = waiting.recv_blocking() {
        // The panic has been reported by its hook; whoever waits sees the other end dropped.
        drop(catch_unwind(AssertUnwindSafe(job)));
    }
}

#[cfg(test)]
mod tests {
    use super::Workers;

    #[test]
    fn work_runs_and_the_threads_end_with_the_queue() {
        let (workers, queue) = Workers::start(2).unwrap();
        assert_eq!(smol::block_on(queue.run(|| 42)), Ok(42));
        drop(queue);
        drop(workers);
    }

    #[test]
    fn a_job_that_panics_costs_no_thread() {
        let (_workers, queue) = Workers::start(1).unwrap();
        let lost = smol::block_on(queue.run(|| panic!("a job that panics")));
        assert!(lost.is_err_and(|_: tokio::sync::oneshot::error::RecvError| true));
        assert_eq!(smol::block_on(queue.run(|| 42)), Ok(42));
        drop(queue);
    }
}
