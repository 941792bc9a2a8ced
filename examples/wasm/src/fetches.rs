//! What the page is fetching.

use alloc::collections::BTreeMap;
use core::cell::RefCell;

use futures_channel::oneshot::{self, Sender};

use crate::single::Single;

/// Who waits for what. There is one for each key: the group sees to that.
static WAITING: Single<RefCell<BTreeMap<u32, Sender<u32>>>> =
    Single::new(RefCell::new(BTreeMap::new()));

/// Lets the page fetch, and waits.
pub(crate) async fn fetch(key: u32) -> u32 {
    let (sender, fetched) = oneshot::channel();
    // One that was given up may still be there, and nobody waits for that.
    drop(WAITING.borrow_mut().insert(key, sender));
    crate::fetch(key);
    fetched
        .await
        .expect("a sender stays until its value is there")
}

/// The page has fetched. If whoever asked has given up, nobody wants it.
pub(crate) fn complete(key: u32, value: u32) {
    let waiting = WAITING.borrow_mut().remove(&key);
    if let Some(sender) = waiting {
        let _given_up = sender.send(value);
    }
}
