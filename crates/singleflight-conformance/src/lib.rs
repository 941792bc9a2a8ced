//! The promises of a singleflight front end, each as scenarios that every front end passes.
//!
//! A front end says in a few lines how it runs a task and makes a call ([`FrontEnd`]), and
//! [`conformance!`] turns every scenario into a `#[test]`. Gates order the events; nothing
//! sleeps; every wait has a deadline, so that a hang is a failure with a name.
//!
//! The scenarios are grouped by the promise that they hold the front end to:
//!
//! | module | promises |
//! |---|---|
//! | [`one_at_a_time`] | P1 |
//! | [`fresh`] | P2 |
//! | [`hand_over`] | P3, P4 (cancellation) |
//! | [`panics`] | P4 (panics), P5 |
//! | [`errors`] | P5, and what is shared with whom |
//! | [`clean_up`] | P6 |
//! | [`cost`] | P7 |
//! | [`caller_code`] | P8, P9, and calls from inside the work |
//! | [`spawned`] | P1, P4 for calls that own a task |
//! | [`batches`] | P1, P4, P5 for calls of many keys |
//! | [`limits`] | deadlines, ages, fences, closing |
//! | [`builder`] | the settings of a front end's own builder |
//! | [`on_one_thread`] | P9 for keys, values and works that are not `Send` |

#![allow(clippy::missing_panics_doc, reason = "a scenario fails by panicking")]

pub mod batches;
pub mod builder;
pub mod caller_code;
pub mod clean_up;
pub mod cost;
pub mod errors;
pub mod fresh;
pub mod hand_over;
pub mod limits;
pub mod on_one_thread;
pub mod one_at_a_time;
pub mod panics;
pub mod spawned;

mod caller;
mod entry_points;
mod front_end;
mod gate;
mod local;
mod losable;
mod play;
mod stage;
mod value;
mod work;

pub use entry_points::{asked_twice, outcome, owned, tried, tried_outcome};
pub use front_end::{Call, Complete, Entry, FrontEnd, Task, Waiting};
pub use futures_lite::future::block_on;
pub use gate::{DEADLINE, Gate, until};
pub use local::{
    Local, LocalCall, LocalGroup, LocalKey, LocalTask, LocalTasks, LocalValue, LocalWaiting,
    LocalWork,
};
pub use play::play;
pub use singleflight_core::{Answers, CallError};
pub use value::{Answer, CoreGroup, Failure, Token, Value};
pub use work::{BatchWork, Loaded, Work};

/// Makes a `#[test]` of every scenario, for one [`FrontEnd`].
#[macro_export]
macro_rules! conformance {
    ($front_end:ident) => {
        $crate::conformance! { @tests $front_end;
            one_at_a_time {
                concurrent_calls_share_one_execution,
                distinct_keys_do_not_wait_for_each_other,
                each_of_several_keys_runs_once,
                a_crowd_of_quick_calls_is_served,
                lost_leaders_never_leave_two_executions,
            }
            fresh {
                a_call_after_the_landing_runs_again,
                a_forgotten_flight_serves_those_who_wait_and_nobody_else,
                an_old_flight_does_not_evict_a_newer_one,
                forget_all_forgets_every_flight,
                forget_unshared_spares_a_flight_with_followers,
                forget_unshared_spares_the_newer_flight,
                a_landed_flight_is_shared_with_nobody,
            }
            hand_over {
                a_lost_leader_hands_over_to_one_follower,
                a_lost_leader_without_followers_ends_the_flight,
                a_new_call_claims_a_vacant_flight,
                a_follower_that_is_not_polled_keeps_nobody_from_leading,
                a_follower_that_is_not_polled_keeps_nobody_from_the_value,
                watchers_learn_that_the_leader_is_lost,
                a_watcher_never_leads,
                two_hundred_lost_leaders_harm_nobody,
                a_departed_follower_harms_nobody,
            }
            panics {
                a_panic_resumes_in_the_leader_and_reaches_every_follower,
                a_panics_payload_goes_on_unchanged,
                a_panic_reaches_callers_of_every_entry_point,
                a_key_is_usable_after_a_panic,
                a_panic_hands_over_where_the_group_says_so,
            }
            errors {
                an_error_is_shared_as_it_is,
                try_run_keeps_its_error_and_hands_over,
                try_run_shares_its_success,
                try_run_without_followers_keeps_its_error,
                failures_in_a_row_are_bounded,
                failures_in_a_row_are_bounded_by_default,
                failures_in_a_row_reach_followers_of_every_entry_point,
                those_who_cannot_lead_are_told_of_failures,
                a_value_that_is_not_shared_stays_with_its_caller,
                a_value_that_is_not_shared_reaches_nobody,
                refused_values_and_failures_are_one_row,
                every_entry_point_joins_every_other,
                a_full_flight_refuses_at_once,
                a_full_group_refuses_at_once,
            }
            clean_up {
                nothing_stays_behind_after_any_mix_of_endings,
                statistics_account_for_every_call,
                threads_and_tasks_share_flights,
            }
            cost {
                a_lone_call_clones_nothing,
                each_follower_costs_one_clone_at_most,
                role_and_followers_are_two_facts,
            }
            caller_code {
                the_work_may_use_its_own_group,
                a_call_that_is_not_polled_registers_nothing,
                a_listing_names_what_is_in_flight,
                a_call_from_inside_its_own_work_is_refused,
                a_circle_of_calls_is_refused_where_it_closes,
            }
        }
    };
    (@tests $front_end:ident; $($module:ident { $($scenario:ident,)* })*) => {
        $(mod $module {
            $(#[test]
            fn $scenario() {
                $crate::play(
                    concat!(stringify!($module), "::", stringify!($scenario)),
                    $crate::$module::$scenario::<super::$front_end>,
                );
            })*
        })*
    };
}

