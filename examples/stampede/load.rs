//! The load: who asks for what, and when.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;

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
    /// How many keys there are for a group: a request that is served alone is one of its own.
    pub(crate) groups: usize,
    /// How many times faster than recorded, for a log.
    pub(crate) speed: Option<f64>,
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
            groups: keys as usize,
            speed: None,
        }
    }

    /// Replays a log of at least one request, `speed` times faster than it was recorded.
    pub(crate) fn replayed(log: Log, speed: Option<f64>) -> Self {
        let mut requests = log.requests;
        // Servers write a line when they answer, not when they are asked.
        requests.sort_by_key(|asked| asked.time);
        let first = requests.first().map_or(0, |asked| asked.time);
        let last = requests.last().map_or(0, |asked| asked.time);
        let speed = speed.unwrap_or_else(|| (seconds(last - first) / REPLAY_TIME).max(1.0));
        let arrivals: Vec<_> = requests
            .into_iter()
            .map(|asked| Arrival {
                key: asked.key,
                due: Duration::from_secs_f64(seconds(asked.time - first) / speed),
                is_shared: asked.is_shared,
            })
            .collect();
        Self {
            groups: groups(&arrivals, log.keys.len()),
            keys: log.keys,
            arrivals,
            speed: Some(speed),
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

fn groups(arrivals: &[Arrival], keys: usize) -> usize {
    let mut is_shared = vec![false; keys];
    for arrival in arrivals.iter().filter(|arrival| arrival.is_shared) {
        is_shared[arrival.key as usize] = true;
    }
    let shared = is_shared.iter().filter(|is_shared| **is_shared).count();
    shared + alone(arrivals)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "the times of a log lie well within 2^52 seconds"
)]
fn seconds(time: i64) -> f64 {
    time as f64
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
}
