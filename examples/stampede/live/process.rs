//! A process of the live page: what the process that has the page tells it and asks it, a line each,
//! and a line for every answer.
//!
//! | line | does | answer |
//! |---|---|---|
//! | `set NAME VALUE` | sets a control | `null` |
//! | `report` | | what the service has done so far |
//! | `leader` | | the busiest leader: its number, its key, how many requests are open for that |

use std::io::{self, BufRead, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::runtime;
use tokio::sync::watch;

use super::controls::Settings;
use super::service::Service;
use crate::database::Database;
use crate::failure::Failure;
use crate::ledger::Ledger;
use crate::on_redis;
use crate::open_files;
use crate::options::Options;
use crate::pool::Pool;
use crate::processes::{Serving, failed};
use crate::server::serve;
use crate::stop::Stop;

/// Serves until the input ends, and does what it says.
pub(crate) fn serve_for_page(
    options: &Options,
    input: &mut dyn BufRead,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let fail = |error: io::Error| Failure::service(format_args!("cannot serve: {error}"));
    open_files::allow(options.clients())?;
    let Some(database) = Database::open(&options.database, &Stop::forever())? else {
        return Ok(());
    };
    let ledger = Arc::new(Ledger::new(options.rows()));
    let pool = Pool::open(&database, options.connections(), &ledger)?;
    let tasks = runtime::Builder::new_multi_thread().enable_all().build();
    let tasks = tasks.map_err(fail)?;
    let between = match &options.redis {
        None => None,
        Some(url) => {
            let group = tasks.block_on(on_redis::group(url));
            Some(group.map_err(|error| Failure::service(format_args!("{url}: {error}")))?)
        }
    };
    let (settings, set) = watch::channel(Settings::FIRST);
    let service = Service::new(pool, set, between);
    let (listener, address) = listen(0).map_err(fail)?;
    let _tasks = serve(tasks, listener, service.clone().router()).map_err(fail)?;
    writeln!(out, "{}", address.port()).map_err(fail)?;
    out.flush().map_err(fail)?;
    for line in input.lines() {
        let line = line.map_err(fail)?;
        let words: Vec<_> = line.split(' ').collect();
        let answer = match words.as_slice() {
            ["set", name, value] => {
                let changed = settings.borrow().with(name, value);
                settings.send_replace(changed.map_err(Failure::input)?);
                Value::Null
            }
            ["report"] => service.report(),
            ["leader"] => json!(service.busiest_leader()),
            _ => return Err(Failure::input(format_args!("no such line: {line}"))),
        };
        writeln!(out, "{answer}").map_err(fail)?;
        out.flush().map_err(fail)?;
    }
    Ok(())
}

/// Listens on the loopback interface.
pub(crate) fn listen(port: u16) -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// The processes that serve, as the one that has the page sees them.
#[derive(Debug)]
pub(crate) struct Processes {
    processes: Vec<Mutex<Serving>>,
    pub(crate) addresses: Vec<SocketAddr>,
}

impl Processes {
    /// Starts them; each has its part of the connections to the database.
    pub(crate) fn start(options: &Options, redis: Option<&str>) -> Result<Self, Failure> {
        let count = options.processes.unwrap_or(3);
        let connections = options.connections().div_ceil(count);
        let mut how = vec!["--serve-for-page"];
        how.extend(redis.iter().flat_map(|url| ["--redis", url]));
        let (mut processes, mut addresses) = (Vec::new(), Vec::new());
        for _ in 0..count {
            let (serving, address) = Serving::start(options, &how, connections).map_err(failed)?;
            processes.push(Mutex::new(serving));
            addresses.push(address);
        }
        Ok(Self {
            processes,
            addresses,
        })
    }

    /// None, for a test.
    #[cfg(test)]
    pub(crate) fn none() -> Self {
        Self {
            processes: Vec::new(),
            addresses: Vec::new(),
        }
    }

    /// Tells all what was set.
    pub(crate) fn set(&self, name: &str, value: &str) {
        for process in 0..self.processes.len() {
            // One that has ended is told by its next report.
            let _told: io::Result<Value> = self.ask(process, &format!("set {name} {value}"));
        }
    }

    /// Asks each for what it has done; with its name.
    pub(crate) fn reports(&self) -> Vec<(String, io::Result<Value>)> {
        let processes = self.processes.iter().enumerate();
        processes
            .map(|(number, process)| {
                let id = locked(process).id();
                let name = format!("process {} ({id})", number + 1);
                (name, self.ask(number, "report"))
            })
            .collect()
    }

    /// Returns the leader of all for whose key most requests are open: its number and its key.
    pub(crate) fn busiest_leader(&self) -> Option<(u64, String)> {
        let asked = (0..self.processes.len()).map(|number| self.ask(number, "leader"));
        let leaders = asked
            .filter_map(|leader: io::Result<Option<(u64, String, usize)>>| leader.ok().flatten());
        let busiest = leaders.max_by_key(|(_, _, open)| *open);
        busiest.map(|(asker, key, _)| (asker, key))
    }

    fn ask<T: DeserializeOwned>(&self, number: usize, line: &str) -> io::Result<T> {
        let answer = locked(&self.processes[number]).ask(line)?;
        serde_json::from_str(&answer).map_err(io::Error::other)
    }
}

fn locked(process: &Mutex<Serving>) -> MutexGuard<'_, Serving> {
    // A line that was not answered is answered by an error.
    process.lock().unwrap_or_else(PoisonError::into_inner)
}
