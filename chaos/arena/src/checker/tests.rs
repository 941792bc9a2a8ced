//! The checker sees what it is there to see: each broken history breaks one rule.

use super::*;

const LIMITS: Limits = Limits {
    lease: 100,
    longest: 1_000,
    is_complete: true,
};

fn history(lines: &str) -> Vec<Event> {
    let lines = lines.lines().map(str::trim).filter(|line| !line.is_empty());
    lines
        .map(|line| line.parse().expect("a line of a history"))
        .collect()
}

fn broken(lines: &str) -> Vec<Rule> {
    let report = check(&history(lines), &LIMITS);
    report
        .violations
        .iter()
        .map(|violation| violation.rule)
        .collect()
}

#[test]
fn a_shared_work_breaks_nothing() {
    let lines = "1 call 1 7
        2 begin 1 7 50
        3 call 2 7
        4 finish 1
        5 answer 1 1 7 0 1
        6 answer 2 1 7 0 0";
    assert_eq!(broken(lines), []);
}

#[test]
fn a_value_that_was_received_before_the_call_is_stale() {
    let lines = "1 call 1 7
        2 begin 1 7 50
        4 finish 1
        5 answer 1 1 7 0 1
        6 call 2 7
        7 answer 2 1 7 0 0";
    assert_eq!(broken(lines), [Rule::Stale]);
}

#[test]
fn a_value_older_than_one_received_is_told() {
    let lines = "1 call 1 7
        2 begin 1 7 50
        3 forget 1 7
        4 forgotten 1
        5 call 2 7
        6 begin 2 7 60
        7 finish 2
        8 answer 2 2 7 0 1
        9 finish 1
        10 answer 1 1 7 1 1
        11 call 3 7
        12 answer 3 1 7 0 0";
    assert_eq!(
        broken(lines),
        [Rule::Stale, Rule::Older, Rule::BeforeForget],
        "its own caller had it, a newer one was received, and it was forgotten"
    );
}

#[test]
fn a_work_that_was_overtaken_is_newer_than_none() {
    // Its leader hears of its token after the forget, and works beside the one who has the key by then.
    let lines = |token: u32, end: u8| {
        format!(
            "1 call 1 7
            2 forget 1 7
            3 call 2 7
            4 begin 2 7 60
            5 begin 1 7 {token}
            6 forgotten 1
            7 finish 1
            8 answer 1 1 7 {end} 1
            9 call 3 7
            10 finish 2
            11 answer 2 2 7 0 1
            12 answer 3 2 7 0 0"
        )
    };
    assert_eq!(broken(&lines(50, 1)), [], "it was told that it had lost");
    assert_eq!(broken(&lines(50, 2)), [], "Redis did not answer it");
    assert_eq!(
        broken(&lines(70, 2)),
        [Rule::Older],
        "it is the newer one, which others may have received"
    );
}

#[test]
fn a_value_from_before_a_returned_forget_is_told() {
    let lines = "1 call 1 7
        2 begin 1 7 50
        3 forget 1 7
        4 forgotten 1
        5 call 2 7
        6 finish 1
        7 answer 1 1 7 1 1
        8 answer 2 1 7 0 0";
    assert_eq!(broken(lines), [Rule::BeforeForget]);
}

#[test]
fn two_at_once_needs_a_cause_that_covers_it() {
    let two = |between: &str| {
        format!(
            "1000 call 4294967297 7
            1002 begin 4294967297 7 50
            {between}
            1200 call 8589934593 7
            1201 begin 8589934593 7 60
            1203 finish 8589934593
            1204 answer 8589934593 8589934593 7 0 1
            1205 finish 4294967297
            1206 answer 4294967297 4294967297 7 1 1"
        )
    };
    assert_eq!(broken(&two("")), [Rule::TwoAtOnce]);
    assert_eq!(
        broken(&two("1003 cause 1 1150 1")),
        [],
        "its process was stopped"
    );
    assert_eq!(
        broken(&two("1003 cause 1 1150 3")),
        [Rule::TwoAtOnce],
        "another was"
    );
    assert_eq!(
        broken(&two("1003 cause 1 1020 1")),
        [Rule::TwoAtOnce],
        "not for long"
    );
    assert_eq!(
        broken(&two("1003 cause 4 1003 0")),
        [],
        "the server was flushed"
    );
    assert_eq!(
        broken(&two("1003 cause 3 1003 0")),
        [Rule::TwoAtOnce],
        "a cut loses no lease"
    );
    assert_eq!(
        broken(&two("1003 forget 9 7\n1004 forgotten 9")),
        [],
        "it was forgotten"
    );
    assert_eq!(
        broken(&two("1003 forget 9 8\n1004 forgotten 9")),
        [Rule::TwoAtOnce],
        "another key"
    );
}

#[test]
fn two_at_once_that_both_landed_are_never_covered() {
    let lines = "1 call 1 7
        2 begin 1 7 50
        3 cause 4 3 0
        4 call 2 7
        5 begin 2 7 60
        6 finish 1
        7 finish 2
        8 answer 1 1 7 0 1
        9 answer 2 2 7 0 1";
    assert_eq!(broken(lines), [Rule::BothLanded]);
}

#[test]
fn tokens_follow_the_order_of_what_landed() {
    let lines = "1 call 1 7
        2 begin 1 7 50
        3 finish 1
        4 answer 1 1 7 0 1
        5 call 2 7
        6 begin 2 7 50
        7 finish 2
        8 answer 2 2 7 0 1";
    assert_eq!(broken(lines), [Rule::Tokens]);
}

#[test]
fn calls_end_once_in_time_and_with_a_value_of_their_key() {
    let begun = "1 call 1 7
        2 begin 1 7 50
        3 finish 1\n";
    assert_eq!(broken(begun), [Rule::Never]);
    assert_eq!(
        broken(&format!("{begun}4 answer 1 1 7 0 1\n5 answer 1 1 7 0 1")),
        [Rule::Twice]
    );
    assert_eq!(broken(&format!("{begun}4 answer 1 2 7 0 1")), [Rule::Wrong]);
    assert_eq!(broken(&format!("{begun}4 answer 1 1 8 0 1")), [Rule::Wrong]);
    assert_eq!(
        broken(&format!("{begun}2000 answer 1 1 7 0 1")),
        [Rule::Late]
    );
    assert_eq!(
        broken(&format!("{begun}4 cause 0 4 0")),
        [],
        "its process was killed"
    );
}
