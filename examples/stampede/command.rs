//! What happens in which order.

use std::ffi::OsString;
use std::fmt::Display;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use singleflight_cache::Stats;
use tokio::runtime;

use crate::cached::{CacheTable, Cached};
use crate::chart::Chart;
use crate::crowd::Crowd;
use crate::database::Database;
use crate::failure::Failure;
use crate::json::Json;
use crate::ledger::Ledger;
use crate::live;
use crate::load::Load;
use crate::log::{Log, Unreadable};
use crate::open_files;
use crate::options::{Grouping, Options, Request};
use crate::output::Output;
use crate::pool::Pool;
use crate::print::print;
use crate::processes::{self, Processes, Redis};
use crate::server::Server;
use crate::stop::Stop;
use crate::table::{Table, ratio};
use crate::tally::Run;

/// The file that is not opened.
const STANDARD_INPUT: &str = "-";

/// Ended by Ctrl-C, as a shell counts it.
const INTERRUPTED: u8 = 130;

/// Does what the command line asks for; returns the exit code.
pub(crate) fn run(
    arguments: impl IntoIterator<Item = OsString>,
    input: &mut dyn BufRead,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> u8 {
    let done = Options::read(arguments).and_then(|request| match request {
        Request::Job(options) => job(&options, input, out, err),
        Request::Page(text) => print(out, format_args!("{text}")).map(|()| 0),
    });
    done.unwrap_or_else(|failure| {
        // With nowhere to say it, the exit code alone must tell.
        drop(writeln!(err, "stampede: {failure}"));
        failure.code()
    })
}

/// Runs the main job.
fn job(
    options: &Options,
    input: &mut dyn BufRead,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<u8, Failure> {
    if let Some(grouping) = &options.serve_as {
        return processes::serve(options, grouping, input, out);
    }
    if options.serve_for_page {
        return live::serve_for_page(options, input, out).map(|()| 0);
    }
    if let Some(port) = options.serve {
        return live::serve(options, port, out).map(|()| 0);
    }
    let (load, warnings) = load(options, input)?;
    let load = Arc::new(load);
    let mut chart_file = Output::open("--chart", &options.chart)?;
    let mut json_file = match &options.json {
        Some(path) => Some(Output::open("--json", path)?),
        None => None,
    };
    open_files::allow(options.clients())?;
    // Only now: a failure is told in one line.
    for warning in warnings {
        drop(writeln!(err, "stampede: {warning}"));
    }

    let clients = runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|error| Failure::service(format_args!("cannot run clients: {error}")))?;
    let stop = Stop::on_interrupt(&clients);
    let redis = options
        .processes
        .map(|_| Redis::start(options))
        .transpose()?;
    let groupings = match &redis {
        None => vec![
            ("without a group", Grouping::None),
            ("with a group", Grouping::Here),
        ],
        Some(redis) => vec![
            ("without a group", Grouping::None),
            ("groups alone", Grouping::Here),
            ("groups over Redis", Grouping::Redis(redis.url())),
        ],
    };
    let mut runs: Vec<_> = groupings.iter().map(|(name, _)| Run::new(name)).collect();
    let mut cached = None;
    if let Some(database) = Database::open(&options.database, &stop)? {
        let trial = Trial {
            options,
            database,
            load: Arc::clone(&load),
            ledger: Arc::new(Ledger::new(options.rows())),
            clients: &clients,
            stop: &stop,
        };
        for (run, (_, grouping)) in runs.iter_mut().zip(&groupings) {
            if !stop.is_asked() {
                trial.serve(run, grouping)?;
            }
        }
        if options.cache && !stop.is_asked() {
            let mut run = Run::new("with a cache");
            let stats = trial.serve_cached(&mut run)?;
            cached = Some((run, stats));
        }
    }

    let runs: Vec<_> = runs.iter().collect();
    let runs = runs.as_slice();
    print(
        out,
        format_args!("{}\n\n{}\n", title(options, &load), Table(runs)),
    )?;
    print(out, format_args!("{}\n{}", saving(runs), remarks(&load)))?;
    if let Some((run, stats)) = &cached {
        let table = Table(&[runs[0], run]);
        print(out, format_args!("\n{table}\n{}\n", CacheTable(*stats)))?;
    }
    if let Some(chart) = Chart::new(runs, title(options, &load)) {
        chart_file.write(&chart.draw()?)?;
        print(
            out,
            format_args!("The chart is in {}.\n", chart_file.path().display()),
        )?;
    }
    if let Some(file) = &mut json_file {
        let json = Json {
            runs,
            runtime: options.runtime,
            seed: options.seed,
            alone: load.alone(),
        };
        file.write(&json.to_string())?;
    }
    if stop.is_asked() {
        drop(writeln!(
            err,
            "stampede: interrupted; this is what was measured so far"
        ));
        return Ok(INTERRUPTED);
    }
    report_errors(runs)?;
    cached.map_or(Ok(0), |(run, _)| report_errors(&[&run]))
}

/// Reads the log or draws the load; also returns what a person must know of it.
fn load(options: &Options, input: &mut dyn BufRead) -> Result<(Load, Vec<String>), Failure> {
    let Some(path) = &options.log else {
        let requests = options.requests();
        let load = Load::drawn(requests, options.keys, options.skew, options.seed);
        return Ok((load, Vec::new()));
    };
    // By what the command line calls it.
    let refuse =
        |why: &dyn Display| Failure::input(format_args!("--log {}: {why}", path.display()));
    let log = read_log(path, input, options.requests() as usize)
        .map_err(|unreadable| refuse(&unreadable))?;
    if log.requests.is_empty() {
        let first = match log.complaints.first() {
            Some((line, complaint)) => format!("no request in it; line {line}: {complaint}"),
            None => "it is empty".to_owned(),
        };
        return Err(refuse(&first));
    }
    let name = name(path);
    let mut warnings: Vec<_> = log
        .complaints
        .iter()
        .map(|(line, complaint)| format!("{name}:{line}: {complaint}"))
        .collect();
    if log.unparsable > 0 {
        let lines = log.unparsable + log.requests.len();
        let left_out = log.unparsable;
        warnings.push(format!(
            "{left_out} of {lines} lines of {name} were left out"
        ));
    }
    Ok((Load::replayed(log, options.speed), warnings))
}

fn read_log(path: &Path, input: &mut dyn BufRead, most: usize) -> Result<Log, Unreadable> {
    if path.as_os_str() == STANDARD_INPUT {
        Log::read(input, most)
    } else {
        Log::read(BufReader::new(File::open(path)?), most)
    }
}

/// Says what a log is called.
fn name(path: &Path) -> String {
    if path.as_os_str() == STANDARD_INPUT {
        return "standard input".to_owned();
    }
    one_line(path)
}

/// Names of files may hold line breaks.
fn one_line(path: &Path) -> String {
    path.display().to_string().replace(char::is_control, " ")
}

/// What the runs have in common.
#[derive(Debug)]
struct Trial<'a> {
    options: &'a Options,
    database: Database,
    load: Arc<Load>,
    ledger: Arc<Ledger>,
    clients: &'a runtime::Runtime,
    stop: &'a Stop,
}

