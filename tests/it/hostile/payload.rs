//! P: polling bodies.

use std::time::{Duration, Instant};

use tests::oracle::attack;
use tests::raw::Polling;

use super::CALM;

/// 16,384 packets may stand in one body (`payload_packets_max`).
const PACKETS_MAX: usize = 16_384;

#[test]
fn p2_b4_so_many_packets_and_no_more() {
    attack("P2 B4", CALM, |server| {
        let body = |n: usize| vec!["3"; n].join("\x1e");
        let fits = Polling::connect(server.address);
        fits.post(body(PACKETS_MAX)).expect_status(200);
        fits.expect_alive();

        for n in [PACKETS_MAX + 1, 500_000] {
            let peer = Polling::connect(server.address);
            peer.post(body(n)).expect_status_in(&[200, 400]);
            peer.expect_gone();
        }
    });
}

#[test]
fn b19_a_body_of_nothing_but_separators() {
    attack("B19", CALM, |server| {
        let rss = server.rss();
        let peer = Polling::connect(server.address);
        let start = Instant::now();
        peer.post(vec![0x1e; 1_000_000]).expect_status_in(&[200, 400]);
        // Refused at the first empty record: nothing is split, nothing is kept.
        assert!(start.elapsed() < Duration::from_secs(2));
        peer.expect_gone();
        assert!(server.rss() < rss + (8 << 20), "{} bytes more", server.rss() - rss);
    });
}

#[test]
fn b4_a_number_as_long_as_the_body() {
    attack("B4", CALM, |server| {
        let digits = |n| "2".repeat(n);
        for packet in [
            format!("4{}", digits(999_999)),
            format!("42{}", digits(999_998)),
            format!("45{}-[\"x\"]", digits(900_000)),
        ] {
            let peer = Polling::connect(server.address);
            peer.post(packet).expect_status_in(&[200, 400]);
            peer.expect_gone();
        }
    });
}

#[test]
fn p4_b15_content_types() {
    attack("P4 B15", CALM, |server| {
        let peer = Polling::connect(server.address);
        let start = Instant::now();
        peer.post_with("Content-Type: application/octet-stream\r\n", "42[\"seen\"]")
            .expect_status(400);
        assert!(start.elapsed() < Duration::from_secs(2), "not answered at once");
        // The transport was broken, so the session goes with it.
        peer.expect_gone();

        let peer = Polling::connect(server.address);
        peer.post_with("Content-Type: application/x-www-form-urlencoded\r\n", "42[\"seen\"]")
            .expect_status(200);
        peer.expect_alive();
    });
}

#[test]
fn p4_bodies_that_are_not_utf8() {
    attack("P4", CALM, |server| {
        for body in [
            b"42[\"seen\",\"\xff\"]".as_slice(),
            b"42[\"seen\",\"\xc0\xaf\"]",
            b"42[\"seen\",\"\xed\xa0\x80\"]",
            b"42[\"seen\",\"\xe2\x82",
        ] {
            let peer = Polling::connect(server.address);
            peer.post(body).expect_status_in(&[200, 400]);
            peer.expect_gone();
        }
    });
}

#[test]
fn p5_base64_that_is_none() {
    let over = format!("b{}", "A".repeat(1_400_000));
    attack("P5", CALM, |server| {
        // The header that would make a binary message legal comes first: it is the base64 that
        // ends the session.
        let header = "451-[\"seen\",{\"_placeholder\":true,\"num\":0}]\x1e";
        for record in ["b!!!", "bA", "bAQI", "bAQ=D", "bAQID=", "b-_-_", "bAQ ID", "b=", "b===="] {
            let peer = Polling::connect(server.address);
            peer.post(format!("{header}{record}")).expect_status_in(&[200, 400]);
            peer.expect_gone();
        }
        let peer = Polling::connect(server.address);
        peer.post(&over).expect_status(413);
        peer.expect_alive();

        // A correct one passes.
        peer.post(format!("{header}bAQID")).expect_status(200);
        peer.expect_alive();
    });
}

#[test]
fn p6_an_answer_is_no_larger_than_a_body_may_be() {
    attack("P6", CALM, |server| {
        let peer = Polling::connect(server.address);
        // 3 × 400 KB are more than one answer; under the outbox limit of 1 MiB at any time is only
        // what was not yet polled, so they are asked for by two.
        peer.post("42[\"flood\",{\"n\":2,\"size\":510000}]").expect_status(200);
        let mut events = 0;
        while events < 2 {
            let answer = peer.poll().expect_status(200);
            assert!(answer.body.len() <= 1_000_000, "{} bytes", answer.body.len());
            events += answer.text().matches("42[\"flood\"").count();
        }
        peer.expect_alive();
    });
}

#[test]
fn p7_a_packet_and_its_attachments_stay_together() {
    attack("P7", CALM, |server| {
        let peer = Polling::connect(server.address);
        peer.post("42[\"burst-binary\",{\"n\":20}]").expect_status(200);
        let mut records = Vec::new();
        while records.len() < 3 * 40 {
            let answer = peer.poll().expect_status(200).text();
            records.extend(answer.split('\x1e').filter(|record| *record != "2").map(str::to_owned));
        }
        for packet in records.chunks(3) {
            assert!(packet[0].starts_with("452-[\"bin\","), "{packet:?}");
            assert!(packet[1].starts_with('b') && packet[2].starts_with('b'), "{packet:?}");
        }
    });
}
