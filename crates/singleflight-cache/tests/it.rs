//! The promises of the documentation, one by one.

use std::convert::Infallible;
use std::sync::Arc;

use singleflight_cache::{Aside, Builder};

mod map {
    use std as _;
    include!("support/map.rs");
}

#[tokio::test]
async fn a_get_can_run_in_a_task() {
    let aside: Aside<map::Map, Infallible> = Builder::new(map::Map::default()).build();
    let db = Arc::new("x".to_owned());
    let clone = aside.clone();
    let got = tokio::spawn(async move {
        let id = 7;
        let got = clone.get(&id, async || Ok(Some((*db).clone()))).await;
        let many = clone
            .get_many([1, 2], async |ids| {
                Ok(ids.into_iter().map(|id| (id, id.to_string())))
            })
            .await;
        clone.invalidate(&id).await.unwrap();
        clone.invalidate_all().await.unwrap();
        clone.write(&id, async || 7).await.unwrap();
        let got2 = clone.get_with_age(&id, async || Ok(None)).await.unwrap();
        if let Some(refresh) = got2.refresh {
            tokio::spawn(async move { refresh.run().await });
        }
        assert_eq!(many.len(), 2);
        got
    });
    assert_eq!(got.await.unwrap().unwrap().as_deref(), Some("x"));
}
