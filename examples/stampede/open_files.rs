//! The limit on open files: each client takes two, its own end and the server's.

use crate::failure::Failure;

/// Beside those of the clients: the database, the runtimes, the standard streams.
const OTHERS: u64 = 200;

/// Sees to it that so many clients can connect, as far as the system lets us.
#[cfg(unix)]
pub(crate) fn allow(clients: u32) -> Result<(), Failure> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let needed = 2 * u64::from(clients) + OTHERS;
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let lacks = |limit: Option<u64>| limit.is_some_and(|limit| limit < needed);
    if !lacks(current) {
        return Ok(());
    }
    let raised = Rlimit {
        current: Some(needed),
        maximum,
    };
    if lacks(maximum) || setrlimit(Resource::Nofile, raised).is_err() {
        return Err(Failure::input(format_args!(
            "--clients {clients} needs {needed} open files, more than the system allows"
        )));
    }
    Ok(())
}

/// Elsewhere there is no such limit to ask for.
#[cfg(not(unix))]
pub(crate) fn allow(_clients: u32) -> Result<(), Failure> {
    Ok(())
}
