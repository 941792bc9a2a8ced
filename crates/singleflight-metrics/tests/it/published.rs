//! What a group counts is told once, as long as it is there.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use metrics_util::debugging::DebuggingRecorder;
use singleflight_core::{Group, Joined, StatKind};
use singleflight_metrics::{Numbers, Registry, Stat, Stats};

use crate::told::{has, lines, told};

type Shared = Arc<Group<u64, u64>>;

/// A group whose counts differ: three led, two followed, one landed, one abandoned, one in flight.
fn busy() -> (Shared, Vec<Joined<Shared>>) {
    let group = Arc::new(Group::new());
    let join = |key| Group::join_owned(Arc::clone(&group), key).expect("nothing refuses");
    let (landing, abandoned, mut kept) = (join(1), join(2), vec![join(3), join(3), join(3)]);
    let Joined::Leader(leader) = landing else {
        unreachable!("nobody was there")
    };
    assert_eq!(leader.complete(7).value, 7);
    drop(abandoned);
    kept.reverse();
    (group, kept)
}

#[test]
fn no_count_of_a_group_is_left_out() {
    let (group, _kept) = busy();
    let registry = Registry::new();
    registry.register("prices", &group);
    let kind = |kind| {
        if kind == StatKind::Counter {
            "counts"
        } else {
            "is"
        }
    };
    let mut counted: Vec<_> = group
        .stats()
        .iter()
        .map(|(_, of, value)| (kind(of), value))
        .collect();
    let numbers = registry.read();
    let mut read: Vec<_> = numbers
        .iter()
        .map(|one| (kind(one.stat.kind()), one.value))
        .collect();
    counted.sort_unstable();
    read.sort_unstable();
    assert_eq!(read, counted);
}

#[test]
fn each_call_is_told_once_however_often_it_is_published() {
    let (group, _kept) = busy();
    let registry = Registry::new();
    registry.register("prices", &group);
    let told = told(|| {
        registry.publish();
        registry.publish();
    });
    assert_eq!(told.len(), 11);
    has(
        &told,
        &[
            // Those that led are none of those that cost no work, and what failed is told.
            "singleflight_calls_total group=prices role=led 3",
            "singleflight_calls_total group=prices role=followed 2",
            "singleflight_calls_total group=prices role=refused 0",
            "singleflight_flights_ended_total group=prices how=landed 1",
            "singleflight_flights_ended_total group=prices how=abandoned 1",
            "singleflight_flights_ended_total group=prices how=panicked 0",
            "singleflight_in_flight group=prices 1",
            "singleflight_most_followers group=prices 2",
        ],
    );
}

#[test]
fn a_group_that_is_gone_is_told_no_more() {
    let registry = Registry::new();
    let group = Arc::new(Group::<u64, u64>::new());
    registry.register("prices", &group);
    assert_eq!(told(|| registry.publish()).len(), 11);
    assert_eq!(Arc::strong_count(&group), 1, "it is not kept alive");
    drop(group);
    assert!(told(|| registry.publish()).is_empty());
    assert!(registry.read().is_empty());
}

#[test]
fn groups_of_one_name_are_told_as_one() {
    let (one, _kept) = busy();
    let (other, _kept_as_well) = busy();
    let registry = Registry::new();
    registry.register("prices", &one);
    registry.register("prices", &other);
    let told = told(|| registry.publish());
    assert_eq!(told.len(), 11);
    has(
        &told,
        &[
            "singleflight_calls_total group=prices role=led 6",
            "singleflight_in_flight group=prices 2",
            "singleflight_most_followers group=prices 2",
        ],
    );
}

#[test]
fn a_group_that_takes_anothers_place_counts_on() {
    let registry = Registry::new();
    let recorder = DebuggingRecorder::new();
    let publish = || metrics::with_local_recorder(&recorder, || registry.publish());
    let (first, kept) = busy();
    registry.register("prices", &first);
    publish();
    drop((first, kept));
    publish();
    let second = Arc::new(Group::<u64, u64>::new());
    registry.register("prices", &second);
    drop(second.join(1));
    publish();
    has(
        &lines(&recorder),
        &[
            "singleflight_calls_total group=prices role=led 4",
            "singleflight_calls_total group=prices role=followed 2",
            // What is now is of those that are there now.
            "singleflight_in_flight group=prices 0",
            "singleflight_most_followers group=prices 0",
        ],
    );
}

#[test]
fn one_that_is_always_there_is_read_by_a_function() {
    let registry = Registry::new();
    registry.watch_static("statically", Stats::default);
    assert_eq!(registry.read().len(), 11);
    assert_eq!(told(|| registry.publish()).len(), 11);
}

