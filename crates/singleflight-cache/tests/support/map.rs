// A store that is a map in this process. It is included in examples, so it begins with no `//!`.
/// Keeps entries until they are removed.
#[derive(Debug, Default)]
pub(crate) struct Map(
    std::sync::Mutex<std::collections::HashMap<u64, singleflight_cache::Entry<String>>>,
);

impl singleflight_cache::Store for Map {
    type Key = u64;
    type Value = String;
    type Error = std::convert::Infallible;

    async fn get(&self, key: &u64) -> Result<singleflight_cache::Found<String>, Self::Error> {
        let map = self.0.lock().expect("nobody panics with it");
        Ok(map.get(key).cloned().into())
    }

    async fn put(
        &self,
        key: &u64,
        entry: &singleflight_cache::Entry<String>,
        how: singleflight_cache::Put<u64>,
    ) -> Result<bool, Self::Error> {
        let mut map = self.0.lock().expect("nobody panics with it");
        let stands = map.get(key).map(|old| old.id);
        if stands == how.expect {
            map.insert(*key, entry.clone());
        }
        Ok(stands == how.expect)
    }

    async fn remove(&self, key: &u64) -> Result<(), Self::Error> {
        self.0.lock().expect("nobody panics with it").remove(key);
        Ok(())
    }
}

impl singleflight_cache::RemoveAll for Map {
    async fn remove_all(&self) -> Result<(), Self::Error> {
        self.0.lock().expect("nobody panics with it").clear();
        Ok(())
    }
}
