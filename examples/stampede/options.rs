//! The command line.

use std::convert::Infallible;
use std::ffi::OsString;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Parser, ValueEnum, value_parser};

use crate::failure::Failure;
use crate::ledger::ROWS;

/// What the command line says.
#[derive(Debug, Parser)]
#[command(
    name = "stampede",
    version,
    about = "Serves the same load twice over real sockets and a real SQLite file, without and \
             with a group, and shows what coalescing equal requests saves.",
    allow_negative_numbers = true,
    after_help = "Exit codes: 0 done, 1 the service failed or a request did, 2 bad input, \
                  130 interrupted by Ctrl-C (what was measured so far is shown)."
)]
pub(crate) struct Options {
    /// The front end that serves the requests.
    #[arg(long, value_enum, default_value_t = Runtime::Tokio)]
    pub(crate) runtime: Runtime,

    /// Clients that ask at the same time, each over a connection of its own [default: 200; with
    /// --serve, 2000].
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..=5_000))]
    clients: Option<u32>,

    /// Requests in total [default: 2000; with --log, all of its lines].
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..=10_000_000))]
    requests: Option<u32>,

    /// Different keys that are asked for.
    #[arg(
        long,
        value_name = "N",
        default_value_t = 50,
        conflicts_with = "log",
        value_parser = value_parser!(u32).range(1..=1_000_000)
    )]
    pub(crate) keys: u32,

    /// How much more popular the first keys are than the last: the exponent of a Zipf
    /// distribution, 0 for all alike.
    #[arg(
        long,
        value_name = "X",
        default_value_t = 1.0,
        conflicts_with = "log",
        value_parser = skew
    )]
    pub(crate) skew: f64,

    /// Where the random sequence of requests starts; the same seed gives the same sequence.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,

    /// Replay this Common Log Format file, or standard input if it is `-`: method, target, site
    /// and user are the keys, arrival times are kept. Lines of up to 64 KiB are read; a log of
    /// more than 2 GiB, 10,000,000 lines or 256 MiB of keys is refused, unless --requests stops
    /// before.
    #[arg(long, value_name = "FILE")]
    pub(crate) log: Option<PathBuf>,

    /// How many times faster than it was recorded the log is replayed [default: what brings
    /// its last request to 5 s, clocks that are not believed left out].
    #[arg(long, value_name = "X", value_parser = speed)]
    pub(crate) speed: Option<f64>,

    /// Rows of the database that one query reads: what a query costs [default: 40000; with
    /// --log, 15000; with --serve, 500].
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..=i64::from(ROWS)))]
    rows: Option<u32>,

    /// Connections to the database, each of which runs one query at a time [default: 4; with
    /// --serve, 16].
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..=64))]
    connections: Option<u32>,

    /// Serve by this many processes, three times: without groups, with a group in each, and with
    /// groups over Redis. A redis-server that is on the machine is started for it. With --serve, how
    /// many processes the page is about [default there: 3].
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..=16))]
    pub(crate) processes: Option<u32>,

    /// With --processes or --serve, the Redis or Valkey to use instead.
    #[arg(long, value_name = "URL")]
    pub(crate) redis: Option<String>,

    /// Serve until standard input ends: what each of the processes is told.
    #[arg(long, value_name = "HOW", hide = true)]
    pub(crate) serve_as: Option<Grouping>,

    /// Serve until standard input ends, and do what it says: a process of the page.
    #[arg(long, hide = true)]
    pub(crate) serve_for_page: bool,

    /// The database; made if it does not exist.
    #[arg(long, value_name = "FILE", default_value = "stampede.sqlite")]
    pub(crate) database: PathBuf,

    /// Where the chart goes, as SVG.
    #[arg(long, value_name = "FILE", default_value = "stampede.svg")]
    pub(crate) chart: PathBuf,

    /// Serve the load once more with a cache in front, and show what it has done. On tokio only.
    #[arg(long, conflicts_with = "serve")]
    pub(crate) cache: bool,

    /// Serve the load once more with a layer in front of the routes that coalesces requests, in place
    /// of a group in the service. On tokio only.
    #[arg(long, conflicts_with_all = ["processes", "serve"])]
    pub(crate) layer: bool,

    /// Write the figures to this file for machines, as JSON.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,

    /// Serve a page that shows the herd as it comes, with switches and sliders, instead of one
    /// table: on this port of the loopback interface, or on a free one.
    #[arg(
        long,
        value_name = "PORT",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "0",
        conflicts_with_all = ["requests", "log", "skew", "json", "chart"]
    )]
    pub(crate) serve: Option<u16>,
}

