//! The two sentences that most Socket.IO rows consist of.

use tests::oracle::{Process, attack};
use tests::raw::{Frame, Polling, WebSocket};

use super::CALM;

/// How often the handler of `seen` has run, whoever sent the event.
pub(super) fn seen(witness: &mut WebSocket) -> u64 {
    stat(witness, "seen")
}

/// One counter of the target's application.
pub(super) fn stat(witness: &mut WebSocket, name: &str) -> u64 {
    witness.send("420[\"stats\"]");
    let answer = witness.text();
    let stats: serde_json::Value =
        serde_json::from_str(answer.strip_prefix("430").expect("an ack")).expect("JSON");
    stats[0][name].as_u64().expect("a counter")
}

/// Every packet, sent as the only one by a socket of `/`, ends its session: over websocket and over
/// polling, with no answer, no handler run, and no other session touched.
pub(super) fn each_packet_closes(row: &str, packets: &[impl AsRef<[u8]>]) {
    attack(row, CALM, |server| {
        let mut witness = WebSocket::connect(server.address);
        let before = seen(&mut witness);
        for packet in packets {
            packet_closes(server, packet.as_ref());
        }
        assert_eq!(seen(&mut witness), before, "a handler has run");
    });
}

/// One packet of [`each_packet_closes`].
pub(super) fn packet_closes(server: &Process, packet: &[u8]) {
    let what = String::from_utf8_lossy(&packet[..packet.len().min(60)]).into_owned();
    let _told = Told(&what);
    let mut peer = WebSocket::connect(server.address);
    // A large one may be refused before it has been sent.
    let _ = peer.flood(Frame::text(packet).bytes());
    peer.expect_closed();

    let peer = Polling::connect(server.address);
    peer.post(packet).expect_status_in(&[200, 400]);
    peer.expect_gone();
}

/// Every packet is taken by a socket of `/`, which lives on and says nothing.
pub(super) fn each_packet_is_ignored(row: &str, packets: &[impl AsRef<[u8]>]) {
    attack(row, CALM, |server| {
        let mut witness = WebSocket::connect(server.address);
        let before = seen(&mut witness);
        for packet in packets {
            let what = String::from_utf8_lossy(packet.as_ref()).into_owned();
            let _told = Told(&what);
            let mut peer = WebSocket::connect(server.address);
            peer.send(packet);
            peer.expect_alive();
        }
        assert_eq!(seen(&mut witness), before, "a handler has run");
    });
}

/// Says which case of a table a panic came from.
pub(super) struct Told<'a>(pub(super) &'a str);

impl Drop for Told<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("failed at the case {:?}", self.0);
        }
    }
}