#[test]
fn it_is_shown_by_the_names_of_its_groups() {
    let registry = Registry::new();
    registry.watch_static("prices", Stats::default);
    assert_eq!(format!("{registry:?}"), r#"Registry(["prices"])"#);
}

#[test]
fn those_who_read_find_the_numbers_of_one_name_side_by_side() {
    let registry = Registry::new();
    registry.watch_static("b", || Numbers::from([(Stat::Refused, 2), (Stat::Led, 1)]));
    registry.watch_static("a", || Numbers::from([(Stat::InFlight, 3), (Stat::Led, 4)]));
    let numbers = registry.read();
    let read = numbers.iter().map(|one| (&*one.group, one.stat, one.value));
    assert_eq!(
        read.collect::<Vec<_>>(),
        [
            ("a", Stat::Led, 4),
            ("b", Stat::Led, 1),
            ("b", Stat::Refused, 2),
            ("a", Stat::InFlight, 3),
        ]
    );
}

/// What registers something when it is read, and once more when it is dropped.
struct Calls(Registry);

impl Drop for Calls {
    fn drop(&mut self) {
        self.0.watch_static("later", Stats::default);
    }
}

#[test]
fn what_is_read_or_dropped_may_use_the_registry() {
    let registry = Registry::new();
    let (ended, ends) = mpsc::channel();
    let used = registry.clone();
    // On a thread of its own: what fails here hangs.
    thread::spawn(move || {
        let calls = Arc::new(Calls(used.clone()));
        let last = Mutex::new(Some(Arc::clone(&calls)));
        used.watch("own", &calls, move |calls| {
            calls.0.watch_static("inside", Stats::default);
            // From here on the reader has the last one.
            drop(last.lock().map(|mut last| last.take()));
            [(Stat::Led, 7)]
        });
        drop(calls);
        assert_eq!(used.read().len(), 1);
        ended.send(used.read().len()).ok();
    });
    let read = ends.recv_timeout(Duration::from_secs(10));
    assert_eq!(read, Ok(22), "those of both that came meanwhile");
}

/// What one reader does while the names are read: it reads too, and then lets a group go.
#[test]
fn a_counter_never_goes_back_whoever_reads_meanwhile() {
    let registry = Registry::new();
    let count = Arc::new(AtomicU64::new(5));
    let (going, used) = (Mutex::new(Some(Arc::clone(&count))), registry.clone());
    let told = Arc::new(Mutex::new(Vec::new()));
    let (rises, note) = (Arc::new(AtomicBool::new(false)), Arc::clone(&told));
    let is_risen = Arc::clone(&rises);
    registry.watch_static("prices", move || {
        if is_risen.swap(false, Ordering::SeqCst) {
            let going = going.lock().unwrap().take().expect("it is there");
            going.store(10, Ordering::SeqCst);
            note.lock().unwrap().extend(used.read());
        }
        Numbers::from([(Stat::Refused, 0)])
    });
    registry.watch("prices", &count, |count| {
        [(Stat::Refused, count.load(Ordering::SeqCst))]
    });
    drop(count);
    assert_eq!(registry.read()[0].value, 5);
    rises.store(true, Ordering::SeqCst);
    let after = registry.read();
    assert_eq!(told.lock().unwrap()[0].value, 10);
    assert_eq!(after[0].value, 10);
}

#[test]
fn groups_that_come_and_go_do_not_stay_where_nobody_reads() {
    let registry = Registry::new();
    let readers = Arc::new(());
    let watch = |group: &Arc<()>| {
        let reader = Arc::clone(&readers);
        registry.watch("prices", group, move |()| {
            assert!(Arc::strong_count(&reader) > 0);
            [(Stat::Led, 1)]
        });
    };
    let stay: Vec<_> = (0..100).map(|_| Arc::new(())).collect();
    stay.iter().for_each(watch);
    (0..10_000).for_each(|_| watch(&Arc::new(())));
    assert!(
        Arc::strong_count(&readers) < 300,
        "those that went are gone"
    );
}

#[test]
fn a_reader_that_panics_takes_nothing_from_the_others() {
    let registry = Registry::new();
    let panics = Arc::new(AtomicBool::new(false));
    registry.watch("some", &panics, |panics| {
        assert!(!panics.load(Ordering::SeqCst), "nothing can be read");
        [(Stat::Led, 7), (Stat::InFlight, 1)]
    });
    for group in ["all", "some"] {
        registry.watch_static(group, || [(Stat::Led, 1)]);
    }
    let read = || {
        let numbers = registry.read().into_iter();
        let lines = numbers.map(|number| (number.group.to_string(), number.stat, number.value));
        lines.collect::<Vec<_>>()
    };
    let counts = [
        ("all".to_owned(), Stat::Led, 1),
        ("some".to_owned(), Stat::Led, 8),
    ];
    assert_eq!(read()[..2], counts);
    panics.store(true, Ordering::SeqCst);
    assert_eq!(read(), counts, "of what is now it knows nothing");
    // One that comes is looked at with the others where there are many.
    for _ in 0..200 {
        registry.watch("some", &panics, |_| Numbers::default());
    }
}