impl Trial<'_> {
    /// Serves the load once: fresh connections to the database, a fresh server, fresh clients.
    fn serve(&self, run: &mut Run, grouping: &Grouping) -> Result<(), Failure> {
        let clients = clients(self.options, &self.load);
        if let Some(count) = self.options.processes {
            let processes = Processes::start(count, self.options, grouping)?;
            self.ask(run, clients, processes.addresses())?;
            run.queries = processes.end()?;
            return Ok(());
        }
        let pool = self.pool()?;
        let server = Server::start(self.options.runtime, grouping, clients, pool.clone())?;
        self.ask(run, clients, &[server.address()])?;
        drop(server);
        run.queries = pool.queries();
        Ok(())
    }

    /// The same with a cache. Returns what that has done.
    fn serve_cached(&self, run: &mut Run) -> Result<Stats, Failure> {
        let clients = clients(self.options, &self.load);
        let pool = self.pool()?;
        let cached = Cached::new(pool.clone());
        let server = Server::start_cached(cached.clone(), pool.clone())?;
        self.ask(run, clients, &[server.address()])?;
        drop(server);
        run.queries = pool.queries();
        Ok(cached.stats())
    }

    fn pool(&self) -> Result<Pool, Failure> {
        Pool::open(&self.database, self.options.connections(), &self.ledger)
    }

    /// Works off the load once.
    fn ask(&self, run: &mut Run, clients: usize, servers: &[SocketAddr]) -> Result<(), Failure> {
        let progress = progress(self.load.arrivals.len(), run.name);
        run.tally = self.clients.block_on(async {
            let crowd = Crowd::connect(clients, servers).await?;
            Ok(crowd
                .work(&self.load, &self.ledger, &progress, self.stop)
                .await)
        })?;
        progress.finish_and_clear();
        Ok(())
    }
}

