//! The names stand as the pages say.

use std::collections::BTreeSet;

use metrics::Unit;
use metrics_util::debugging::DebuggingRecorder;
use singleflight_core::Group;
use singleflight_metrics::{Meter, Registry, Stat, StatKind};

const README: &str = include_str!("../../README.md");

#[test]
fn every_name_is_plain_and_a_counter_says_that_it_counts() {
    for stat in Stat::ALL {
        let name = stat.name();
        let is_plain = |c: char| c.is_ascii_lowercase() || c == '_';
        assert!(name.starts_with("singleflight_") && name.chars().all(is_plain));
        let counts = stat.kind() == StatKind::Counter;
        assert_eq!(name.ends_with("_total"), counts, "{name}");
        assert!(!stat.help().is_empty());
    }
}

#[test]
fn a_name_and_a_label_are_of_one_number_only_and_names_stand_together() {
    let all: BTreeSet<_> = Stat::ALL
        .iter()
        .map(|stat| (stat.name(), stat.label()))
        .collect();
    assert_eq!(all.len(), Stat::ALL.len());
    let names: BTreeSet<_> = Stat::ALL.iter().map(|stat| stat.name()).collect();
    let families = Stat::ALL.chunk_by(|one, next| one.name() == next.name());
    assert_eq!(families.clone().count(), names.len());
    for family in families {
        let told = |stat: &Stat| (stat.kind(), stat.help(), stat.label().map(|(name, _)| name));
        assert!(family.iter().all(|stat| told(stat) == told(&family[0])));
    }
}

#[test]
fn the_page_names_all_and_no_other() {
    let told: BTreeSet<_> = Stat::ALL.iter().map(|stat| stat.name()).collect();
    let told: BTreeSet<_> = told.into_iter().chain([Meter::WAIT, Meter::WORK]).collect();
    let words = README
        .split('`')
        .filter(|word| word.starts_with("singleflight_"));
    let words: BTreeSet<_> = words.filter(|word| !word.contains(' ')).collect();
    assert_eq!(words, told);
    for (name, value) in Stat::ALL.iter().filter_map(|stat| stat.label()) {
        let named = README.contains(&format!("`{name}`")) && README.contains(&format!("`{value}`"));
        assert!(named, "{name}={value}");
    }
}

#[test]
fn each_is_described_with_its_unit() {
    let registry = Registry::new();
    let group = std::sync::Arc::new(Group::<u64, u64>::new());
    registry.register("prices", &group);
    let recorder = DebuggingRecorder::new();
    metrics::with_local_recorder(&recorder, || {
        registry.publish();
        drop(Meter::new(&registry, "prices").work());
    });
    let mut described = 0;
    for (key, unit, help, _) in recorder.snapshotter().snapshot().into_vec() {
        let name = key.key().name();
        let stat = Stat::ALL.iter().find(|stat| stat.name() == name);
        match stat {
            Some(stat) => assert_eq!(
                (unit, help.as_deref()),
                (Some(Unit::Count), Some(stat.help()))
            ),
            None => assert_eq!((name, unit), (Meter::WORK, Some(Unit::Seconds))),
        }
        described += 1;
    }
    assert_eq!(described, 12);
}
