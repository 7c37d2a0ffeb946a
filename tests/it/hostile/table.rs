//! What became of every row: the one list of all ids, compared with `ids.txt` both ways.

use std::collections::BTreeSet;
use std::path::Path;

use Fate::{Differs, InCrate, NotBuilt, Test};

/// What became of a row.
#[derive(Debug, Clone, Copy)]
enum Fate {
    /// A test here, by its whole name; further tests may carry the row's id too.
    Test(&'static str),
    /// A test of that package, by its whole name, beside the code that it is about.
    InCrate(&'static str, &'static str),
    /// Crier does otherwise on purpose: why.
    Differs(&'static str),
    /// The layer that the row attacks is not there yet.
    NotBuilt(&'static str),
}

const ROWS: &[(&str, Fate)] = &[
    ("B1", Test("b1_ids_are_long_random_and_different")),
    ("B2", Test("o1_b2_foreign_origins")),
    ("B3", Test("s25_b3_unknown_and_odd_names_are_ignored")),
    ("B4", Test("b4_a_number_as_long_as_the_body")),
    ("B5", Test("s13_b5_placeholder_numbers")),
    ("B6", Test("s23_b6_event_names_that_are_none")),
    ("B7", Test("s24_b7_reserved_names")),
    ("B8", Test("s10_s11_b8_b21_attachment_counts")),
    ("B9", Test("b9_zero_attachments_close")),
    ("B10", Test("b10_binary_headers_of_namespaces_not_joined")),
    ("B11", Test("h5_b11_p3_oversized_bodies_are_refused_where_they_cross")),
    ("B12", Test("b12_bytes_behind_an_upgrade_request")),
    ("B13", Test("b13_refused_upgrades_and_a_reset")),
    ("B14", Test("e2_b14_unknown_transports")),
    ("B15", Test("p4_b15_content_types")),
    ("B16", Test("b16_a_session_keeps_its_protocol_version")),
    ("B17", Test("b17_a_flood_of_pongs_costs_nothing")),
    ("B18", Test("w5_b18_one_limit_on_every_kind_of_message")),
    ("B19", Test("b19_a_body_of_nothing_but_separators")),
    ("B20", Test("s22_b20_acks_that_never_come")),
    ("B21", Test("s10_s11_b8_b21_attachment_counts")),
    ("B22", Test("b22_upgrades_that_are_never_finished_are_reaped")),
    ("B23", Test("e1_b23_other_protocol_versions")),
    ("B24", Test("b24_polls_during_an_upgrade_are_answered_at_once")),
    ("B25", Test("b25_attachments_are_not_interleaved")),
    ("B26", Test("b26_an_endless_upgrade_header")),
    ("B27", Test("w3_b27_declared_lengths_are_not_believed")),
    ("B28", Test("t4_b28_a_reader_that_stops_is_cut")),
    ("B29", Test("w12_b29_offers_that_are_no_offers")),
    ("B30", Test("h1_b30_heads_have_a_size")),
    ("B31", Test("w6_b31_a_message_has_so_many_fragments")),
    ("B32", Test("w9_b32_a_flood_of_pings")),
    ("B33", Test("b33_idle_sockets_keep_no_buffers")),
    ("B34", Test("h3_b34_ambiguous_lengths")),
    ("B35", Test("t10_b35_other_protocols_are_refused")),
    ("B36", Test("b36_a_failed_upgrade_does_not_carry_a_second_request")),
    ("B37", Test("b37_paths_that_climb")),
    ("B38", InCrate("domain", "j5_nbf_is_enforced_and_a_number")),
    ("B39", InCrate("domain", "j1_the_algorithm_comes_from_the_key_and_never_from_the_token")),
    ("B40", NotBuilt("identity: keys from a JWKS URL")),
    ("B41", NotBuilt("Redis channels")),
    ("B42", NotBuilt("Redis channels")),
    ("B43", NotBuilt("Redis client")),
    ("B44", NotBuilt("Redis client")),
    ("B45", NotBuilt("Redis access rules")),
    ("B46", Test("b46_x5_nothing_hostile_reaches_the_terminal")),
    ("T1", Test("t1_silent_connections_are_closed")),
    ("T2", Test("t2_stalled_and_dripped_bodies_are_given_up")),
    ("T3", Test("t3_a_poll_that_is_never_read_is_given_up")),
    ("T4", Test("t4_b28_a_reader_that_stops_is_cut")),
    ("T5", Test("t5_resets_at_every_stage_leak_nothing")),
    ("T7", Test("t7_running_out_of_files_is_survived")),
    ("T8", Test("t8_one_address_gets_so_many_connections_without_a_session")),
    ("T10", Test("t10_b35_other_protocols_are_refused")),
    ("T11", Test("t11_a_forwarded_address_is_not_believed")),
    ("H1", Test("h1_uris_have_a_size")),
    ("H2", Test("h2_length_and_chunks_together_end_the_connection")),
    ("H3", Test("h3_b34_broken_chunks_end_the_connection")),
    ("H5", Test("h5_a_body_without_end_is_cut_at_the_limit")),
    ("H6", Test("h6_compressed_bodies_are_not_inflated")),
    ("H7", Test("h7_malformed_header_lines")),
    ("H9", Test("h9_a_body_behind_a_get_does_not_become_a_request")),
    ("H10", Test("h10_other_methods")),
    ("H11", Test("h11_broken_upgrades")),
    ("H13", Test("h13_nothing_reflected_splits_the_head")),
    ("H14", Test("h14_doubled_and_swollen_credentials")),
    ("E1", Test("e1_b23_other_protocol_versions")),
    ("E2", Test("e2_b14_unknown_transports")),
    ("E3", Test("e3_transports_that_do_not_match")),
    ("E4", Test("e4_unknown_sids")),
    ("E5", Test("e5_only_get_opens_a_session")),
    ("E7", Test("e7_a_session_has_one_websocket")),
    ("E8", Test("e8_an_upgrade_that_stalls_is_given_up_and_polling_goes_on")),
    ("E10", Test("e10_overlapping_polls_end_the_session_once")),
    ("E12", Test("e12_unused_handshakes_are_small_and_reaped")),
    ("E13", NotBuilt("identity and recovery")),
    ("E14", Test("e14_jsonp_is_refused_b64_is_remembered")),
    ("E15", NotBuilt("recovery")),
    ("E16", Test("e16_a_missing_pong_ends_the_session")),
    ("E17", Test("e17_unasked_pongs_do_not_move_the_heartbeat")),
    ("E18", Test("e18_heartbeats_in_the_wrong_direction")),
    ("E19", Test("e19_packets_that_are_none")),
    ("E20", Test("e20_no_handshake_while_draining")),
    ("P2", Test("p2_b4_so_many_packets_and_no_more")),
    ("P3", Test("h5_b11_p3_oversized_bodies_are_refused_where_they_cross")),
    ("P4", Test("p4_bodies_that_are_not_utf8")),
    ("P5", Test("p5_base64_that_is_none")),
    ("P6", Test("p6_an_answer_is_no_larger_than_a_body_may_be")),
    ("P7", Test("p7_a_packet_and_its_attachments_stay_together")),
    ("W1", Test("w1_frames_that_no_client_may_send")),
    ("W2", Test("w2_control_frames_are_small_and_whole")),
    ("W3", Test("w3_lengths_are_written_in_the_shortest_way")),
    ("W4", Test("w4_a_declared_message_that_never_comes")),
    ("W5", Test("w5_b18_one_limit_on_every_kind_of_message")),
    ("W6", Test("w6_b31_a_message_has_its_time")),
    ("W7", Test("w7_fragments_out_of_order")),
    ("W8", Test("w8_text_that_is_not_utf8")),
    ("W9", Test("w9_unasked_websocket_pongs")),
    ("W10", Test("w10_malformed_closes")),
    ("W11", Test("w11_a_close_that_is_never_answered")),
    ("W12", Test("w12_b29_offers_that_are_no_offers")),
    ("W14", Test("w14_ten_thousand_packets_in_one_segment")),
    ("W15", Test("w15_binary_that_nobody_announced")),
    ("W16", Test("w16_b29_subprotocols")),
    ("S1", Test("s1_the_first_packet_is_a_connect")),
    ("S2", Test("s2_one_connect_at_a_time_runs_auth_once")),
    ("S3", Test("s3_a_second_connect_closes")),
    ("S4", Test("s4_unknown_namespaces")),
    ("S5", Test("s5_namespace_names_match_exactly_or_not_at_all")),
    ("S7", Test("s7_auth_is_bounded_and_plain_data")),
    ("S8", Test("s8_packets_that_only_a_server_sends_or_with_too_much")),
    ("S9", Test("s9_packet_types_that_are_none")),
    ("S10", Test("s10_s11_b8_b21_attachment_counts")),
    ("S11", Test("s10_s11_b8_b21_attachment_counts")),
    ("S12", Test("s12_s14_placeholders_and_attachments_match_one_to_one")),
    ("S13", Test("s13_b5_placeholder_numbers")),
    ("S14", Test("s12_s14_placeholders_and_attachments_match_one_to_one")),
    ("S16", Test("s16_a_packet_while_attachments_are_pending")),
    ("S17", Test("s17_attachments_that_never_come")),
    ("S19", Test("s19_ack_ids")),
    ("S21", Test("s21_an_ack_counts_once_and_only_from_its_socket")),
    ("S22", Test("s22_b20_acks_that_never_come")),
    ("S23", Test("s23_b6_event_names_that_are_none")),
    ("S24", Test("s24_b7_reserved_names")),
    ("S25", Test("s25_b3_unknown_and_odd_names_are_ignored")),
    ("S26", Test("s26_depth_arguments_and_keys")),
    ("S28", Test("s28_duplicate_keys_in_a_connect")),
    ("S30", Test("s30_events_of_a_namespace_not_joined")),
    ("S31", Test("s31_too_many_events_are_refused")),
    ("S32", Test("s32_a_foreign_pid_gets_a_fresh_session")),
    ("S34", NotBuilt("identity and recovery")),
    ("J1", InCrate("domain", "j1_a_public_key_is_no_hmac_secret")),
    ("J2", InCrate("domain", "j2_a_token_ends_five_seconds_after_its_exp")),
    ("J3", InCrate("domain", "j3_exp_is_required_and_a_number")),
    ("J4", InCrate("domain", "j4_no_token_is_from_the_future_or_lives_for_ever")),
    ("J5", InCrate("domain", "j5_nbf_is_enforced_and_a_number")),
    ("J6", InCrate("domain", "j6_issuer_and_audience_are_enforced_where_configured")),
    ("J7", InCrate("domain", "j7_a_subject_names_somebody")),
    ("J9", InCrate("domain", "j9_keys_in_the_header_are_ignored_and_crit_is_refused")),
    ("J10", InCrate("domain", "j10_only_three_parts_of_base64url_within_8_kib_are_a_token")),
    ("J11", NotBuilt("identity on live connections")),
    ("J12", NotBuilt("identity: revocation across replicas")),
    ("J13", InCrate("domain", "j13_a_secret_has_at_least_32_bytes_and_is_not_the_public_one")),
    ("J14", InCrate("domain", "j14_no_message_and_no_debug_output_shows_a_token_or_a_key")),
    ("R1", NotBuilt("apps: room policy")),
    ("R2", NotBuilt("apps: room policy (the core takes any name)")),
    ("R4", Test("r4_a_socket_has_so_many_rooms_and_leaves_none_behind")),
    ("R5", NotBuilt("apps: room policy")),
    ("R6", NotBuilt("apps: idempotency keys")),
    ("R7", NotBuilt("apps: chat")),
    ("R8", NotBuilt("recovery")),
    ("D1", NotBuilt("Redis channels")),
    ("D2", NotBuilt("Redis channels")),
    ("D3", NotBuilt("Redis log")),
    ("D4", NotBuilt("Redis keys")),
    ("D5", NotBuilt("Redis client")),
    ("D6", NotBuilt("Redis client")),
    ("D7", NotBuilt("Redis client")),
    ("D8", NotBuilt("Redis log")),
    ("D10", NotBuilt("Redis settings check")),
    ("D11", NotBuilt("Redis log")),
    ("D12", NotBuilt("store")),
    ("A1", InCrate("rest", "a1_a_body_over_64_kib_is_413_however_it_is_sent")),
    ("A2", InCrate("rest", "a2_a_refused_body_is_422_by_its_path")),
    ("A3", InCrate("rest", "a3_a_form_of_a_foreign_page_is_no_call")),
    ("A4", InCrate("rest", "a4_missing_or_wrong_credentials_are_401")),
    ("A6", InCrate("rest", "a6_names_that_break_clients_and_endless_lists_are_422")),
    ("A7", InCrate("rest", "a7_too_many_events_are_429_with_a_wait")),
    ("A8", InCrate("rest", "a8_while_the_bus_is_away_nothing_is_promised")),
    ("O1", Test("o1_a_foreign_origin_does_not_get_into_a_session")),
    ("O2", Test("o2_credentials_and_vary")),
    ("O3", Test("o3_preflights_have_a_fixed_answer")),
    ("O4", InCrate("tests", "o4_the_internal_listener_answers_to_its_own_names_only")),
    ("X1", NotBuilt("admin page")),
    ("X2", NotBuilt("admin page")),
    ("X3", NotBuilt("admin page")),
    ("X5", Test("x5_bad_packets_do_not_fill_the_log")),
    (
        "Z1",
        Differs(
            "keys and signatures are compared by `subtle` and aws-lc; a timing test is a wall-clock test",
        ),
    ),
    ("Z2", Differs("the cap on sockets of one user is off by default, and comes with identity")),
    ("Z3", NotBuilt("byte budget of the process")),
    ("Z5", Test("z5_b25_handlers_that_call_back_into_the_server")),
    ("Z6", Test("z6_maps_have_random_seeds")),
];

#[test]
fn every_row_has_one_fate() {
    let listed: Vec<&str> = include_str!("ids.txt").lines().collect();
    let here: Vec<&str> = ROWS.iter().map(|(id, _)| *id).collect();
    let ids: BTreeSet<_> = listed.iter().collect();
    let rows: BTreeSet<_> = here.iter().collect();
    assert_eq!(ids.len(), listed.len(), "an id is listed twice");
    assert_eq!(rows.len(), here.len(), "a row stands here twice");
    let missing: Vec<_> = ids.difference(&rows).collect();
    let unknown: Vec<_> = rows.difference(&ids).collect();
    assert!(missing.is_empty(), "no fate: {missing:?}");
    assert!(unknown.is_empty(), "no such row: {unknown:?}");
}

#[test]
fn every_named_test_exists() {
    let tests = tests_in(&Path::new(env!("CARGO_MANIFEST_DIR")).join("it/hostile"));
    for (id, fate) in ROWS {
        if let Test(name) = fate {
            assert!(tests.contains(*name), "{id}: no test {name}");
            let tag = id.to_lowercase();
            assert!(name.split('_').any(|word| word == tag), "{name} is not named after {id}");
        }
        if let InCrate(package, name) = fate {
            let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
            let tests = tests_in(&root.join(package));
            assert!(tests.contains(*name), "{id}: no test {name} in {package}");
        }
    }
    // And every test that is named after rows is named after real ones.
    let ids: BTreeSet<_> = ROWS.iter().map(|(id, _)| id.to_lowercase()).collect();
    for name in &tests {
        let first = name.split('_').next().unwrap_or_default();
        let looks_like_a_row =
            first.len() > 1 && first[1..].bytes().all(|byte| byte.is_ascii_digit());
        assert!(!looks_like_a_row || ids.contains(first), "{name} names no row");
    }
}

#[test]
fn the_sum_of_it() {
    let (mut automated, mut differ, mut not_built) = (0, 0, 0);
    let mut lines = Vec::new();
    for (id, fate) in ROWS {
        match fate {
            Test(_) | InCrate(..) => automated += 1,
            Differs(why) => {
                differ += 1;
                lines.push(format!("{id} differs: {why}"));
            }
            NotBuilt(layer) => {
                not_built += 1;
                lines.push(format!("{id} not built: {layer}"));
            }
        }
    }
    println!("{}", lines.join("\n"));
    println!("hostile rows: {automated} automated, {differ} differ, {not_built} not built");
    assert_eq!(automated + differ + not_built, ROWS.len());
}

/// The names of all tests in the sources below a folder.
fn tests_in(folder: &Path) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    sources(folder, &mut |_, text| {
        let mut is_test = false;
        for line in text.lines().map(str::trim_start) {
            let declared = line.strip_prefix("async fn ").or(line.strip_prefix("fn "));
            match declared {
                Some(rest) if is_test => {
                    names.extend(rest.split('(').next().map(str::to_owned));
                    is_test = false;
                }
                Some(_) => {}
                None => is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test"),
            }
        }
    });
    names
}

/// Calls `look` with every Rust source below a folder.
pub(super) fn sources(folder: &Path, look: &mut dyn FnMut(&Path, &str)) {
    for entry in std::fs::read_dir(folder).expect("a folder of the repository") {
        let path = entry.expect("its entry").path();
        if path.is_dir() {
            sources(&path, look);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            look(&path, &std::fs::read_to_string(&path).expect("a source"));
        }
    }
}
