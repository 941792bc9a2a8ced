//! The callers of a round, on threads and in runtimes, and the subject that they call.

use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use smol::channel;
use smol::{Executor, Timer};
use tokio::runtime::{Builder, Runtime};

use crate::caller::{Caller, Stage};
use crate::log::{Log, RunningRound};
use crate::rules::{Rules, mixed};
use crate::subject::{Ability, Async, Blocking, Subject};

/// All that callers need to start: a caller is given its log and its number by it.
pub(crate) struct StartContext<'a> {
    pub(crate) round: &'a Arc<RunningRound>,
    pub(crate) stage: &'a Arc<Stage>,
    pub(crate) seed: u64,
    pub(crate) done: &'a Sender<()>,
    pub(crate) logs: Vec<Arc<Log>>,
}

/// Tells that a caller is done, however it ended.
struct Done(Sender<()>);

impl Drop for Done {
    fn drop(&mut self) {
        // Nobody listens any more to a caller that was given up.
        let _given_up = self.0.send(());
    }
}

impl StartContext<'_> {
    /// Makes one caller, with a log and a seed of its own.
    fn add_caller<S: Subject>(&mut self, subject: &Arc<S>) -> (Caller<S>, u64, Done) {
        let log = Arc::new(Log::new(self.round));
        let number = self.logs.len() as u64;
        self.logs.push(Arc::clone(&log));
        let closes = self.stage.rules.closes && number == 0;
        let caller = Caller {
            subject: Arc::clone(subject),
            log,
            stage: Arc::clone(self.stage),
            closes_at: closes.then(|| self.stage.steps / 10 * 9),
        };
        (caller, mixed(self.seed, number), Done(self.done.clone()))
    }
}

/// Callers that were started.
pub(crate) trait RunningCallers {
    /// Waits until nothing of them is left. They are done.
    fn end(self: Box<Self>);

    /// Leaves them to themselves: some hang.
    fn abandon(self: Box<Self>);
}

type StartCallers = Box<dyn FnOnce(&mut StartContext<'_>) -> Box<dyn RunningCallers>>;

/// The callers of a round, on threads and in runtimes, and the subject that they call.
///
/// Everything is made anew for each round, the runtimes too, so that a round leaves nothing
/// behind or is seen to.
pub struct Setup {
    /// How many callers there are.
    pub(crate) callers: usize,
    pub(crate) frees: bool,
    pub(crate) starts: Vec<StartCallers>,
    pub(crate) in_flight: Box<dyn Fn() -> Option<usize>>,
}

impl Setup {
    /// Starts from the subject that is asked, at the end, what is left in flight.
    pub fn of<S: Subject>(subject: &Arc<S>) -> Self {
        let asked = Arc::clone(subject);
        Self {
            callers: 0,
            frees: S::ABILITIES.contains(&Ability::Free),
            starts: Vec::new(),
            in_flight: Box::new(move || asked.in_flight()),
        }
    }

    /// Adds callers that block a thread each.
    #[must_use]
    pub fn threads<S: Blocking>(mut self, callers: usize, subject: &Arc<S>) -> Self {
        let subject = Arc::clone(subject);
        self.callers += callers;
        self.starts.push(Box::new(move |context| {
            let threads = (0..callers).map(|_| {
                let (caller, seed, done) = context.add_caller(&subject);
                thread::spawn(move || {
                    let _done = done;
                    caller.run(seed);
                })
            });
            Box::new(Threads(threads.collect()))
        }));
        self
    }

    /// Adds callers that are tasks of a tokio runtime with this many workers.
    ///
    /// # Panics
    ///
    /// When the round begins, if no thread can be started.
    #[must_use]
    pub fn tokio<S: Async>(mut self, workers: usize, callers: usize, subject: &Arc<S>) -> Self {
        let subject = Arc::clone(subject);
        self.callers += callers;
        self.starts.push(Box::new(move |context| {
            let runtime = Builder::new_multi_thread()
                .worker_threads(workers)
                .enable_time()
                .build()
                .expect("threads can be started");
            for _ in 0..callers {
                let (caller, seed, done) = context.add_caller(&subject);
                runtime.spawn(async move {
                    let _done = done;
                    caller.run_async(seed).await;
                });
            }
            Box::new(Tokio(runtime))
        }));
        self
    }

    /// Adds callers that are tasks of a smol executor, run by this many threads.
    #[must_use]
    pub fn smol<S: Async>(
        mut self,
        threads: usize,
        callers: usize,
        executor: &Arc<Executor<'static>>,
        subject: &Arc<S>,
    ) -> Self {
        let (executor, subject) = (Arc::clone(executor), Arc::clone(subject));
        self.callers += callers;
        self.starts.push(Box::new(move |context| {
            let (stop, stopped) = channel::bounded::<()>(1);
            for _ in 0..callers {
                let (caller, seed, done) = context.add_caller(&subject);
                let task = executor.spawn(async move {
                    let _done = done;
                    caller.run_async(seed).await;
                });
                task.detach();
            }
            let threads = (0..threads).map(|_| {
                let (executor, stopped) = (Arc::clone(&executor), stopped.clone());
                thread::spawn(move || {
                    // Nothing is sent: it ends when the other end is closed.
                    let _closed = smol::block_on(executor.run(stopped.recv()));
                })
            });
            Box::new(Smol {
                threads: threads.collect(),
                stop,
            })
        }));
        self
    }
}

impl fmt::Debug for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Setup")
            .field("callers", &self.callers)
            .finish_non_exhaustive()
    }
}

/// Makes the setup of a round. It is called once for each.
pub(crate) type MakeSetup<'a> = &'a dyn Fn(&Rules) -> Setup;

fn join(threads: Vec<JoinHandle<()>>) {
    for thread in threads {
        thread.join().expect("a caller catches what a call throws");
    }
}

struct Threads(Vec<JoinHandle<()>>);

impl RunningCallers for Threads {
    fn end(self: Box<Self>) {
        join(self.0);
    }

    fn abandon(self: Box<Self>) {}
}

struct Tokio(Runtime);

impl RunningCallers for Tokio {
    fn end(self: Box<Self>) {
        drop(self.0);
    }

    fn abandon(self: Box<Self>) {
        self.0.shutdown_background();
    }
}

struct Smol {
    threads: Vec<JoinHandle<()>>,
    /// Closed to stop the threads.
    stop: channel::Sender<()>,
}

impl RunningCallers for Smol {
    fn end(self: Box<Self>) {
        drop(self.stop);
        join(self.threads);
        // Timers that were dropped are taken out, with their wakers, when the next one is put
        // in and waited for.
        smol::block_on(Timer::after(Duration::from_millis(1)));
    }

    fn abandon(self: Box<Self>) {
        // One of them may block for ever; the others end.
        drop(self.stop);
    }
}
