//! Child processes: shown as a person could type them, and shielded from this process.

use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::path::Path;
use std::process::{self, ExitStatus, Output, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use std::{env, io};

use crate::stop::Stop;

/// Set for every child. Cargo and its plugins like to fetch a toolchain or a component that
/// is missing; a check must say that it is missing instead.
const GUARD: [(&str, &str); 3] = [
    ("RUSTUP_AUTO_INSTALL", "0"),
    ("RUSTUP_DIST_SERVER", "http://127.0.0.1:9"),
    ("CARGO_LLVM_COV_SETUP", "no"),
];

/// Taken from every child: flags, which must be those of the check and no others, and the
/// tools that cargo names to the program it runs.
const SHED: [&str; 9] = [
    "CARGO",
    "CARGO_CRATE_NAME",
    "CARGO_ENCODED_RUSTDOCFLAGS",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_PRIMARY_PACKAGE",
    "RUSTC",
    "RUSTDOC",
    "RUSTDOCFLAGS",
    "RUSTFLAGS",
];

/// Taken from every child: what cargo says about the package of this program.
const SHED_PREFIXES: [&str; 3] = ["CARGO_BIN_", "CARGO_MANIFEST_", "CARGO_PKG_"];

/// How often a child with a deadline is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// A child process to be.
#[must_use = "a command does nothing until it is run"]
pub(crate) struct Command {
    inner: process::Command,
    /// The command as a person types it.
    shown: String,
    directory: Option<String>,
    deadline: Option<Duration>,
    quiet: bool,
}

impl Command {
    /// Makes a command from a line whose words have no spaces in them.
    pub(crate) fn typed(program: &str, line: &str) -> Self {
        Self::new(program, program).args(line.split_whitespace())
    }

    /// Makes a command for a program that is shown by another name.
    pub(crate) fn new(program: impl AsRef<OsStr>, shown: &str) -> Self {
        let mut inner = process::Command::new(program);
        for (key, _) in env::vars_os() {
            if is_shed(&key) {
                inner.env_remove(key);
            }
        }
        inner.envs(GUARD);
        Self {
            inner,
            shown: quoted(shown),
            directory: None,
            deadline: None,
            quiet: false,
        }
    }

    pub(crate) fn args<A: AsRef<str>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        for argument in arguments {
            self.inner.arg(argument.as_ref());
            self.shown += " ";
            self.shown += &quoted(argument.as_ref());
        }
        self
    }

    pub(crate) fn env(self, key: &str, value: &str) -> Self {
        self.env_shown(key, value, &quoted(value))
    }

    /// Sets a variable that a person would write otherwise, such as a longer `PATH`.
    pub(crate) fn env_shown(mut self, key: &str, value: impl AsRef<OsStr>, shown: &str) -> Self {
        self.inner.env(key, value);
        self.shown.insert_str(0, &format!("{key}={shown} "));
        self
    }

    pub(crate) fn without_env(mut self, key: &str) -> Self {
        self.inner.env_remove(key);
        self
    }

    /// Runs it in a directory of the checkout.
    pub(crate) fn in_directory(mut self, directory: &str) -> Self {
        self.inner.current_dir(directory);
        self.directory = Some(directory.to_owned());
        self
    }

    /// Kills it after this time: for programs that could hang, not for builds.
    pub(crate) fn within(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Does not show it: for questions that are no check.
    pub(crate) fn quietly(mut self) -> Self {
        self.quiet = true;
        self
    }

    /// Runs it; what it prints is seen as it comes.
    pub(crate) fn run(self) -> Result<(), Stop> {
        self.run_or(&[])
    }

    /// Runs it, and takes these codes beside 0 for an end that its caller looks into.
    pub(crate) fn run_or(mut self, codes: &[i32]) -> Result<(), Stop> {
        let status = self.end()?.status;
        let is_known = status.code().is_some_and(|code| codes.contains(&code));
        if is_known { Ok(()) } else { self.judge(status) }
    }

    /// Runs it and returns what it printed to stdout; the rest is seen as it comes.
    pub(crate) fn stdout(mut self) -> Result<String, Stop> {
        self.inner.stdin(Stdio::null()).stdout(Stdio::piped());
        let output = self.end()?;
        self.judge(output.status)?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Runs it and returns whether it succeeded, and all that it printed.
    pub(crate) fn try_output(mut self) -> Result<(bool, String), Stop> {
        self.inner.stdin(Stdio::null());
        self.inner.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut output = self.end()?;
        output.stdout.append(&mut output.stderr);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        Ok((output.status.success(), text))
    }

    /// Whether it can be run and succeeds: for asking whether a tool is there.
    pub(crate) fn succeeds(self) -> bool {
        matches!(self.quietly().try_output(), Ok((true, _)))
    }

    /// Runs it to its end, whatever that is.
    fn end(&mut self) -> Result<Output, Stop> {
        if !self.quiet {
            println!("$ {}", self.line());
        }
        let shown = &self.shown;
        match end_within(&mut self.inner, self.deadline) {
            Ok(output) => Ok(output),
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                let seconds = self.deadline.unwrap_or_default().as_secs();
                Stop::failed(format!("`{shown}` did not end within {seconds} s"))
            }
            Err(error) => Stop::failed(format!("`{shown}`: {error}")),
        }
    }

    fn judge(&self, status: ExitStatus) -> Result<(), Stop> {
        if status.success() {
            return Ok(());
        }
        Stop::failed(format!("`{}`: {status}", self.shown))
    }

    fn line(&self) -> String {
        match &self.directory {
            None => self.shown.clone(),
            Some(directory) => format!("(cd {} && {})", quoted(directory), self.shown),
        }
    }
}

/// Runs it to its end. One that has to be killed is the error `TimedOut`.
fn end_within(command: &mut process::Command, deadline: Option<Duration>) -> io::Result<Output> {
    let start = Instant::now();
    let mut child = command.spawn()?;
    let (stdout, stderr) = (child.stdout.take().map(read), child.stderr.take().map(read));
    let status = loop {
        let Some(deadline) = deadline else {
            break child.wait()?;
        };
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if start.elapsed() > deadline {
            // It may end by itself in this very moment; either way it is gone.
            let _already_gone = child.kill();
            let _reaped = child.wait();
            return Err(io::ErrorKind::TimedOut.into());
        }
        thread::sleep(LOOK);
    };
    let all = |reader: Option<JoinHandle<_>>| match reader {
        Some(reader) => reader.join().expect("reading does not panic"),
        None => Ok(Vec::new()),
    };
    Ok(Output {
        status,
        stdout: all(stdout)?,
        stderr: all(stderr)?,
    })
}

/// Reads beside the wait, since a pipe that nobody empties fills up.
fn read(mut pipe: impl Read + Send + 'static) -> JoinHandle<io::Result<Vec<u8>>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        pipe.read_to_end(&mut bytes).map(|_| bytes)
    })
}

