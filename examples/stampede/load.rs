//! The load: who asks for what, and when.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;

use crate::clocks::Clocks;
use crate::log::Log;
use crate::zipf::Zipf;

/// What a log is squeezed into when no speed is given.
const REPLAY_TIME: f64 = 5.0;

/// A sequence of requests, the same for both runs.
#[derive(Debug)]
pub(crate) struct Load {
    /// The different keys.
    pub(crate) keys: Vec<Arc<str>>,
    /// The requests in the order in which they are due.
    pub(crate) arrivals: Vec<Arrival>,
    /// How many different keys are asked for: a request that is served alone is one of its own.
    pub(crate) key_count: usize,
    /// How many times faster than recorded, for a log.
    pub(crate) speed: Option<f64>,
    /// How many requests of a log have a clock that is not believed.
    pub(crate) disbelieved: usize,
}

/// One request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Arrival {
    /// Which key it asks for.
    pub(crate) key: u32,
    /// When it is due, from the start.
    pub(crate) due: Duration,
    /// Whether it may share an answer with others for the same key.
    pub(crate) is_shared: bool,
}

impl Load {
    /// Draws requests by Zipf's law. All are due at once: a client asks as soon as it has
    /// its last answer.
    pub(crate) fn drawn(requests: u32, keys: u32, skew: f64, seed: u64) -> Self {
        let zipf = Zipf::new(keys, skew);
        let mut random = Rng::with_seed(seed);
        let arrivals = (0..requests)
            .map(|_| Arrival {
                key: u32::try_from(zipf.draw(&mut random)).expect("ranks are no more than keys"),
                due: Duration::ZERO,
                is_shared: true,
            })
            .collect();
        Self {
            keys: (1..=keys).map(|key| format!("item-{key}").into()).collect(),
            arrivals,
            key_count: keys as usize,
            speed: None,
            disbelieved: 0,
        }
    }

    /// Replays a log of at least one request, `speed` times faster than it was recorded.
    pub(crate) fn replayed(log: Log, speed: Option<f64>) -> Self {
        let clocks: Vec<_> = log.requests.iter().map(|asked| asked.time).collect();
        let clocks = Clocks::read(&clocks);
        let speed = speed.unwrap_or_else(|| (clocks.span / REPLAY_TIME).max(1.0));
        let first = clocks.times.iter().copied().fold(f64::INFINITY, f64::min);
        let mut arrivals: Vec<_> = log
            .requests
            .into_iter()
            .zip(clocks.times)
            .map(|(asked, time)| Arrival {
                key: asked.key,
                due: Duration::from_secs_f64((time - first) / speed),
                is_shared: asked.is_shared,
            })
            .collect();
        // Servers write a line when they answer, not when they are asked.
        arrivals.sort_by_key(|arrival| arrival.due);
        Self {
            key_count: key_count(&arrivals, log.keys.len()),
            keys: log.keys,
            arrivals,
            speed: Some(speed),
            disbelieved: clocks.disbelieved,
        }
    }

    /// Returns how many requests are served alone.
    pub(crate) fn alone(&self) -> usize {
        alone(&self.arrivals)
    }

    /// Returns the key that a request asks for.
    pub(crate) fn key(&self, arrival: Arrival) -> &str {
        &self.keys[arrival.key as usize]
    }

    /// Whether requests have times of their own.
    pub(crate) fn is_paced(&self) -> bool {
        self.speed.is_some()
    }
}

fn alone(arrivals: &[Arrival]) -> usize {
    arrivals.iter().filter(|arrival| !arrival.is_shared).count()
}

fn key_count(arrivals: &[Arrival], keys: usize) -> usize {
    let mut is_shared = vec![false; keys];
    for arrival in arrivals.iter().filter(|arrival| arrival.is_shared) {
        is_shared[arrival.key as usize] = true;
    }
    let shared = is_shared.iter().filter(|is_shared| **is_shared).count();
    shared + alone(arrivals)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Load;
    use crate::log::{Asked, Log};

    #[test]
    fn the_same_seed_gives_the_same_load() {
        let [one, same, other] = [1, 1, 2].map(|seed| Load::drawn(1_000, 50, 1.0, seed));
        assert_eq!(one.arrivals, same.arrivals);
        assert_ne!(one.arrivals, other.arrivals);
        assert_eq!((one.arrivals.len(), one.keys.len()), (1_000, 50));
        assert!(
            one.arrivals
                .iter()
                .all(|arrival| one.key(*arrival).starts_with("item-"))
        );
    }

    fn log(requests: &[(i64, u32)]) -> Log {
        Log {
            keys: vec!["/a".into(), "/b".into()],
            requests: requests
                .iter()
                .map(|(time, key)| Asked {
                    time: *time,
                    key: *key,
                    is_shared: true,
                })
                .collect(),
            ..Log::default()
        }
    }

    #[test]
    fn a_log_is_replayed_in_the_order_of_its_times() {
        let load = Load::replayed(log(&[(130, 0), (100, 1), (120, 0)]), Some(10.0));
        let due: Vec<u128> = load
            .arrivals
            .iter()
            .map(|arrival| arrival.due.as_millis())
            .collect();
        assert_eq!(due, [0, 2_000, 3_000]);
        assert_eq!(load.key(load.arrivals[0]), "/b");
    }

    #[test]
    fn without_a_speed_a_log_takes_five_seconds_or_its_own_time() {
        let load = Load::replayed(log(&[(0, 0), (500_000, 1)]), None);
        assert_eq!(load.arrivals[1].due, Duration::from_secs(5));
        let load = Load::replayed(log(&[(0, 0), (2, 1)]), None);
        assert_eq!(load.arrivals[1].due, Duration::from_secs(2));
    }

    /// The speed of a log of twenty lines in twenty seconds, and one with this time at this place.
    fn speed_with(time: i64, at: usize) -> f64 {
        let mut requests: Vec<_> = (1_000_000..1_000_020).map(|time| (time, 0)).collect();
        requests.insert(at, (time, 1));
        Load::replayed(log(&requests), None).speed.unwrap()
    }

    #[test]
    fn a_wrong_clock_does_not_decide_the_speed() {
        let right = speed_with(1_000_010, 10);
        for hours in [-2, 1, 14, -270, 1_000_000] {
            for at in [0, 1, 10, 19, 20] {
                let speed = speed_with(1_000_010 + hours * 3_600, at);
                assert!((speed - right).abs() < 0.01, "{hours} h at {at}: {speed}");
            }
        }
    }
}
