//! Several processes that serve, each this program again; and a Redis between them.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, ChildStdout, Command, Stdio};

use singleflight_arena as arena;

use crate::database::Database;
use crate::failure::Failure;
use crate::ledger::Ledger;
use crate::options::{Grouping, Options};
use crate::pool::Pool;
use crate::server::Server;
use crate::stop::Stop;

/// More connections than any process has clients.
const CLIENTS: usize = 5_000;

/// Processes that serve, until they are ended or dropped.
#[derive(Debug)]
pub(crate) struct Processes {
    children: Vec<Serving>,
    addresses: Vec<SocketAddr>,
}

#[derive(Debug)]
struct Serving {
    child: Child,
    out: BufReader<ChildStdout>,
}

impl Processes {
    /// Starts them, and waits until each listens.
    pub(crate) fn start(
        count: u32,
        options: &Options,
        grouping: &Grouping,
    ) -> Result<Self, Failure> {
        let mut processes = Self {
            children: Vec::new(),
            addresses: Vec::new(),
        };
        for _ in 0..count {
            let (serving, port) = Serving::start(options, grouping)
                .map_err(|error| Failure::service(format_args!("a process: {error}")))?;
            processes.children.push(serving);
            processes.addresses.push((Ipv4Addr::LOCALHOST, port).into());
        }
        Ok(processes)
    }

    /// Returns where they listen.
    pub(crate) fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Ends them; returns how many queries they sent to the database.
    pub(crate) fn end(mut self) -> Result<u64, Failure> {
        let queries = self.children.iter_mut().map(Serving::end);
        let queries: io::Result<Vec<u64>> = queries.collect();
        let queries =
            queries.map_err(|error| Failure::service(format_args!("a process: {error}")))?;
        Ok(queries.iter().sum())
    }
}

impl Serving {
    fn start(options: &Options, grouping: &Grouping) -> io::Result<(Self, u16)> {
        let mut command = Command::new(std::env::current_exe()?);
        // Ctrl-C is for this process, which ends the others when they are done.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command
            .args(["--serve-as", grouping.word()])
            .args(["--rows", &options.rows().to_string()])
            .args(["--connections", &options.connections().to_string()])
            .arg("--database")
            .arg(&options.database)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let out = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let out = BufReader::new(out);
        let mut serving = Self { child, out };
        let port = serving.number()?;
        let port = u16::try_from(port).map_err(io::Error::other)?;
        Ok((serving, port))
    }

    fn number(&mut self) -> io::Result<u64> {
        let mut line = String::new();
        self.out.read_line(&mut line)?;
        let complaint = |_| io::Error::other("it did not start; its complaint stands above");
        line.trim().parse().map_err(complaint)
    }

    fn end(&mut self) -> io::Result<u64> {
        drop(self.child.stdin.take());
        let queries = self.number()?;
        self.child.wait()?;
        Ok(queries)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // One that has ended needs no signal.
        let _killed = self.child.kill();
        let _status = self.child.wait();
    }
}

/// Serves until the input ends: prints the port, and at the end the number of queries.
pub(crate) fn serve(
    options: &Options,
    grouping: &Grouping,
    input: &mut dyn BufRead,
    out: &mut dyn Write,
) -> Result<u8, Failure> {
    let fail = |error: io::Error| Failure::service(format_args!("cannot serve: {error}"));
    crate::open_files::allow(u32::try_from(CLIENTS).unwrap_or(u32::MAX))?;
    let Some(database) = Database::open(&options.database, &Stop::forever())? else {
        return Ok(0);
    };
    let ledger = std::sync::Arc::new(Ledger::new(options.rows()));
    let pool = Pool::open(&database, options.connections(), &ledger)?;
    let server = Server::start(options.runtime, grouping, CLIENTS, pool.clone())?;
    writeln!(out, "{}", server.address().port()).map_err(fail)?;
    out.flush().map_err(fail)?;
    io::copy(input, &mut io::sink()).map_err(fail)?;
    drop(server);
    writeln!(out, "{}", pool.queries()).map_err(fail)?;
    Ok(0)
}

/// The Redis between the processes.
#[derive(Debug)]
pub(crate) enum Redis {
    /// The person's.
    Theirs(String),
    /// One of our own, which ends with us.
    Ours(arena::Server),
}

impl Redis {
    /// Takes the one that is named, or starts one.
    pub(crate) fn start(options: &Options) -> Result<Self, Failure> {
        if let Some(url) = &options.redis {
            return Ok(Self::Theirs(url.clone()));
        }
        let program = arena::program().map_err(|why| {
            Failure::input(format_args!(
                "--processes: {why}; or name one by --redis URL"
            ))
        })?;
        arena::Server::start(&program, &[])
            .map(Self::Ours)
            .map_err(|error| Failure::service(format_args!("{}: {error}", program.display())))
    }

    /// Returns its address.
    pub(crate) fn url(&self) -> String {
        match self {
            Self::Theirs(url) => url.clone(),
            Self::Ours(server) => server.url(),
        }
    }
}