fn is_shed(key: &OsString) -> bool {
    key.to_str().is_some_and(|key| {
        SHED.contains(&key) || SHED_PREFIXES.iter().any(|prefix| key.starts_with(prefix))
    })
}

/// Puts `directory` before what the variable `key` holds, and says how a person writes that.
pub(crate) fn prepended(key: &str, directory: &Path, shown: &str) -> (OsString, String) {
    let mut value = directory.as_os_str().to_owned();
    if let Some(rest) = env::var_os(key) {
        value.push(":");
        value.push(rest);
    }
    (value, format!("\"{shown}:${key}\""))
}

/// Quotes a word as a shell wants it, if it needs to be.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./=,:+@%".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_it_is_typed() {
        let command = Command::typed("cargo", "test -p it")
            .env("RUSTFLAGS", "--cfg loom")
            .in_directory("examples/no-std");
        assert_eq!(
            command.line(),
            "(cd examples/no-std && RUSTFLAGS='--cfg loom' cargo test -p it)"
        );
    }

    #[test]
    fn flags_and_traces_of_this_program_are_shed() {
        for key in ["RUSTFLAGS", "CARGO_PKG_NAME", "CARGO_MANIFEST_DIR", "CARGO"] {
            assert!(is_shed(&key.into()), "{key}");
        }
        for key in ["CARGO_TERM_COLOR", "CARGO_TARGET_DIR", "CARGO_HOME", "PATH"] {
            assert!(!is_shed(&key.into()), "{key}");
        }
    }

    #[test]
    fn a_failing_command_is_named() {
        let stop = Command::typed("cargo", "no-such-subcommand-of-cargo").quietly();
        let (succeeded, text) = stop.try_output().expect("cargo is there");
        assert!(!succeeded);
        assert!(text.contains("no-such-subcommand-of-cargo"), "{text}");
        let stop = Command::typed("no-such-program", "").run();
        let stop = stop.expect_err("there is no such program");
        assert!(
            stop.to_string().starts_with("`no-such-program`: "),
            "{stop}"
        );
    }

    #[test]
    #[cfg(unix)]
    fn a_program_that_hangs_is_killed() {
        let sleeper = || Command::typed("sleep", "60").within(Duration::from_millis(50));
        for stop in [sleeper().run(), sleeper().stdout().map(drop)] {
            let stop = stop.expect_err("it sleeps longer");
            assert!(stop.to_string().contains("did not end"), "{stop}");
        }
    }
}
