//! A Redis or Valkey of one's own: on a free loopback port, in a directory of its own, and gone when
//! it is dropped, or when the process that started it dies.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use rustix::process::{Pid, Signal, kill_process};

/// What is started. The environment's `SINGLEFLIGHT_REDIS_SERVER` may name another program.
pub const PROGRAMS: [&str; 2] = ["redis-server", "valkey-server"];

/// What its configuration file is called.
const FILE: &str = "server.conf";

/// How long a server may take to start.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server that runs until it is dropped.
#[derive(Debug)]
pub struct Server {
    program: PathBuf,
    child: Option<Child>,
    port: u16,
    directory: PathBuf,
    options: Vec<String>,
}

/// Returns the program to start, or why there is none.
///
/// # Errors
///
/// If neither is on the machine.
pub fn program() -> Result<PathBuf, String> {
    let wanted = env::var("SINGLEFLIGHT_REDIS_SERVER").ok();
    let names = wanted
        .as_deref()
        .map_or(PROGRAMS.to_vec(), |name| vec![name]);
    names.iter().find_map(|name| find(name)).ok_or_else(|| {
        format!(
            "no {} on this machine; on Debian: apt-get install redis-server",
            names.join(" or ")
        )
    })
}

fn find(name: &str) -> Option<PathBuf> {
    let paths = env::var_os("PATH")?;
    env::split_paths(&paths)
        .map(|path| path.join(name))
        .find(|path| path.is_file())
}

/// Starts a server for a test, or says loudly that there is none. In CI, which sets
/// `SINGLEFLIGHT_REDIS_REQUIRED`, that is a failure.
///
/// # Panics
///
/// If there is none and there has to be, or it does not start.
#[must_use]
pub fn for_test(options: &[&str]) -> Option<Server> {
    match program() {
        Ok(program) => Some(Server::start(&program, options).expect("the server starts")),
        Err(why) => {
            let required = env::var_os("SINGLEFLIGHT_REDIS_REQUIRED").is_some();
            assert!(!required, "{why}");
            eprintln!("!!! SKIPPED: {why}");
            None
        }
    }
}

impl Server {
    /// Starts `program` with `options` after its own, and waits until it answers.
    ///
    /// # Errors
    ///
    /// If it cannot be started, or does not answer.
    pub fn start(program: &Path, options: &[&str]) -> io::Result<Self> {
        Self::start_from(program, "", options)
    }

    /// As [`start`](Self::start), from a configuration file, which the server may write.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub fn start_from(program: &Path, file: &str, options: &[&str]) -> io::Result<Self> {
        let port = free_port()?;
        let directory =
            env::temp_dir().join(format!("singleflight-redis-{}-{port}", std::process::id()));
        fs::create_dir_all(&directory)?;
        fs::write(directory.join(FILE), file)?;
        let mut server = Self {
            program: program.to_owned(),
            child: None,
            port,
            directory,
            options: options.iter().map(|&option| option.to_owned()).collect(),
        };
        server.start_again()?;
        Ok(server)
    }

    /// Starts it again on its port, with the file that it has.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub fn start_again(&mut self) -> io::Result<()> {
        let mut command = match find("setpriv") {
            // It dies with this process, however that ends.
            Some(setpriv) => {
                let mut command = Command::new(setpriv);
                command
                    .args(["--pdeathsig", "KILL", "--"])
                    .arg(&self.program);
                command
            }
            None => Command::new(&self.program),
        };
        let port = self.port.to_string();
        command
            .arg(self.directory.join(FILE))
            .args([
                "--bind",
                "127.0.0.1",
                "--port",
                &port,
                "--save",
                "",
                "--appendonly",
                "no",
            ])
            .args(["--loglevel", "warning", "--enable-debug-command", "yes"])
            .arg("--dir")
            .arg(&self.directory)
            .args(&self.options)
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        self.child = Some(command.spawn()?);
        let started = Instant::now();
        while self
            .command(&["PING"])
            .map_or(true, |pong| !pong.starts_with("+PONG"))
        {
            if started.elapsed() > PATIENCE {
                return Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    "the server does not answer",
                ));
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// Returns its port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns its address, as `redis` takes it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// Returns where its files are.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Kills it, as a crash does.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // A child that is gone already needs no signal.
            let _killed = child.kill();
            let _status = child.wait();
        }
    }

    /// Stops it, or lets it go on.
    pub fn pause(&self, pause: bool) {
        let signal = if pause { Signal::STOP } else { Signal::CONT };
        if let Some(pid) = self.child.as_ref().map(Pid::from_child) {
            let _sent = kill_process(pid, signal);
        }
    }

    /// Sends one command on a connection of its own; returns the answer as it came.
    ///
    /// # Errors
    ///
    /// If the server is not reached or does not answer in time.
    pub fn command(&self, words: &[&str]) -> io::Result<String> {
        command(self.port, words)
    }
}

/// Returns a loopback port that nobody listens on.
///
/// # Errors
///
/// If there is none.
pub fn free_port() -> io::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port())
}

/// Sends one command to the server at a loopback port; returns the answer as it came.
///
/// # Errors
///
/// If the server is not reached or does not answer in time.
pub fn command(port: u16, words: &[&str]) -> io::Result<String> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1))?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut bytes = format!("*{}\r\n", words.len());
    for word in words {
        for part in ["$", &word.len().to_string(), "\r\n", word, "\r\n"] {
            bytes.push_str(part);
        }
    }
    // The answer ends with the connection.
    bytes += "*1\r\n$4\r\nQUIT\r\n";
    stream.write_all(bytes.as_bytes())?;
    let mut answer = String::new();
    let mut buffer = [0; 4096];
    // A sentinel knows no `QUIT`.
    while !answer.contains("unknown command 'QUIT'") {
        match stream.read(&mut buffer)? {
            0 => break,
            length => answer += &String::from_utf8_lossy(&buffer[..length]),
        }
    }
    let of_quit = answer.rfind("-ERR unknown command 'QUIT'");
    let of_quit = of_quit.or_else(|| answer.rfind("+OK\r\n"));
    answer.truncate(of_quit.unwrap_or(answer.len()));
    Ok(answer.trim_end().to_owned())
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        // What cannot be removed is in the directory for temporary files.
        let _removed = fs::remove_dir_all(&self.directory);
    }
}
