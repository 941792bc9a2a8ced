//! What can go to another thread.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use singleflight_cache::{Aside, Builder, Refreshed};

use crate::map::Map;

#[tokio::test]
async fn every_call_runs_in_a_task_even_if_its_load_borrows() {
    let builder = Builder::new(Map::default()).fresh_for(Duration::ZERO);
    let builder = builder.stale_for(Duration::from_secs(60));
    let aside: Aside<Map, Infallible> = builder.build();
    let task = tokio::spawn(async move {
        let (id, database) = (7, "a name".to_owned());
        let name = aside.get(&id, async || Ok(Some(database.clone()))).await;
        assert_eq!(name.unwrap().as_deref(), Some("a name"));

        let suffix = &database;
        let load = async |ids: Vec<u64>| {
            Ok(ids
                .into_iter()
                .map(|id| (id, format!("{id} {suffix}")))
                .collect())
        };
        assert_eq!(aside.get_many([1, 2], load).await.len(), 2);

        let shared = Arc::new(database.clone());
        let load = async move || Ok(Some((*shared).clone()));
        let refresh = aside.get_with_age(&id, load).await.unwrap().refresh;
        let refreshing = tokio::spawn(refresh.expect("nothing is fresh here").run());
        assert!(matches!(refreshing.await.unwrap(), Refreshed::New(Some(_))));

        aside.write(&id, async || suffix.len()).await.unwrap();
        aside.invalidate(&id).await.unwrap();
        aside.invalidate_all().await.unwrap();
        let again = aside.invalidate_twice(&id, async {}).await.unwrap();
        tokio::spawn(again).await.unwrap().unwrap();
    });
    task.await.unwrap();
}
