//! The dashboard asks for nothing that is not exported, and shows all that is.

use std::collections::BTreeSet;

use metrics_example::names::SERIES;
use serde_json::Value;

const DASHBOARD: &str = include_str!("../dashboard.json");

/// Returns the queries of every panel.
fn queries() -> Vec<String> {
    let dashboard: Value = serde_json::from_str(DASHBOARD).expect("it is JSON");
    let panels = dashboard["panels"].as_array().expect("there are panels");
    let mut queries = Vec::new();
    for panel in panels {
        let title = panel["title"].as_str().expect("each has a title");
        let unit = &panel["fieldConfig"]["defaults"]["unit"];
        assert!(unit.is_string(), "{title} has no unit");
        let targets = panel["targets"]
            .as_array()
            .expect("each asks for something");
        assert!(!targets.is_empty(), "{title} asks for nothing");
        for target in targets {
            let query = target["expr"].as_str().expect("each target has a query");
            queries.push(query.to_owned());
        }
    }
    assert!(!queries.is_empty());
    queries
}

/// Returns the words of a query that could be names.
fn words(query: &str) -> impl Iterator<Item = &str> {
    query.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_'))
}

/// Returns the names of metrics in a query.
fn metrics(query: &str) -> impl Iterator<Item = &str> {
    words(query).filter(|word| word.starts_with("singleflight_"))
}

#[test]
fn every_name_that_is_asked_for_is_exported_and_every_exported_one_is_asked_for() {
    let exported: BTreeSet<_> = SERIES
        .iter()
        .map(metrics_example::names::Series::stored)
        .collect();
    let queries = queries();
    let asked = queries
        .iter()
        .flat_map(|query| metrics(query))
        .map(str::to_owned);
    assert_eq!(asked.collect::<BTreeSet<_>>(), exported);
}

#[test]
fn every_label_that_is_asked_for_is_exported_with_its_value() {
    for query in queries() {
        let of_query: BTreeSet<_> = metrics(&query).collect();
        let series: Vec<_> = SERIES
            .iter()
            .filter(|one| of_query.contains(&*one.stored()))
            .collect();
        let labels: BTreeSet<_> = series
            .iter()
            .filter_map(|one| one.label)
            .map(|(name, _)| name)
            .chain(["group"])
            .collect();
        // `by (role)`
        for part in query.split("by (").skip(1) {
            let names = part.split(')').next().expect("it has a beginning");
            for name in names.split(',').map(str::trim) {
                assert!(labels.contains(name), "{name} in {query}");
            }
        }
        // `{group=~"$group", role="followed"}`
        for part in query.split('{').skip(1) {
            let matchers = part.split('}').next().expect("it has a beginning");
            for matcher in matchers.split(',').map(str::trim) {
                let (name, value) = matcher.split_once('=').expect("a matcher has a sign");
                assert!(labels.contains(name), "{name} in {query}");
                let value = value.trim_matches(['"', '~']);
                let is_known =
                    value == "$group" || series.iter().any(|one| one.label == Some((name, value)));
                assert!(is_known, "{value} in {query}");
            }
        }
    }
}
