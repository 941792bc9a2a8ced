//! Several processes that serve, each this program again; and a Redis between them.

use std::ffi::OsString;
use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};

use singleflight_arena as arena;

use self::child::Child;
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

/// One process that serves, until it is ended or dropped.
pub(crate) struct Serving {
    child: Child,
    /// Until it is to end.
    input: Option<Box<dyn Write + Send>>,
    out: BufReader<Box<dyn Read + Send>>,
}

/// Says that a process is at fault.
#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` gives")]
pub(crate) fn failed(error: io::Error) -> Failure {
    Failure::service(format_args!("a process: {error}"))
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
            let how = ["--serve-as", grouping.word()];
            let serving = Serving::start(options, &how, options.connections());
            let (serving, address) = serving.map_err(failed)?;
            processes.children.push(serving);
            processes.addresses.push(address);
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
        Ok(queries.map_err(failed)?.iter().sum())
    }
}

impl Serving {
    /// Starts this program again, told `how` to serve; returns where it does.
    pub(crate) fn start(
        options: &Options,
        how: &[&str],
        connections: u32,
    ) -> io::Result<(Self, SocketAddr)> {
        let mut words: Vec<OsString> = how.iter().map(Into::into).collect();
        for (name, number) in [("--rows", options.rows()), ("--connections", connections)] {
            words.extend([name.into(), number.to_string().into()]);
        }
        words.extend(["--database".into(), options.database.clone().into()]);
        let mut serving = child::start(words)?;
        let port = serving.number()?;
        let port = u16::try_from(port).map_err(io::Error::other)?;
        Ok((serving, (Ipv4Addr::LOCALHOST, port).into()))
    }

    /// Returns the number by which the system knows it.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Tells it something; returns the line that it answers.
    pub(crate) fn ask(&mut self, line: &str) -> io::Result<String> {
        let input = self.input.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        input.write_all(format!("{line}\n").as_bytes())?;
        let mut answer = String::new();
        match self.out.read_line(&mut answer)? {
            0 => Err(io::Error::other("it has ended")),
            _ => Ok(answer),
        }
    }

    fn number(&mut self) -> io::Result<u64> {
        let mut line = String::new();
        self.out.read_line(&mut line)?;
        let complaint = |_| io::Error::other("it did not start; its complaint stands above");
        line.trim().parse().map_err(complaint)
    }

    fn end(&mut self) -> io::Result<u64> {
        drop(self.input.take());
        let queries = self.number()?;
        self.child.wait()?;
        Ok(queries)
    }
}

impl fmt::Debug for Serving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.child.fmt(f)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        drop(self.input.take());
        child::stop(&mut self.child);
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

/// This program again.
#[cfg(not(test))]
mod child {
    use std::ffi::OsString;
    use std::io::{self, BufReader};
    pub(super) use std::process::Child;
    use std::process::{Command, Stdio};

    use super::Serving;

    pub(super) fn stop(child: &mut Child) {
        // One that has ended needs no signal.
        let _killed = child.kill();
        let _status = child.wait();
    }

    pub(super) fn start(words: Vec<OsString>) -> io::Result<Serving> {
        let mut command = Command::new(std::env::current_exe()?);
        // Ctrl-C is for this process, which ends the others when they are done.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let command = command.args(words).stdin(Stdio::piped());
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        let gone = || io::Error::from(io::ErrorKind::BrokenPipe);
        let input = child.stdin.take().ok_or_else(gone)?;
        let out = child.stdout.take().ok_or_else(gone)?;
        Ok(Serving {
            child,
            input: Some(Box::new(input)),
            out: BufReader::new(Box::new(out)),
        })
    }
}

/// The same in a thread: what runs tests is another program.
#[cfg(test)]
mod child {
    use std::ffi::OsString;
    use std::io::{self, BufReader, Write};
    use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
    use std::thread::{self, JoinHandle};

    use super::Serving;
    use crate::command;

    #[derive(Debug)]
    pub(super) struct Child(Option<JoinHandle<()>>);

    impl Child {
        #[expect(clippy::unused_self, reason = "a process has one of its own")]
        pub(super) fn id(&self) -> u32 {
            std::process::id()
        }

        pub(super) fn wait(&mut self) -> io::Result<()> {
            let ended = self.0.take().map(JoinHandle::join);
            let panicked = |_| io::Error::other("it has panicked");
            ended.unwrap_or(Ok(())).map_err(panicked)
        }
    }

    /// What is written to it, until it is dropped.
    struct Input(TcpStream);

    impl Write for Input {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            self.0.flush()
        }
    }

    impl Drop for Input {
        fn drop(&mut self) {
            drop(self.0.shutdown(Shutdown::Write));
        }
    }

    /// It ends with its input.
    pub(super) fn stop(child: &mut Child) {
        child.wait().expect("it does not panic");
    }

    pub(super) fn start(words: Vec<OsString>) -> io::Result<Serving> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let ours = TcpStream::connect(listener.local_addr()?)?;
        let (mut theirs, _) = listener.accept()?;
        let mut input = BufReader::new(theirs.try_clone()?);
        let words = ["stampede".into()].into_iter().chain(words);
        let words: Vec<_> = words.collect();
        let thread = thread::spawn(move || {
            let code = command::run(words, &mut input, &mut theirs, &mut io::stderr());
            assert_eq!(code, 0);
        });
        Ok(Serving {
            child: Child(Some(thread)),
            input: Some(Box::new(Input(ours.try_clone()?))),
            out: BufReader::new(Box::new(ours)),
        })
    }
}
