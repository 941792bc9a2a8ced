//! Two `?` in a row, and nothing says what the inner one makes: the work names its error.
//!
//! Says: type annotations needed
//! Says: cannot infer type of the type parameter `E`
//! Errors: 2

use std::error::Error;
use std::io;

use singleflight_tokio::Group;

async fn load() -> io::Result<u32> {
    Ok(1)
}

async fn get(group: &Group<u32, u32>) -> Result<u32, Box<dyn Error>> {
    let work = async || {
        let loaded = load().await?;
        Ok(loaded)
    };
    Ok(group.try_run(7, work).await??)
}

fn main() {
    let group = Group::new();
    let _call = get(&group);
}
