//! R: rooms, as far as the server's core decides about them.

use tests::oracle::attack;
use tests::raw::WebSocket;

use super::CALM;

fn join(peer: &mut WebSocket, room: &str) -> String {
    let room = serde_json::Value::from(room);
    peer.send(format!("421[\"join\",{{\"room\":{room}}}]"));
    peer.text()
}

#[test]
fn r4_a_socket_has_so_many_rooms_and_leaves_none_behind() {
    let mut settings = CALM.to_vec();
    // The events themselves are not what this is about.
    settings.push("limits.events_per_second=100000");
    attack("R4", &settings, |server| {
        let rooms = server.gauges().get("crier_rooms");
        let mut peer = WebSocket::connect(server.address);
        let mut joined = 0;
        for n in 0..400 {
            let answer = join(&mut peer, &format!("room-{n}"));
            joined += usize::from(answer == "431[{\"ok\":true}]");
        }
        assert_eq!(joined, 256);
        for n in 0..400 {
            peer.send(format!("42[\"leave\",{{\"room\":\"room-{n}\"}}]"));
        }
        peer.expect_alive();
        assert!(server.gauges().get("crier_rooms") <= rooms + 1.0);
        // Joined, left, joined: 2,000 times, never above the limit.
        for _ in 0..1_000 {
            assert_eq!(join(&mut peer, "again"), "431[{\"ok\":true}]");
            peer.send("42[\"leave\",{\"room\":\"again\"}]");
        }
        peer.expect_alive();
    });
}
