//! How the server is reached.

use std::time::Duration;

use super::target::Target;
use crate::runtime::Runtime;

/// Where the server is, and how long it may take.
#[derive(Debug)]
pub(crate) struct Reach {
    pub(super) target: Target,
    pub(super) runtime: Runtime,
    pub(super) down_for: Duration,
    pub(super) response_timeout: Duration,
    pub(super) connect_timeout: Duration,
}
