//! The answers of a batch, collected: nothing is dropped without a word.

use std::collections::{BTreeMap, HashMap};

use singleflight_core::{Answers, Builder, CallError, Group};

use crate::hand::lead;
use crate::task::Task;

type Names = Group<String, usize>;

/// Asks for these names. Those that begin with a dash are not returned.
fn ask(group: &Names, names: &[&str]) -> Answers<String, usize> {
    let names = names.iter().map(|name| (*name).to_owned());
    let batch = group.run_many(names, async |names: Vec<String>| {
        let names = names.into_iter().filter(|name| !name.starts_with('-'));
        names.map(|name| (name.clone(), name.len()))
    });
    Task::new(batch).ends()
}

#[test]
fn all_values_are_collected_into_what_is_asked_for() {
    let group = Names::new();
    let asked = || ask(&group, &["bc", "a", "bc"]);
    let owned = |name: &str, length| (name.to_owned(), length);
    let list = vec![owned("bc", 2), owned("a", 1)];
    assert_eq!(asked().into_all(), Ok(list.clone()));
    assert_eq!(asked().into_present(), Ok(list.clone()));
    let map: HashMap<_, _> = list.into_iter().collect();
    assert_eq!(asked().into_all(), Ok(map));
    let nothing: Result<BTreeMap<_, _>, _> = ask(&group, &[]).into_all();
    assert_eq!(nothing, Ok(BTreeMap::new()));
}

#[test]
fn a_key_that_was_not_returned_is_an_error_or_left_out() {
    let group = Names::new();
    let asked = || ask(&group, &["a", "-b", "c", "-d"]);
    assert_eq!(asked().len(), 4);
    let all = asked().into_all::<Vec<_>>();
    assert_eq!(all, Err(CallError::NotReturned));
    let present = asked()
        .into_present::<Vec<_>>()
        .expect("the others are there");
    let names: Vec<_> = present.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["a", "c"]);
}

/// Another error is never left out, and the first is told.
#[test]
fn another_error_is_told() {
    let group: Names = Builder::new().max_followers(0).build();
    let _leader = lead(&group, "led".to_owned());
    for names in [&["a", "led"][..], &["-b", "led"], &["led", "-b"]] {
        let full = Err(CallError::TooManyFollowers);
        let present = ask(&group, names).into_present::<Vec<_>>();
        assert_eq!(present, full, "{names:?}");
        let all = ask(&group, names).into_all::<Vec<_>>();
        let first = if names[0] == "-b" {
            Err(CallError::NotReturned)
        } else {
            full
        };
        assert_eq!(all, first, "{names:?}");
    }
}

/// By a borrow of the key.
#[test]
fn an_answer_is_found_by_what_the_key_lends() {
    let group = Names::new();
    let answers = ask(&group, &["a", "-b"]);
    assert_eq!(answers.get("a"), Some(Ok(&1)));
    assert_eq!(answers.get("-b"), Some(Err(&CallError::NotReturned)));
    assert_eq!(answers.get("c"), None);
    assert_eq!(answers.get(&"a".to_owned()), Some(Ok(&1)));
    let seen: Vec<_> = answers.iter().map(|(_, answer)| answer.is_ok()).collect();
    assert_eq!(seen, [true, false]);
    let items: Vec<_> = answers.into_iter().collect();
    let expected = [
        ("a".to_owned(), Ok(1)),
        ("-b".to_owned(), Err(CallError::NotReturned)),
    ];
    assert_eq!(items, expected);
}
