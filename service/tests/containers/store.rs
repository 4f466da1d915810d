//! One contract for both stores, in a file for each concern.

#[path = "store/analyses.rs"]
mod analyses;
#[path = "store/api_keys.rs"]
mod api_keys;
#[path = "store/audit_log.rs"]
mod audit_log;
#[path = "store/erasure.rs"]
mod erasure;
#[path = "store/fresh.rs"]
pub(crate) mod fresh;
#[path = "store/idempotency.rs"]
mod idempotency;
#[path = "store/invites.rs"]
mod invites;
#[path = "store/migrations.rs"]
mod migrations;
#[path = "store/outages.rs"]
mod outages;
#[path = "store/provider_keys.rs"]
mod provider_keys;
#[path = "store/refresh_tokens.rs"]
mod refresh_tokens;
#[path = "store/samples.rs"]
mod samples;
#[path = "store/sessions.rs"]
mod sessions;
#[path = "store/usage.rs"]
mod usage;
#[path = "store/users.rs"]
mod users;

use fresh::Fresh;

/// Runs each rule of each concern against a new database of both kinds.
macro_rules! contract {
    ($($concern:ident { $($rule:ident,)+ })+) => {
        mod sqlite {
            $(mod $concern { $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $rule() {
                    super::super::$concern::$rule(super::super::Fresh::sqlite()).await;
                }
            )+ })+
        }
        mod postgres {
            $(mod $concern { $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $rule() {
                    super::super::$concern::$rule(super::super::Fresh::postgres().await).await;
                }
            )+ })+
        }
    };
}

contract! {
    analyses {
        the_schema_is_made_once_and_a_closed_store_is_an_outage,
        an_analysis_reads_back_as_it_was_kept_and_keeping_it_again_changes_nothing,
        an_analysis_is_found_by_its_own_account_only,
        analyses_are_listed_newest_first_page_by_page_to_their_user_alone,
        an_analysis_is_deleted_once_and_by_its_own_account_only,
        a_foreign_analysis_cannot_be_taken_by_saving_it_again,
        an_analysis_that_ends_after_its_user_was_erased_is_refused,
    }
    api_keys {
        a_key_reads_back_by_its_hash_with_its_user_and_in_its_users_list,
        a_key_is_revoked_once_and_by_its_own_user_only,
        the_last_use_of_a_key_never_goes_back,
        replicas_write_many_uses_of_the_same_keys_down_at_once,
        two_keys_with_one_hash_are_refused_and_nothing_is_audited,
        of_many_keys_made_at_once_no_more_are_kept_than_one_may_have,
    }
    audit_log {
        entries_read_back_newest_first_page_by_page,
        a_change_whose_entry_cannot_be_written_does_not_happen,
        what_is_done_to_something_else_is_recorded_too,
    }
    erasure {
        an_erased_user_leaves_nothing_but_revocations_and_the_audit_log,
        nobody_is_erased_twice_or_without_having_been_there,
        an_erasure_in_the_middle_of_everything_is_whole,
    }
    idempotency {
        of_many_who_claim_at_once_one_answers_and_the_others_get_its_answer,
        who_is_not_heard_of_is_followed_by_the_next_who_asks_for_the_same,
        what_is_given_up_or_over_is_free_and_goes_with_its_user,
    }
    invites {
        an_invite_is_good_for_one_registration_however_many_come_at_once,
        an_unknown_or_expired_invite_is_invalid_whether_the_address_is_taken_or_not,
        an_invite_is_used_up_by_an_address_that_is_taken_too,
        an_invite_is_worth_what_its_giver_may_do,
    }
    migrations {
        what_an_older_version_wrote_is_kept_and_it_can_go_on_writing,
        the_version_before_this_one_works_on_this_ones_schema,
    }
    provider_keys {
        a_provider_has_one_key_and_the_last_one_counts,
        a_key_that_is_deleted_is_gone_and_its_deletion_audited,
        keys_under_other_masters_are_found_page_by_page_and_counted,
        a_data_key_moves_only_from_where_it_was_seen,
        a_key_that_was_put_anew_is_not_overwritten_by_a_rotation_under_way,
    }
    refresh_tokens {
        a_token_is_followed_by_the_next_as_long_as_the_session_lasts,
        a_token_that_was_used_before_ends_its_session_and_no_other,
        of_twenty_uses_at_once_exactly_one_rotates_and_the_others_end_the_session,
        a_token_of_a_revoked_session_a_disabled_user_or_nobody_is_unknown_and_not_used_up,
        rotating_and_revoking_at_once_leaves_no_token_that_works,
    }
    sessions {
        a_session_is_revoked_once,
        a_change_of_a_user_ends_all_of_their_sessions_and_nobody_elses,
        revocations_are_told_by_the_databases_clock_in_their_order,
        a_session_of_somebody_who_is_not_as_they_were_checked_is_not_begun,
        a_login_and_a_change_at_once_leave_no_session_from_before,
        a_session_whose_token_is_another_ones_is_not_begun,
        what_has_expired_is_forgotten_and_the_rest_stays,
    }
    usage {
        what_was_used_is_summed_by_day_and_model_of_each_account,
        a_record_that_comes_again_changes_nothing_and_those_with_it_are_kept,
        what_an_erased_user_used_stays_in_the_sums_as_nobodys,
        an_erasure_in_the_middle_of_batches_leaves_no_trace_in_any,
        many_who_write_to_new_months_at_once_all_succeed,
        what_is_older_than_wanted_is_forgotten_by_the_month,
    }
    users {
        a_user_reads_back_by_id_and_by_address,
        an_address_belongs_to_one_user,
        of_many_registrations_with_one_address_at_once_one_succeeds,
        ensuring_a_user_who_is_there_changes_nothing,
        users_are_listed_page_by_page_in_the_order_of_their_making,
        a_change_of_a_user_is_audited_and_one_of_nobody_is_not,
        a_user_who_is_so_already_is_not_changed_again,
        the_last_admin_stays,
        of_admins_who_take_each_others_rights_at_once_one_stays,
        a_new_password_ends_keys_where_that_is_asked_for,
        a_stronger_hash_does_not_undo_a_password_that_was_changed_meanwhile,
        no_text_becomes_part_of_a_statement,
    }
}
