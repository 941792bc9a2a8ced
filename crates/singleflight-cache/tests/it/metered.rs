//! What is told by the facade `metrics`.

use futures_lite::future::block_on;
use singleflight_cache::{Builder, Stats};
use singleflight_metrics::{Registry, Stat};

use crate::map::Map;

#[test]
fn an_aside_tells_its_counts_by_their_names() {
    let registry = Registry::new();
    let aside = Builder::new(Map::default()).build();
    aside.register(&registry, "users");
    let ada = async || Ok::<_, &str>(Some("Ada".to_owned()));
    block_on(async {
        assert!(aside.get(&1, async || Err("down")).await.is_err());
        for _ in 0..3 {
            assert!(aside.get(&1, ada).await.is_ok());
        }
        for _ in 0..2 {
            assert_eq!(aside.get(&2, async || Ok(None)).await.ok(), Some(None));
        }
    });
    let told = registry.read().into_iter().filter(|one| one.value > 0);
    let told = told.map(|one| {
        let label = one.stat.label().map_or("", |(_, value)| value);
        format!("{} {label} {}", one.stat.name(), one.value)
    });
    assert_eq!(
        told.collect::<Vec<_>>(),
        [
            "singleflight_cache_gets_total value 2",
            "singleflight_cache_gets_total absence 1",
            "singleflight_cache_gets_total nothing 3",
            "singleflight_cache_loads_total  3",
            "singleflight_cache_load_failures_total  1",
        ]
    );
    drop(aside);
    assert!(registry.read().is_empty());
}

#[test]
fn no_count_is_left_out() {
    let registry = Registry::new();
    registry.watch_static("users", Stats::default);
    let told = registry.read();
    let of_caches = Stat::ALL.iter().copied();
    let of_caches = of_caches.filter(|stat| stat.name().contains("_cache_"));
    assert!(told.iter().map(|one| one.stat).eq(of_caches));
}