impl Options {
    /// Reads the command line, program name first.
    pub(crate) fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Request, Failure> {
        match Self::try_parse_from(arguments) {
            Ok(options) if options.speed.is_some() && options.log.is_none() => {
                Err(Failure::input("--speed is of use with --log only"))
            }
            Ok(options)
                if options.redis.is_some()
                    && options.processes.is_none()
                    && options.serve.is_none()
                    && !options.serve_for_page =>
            {
                Err(Failure::input(
                    "--redis is of use with --processes or --serve only",
                ))
            }
            Ok(options) if options.cache && options.runtime != Runtime::Tokio => Err(
                Failure::input("--cache is served with --runtime tokio only"),
            ),
            Ok(options) if options.layer && options.runtime != Runtime::Tokio => Err(
                Failure::input("--layer is served with --runtime tokio only"),
            ),
            Ok(options) if options.cache && options.processes.is_some() => Err(Failure::input(
                "--cache is served by one process; leave out --processes",
            )),
            Ok(options) if options.processes.is_some() && options.runtime != Runtime::Tokio => {
                Err(Failure::input("--processes serves by --runtime tokio only"))
            }
            Ok(options) if options.serve.is_some() && options.runtime != Runtime::Tokio => Err(
                Failure::input("--serve is of use with --runtime tokio only"),
            ),
            Ok(options) => Ok(Request::Job(Box::new(options))),
            Err(error) if !error.use_stderr() => Ok(Request::Page(error.to_string())),
            Err(error) => Err(Failure::input(first_paragraph(&error.to_string()))),
        }
    }

    /// Returns how many requests are made, at most.
    pub(crate) fn requests(&self) -> u32 {
        let default = if self.log.is_some() { u32::MAX } else { 2_000 };
        self.requests.unwrap_or(default)
    }

    /// Returns how many clients there are, at most.
    pub(crate) fn clients(&self) -> u32 {
        let default = if self.serve.is_some() { 2_000 } else { 200 };
        self.clients.unwrap_or(default)
    }

    /// Returns how many connections to the database there are.
    pub(crate) fn connections(&self) -> u32 {
        let default = if self.serve.is_some() { 16 } else { 4 };
        self.connections.unwrap_or(default)
    }

    /// Returns how many rows a query reads.
    ///
    /// A log is longer than what is drawn, and takes about as long by cheaper queries.
    pub(crate) fn rows(&self) -> u32 {
        let default = match (&self.log, self.serve) {
            (None, None) => 40_000,
            (Some(_), _) => 15_000,
            // A query's time is set on the page.
            (None, Some(_)) => 500,
        };
        self.rows.unwrap_or(default)
    }
}

/// What the command line asks for.
#[derive(Debug)]
pub(crate) enum Request {
    /// The main job.
    Job(Box<Options>),
    /// A text to be read: the help, the version.
    Page(String),
}

/// What stands between requests and the database.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Grouping {
    /// Nothing.
    None,
    /// A group in the process.
    Here,
    /// A layer in front of the routes.
    Layer,
    /// A group over the Redis at this address.
    Redis(String),
}

impl Grouping {
    /// Returns the word by which the command line knows it.
    pub(crate) fn word(&self) -> &str {
        match self {
            Self::None => "none",
            Self::Here => "here",
            Self::Layer => "layer",
            Self::Redis(url) => url,
        }
    }
}

impl FromStr for Grouping {
    type Err = Infallible;

    fn from_str(word: &str) -> Result<Self, Infallible> {
        Ok(match word {
            "none" => Self::None,
            "here" => Self::Here,
            "layer" => Self::Layer,
            url => Self::Redis(url.to_owned()),
        })
    }
}

