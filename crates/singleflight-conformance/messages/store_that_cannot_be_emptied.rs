//! Everything is invalidated, in a store that does not say how.
//!
//! Says: `Nothing` cannot be emptied
//! Says: `impl RemoveAll` beside `impl Store`
//! Errors: 3

use std::convert::Infallible;

use singleflight_cache::{Aside, Entry, Found, Put, Store};

struct Nothing;

impl Store for Nothing {
    type Key = u64;
    type Value = u64;
    type Error = Infallible;

    async fn get(&self, _: &u64) -> Result<Found<u64>, Infallible> {
        Ok(Found::Nothing)
    }

    async fn put(&self, _: &u64, _: &Entry<u64>, _: Put<u64>) -> Result<bool, Infallible> {
        Ok(false)
    }

    async fn remove(&self, _: &u64) -> Result<(), Infallible> {
        Ok(())
    }
}

pub async fn empty(aside: &Aside<Nothing, String>) {
    let _told = aside.invalidate_all().await;
}

fn main() {}
