//! Child processes: shown as a person could type them, and shielded from this process.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{ExitStatus, Output};
use std::time::Duration;

use duct::Expression;

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

/// A child process to be.
#[must_use = "a command does nothing until it is run"]
pub(crate) struct Command {
    program: OsString,
    arguments: Vec<String>,
    /// What is set; what has no value is removed.
    variables: Vec<(String, Option<OsString>)>,
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
        let keys = env::vars_os().filter_map(|(key, _)| key.into_string().ok());
        let shed = keys.filter(|key| is_shed(key)).map(|key| (key, None));
        let guard = GUARD.map(|(key, value)| (key.to_owned(), Some(value.into())));
        Self {
            program: program.as_ref().to_owned(),
            arguments: Vec::new(),
            variables: shed.chain(guard).collect(),
            shown: quoted(shown),
            directory: None,
            deadline: None,
            quiet: false,
        }
    }

    pub(crate) fn args<A: AsRef<str>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        for argument in arguments {
            self.shown += " ";
            self.shown += &quoted(argument.as_ref());
            self.arguments.push(argument.as_ref().to_owned());
        }
        self
    }

    pub(crate) fn env(self, key: &str, value: &str) -> Self {
        self.env_shown(key, value, &quoted(value))
    }

    /// Sets a variable that a person would write otherwise, such as a longer `PATH`.
    pub(crate) fn env_shown(mut self, key: &str, value: impl AsRef<OsStr>, shown: &str) -> Self {
        self.variables
            .push((key.to_owned(), Some(value.as_ref().to_owned())));
        self.shown.insert_str(0, &format!("{key}={shown} "));
        self
    }

    pub(crate) fn without_env(mut self, key: &str) -> Self {
        self.variables.push((key.to_owned(), None));
        self
    }

    /// Runs it in a directory of the checkout.
    pub(crate) fn in_directory(mut self, directory: &str) -> Self {
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

    /// Runs it; what it prints is seen as it comes. Tests that fail are named in the end too.
    pub(crate) fn run(self) -> Result<(), Stop> {
        match self.arguments.first() {
            Some(verb) if verb == "test" && self.deadline.is_none() => self.run_tests(),
            _ => self.run_or(&[]),
        }
    }

    /// Runs it, and takes these codes beside 0 for an end that its caller looks into.
    pub(crate) fn run_or(self, codes: &[i32]) -> Result<(), Stop> {
        let status = self.end(|command| command)?.status;
        let is_known = status.code().is_some_and(|code| codes.contains(&code));
        if is_known { Ok(()) } else { self.judge(status) }
    }

    /// Runs it and returns what it printed to stdout; the rest is seen as it comes.
    pub(crate) fn stdout(self) -> Result<String, Stop> {
        let output = self.end(|command| command.stdin_null().stdout_capture())?;
        self.judge(output.status)?;
        Ok(text(&output))
    }

    /// Runs it and returns whether it succeeded, and all that it printed.
    pub(crate) fn try_output(self) -> Result<(bool, String), Stop> {
        let all = |command: Expression| command.stdin_null().stderr_to_stdout().stdout_capture();
        let output = self.end(all)?;
        Ok((output.status.success(), text(&output)))
    }

    /// Whether it can be run and succeeds: for asking whether a tool is there.
    pub(crate) fn succeeds(self) -> bool {
        matches!(self.quietly().try_output(), Ok((true, _)))
    }

    fn run_tests(self) -> Result<(), Stop> {
        let failed = |error| Stop::Failed(format!("`{}`: {error}", self.shown));
        let output = self.expression().unchecked().reader().map_err(failed)?;
        let mut names = Vec::new();
        for line in BufReader::new(&output).split(b'\n') {
            let line = line.map_err(failed)?;
            let line = String::from_utf8_lossy(&line);
            println!("{line}");
            names.extend(failed_test(&line).map(str::to_owned));
        }
        let ended = output.try_wait().map_err(failed)?;
        let status = ended.expect("all of its output was read").status;
        match self.judge(status) {
            Err(Stop::Failed(why)) if !names.is_empty() => {
                Stop::failed(format!("{why}: {}", names.join(", ")))
            }
            judged => judged,
        }
    }

    /// Runs it to its end, whatever that is.
    fn end(&self, streams: impl FnOnce(Expression) -> Expression) -> Result<Output, Stop> {
        let shown = &self.shown;
        let failed = |error| Stop::Failed(format!("`{shown}`: {error}"));
        let child = streams(self.expression()).unchecked().start();
        let child = child.map_err(failed)?;
        let Some(deadline) = self.deadline else {
            return child.into_output().map_err(failed);
        };
        if let Some(output) = child.wait_timeout(deadline).map_err(failed)? {
            return Ok(output.clone());
        }
        child.kill().map_err(failed)?;
        let seconds = deadline.as_secs();
        Stop::failed(format!("`{shown}` did not end within {seconds} s"))
    }

    /// Shows it, unless it is quiet, and makes it ready to run.
    fn expression(&self) -> Expression {
        if !self.quiet {
            println!("$ {}", self.line());
        }
        let mut command = duct::cmd(&self.program, &self.arguments);
        for (key, value) in &self.variables {
            command = match value {
                Some(value) => command.env(key, value),
                None => command.env_remove(key),
            };
        }
        if let Some(directory) = &self.directory {
            command = command.dir(directory);
        }
        command
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

/// Runs every command, also after one that failed: whoever has to mend it sees all of it.
pub(crate) fn run_all(commands: impl IntoIterator<Item = Command>) -> Result<(), Stop> {
    let mut failures = Vec::new();
    for command in commands {
        match command.run() {
            Ok(()) => {}
            Err(Stop::Failed(why)) => {
                println!("!!! {why}");
                failures.push(why);
            }
            Err(stop) => return Err(stop),
        }
    }
    match failures.as_slice() {
        [] => Ok(()),
        [why] => Stop::failed(why.clone()),
        [first, ..] => {
            let count = failures.len();
            Stop::failed(format!("{count} commands failed, first {first}"))
        }
    }
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

/// Finds the name in the line that tells of a test that failed.
fn failed_test(line: &str) -> Option<&str> {
    line.strip_prefix("test ")?.strip_suffix(" ... FAILED")
}

fn is_shed(key: &str) -> bool {
    SHED.contains(&key) || SHED_PREFIXES.iter().any(|prefix| key.starts_with(prefix))
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Quotes a word as a shell wants it, if it needs to be.
fn quoted(word: &str) -> String {
    shell_words::quote(word).into_owned()
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
            assert!(is_shed(key), "{key}");
        }
        for key in ["CARGO_TERM_COLOR", "CARGO_TARGET_DIR", "CARGO_HOME", "PATH"] {
            assert!(!is_shed(key), "{key}");
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
    fn a_failing_test_is_named() {
        let named = failed_test("test group::tests::keys_are_spread ... FAILED");
        assert_eq!(named, Some("group::tests::keys_are_spread"));
        for line in [
            "test group::tests::a ... ok",
            "FAILED",
            "test result: FAILED. 0 passed",
        ] {
            assert_eq!(failed_test(line), None);
        }
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

    #[test]
    #[cfg(unix)]
    fn a_command_that_fails_does_not_keep_the_next_from_running() {
        let silent = |program, line| Command::typed(program, line).quietly();
        let stop = run_all([
            silent("false", "1"),
            silent("true", ""),
            silent("false", "2"),
        ]);
        let text = stop.expect_err("two of them fail").to_string();
        assert_eq!(text, "2 commands failed, first `false 1`: exit status: 1");
        assert!(run_all([silent("true", "")]).is_ok());
    }
}
