//! The feed: what the page is told, five times a second, as server-sent events.

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::{broadcast, watch};
use tokio::task;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::controls::{self, Settings};
use super::herd::Herd;
use super::process::Processes;

/// How far apart frames are.
pub(crate) const PERIOD: Duration = Duration::from_millis(200);

/// How many frames a page that is opened is shown: a minute.
const KEPT: usize = 300;

/// How many events a page may be behind before it loses some.
const BEHIND: usize = 100;

/// How many flights a frame names.
const SHOWN: usize = 8;

/// One event, as it is sent.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) name: &'static str,
    pub(crate) data: Arc<str>,
}

impl Event {
    pub(crate) fn new(name: &'static str, data: &Value) -> Self {
        Self {
            name,
            data: data.to_string().into(),
        }
    }
}

/// Tells every page that is open.
#[derive(Debug)]
pub(crate) struct Feed {
    events: broadcast::Sender<Event>,
    /// What the charts are drawn from, the oldest first.
    rows: Mutex<VecDeque<Value>>,
}

impl Feed {
    pub(crate) fn new() -> Self {
        Self {
            events: broadcast::Sender::new(BEHIND),
            rows: Mutex::default(),
        }
    }

    /// Returns what a new page must be told first, and what comes after. The same for one that has `lost`
    /// so many events.
    pub(crate) fn subscribe(
        &self,
        settings: &watch::Sender<Settings>,
        lost: u64,
    ) -> (Event, broadcast::Receiver<Event>) {
        // Frames come under the same lock: none is missed between the two, and none told twice.
        // Settings are read after the subscription, so that no change is missed.
        self.with(|rows| {
            let events = self.events.subscribe();
            let hello = json!({
                "controls": controls::described(),
                "settings": settings.borrow().to_json(),
                "period": PERIOD.as_secs_f64(),
                "kept": KEPT,
                "lost": lost,
                "rows": rows,
            });
            (Event::new("hello", &hello), events)
        })
    }

    /// Tells what is set.
    pub(crate) fn tell_settings(&self, settings: Settings) {
        self.send(Event::new("settings", &settings.to_json()));
    }

    /// Sends frames, until it is dropped.
    pub(crate) async fn run(&self, mut meter: Meter) {
        let mut ticks = interval(PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let frame = meter.frame().await;
            self.with(|rows| {
                rows.push_back(frame["row"].clone());
                if rows.len() > KEPT {
                    rows.pop_front();
                }
                self.send(Event::new("frame", &frame));
            });
        }
    }

    fn send(&self, event: Event) {
        // Refused if no page is open.
        drop(self.events.send(event));
    }

    fn with<R>(&self, f: impl FnOnce(&mut VecDeque<Value>) -> R) -> R {
        // At worst a frame is missing.
        f(&mut self.rows.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Reads the counts of everything, and makes frames of their differences.
#[derive(Debug)]
pub(crate) struct Meter {
    processes: Arc<Processes>,
    herd: Arc<Herd>,
    settings: watch::Receiver<Settings>,
    number: u64,
    last: Instant,
    /// What each process has told last.
    before: Vec<Value>,
}

impl Meter {
    pub(crate) fn new(
        processes: Arc<Processes>,
        herd: Arc<Herd>,
        settings: watch::Receiver<Settings>,
    ) -> Self {
        Self {
            before: vec![Value::Null; processes.addresses.len()],
            processes,
            herd,
            settings,
            number: 0,
            last: Instant::now(),
        }
    }

    /// Returns the next frame. Its `row` is what the charts need.
    async fn frame(&mut self) -> Value {
        let processes = Arc::clone(&self.processes);
        // It waits for the processes.
        let reports = task::spawn_blocking(move || processes.reports()).await;
        let since = self.herd.counts.take();
        let elapsed = self.last.elapsed().as_secs_f64().max(0.001);
        self.last = Instant::now();
        self.number += 1;
        let rate = |count: u64| (count_of(count) / elapsed).round();
        let (mut rows, mut flights, mut fault) = (Vec::new(), Vec::new(), since.fault.clone());
        let (mut queries, mut hits, mut in_flight) = (0.0, 0.0, 0);
        let (mut followers, mut handed_over, mut hides_some) = (0, 0, false);
        let reports = reports.unwrap_or_default().into_iter();
        for (before, (name, report)) in self.before.iter_mut().zip(reports) {
            let report = report.unwrap_or_else(|error| {
                fault = Some(format!("{name}: {error}"));
                // Its counts stand still, and of what is now nobody knows.
                let mut report = before.clone();
                for now in ["in_flight", "followers", "flights"] {
                    if let Some(now) = report.get_mut(now) {
                        *now = Value::Null;
                    }
                }
                report
            });
            if grown(&report, before, "down") > 0 {
                let alone = "Redis is not reached: each process coalesces by itself";
                fault.get_or_insert_with(|| format!("{name}: {alone}"));
            }
            // By the clock of the process: its reports may be late here.
            let seconds = count_of(grown(&report, before, "micros")).max(1_000.0) / 1e6;
            let per_second = |what| (count_of(grown(&report, before, what)) / seconds).round();
            let row = json!({
                "name": name,
                "requests": per_second("requests"),
                "hits": per_second("hits"),
                "led": per_second("led"),
                "followed": per_second("followed"),
                "queries": per_second("queries"),
                "flights": report["in_flight"],
                "followers": report["followers"],
            });
            queries += per_second("queries");
            hits += per_second("hits");
            let now = |what: &str| report[what].as_u64().unwrap_or(0);
            in_flight += now("in_flight");
            followers += now("followers");
            handed_over += now("handed_over");
            hides_some |= report["hides_some"] == true;
            rows.push(row);
            let of_process = report["flights"].as_array().into_iter().flatten();
            flights.extend(of_process.map(|flight| json!([flight[0], flight[1], rows.len()])));
            *before = report;
        }
        flights.sort_by_key(|flight| Reverse(flight[1].as_u64()));
        flights.truncate(SHOWN);
        let (p50, p99) = (since.within(500), since.within(990));
        json!({
            "n": self.number,
            "row": [rate(since.arrived), queries, p50, p99, in_flight, followers],
            "answered": rate(since.answers() as u64),
            "hits": hits,
            "left": rate(since.left),
            "unsent": rate(since.unsent),
            "failed": rate(since.failed),
            "fault": fault,
            "open": self.herd.open(),
            "handed_over": (!hides_some).then_some(handed_over),
            "flights": flights,
            "processes": rows,
            "load": self.settings.borrow().load,
        })
    }
}

/// How much a count has grown between two reports.
fn grown(now: &Value, before: &Value, what: &str) -> u64 {
    let count = |report: &Value| report[what].as_u64().unwrap_or(0);
    count(now).saturating_sub(count(before))
}

#[expect(clippy::cast_precision_loss, reason = "it is a place on a picture")]
fn count_of(count: u64) -> f64 {
    count as f64
}
