//! What is called by the processes: ours, or a peer.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use singleflight_arena::End;

/// A work, which is given its fencing token, if it has one.
pub type Work = Box<dyn FnOnce(Option<u64>) -> Working + Send>;

/// A work that runs.
pub type Working = Pin<Box<dyn Future<Output = Result<String, &'static str>> + Send>>;

/// What a call was answered with.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "this workspace alone makes it")]
pub struct Answer {
    /// The value.
    pub value: String,
    /// What became of the lease.
    pub end: End,
    /// Whether the call ran its own work.
    pub is_leader: bool,
}

/// Something that coalesces calls between processes.
pub trait Subject: Send + Sync + 'static {
    /// Calls; an error is a word.
    fn call(
        &self,
        key: u64,
        timeout: Option<Duration>,
        work: Work,
    ) -> impl Future<Output = Result<Answer, String>> + Send;

    /// Forgets what is in flight; returns whether that was confirmed.
    fn forget(&self, key: u64) -> impl Future<Output = bool> + Send;
}