/// Makes a `#[test]` of every further scenario, for one [`Complete`] front end.
#[macro_export]
macro_rules! conformance_complete {
    ($front_end:ident) => {
        $crate::conformance! { @tests $front_end;
            spawned {
                a_spawned_call_claims_its_key_at_once,
                a_spawned_work_outlives_its_handle,
                spawned_calls_share_flights_with_every_entry_point,
                a_spawned_follower_leads_on_by_itself,
                a_panic_in_a_spawned_work_reaches_its_handle,
                a_panic_reaches_a_spawned_follower,
                an_unwanted_work_is_cancelled,
                a_work_is_cancelled_when_the_last_of_many_goes,
                a_spawned_work_keeps_its_group,
                a_work_that_anybody_wants_is_not_cancelled,
                a_spawned_follower_leaves_with_its_handle,
                one_detached_follower_stays_as_the_heir,
                a_late_caller_gets_a_successor,
                a_spawned_works_error_reaches_its_handle,
                a_handle_takes_the_place_of_a_call,
                a_refused_call_is_told_by_its_handle,
                a_handle_may_be_asked_again,
                a_spawned_value_that_is_not_shared_is_its_handles,
                spawned_calls_learn_of_failures_in_a_row,
            }
            batches {
                a_batch_loads_what_nobody_is_loading,
                an_empty_batch_calls_nothing,
                equal_batches_share_one_execution,
                a_lost_batch_hands_over_every_key,
                a_key_that_a_batch_does_not_return_is_handed_over,
                a_panic_in_a_batch_settles_every_key,
                an_error_in_a_batch_stays_with_its_caller,
                failures_of_batches_are_counted_for_each_key,
                a_batchs_deadline_ends_its_waits,
                a_batch_whose_time_is_up_starts_no_work,
                a_fence_is_bound_to_a_batch,
                keys_handed_over_to_a_batch_are_loaded_by_it,
                overlapping_batches_do_not_wait_for_each_other,
                batches_share_flights_with_every_entry_point,
                every_kind_of_caller_joins_every_other,
            }
            limits {
                a_deadline_ends_the_wait_and_not_the_flight,
                a_leaders_deadline_hands_over,
                a_call_whose_time_is_up_starts_no_work,
                an_old_flight_has_exactly_one_successor,
                a_fence_tells_that_a_flight_was_forgotten,
                a_fence_is_bound_to_the_call_that_leads,
                a_fence_is_bound_to_a_spawned_call,
                a_call_may_own_its_group,
                a_closed_group_refuses_and_drains,
                a_closed_group_still_hands_over,
            }
        }
    };
}

/// Makes a `#[test]` of every setting of a front end's builder, given that front end's crate.
#[macro_export]
macro_rules! conformance_builder {
    ($front_end:ident) => {
        mod builder {
            use std::time::Duration;

            use $front_end::{Group, PanicPolicy, SeededHashBuilder};

            $crate::conformance_builder! { @tests
                defaults |builder| builder,
                shards |builder| builder.shards(3),
                hasher |builder| builder.hasher(SeededHashBuilder::new(7)),
                max_followers |builder| builder.max_followers(1),
                max_failures |builder| builder.max_failures(1),
                max_age |builder| builder.max_age(Duration::ZERO),
                tell_ages |builder| builder.tell_ages(),
                panic_policy |builder| builder.panic_policy(PanicPolicy::HandOver),
                fixed_capacity |builder| builder.fixed_capacity(2),
            }
        }
    };
    (@tests $($scenario:ident |$builder:ident| $built:expr,)*) => {
        $(#[test]
        fn $scenario() {
            let $builder = Group::builder();
            $crate::builder::$scenario($built.build().shared());
        })*
    };
}

/// Makes a `#[test]` of every scenario of one thread, for one [`Local`] front end.
#[macro_export]
macro_rules! conformance_local {
    ($front_end:ident) => {
        $crate::conformance! { @tests $front_end;
            on_one_thread {
                calls_take_what_is_not_send,
                followers_take_what_is_not_send,
                batches_take_what_is_not_send,
            }
        }
    };
}

/// Makes a `#[test]` of every further scenario of one thread, for one [`LocalTasks`] front end.
#[macro_export]
macro_rules! conformance_local_tasks {
    ($front_end:ident) => {
        mod tasks {
            use super::$front_end;

            $crate::conformance! { @tests $front_end;
                on_one_thread {
                    tasks_of_one_thread_share_flights,
                    a_lost_leader_hands_over_on_its_thread,
                    a_call_may_be_spawned_on_its_thread,
                }
            }
        }
    };
}
