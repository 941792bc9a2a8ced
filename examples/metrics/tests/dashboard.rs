//! The dashboard asks for nothing that is not exported, and shows all that is.

use std::collections::BTreeSet;

use serde_json::Value;
use singleflight_metrics::{Meter, Stat};

const DASHBOARD: &str = include_str!("../dashboard.json");

/// Each panel's title and its queries.
fn panels() -> Vec<(String, Vec<String>)> {
    let dashboard: Value = serde_json::from_str(DASHBOARD).expect("it is JSON");
    let panels = dashboard["panels"].as_array().expect("there are panels");
    let text = |value: &Value| value.as_str().expect("it is text").to_owned();
    let panels = panels.iter().map(|panel| {
        let title = text(&panel["title"]);
        let unit = &panel["fieldConfig"]["defaults"]["unit"];
        assert!(unit.is_string(), "{title} has no unit");
        let targets = panel["targets"]
            .as_array()
            .expect("each asks for something");
        assert!(!targets.is_empty(), "{title} asks for nothing");
        (
            title,
            targets.iter().map(|target| text(&target["expr"])).collect(),
        )
    });
    panels.collect()
}

fn queries() -> impl Iterator<Item = String> {
    panels().into_iter().flat_map(|(_, queries)| queries)
}

/// What Prometheus makes of a histogram.
const PARTS: [&str; 3] = ["_bucket", "_sum", "_count"];

/// Returns the names that Prometheus stores.
fn exported() -> BTreeSet<String> {
    let counts = Stat::ALL.iter().map(|stat| stat.name().to_owned());
    let times = [Meter::WAIT, Meter::WORK].into_iter();
    let times = times.flat_map(|name| PARTS.map(|part| format!("{name}{part}")));
    counts.chain(times).collect()
}

/// Returns the names of metrics in a query.
fn metrics(query: &str) -> impl Iterator<Item = &str> {
    let words = query.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_'));
    words.filter(|word| word.starts_with("singleflight_"))
}

#[test]
fn every_name_that_is_asked_for_is_exported_and_every_exported_one_is_asked_for() {
    let asked: BTreeSet<_> = queries()
        .flat_map(|query| metrics(&query).map(str::to_owned).collect::<Vec<_>>())
        .collect();
    assert_eq!(asked, exported());
}

#[test]
fn every_label_that_is_asked_for_is_exported_with_its_value() {
    for query in queries() {
        let of_query: BTreeSet<_> = metrics(&query).collect();
        let stats = Stat::ALL
            .iter()
            .filter(|stat| of_query.contains(stat.name()));
        let known: BTreeSet<_> = stats.filter_map(|stat| stat.label()).collect();
        let mut names: BTreeSet<_> = known.iter().map(|(name, _)| *name).collect();
        names.insert("group");
        if query.contains("_bucket") {
            names.insert("le");
        }
        // `by (role)`
        for part in query.split("by (").skip(1) {
            let by = part.split(')').next().expect("it has a beginning");
            for name in by.split(',').map(str::trim) {
                assert!(names.contains(name), "{name} in {query}");
            }
        }
        // `{group=~"$group", role="followed"}`
        for part in query.split('{').skip(1) {
            let matchers = part.split('}').next().expect("it has a beginning");
            for matcher in matchers.split(',').map(str::trim) {
                let (name, value) = matcher.split_once('=').expect("a matcher has a sign");
                assert!(names.contains(name), "{name} in {query}");
                for value in value.trim_matches(['"', '~']).split('|') {
                    let is_known = value == "$group" || known.contains(&(name, value));
                    assert!(is_known, "{value} in {query}");
                }
            }
        }
    }
}

#[test]
fn no_panel_hides_another() {
    let dashboard: Value = serde_json::from_str(DASHBOARD).expect("it is JSON");
    let panels = dashboard["panels"].as_array().expect("there are panels");
    let places: BTreeSet<_> = panels
        .iter()
        .map(|panel| {
            (
                panel["gridPos"]["x"].as_u64(),
                panel["gridPos"]["y"].as_u64(),
            )
        })
        .collect();
    let ids: BTreeSet<_> = panels.iter().map(|panel| panel["id"].as_u64()).collect();
    assert_eq!((places.len(), ids.len()), (panels.len(), panels.len()));
    assert_eq!(panels.len(), self::panels().len());
}