/// The front end that serves.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Runtime {
    /// Requests go to a pool of blocking threads, through singleflight-std.
    Threads,
    /// Requests are tasks of tokio, through singleflight-tokio.
    Tokio,
    /// Requests are tasks of smol, through singleflight-smol.
    Smol,
}

impl Runtime {
    /// Returns the name by which the command line knows it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Threads => "threads",
            Self::Tokio => "tokio",
            Self::Smol => "smol",
        }
    }
}

fn skew(text: &str) -> Result<f64, String> {
    number_within(text, 0.0, 10.0)
}

fn speed(text: &str) -> Result<f64, String> {
    number_within(text, 0.001, 1e12)
}

fn number_within(text: &str, low: f64, high: f64) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if (low..=high).contains(&number) {
        Ok(number)
    } else {
        Err(format!("{number} is not in {low}..={high}"))
    }
}

/// Clap tells over several lines what is wrong and then how to get help; the first paragraph
/// names the option.
fn first_paragraph(text: &str) -> String {
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .take_while(|line| !line.is_empty())
        .collect();
    lines.join(" ").trim_start_matches("error: ").to_owned()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::{Options, Request, Runtime};

    fn read(line: &str) -> Result<Request, crate::failure::Failure> {
        Options::read(
            format!("stampede {line}")
                .split_whitespace()
                .map(Into::into),
        )
    }

    #[test]
    fn the_command_line_is_well_formed() {
        Options::command().debug_assert();
    }

    #[test]
    fn every_option_is_read() {
        let Ok(Request::Job(options)) = read(
            "--runtime smol --clients 3 --requests 4 --keys 5 --skew 0.5 --seed 6 --rows 7 \
             --connections 8 --database d --chart c --json j",
        ) else {
            panic!("a right command line was refused");
        };
        assert_eq!(options.runtime, Runtime::Smol);
        assert_eq!(
            (options.clients(), options.requests(), options.keys),
            (3, 4, 5)
        );
        assert_eq!(
            (options.seed, options.rows(), options.connections()),
            (6, 7, 8)
        );
        assert_eq!(options.json, Some("j".into()));
    }

    #[test]
    fn help_and_version_are_pages() {
        for line in ["--help", "-h", "--version"] {
            assert!(matches!(read(line), Ok(Request::Page(_))), "{line}");
        }
    }

    #[test]
    fn a_bad_option_is_refused_in_one_line_that_names_it() {
        for (line, name) in [
            ("--runtime green", "--runtime"),
            ("--clients 0", "--clients"),
            ("--clients many", "--clients"),
            ("--clients 1000000", "--clients"),
            ("--requests 0", "--requests"),
            ("--keys 0", "--keys"),
            ("--skew -1", "--skew"),
            ("--keys -5", "--keys"),
            ("--skew=-1", "--skew"),
            ("--skew NaN", "--skew"),
            ("--seed -", "--seed"),
            ("--rows 999999999", "--rows"),
            ("--speed 2", "--speed"),
            ("--cache --runtime smol", "--cache"),
            ("--layer --runtime smol", "--layer"),
            ("--layer --processes 2", "--layer"),
            ("--layer --serve", "--layer"),
            ("--log x --speed 0", "--speed"),
            ("--log x --speed inf", "--speed"),
            ("--log x --keys 3", "--keys"),
            ("--json", "--json"),
            ("--processes 0", "--processes"),
            ("--processes 2 --runtime smol", "--processes"),
            ("--redis redis://x", "--redis"),
            ("--serve=70000", "--serve"),
            ("--serve --log x", "--serve"),
            ("--serve --requests 5", "--serve"),
            ("--serve --runtime smol", "--serve"),
            ("--colour", "--colour"),
            ("stray", "stray"),
        ] {
            let failure = read(line).expect_err(line);
            assert_eq!(failure.code(), 2, "{line}");
            let message = failure.to_string();
            assert!(message.contains(name), "{line}: {message}");
            assert_eq!(message.lines().count(), 1, "{line}: {message}");
            assert!(!message.starts_with("error"), "{line}: {message}");
        }
    }
}
