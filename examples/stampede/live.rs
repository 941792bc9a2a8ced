//! `--serve`: a page that shows the herd as it comes, and lets a person turn coalescing on.
//!
//! The service is processes of its own. Here are the herd and the page, each with a runtime, so that
//! neither holds the other up.

mod controls;
mod counts;
mod feed;
mod herd;
mod process;
mod service;
mod web;

use std::io::{self, Write};
use std::sync::Arc;

use tokio::runtime::{self, Runtime};
use tokio::sync::watch;

use crate::database::Database;
use crate::failure::Failure;
use crate::ledger::Ledger;
use crate::live::controls::Settings;
use crate::live::counts::Counts;
use crate::live::feed::{Feed, Meter};
use crate::live::herd::Herd;
use crate::live::process::{Processes, listen};
use crate::live::web::Desk;
use crate::open_files;
use crate::options::Options;
use crate::print::print;
use crate::processes::Redis;
use crate::stop::Stop;

pub(crate) use process::serve_for_page;

/// Serves the page on this port, 0 for a free one, until Ctrl-C.
pub(crate) fn serve(options: &Options, port: u16, out: &mut dyn Write) -> Result<(), Failure> {
    let clients = runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(fail)?;
    let stop = Stop::on_interrupt(&clients);
    serve_until(&stop, clients, options, port, out)
}

fn serve_until(
    stop: &Stop,
    clients: Runtime,
    options: &Options,
    port: u16,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    open_files::allow(options.clients())?;
    let Some(database) = Database::open(&options.database, stop)? else {
        return Ok(());
    };
    drop(database);
    let ledger = Arc::new(Ledger::new(options.rows()));
    let (page, address) =
        listen(port).map_err(|error| Failure::input(format_args!("--serve={port}: {error}")))?;
    let redis = match Redis::start(options) {
        Ok(redis) => Ok(redis),
        Err(failure) if options.redis.is_some() => return Err(failure),
        Err(failure) => Err(failure.to_string().into()),
    };
    let url = redis.as_ref().ok().map(Redis::url);
    let processes = Arc::new(Processes::start(options, url.as_deref())?);

    let (settings, set) = watch::channel(Settings::FIRST);
    let herd = Arc::new(Herd {
        addresses: processes.addresses.clone(),
        most: options.clients() as usize,
        keys: options.keys,
        ledger,
        counts: Arc::new(Counts::default()),
        settings: set.clone(),
        clients: herd::Clients::of(processes.addresses.len()),
    });
    clients.spawn(Arc::clone(&herd).run(options.seed));
    let feed = Arc::new(Feed::new());
    let meter = Meter::new(Arc::clone(&processes), Arc::clone(&herd), set);
    let desk = Desk {
        feed: Arc::clone(&feed),
        processes,
        no_redis: redis.as_ref().err().cloned(),
        herd,
        settings,
        order: Arc::default(),
    };
    let own = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(fail)?;
    print(
        out,
        format_args!("The page is at http://{address}/ until Ctrl-C.\n"),
    )?;
    let served = own.block_on(async {
        let page = tokio::net::TcpListener::from_std(page)?;
        tokio::select! {
            served = axum::serve(page, desk.router()) => served,
            () = feed.run(meter) => Ok(()),
            () = stop.asked() => Ok(()),
        }
    });
    end([clients, own]);
    drop(redis);
    served.map_err(fail)
}

#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` gives")]
fn fail(error: io::Error) -> Failure {
    Failure::service(format_args!("cannot serve: {error}"))
}

