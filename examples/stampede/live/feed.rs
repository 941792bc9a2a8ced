//! The feed: what the page is told, five times a second, as server-sent events.

use std::collections::VecDeque;
use std::process;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use singleflight_tokio::{FlightInfo, Stats};
use tokio::sync::{broadcast, watch};
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::controls::{self, Settings};
use super::herd::Herd;
use super::service::Service;

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

    /// Returns what a new page must be told first, and what comes after.
    pub(crate) fn subscribe(
        &self,
        settings: &watch::Sender<Settings>,
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
            let frame = meter.frame();
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
    service: Service,
    herd: Arc<Herd>,
    settings: watch::Receiver<Settings>,
    number: u64,
    last: Instant,
    queries: u64,
    stats: Stats,
}

impl Meter {
    pub(crate) fn new(
        service: Service,
        herd: Arc<Herd>,
        settings: watch::Receiver<Settings>,
    ) -> Self {
        Self {
            queries: service.queries(),
            stats: service.stats(),
            service,
            herd,
            settings,
            number: 0,
            last: Instant::now(),
        }
    }

    /// Returns the next frame. Its `row` is what the charts need.
    fn frame(&mut self) -> Value {
        let since = self.herd.counts.take();
        let (queries, stats) = (self.service.queries(), self.service.stats());
        let elapsed = self.last.elapsed().as_secs_f64().max(0.001);
        self.last = Instant::now();
        self.number += 1;
        let rate = |count: u64| (count_of(count) / elapsed).round();
        let delta = |now: u64, before: u64| rate(now.saturating_sub(before));
        let mut flights = self.service.flights();
        let followers: usize = flights.iter().map(FlightInfo::followers).sum();
        let in_flight = flights.len();
        flights.sort_by(|a, b| (b.followers(), a.key()).cmp(&(a.followers(), b.key())));
        flights.truncate(SHOWN);
        let flights = flights
            .iter()
            .map(|flight| json!([flight.key(), flight.followers()]))
            .collect::<Value>();
        let (asked, asked_database) = (rate(since.arrived), delta(queries, self.queries));
        let (p50, p99) = (since.within(500), since.within(990));
        let frame = json!({
            "n": self.number,
            "row": [asked, asked_database, p50, p99, in_flight, followers],
            "answered": rate(since.answers() as u64),
            "left": rate(since.left),
            "unsent": rate(since.unsent),
            "failed": rate(since.failed),
            "fault": since.fault,
            "open": self.herd.open(),
            "handed_over": stats.handed_over,
            "flights": flights,
            "processes": [{
                "name": format!("this process ({})", process::id()),
                "requests": asked,
                "led": delta(stats.led, self.stats.led),
                "followed": delta(stats.followed, self.stats.followed),
                "queries": asked_database,
                "flights": in_flight,
                "followers": followers,
            }],
            "load": self.settings.borrow().load,
        });
        (self.queries, self.stats) = (queries, stats);
        frame
    }
}

#[expect(clippy::cast_precision_loss, reason = "it is a place on a picture")]
fn count_of(count: u64) -> f64 {
    count as f64
}