/// No more clients than requests: the others would only be connected.
fn clients(options: &Options, load: &Load) -> usize {
    load.arrivals.len().min(options.clients() as usize)
}

/// A bar on standard error; nothing if that is not a terminal.
fn progress(requests: usize, name: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template("{prefix} [{bar:40}] {pos}/{len} requests, {elapsed}")
        .expect("the template is well-formed")
        .progress_chars("=> ");
    let bar = ProgressBar::new(requests as u64)
        .with_style(style)
        .with_prefix(name);
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

/// Says what was served.
fn title(options: &Options, load: &Load) -> String {
    let what = match (&options.log, load.speed) {
        (Some(path), Some(speed)) => {
            let name = match path.file_name() {
                Some(file) if path.as_os_str() != STANDARD_INPUT => one_line(Path::new(file)),
                _ => name(path),
            };
            let rounded = (speed * 100.0).round() / 100.0;
            format!("{name}, {rounded} times faster than recorded")
        }
        _ => format!("skew {}, seed {}", options.skew, options.seed),
    };
    let servers = options
        .processes
        .map(|count| format!(", {count} processes"));
    format!(
        "{}{}: {} requests for {} keys by {} clients ({what})",
        options.runtime.name(),
        servers.unwrap_or_default(),
        load.arrivals.len(),
        load.key_count,
        clients(options, load),
    )
}

/// Says what the group saved: by how much fewer queries a request cost, which also holds for
/// runs that were cut short.
fn saving(runs: &[&Run]) -> String {
    if let [without, alone, over] = runs {
        let [alone, over] = [alone, over].map(|run| fold(without, run));
        let (Some(alone), Some(over)) = (alone, over) else {
            return "There is nothing to compare.".to_owned();
        };
        return format!("Groups cut the queries {alone}-fold, groups over Redis {over}-fold.");
    }
    match fold(runs[0], runs[1]) {
        Some(fold) => format!("The group cut the queries {fold}-fold."),
        None => "There is nothing to compare.".to_owned(),
    }
}

/// By how much a run cut what a request costs.
fn fold(without: &Run, with: &Run) -> Option<String> {
    let part = without.queries * with.tally.requests();
    let whole = with.queries * without.tally.requests();
    (part > 0 && whole > 0).then(|| ratio(part, whole, 1))
}

/// Says what else a reader of the figures must know.
fn remarks(load: &Load) -> String {
    let (requests, alone, disbelieved) = (load.arrivals.len(), load.alone(), load.disbelieved);
    let verb = |count| if count == 1 { "is" } else { "are" };
    let mut remarks = Vec::new();
    if alone > 0 {
        remarks.push(format!(
            "{alone} of {requests} requests {} served alone: only GET and HEAD for a whole answer \
             are coalesced.\n",
            verb(alone)
        ));
    }
    if disbelieved > 0 {
        remarks.push(format!(
            "{disbelieved} of {requests} clocks {} not believed: the order of the log says when \
             those requests came.\n",
            verb(disbelieved)
        ));
    }
    remarks.concat()
}

/// A request that failed is a failure of the job, after everything has been shown.
fn report_errors(runs: &[&Run]) -> Result<u8, Failure> {
    let errors: u64 = runs.iter().map(|run| run.tally.errors()).sum();
    match runs.iter().find_map(|run| run.tally.first_fault()) {
        Some(fault) => Err(Failure::service(format_args!(
            "{errors} requests failed, the first with: {fault}"
        ))),
        None => Ok(0),
    }
}
