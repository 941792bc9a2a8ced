//! What an aside promises over any store. Each is a function of a store that is empty; the store's
//! own test calls them all.
//!
//! They run on one thread: events are ordered by gates, and time by a clock that only they move.

pub(crate) mod ages;
pub(crate) mod loads;
mod stage;

pub(crate) use stage::run;

/// Makes a test of each scenario: `$store` makes a store that is empty, or returns nothing, which
/// is told.
macro_rules! scenarios {
    ($look:expr, $store:expr) => {
        $crate::scenarios::scenarios! { @ $look, $store;
            loads {
                a_value_is_loaded_once_and_then_found,
                a_thousand_callers_on_a_cold_key_cost_one_load,
                a_get_is_told_once_as_a_hit_or_a_miss,
                absence_is_kept_for_its_own_time,
                absence_is_put_over_no_value_that_came_meanwhile,
                a_load_that_was_invalidated_is_not_stored,
                callers_of_before_an_invalidation_all_have_the_value,
                a_value_is_stored_before_anybody_has_it,
                a_caller_that_is_dropped_hands_over,
                a_slow_key_holds_up_no_other,
                an_error_is_shared_and_nothing_is_stored,
                a_batch_that_fails_stores_no_absence,
                a_batch_loads_what_is_missing_by_one_call,
                a_batch_that_was_invalidated_stores_the_others,
                everything_is_invalidated_loads_included,
                a_write_invalidates_whether_it_succeeds_or_not,
                an_invalidation_can_be_made_twice,
            }
            ages {
                a_stale_value_is_served_while_one_caller_refreshes_it,
                an_invalidation_wins_over_a_refresh,
                a_load_longer_than_its_time_lands,
                nothing_is_served_beyond_its_limit,
                a_refresh_that_is_dropped_is_taken_up_by_the_next_reader,
                what_a_refresh_has_returned_is_found_by_the_next_read,
                a_refresh_says_what_it_has_come_to,
                a_refresh_that_hangs_prolongs_nothing,
                a_failed_refresh_backs_off_and_keeps_the_dates,
                an_old_value_is_served_after_an_error_and_says_so,
                a_value_is_refreshed_early,
                a_refresh_that_finds_nothing_stores_absence,
            }
        }
    };
    (@ $look:expr, $store:expr; $($of:ident { $($name:ident,)* })*) => {$($(
        #[test]
        fn $name() {
            $crate::scenarios::run(async {
                if let Some(store) = $store.await {
                    $crate::scenarios::$of::$name(store, $look).await;
                }
            });
        }
    )*)*};
}
pub(crate) use scenarios;
