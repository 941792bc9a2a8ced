//! How callers may name keys.

use std::cell::Cell;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use singleflight_core::{Group, Joined, Key};

/// Leads by the first way of naming a key and checks that the others join.
macro_rules! same {
    ($key:ty: $first:expr, $($other:expr),+) => {{
        let group: Group<$key, ()> = Group::new();
        let leader = group.join($first).expect("nothing is refused");
        assert!(matches!(leader, Joined::Leader(_)), stringify!($key));
        $(
            let follower = group.join($other).expect("nothing is refused");
            assert!(matches!(follower, Joined::Follower(_)), stringify!($other));
            assert_eq!(group.followers($other), Some(1));
            drop(follower);
        )+
        assert_eq!(group.in_flight(), 1);
    }};
}

#[test]
fn borrowed_and_owned_forms_name_the_same_key() {
    let owned = String::from("a");
    same!(String: "a", String::from("a"), &owned, owned.as_str());
    same!(String: String::from("a"), "a");
    same!(Arc<str>: "a", Arc::<str>::from("a"), &Arc::<str>::from("a"));
    same!(Rc<str>: "a", Rc::<str>::from("a"));
    same!(Box<str>: "a", Box::<str>::from("a"));
    same!(Vec<u8>: &[1_u8, 2][..], vec![1_u8, 2], &vec![1_u8, 2]);
    same!(Arc<[u8]>: &[1_u8, 2][..], Arc::<[u8]>::from([1_u8, 2]));
    same!(PathBuf: Path::new("/a"), PathBuf::from("/a"));
    same!(u64: 7, &7);
    same!((u64, String): (7, String::from("a")), &(7, String::from("a")));
    same!(&'static str: "a", &"a");
}

/// Each mix of parts that are given by value and as borrows.
#[test]
fn pairs_are_named_by_their_parts() {
    let text = || String::from("a");
    let owned = || (text(), vec![1_u8]);
    same!((String, Vec<u8>): owned(), ("a", vec![1_u8]), (text(), &[1_u8][..]), ("a", &[1_u8][..]));
    same!((String, Vec<u8>): ("a", vec![1_u8]), owned(), &owned(), (&text(), &vec![1_u8]));
    same!((String, Vec<u8>): (text(), &[1_u8][..]), owned(), ("a", &[1_u8][..]));
    same!((String, Vec<u8>): ("a", &[1_u8][..]), owned(), (&text(), vec![1_u8]));
    // Of parts that are copied, of pointers, and of paths.
    same!((u32, String): (7, "a"), (7, text()), (&7, "a"), (&7, text()));
    same!((Arc<str>, Rc<str>): ("a", "a"), (Arc::from("a"), Rc::from("a")), ("a", Rc::from("a")));
    same!((PathBuf, Box<str>): (Path::new("/a"), "a"), (PathBuf::from("/a"), Box::from("a")));
    same!((&'static str, u32): ("a", 7), (&"a", 7), ("a", &7), &("a", 7));
}

#[test]
fn triples_are_named_by_their_parts() {
    let (a, b) = (|| String::from("a"), || String::from("b"));
    same!((u8, String, String):
        (1, a(), b()),
        (1, a(), "b"),
        (1, "a", b()),
        (1, "a", "b"),
        (&1, a(), b()),
        (&1, a(), "b"),
        (&1, "a", b()),
        (&1, "a", "b"),
        &(1, a(), b())
    );
    same!((u8, String, String): (1, a(), "b"), (1, a(), b()));
    same!((u8, String, String): (1, "a", b()), (1, a(), b()));
    same!((u8, String, String): (1, "a", "b"), (1, a(), b()));
    same!((u8, String, String): (&1, a(), b()), (1, a(), b()));
    same!((u8, String, String): (&1, a(), "b"), (1, a(), b()));
    same!((u8, String, String): (&1, "a", b()), (1, a(), b()));
    same!((u8, String, String): (&1, "a", "b"), (1, a(), b()));
}

/// Part by part: no two keys are taken for one.
#[test]
fn tuples_that_differ_in_a_part_are_different_keys() {
    let group: Group<(u8, String, String), ()> = Group::new();
    let keys = [
        (1, "a", "b"),
        (2, "a", "b"),
        (1, "b", "b"),
        (1, "a", "a"),
        (1, "ab", ""),
    ];
    let leaders = keys.map(|key| group.join(key));
    for leader in &leaders {
        assert!(matches!(leader, Ok(Joined::Leader(_))));
    }
    let group: Group<(String, String), ()> = Group::new();
    let leaders = [("ab", "c"), ("a", "bc"), ("", "abc")].map(|key| group.join(key).is_ok());
    assert_eq!((leaders, group.stats().led), ([true; 3], 3));
}

struct Pair<'a>(&'a str, u32);
enum ByPair {}

impl Key<(String, u32), ByPair> for Pair<'_> {
    fn hash_into<H: Hasher>(&self, state: &mut H) {
        (self.0, self.1).hash(state);
    }

    fn matches(&self, key: &(String, u32)) -> bool {
        key.0 == self.0 && key.1 == self.1
    }

    fn into_key(self) -> (String, u32) {
        (self.0.to_owned(), self.1)
    }
}

#[test]
fn a_key_of_the_users_own_names_a_pair() {
    same!((String, u32): Pair("a", 1), (String::from("a"), 1), &(String::from("a"), 1));
    let group: Group<(String, u32), ()> = Group::new();
    let first = group.join(Pair("a", 1)).expect("nothing is refused");
    let other = group.join(Pair("a", 2)).expect("nothing is refused");
    assert!(matches!(
        (first, other),
        (Joined::Leader(_), Joined::Leader(_))
    ));
}

#[test]
fn a_borrowed_key_is_made_into_an_owned_one_only_to_lead() {
    struct Counted<'a>(&'a str, &'a Cell<u32>);
    enum ByCounted {}

    impl Key<String, ByCounted> for Counted<'_> {
        fn hash_into<H: Hasher>(&self, state: &mut H) {
            self.0.hash(state);
        }

        fn matches(&self, key: &String) -> bool {
            key == self.0
        }

        fn into_key(self) -> String {
            self.1.set(self.1.get() + 1);
            self.0.to_owned()
        }
    }

    let made = Cell::new(0);
    let group: Group<String, ()> = Group::new();
    let leader = group.join(Counted("a", &made));
    assert_eq!(made.get(), 1);
    let follower = group.join(Counted("a", &made));
    assert_eq!(group.followers(Counted("a", &made)), Some(1));
    assert!(group.forget(Counted("a", &made)));
    assert!(!group.forget(Counted("a", &made)));
    assert_eq!(made.get(), 1);
    drop((leader, follower));
}

/// A flight that starts while a borrowed key is being made is found by the second look.
#[test]
fn a_flight_that_starts_while_the_key_is_made_is_joined() {
    struct Slow<F>(F);
    enum BySlow {}

    impl<F: FnOnce()> Key<String, BySlow> for Slow<F> {
        fn hash_into<H: Hasher>(&self, state: &mut H) {
            "a".hash(state);
        }

        fn matches(&self, key: &String) -> bool {
            key == "a"
        }

        fn into_key(self) -> String {
            (self.0)();
            "a".to_owned()
        }
    }

    let group: Group<String, ()> = Group::new();
    let meanwhile = Cell::new(None);
    let joined = group.join(Slow(|| meanwhile.set(group.join("a").ok())));
    assert!(matches!(joined, Ok(Joined::Follower(_))));
    assert!(matches!(meanwhile.take(), Some(Joined::Leader(_))));
    drop(joined);
    assert_eq!(group.in_flight(), 0);
}
