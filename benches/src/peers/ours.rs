//! Ours: the core's group, and the front ends' that share its `run`.

use std::future::Future;

use super::{About, Key, Maker, Peer, Value, Wakes};

const fn about(name: &'static str) -> About {
    About {
        name,
        maker: Maker::Ours,
        wakes: Wakes::All,
    }
}

macro_rules! ours {
    ($(#[$attribute:meta])* $Name:ident, $name:literal, $front_end:ident) => {
        $(#[$attribute])*
        #[derive(Debug)]
        pub struct $Name;

        impl Peer for $Name {
            const ABOUT: About = about($name);

            type Group<K: Key, V: Value> = $front_end::Group<K, V>;

            fn group<K: Key, V: Value>() -> Self::Group<K, V> {
                $front_end::Group::new()
            }

            #[inline]
            fn call<K, V, F, T>(
                group: &Self::Group<K, V>,
                key: &K,
                work: F,
            ) -> impl Future<Output = V> + Send
            where
                K: Key,
                V: Value,
                F: FnOnce() -> T + Send + 'static,
                T: Future<Output = V> + Send + 'static,
            {
                group.run(key.clone(), work)
            }
        }
    };
}

ours! {
    /// The core's own group.
    Ours, "ours", singleflight_core
}

ours! {
    /// The front end for tokio.
    OursOnTokio, "ours (tokio)", singleflight_tokio
}

ours! {
    /// The front end for smol.
    OursOnSmol, "ours (smol)", singleflight_smol
}
