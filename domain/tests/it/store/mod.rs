//! The store: one list of rules that every backend keeps, and what only the one on disk can show.

mod crash;
pub(crate) mod disk;
mod file;
mod full;
mod model;
pub(crate) mod power;
pub(crate) mod rig;
mod rules;

/// Every rule, for one backend: a function that makes a [`Rig`].
macro_rules! keeps_every_rule {
    ($backend:ident: $($rule:ident)*) => {
        mod $backend {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $rule() {
                    super::rules::$rule(super::rig::$backend()).await;
                }
            )*
        }
    };
}

/// The list of rules, once.
macro_rules! backends {
    ($($backend:ident)*) => {
        $(
            keeps_every_rule! { $backend:
                what_is_committed_is_read
                versions_grow_and_are_never_given_twice
                expectations_decide
                several_records_change_together_or_not_at_all
                a_refused_commit_sends_nothing
                events_go_out_in_the_order_of_the_commits
                a_claim_is_done_once
                a_claim_of_something_else_is_refused
                a_claim_is_forgotten_when_it_expires
                a_refused_commit_claims_nothing
                of_a_hundred_at_once_one_is_done
                records_expire
                an_expired_record_is_absent_to_a_commit
                a_record_outlives_the_expiry_it_had_before
                scans_give_what_is_under_a_prefix_in_order
                long_scans_give_everything_once
                bounds_are_kept
                counting_in_parallel_loses_no_step
                of_two_buyers_one_gets_the_last_piece
            }
        )*
    };
}

backends! { memory embedded redis redis_as_shipped }
