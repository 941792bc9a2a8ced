//! Send, Sync, Unpin and `UnwindSafe` of every public type: the same under every feature set.

use std::cell::Cell;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::rc::Rc;
use std::sync::Arc;

use singleflight_core::{
    Answers, Arrived, Builder, ByValue, Call, CallError, CallMany, Deadline, DefaultHashBuilder,
    DefaultHasher, Fence, FlightId, FlightInfo, Follower, Group, Joined, Leader, LeaderPanicked,
    NoDeadline, Outcome, PanicPolicy, Receiver, Role, SeededHashBuilder, ShareAll, SpawnGuard,
    Spawnable, Spawned, StatKind, Stats, Turn, Undrained, Watcher,
};

/// Says of a type whether it has a trait, by which of two constants is found first.
macro_rules! has {
    ($type:ty: $trait:path) => {{
        #[allow(dead_code, reason = "used only where the trait is not there")]
        trait No {
            const HAS: bool = false;
        }
        impl<T: ?Sized> No for T {}
        struct Is<T: ?Sized>(std::marker::PhantomData<T>);
        #[allow(dead_code, reason = "used only where the trait is there")]
        impl<T: ?Sized + $trait> Is<T> {
            const HAS: bool = true;
        }
        <Is<$type>>::HAS
    }};
}

/// One row of the table: Send, Sync, Unpin, `UnwindSafe`, `RefUnwindSafe`.
macro_rules! row {
    ($type:ty) => {
        [
            has!($type: Send),
            has!($type: Sync),
            has!($type: Unpin),
            has!($type: UnwindSafe),
            has!($type: RefUnwindSafe),
        ]
    };
}

type Shared<K, V> = Arc<Group<K, V>>;
const ALL: [bool; 5] = [true; 5];

#[test]
fn plain_types_have_all_of_them() {
    for row in [
        row!(Builder<u64, u64>),
        row!(CallError),
        row!(DefaultHashBuilder),
        row!(SeededHashBuilder),
        row!(DefaultHasher),
        row!(FlightInfo<u64>),
        row!(LeaderPanicked),
        row!(Outcome<u64>),
        row!(PanicPolicy),
        row!(Role),
        row!(Stats),
        row!(StatKind),
        row!(FlightId),
        row!(Answers<String, u64>),
        row!(Undrained<String>),
        row!(NoDeadline),
        row!(Deadline<()>),
        row!(ShareAll),
    ] {
        assert_eq!(row, ALL);
    }
}

#[test]
fn groups_and_handles_have_all_of_them_where_key_and_value_are_shared_safely() {
    for row in [
        row!(Group<String, u64>),
        row!(Leader<&Group<String, u64>>),
        row!(Leader<Shared<String, u64>>),
        row!(Follower<&Group<String, u64>>),
        row!(Follower<Shared<String, u64>>),
        row!(Watcher<Shared<String, u64>>),
        row!(Joined<Shared<String, u64>>),
        row!(Turn<Shared<String, u64>>),
        row!(Fence<&Group<String, u64>>),
        row!(Fence<Shared<String, u64>>),
        row!(Call<&Group<String, u64>, String, ByValue>),
        row!(Call<Shared<String, u64>, String, ByValue>),
        row!(CallMany<'static, String, u64, DefaultHashBuilder, Vec<String>>),
        row!(Spawnable<Shared<String, u64>, String, ByValue, ShareAll>),
        row!(Arrived<Shared<String, u64>, ShareAll>),
        row!(SpawnGuard<Shared<String, u64>>),
        row!(Receiver<u64>),
        row!(Spawned<Shared<String, u64>, Receiver<u64>>),
    ] {
        assert_eq!(row, ALL);
    }
}

#[test]
fn a_value_that_is_not_sync_keeps_the_group_on_its_thread() {
    // Send, Sync, Unpin, UnwindSafe, RefUnwindSafe.
    let local = [false, false, true, true, true];
    assert_eq!(row!(Group<u64, Cell<u64>>), local);
    assert_eq!(row!(Group<u64, Rc<u64>>), local);
    assert_eq!(row!(Group<Rc<u64>, u64>), local);
    assert_eq!(row!(Leader<&Group<u64, Rc<u64>>>), local);
}