/// Pages that are open would keep their connections for ever, so nothing is awaited.
fn end(runtimes: [Runtime; 2]) {
    for runtime in runtimes {
        runtime.shutdown_background();
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, BufRead, BufReader, Write};
    use std::net::TcpStream;
    use std::sync::mpsc::{self, Sender};
    use std::thread;
    use std::time::Duration;

    use serde_json::Value;
    use tokio::runtime::Runtime;

    use super::serve_until;
    use super::web::PAGE;
    use crate::database::tests::{folder, shared};
    use crate::options::{Options, Request};
    use crate::stop::Stop;

    /// Hands on what is printed.
    struct Printed(Sender<String>);

    impl Write for Printed {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let text = String::from_utf8_lossy(bytes).into_owned();
            drop(self.0.send(text));
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Runs a test with the address of a page that is served meanwhile.
    fn while_served(test: impl FnOnce(&str)) {
        drop(shared());
        let database = folder().join("shared.sqlite");
        let words = [
            "stampede",
            "--serve",
            "--processes",
            "2",
            "--connections",
            "2",
            "--database",
        ];
        let words = words.map(Into::into).into_iter().chain([database.into()]);
        let Ok(Request::Job(options)) = Options::read(words) else {
            panic!("a right command line was refused");
        };
        let (ask, stop) = Stop::by_hand();
        let (print, printed) = mpsc::channel();
        let server = thread::spawn(move || {
            let clients = Runtime::new().unwrap();
            serve_until(&stop, clients, &options, 0, &mut Printed(print))
        });
        let patience = Duration::from_secs(60);
        let mut line = String::new();
        while !line.ends_with('\n') {
            line += &printed.recv_timeout(patience).unwrap();
        }
        let address = line.split("http://").nth(1).unwrap().split('/').next();
        test(address.unwrap());
        ask.send_replace(true);
        server.join().unwrap().unwrap();
    }

    /// Sends a request, and returns the lines of what comes back, as they come.
    fn ask(address: &str, line: &str, header: &str) -> impl Iterator<Item = String> {
        let stream = send(address, address, line, header);
        BufReader::new(stream).lines().map(Result::unwrap)
    }

    fn send(address: &str, host: &str, line: &str, header: &str) -> TcpStream {
        let mut stream = TcpStream::connect(address).unwrap();
        let patience = Duration::from_secs(60);
        stream.set_read_timeout(Some(patience)).unwrap();
        let close = if line.contains("/feed") {
            ""
        } else {
            "connection: close\r\n"
        };
        let request = format!("{line} HTTP/1.1\r\nhost: {host}\r\n{close}{header}\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        stream
    }

    fn status(mut lines: impl Iterator<Item = String>) -> String {
        let line = lines.next().unwrap();
        line.split(' ').nth(1).unwrap().to_owned()
    }

    /// Reads events until one of this name comes that is as wanted.
    fn event(
        lines: &mut impl Iterator<Item = String>,
        name: &str,
        mut is_wanted: impl FnMut(&Value) -> bool,
    ) {
        while let Some(line) = lines.next() {
            if line != format!("event: {name}") {
                continue;
            }
            let data = lines.next().unwrap();
            let data = data.strip_prefix("data: ").unwrap();
            if is_wanted(&serde_json::from_str(data).unwrap()) {
                return;
            }
        }
        panic!("the feed ended");
    }

    #[test]
    fn the_page_is_small_and_asks_nobody_else() {
        assert!(PAGE.len() <= 30 * 1_024, "{} bytes", PAGE.len());
        for foreign in ["http://", "https://", "@import", "src="] {
            assert!(!PAGE.contains(foreign), "{foreign}");
        }
    }

    const OURS: &str = "x-stampede: 1\r\n";

    #[test]
    fn a_request_is_a_hit_or_led_or_followed() {
        while_served(|address| {
            let mut feed = ask(address, "GET /feed", "");
            let sum = |frame: &Value, what| {
                let processes = frame["processes"].as_array().unwrap().iter();
                let counts = processes.map(|process| process[what].as_f64().unwrap_or(0.0));
                counts.sum::<f64>()
            };
            for (name, value) in [("load", 1_000), ("coalescing", 1), ("cache", 1)] {
                let line = format!("POST /set/{name}/{value}");
                assert_eq!(status(ask(address, &line, OURS)), "200");
                event(&mut feed, "settings", |settings| settings[name] == value);
            }
            event(&mut feed, "frame", |frame| sum(frame, "followed") > 0.0);
            let (mut requests, mut hits, mut frames) = (0.0, 0.0, 0);
            event(&mut feed, "frame", |frame| {
                // Who led in the aside when a client left, it does not tell.
                assert_eq!(frame["handed_over"], Value::Null);
                frame["n"].as_u64() > Some(0)
            });
            while frames < 20 {
                event(&mut feed, "frame", |frame| {
                    requests += sum(frame, "requests");
                    hits += sum(frame, "hits");
                    true
                });
                frames += 1;
            }
            assert!(hits > 0.0);
            // Of those that came in the frame before, some are answered in this one.
            assert!(hits < requests * 1.05, "{hits} of {requests}");
        });
    }

    #[test]
    fn what_is_set_acts_and_is_told_to_everybody() {
        while_served(|address| {
            let mut feed = ask(address, "GET /feed", "");
            event(&mut feed, "hello", |hello| {
                hello["settings"]["coalescing"] == 0
            });
            event(&mut feed, "frame", |frame| {
                frame["row"][1].as_f64() > Some(0.0)
            });
            for (name, value) in [("coalescing", 1), ("driver", 1), ("disconnects", 50)] {
                let line = format!("POST /set/{name}/{value}");
                assert_eq!(status(ask(address, &line, OURS)), "200");
                event(&mut feed, "settings", |settings| settings[name] == value);
            }
            let followed = |frame: &Value| {
                assert_eq!(frame["fault"], Value::Null);
                let processes = frame["processes"].as_array().unwrap();
                assert_eq!(processes.len(), 2);
                let all = |process: &Value| process["followed"].as_f64() > Some(0.0);
                processes.iter().all(all) && frame["left"].as_f64() > Some(0.0)
            };
            event(&mut feed, "frame", followed);
            // By the layer, its works as tasks; and a cache.
            assert_eq!(status(ask(address, "POST /set/coalescing/2", OURS)), "200");
            event(&mut feed, "frame", followed);
            assert_eq!(status(ask(address, "POST /set/cache/1", OURS)), "200");
            event(&mut feed, "frame", |frame| {
                frame["hits"].as_f64() > Some(0.0)
            });
            assert_eq!(status(ask(address, "POST /set/cache/0", OURS)), "200");
            // What is driven by callers is handed over when they leave.
            assert_eq!(status(ask(address, "POST /set/driver/0", OURS)), "200");
            assert_eq!(status(ask(address, "POST /kill", OURS)), "200");
            event(&mut feed, "frame", |frame| {
                frame["handed_over"].as_u64() > Some(0)
            });
        });
    }

    #[test]
    fn other_sites_and_other_names_are_refused() {
        while_served(|address| {
            assert_eq!(status(ask(address, "GET /", "")), "200");
            assert_eq!(status(ask(address, "POST /set/load/1", "")), "403");
            assert_eq!(status(ask(address, "POST /kill", "")), "403");
            assert_eq!(status(ask(address, "POST /set/load/5001", OURS)), "400");
            assert_eq!(status(ask(address, "POST /set/colour/1", OURS)), "400");
            // A name of somebody else's that leads here.
            let rebound = send(address, "evil.example", "POST /set/load/1", OURS);
            let lines = BufReader::new(rebound).lines().map(Result::unwrap);
            assert_eq!(status(lines), "403");
        });
    }
}
