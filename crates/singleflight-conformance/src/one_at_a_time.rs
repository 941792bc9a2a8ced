//! P1: at most one execution of a key at any instant.

use crate::caller::led;
use crate::front_end::FrontEnd;
use crate::gate::until;
use crate::stage::Stage;

/// Many calls come while the first one's work runs: it runs once, and all receive its value.
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
pub fn distinct_keys_do_not_wait_for_each_other<F: FrontEnd>() {
    let stage = Stage::<F>::new();
    let first = stage.call(1).may_overlap().lead();
    let second = stage.call(2).may_overlap().key("other").lead();
    assert_eq!(stage.group.in_flight(), 2);
    assert_eq!(second.number(), 2);
    assert_eq!(first.number(), 1);
    stage.close();
}

/// One leader after the other is lost while calls wait. The works watch for each other.
pub fn lost_leaders_never_leave_two_executions<F: FrontEnd>() {
    let stage = Stage::<F>::new();
    for round in 1..=10 {
        let lost = stage.losable();
        let followers = stage.followers([round, round, round]);
        lost.lose();
        let answers: Vec<_> = followers
            .into_iter()
            .map(super::caller::Caller::answer)
            .collect();
        let leaders = answers.iter().filter(|answer| led(answer)).count();
        assert_eq!(leaders, 1, "one of those who waited leads on");
        until("the flight ending", || stage.group.in_flight() == 0);
    }
    stage.close();
}
