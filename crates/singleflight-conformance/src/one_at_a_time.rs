//! P1: at most one execution of a key at any instant.

use crate::caller::{Caller, led, number};
use crate::front_end::FrontEnd;
use crate::gate::until;
use crate::stage::Stage;

/// Many calls come while the first one's work runs: it runs once, and all receive its value.
///
/// Holds P1.
pub fn concurrent_calls_share_one_execution<F: FrontEnd>() {
    let stage = Stage::<F>::new();
    let leader = stage.leader(1);
    let followers = stage.followers(2..=8);
    assert_eq!(leader.number(), 1);
    for follower in followers {
        assert!(!follower.ran());
        assert_eq!(follower.number(), 1);
    }
    assert_eq!(stage.runs(), 1);
    stage.close();
}

/// A work that cannot end until a work for another key has ended, ends.
///
/// Holds P1.
pub fn distinct_keys_do_not_wait_for_each_other<F: FrontEnd>() {
    let stage = Stage::<F>::new();
    let first = stage.call(1).may_overlap().lead();
    let second = stage.call(2).may_overlap().key("other").lead();
    assert_eq!(stage.group.in_flight(), 2);
    assert_eq!(second.number(), 2);
    assert_eq!(first.number(), 1);
    stage.close();
}

/// Calls of several keys, mixed: each key is run once, and every caller gets its own key's value.
///
/// Holds P1.
pub fn each_of_several_keys_runs_once<F: FrontEnd>() {
    let stage = Stage::<F>::new();
    let keys = [("a", 0), ("b", 1), ("c", 2), ("d", 3), ("e", 4)];
    let call = |key, number| stage.call(number).key(key).may_overlap();
    let mut callers: Vec<_> = keys
        .iter()
        .map(|(key, own)| (own, call(key, *own).lead()))
        .collect();
    // The last one to lead is the first to be joined.
    for (key, own) in keys.iter().rev() {
        callers.push((own, call(key, 90).follow()));
        callers.push((own, call(key, 91).follow()));
    }
    assert_eq!(stage.group.in_flight(), keys.len());
    for (own, caller) in callers {
        assert_eq!(caller.number(), *own, "the value of its own key");
    }
    assert_eq!(stage.runs(), keys.len());
    stage.close();
}

/// A crowd whose works end at once, in whatever order they come: everyone is served, by its own
/// work or by one that somebody else ran meanwhile.
///
/// Holds P1.
pub fn a_crowd_of_quick_calls_is_served<F: FrontEnd>() {
    let stage = Stage::<F>::new();
    let crowd: Vec<_> = (0..100)
        .map(|number| {
            let caller = stage.call(number).start();
            caller.release();
            (number, caller)
        })
        .collect();
    let mut leaders = 0;
    for (own, caller) in crowd {
        let answer = caller.answer();
        leaders += usize::from(led(&answer));
        assert_eq!(
            number(&answer) == own,
            led(&answer),
            "its own work's, if it led"
        );
    }
    assert_eq!(stage.runs(), leaders);
    let stats = stage.group.stats();
    assert_eq!((stats.led + stats.followed, stats.refused), (100, 0));
    stage.close();
}

/// One leader after the other is lost while calls wait. The works watch for each other.
///
/// Holds P1.
pub fn lost_leaders_never_leave_two_executions<F: FrontEnd>() {
    let stage = Stage::<F>::new();
    for round in 1..=10 {
        let lost = stage.losable();
        let followers = stage.followers([round, round, round]);
        lost.lose();
        let answers: Vec<_> = followers.into_iter().map(Caller::answer).collect();
        let leaders = answers.iter().filter(|answer| led(answer)).count();
        assert_eq!(leaders, 1, "one of those who waited leads on");
        until("the flight ending", || stage.group.in_flight() == 0);
    }
    stage.close();
}
