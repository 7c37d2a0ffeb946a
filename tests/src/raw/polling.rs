//! An Engine.IO session over long-polling.

use std::net::SocketAddr;

use super::{Response, WebSocket, Wire};

/// A session over polling. Says goodbye (`1`) when dropped, unless abandoned: rows about the
/// server's own reaping call [`Polling::abandon`].
#[derive(Debug)]
pub struct Polling {
    server: SocketAddr,
    /// The session's id.
    pub sid: String,
    host: u16,
    polite: bool,
}

impl Polling {
    /// Opens a session.
    pub fn open(server: SocketAddr) -> Self {
        Self::open_from(server, 2)
    }

    /// Opens a session from the loopback address `127.0.x.y`, where `x.y` is `host`.
    pub fn open_from(server: SocketAddr, host: u16) -> Self {
        let mut wire = Wire::connect_from(server, host);
        wire.send(
            "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: localhost\r\n\
             Connection: close\r\n\r\n",
        );
        let body = wire.response().expect_status(200).text();
        let open: serde_json::Value =
            serde_json::from_str(body.strip_prefix('0').expect("an open packet")).expect("JSON");
        Self { server, sid: open["sid"].as_str().expect("a sid").to_owned(), host, polite: true }
    }

    /// Opens a session and joins `/`.
    pub fn connect(server: SocketAddr) -> Self {
        let peer = Self::open(server);
        peer.post("40").expect_status(200);
        let answer = peer.poll().text();
        assert!(answer.starts_with("40{\"sid\":\""), "{answer}");
        peer
    }

    /// Leaves the session to its fate instead of saying goodbye.
    pub fn abandon(mut self) -> String {
        self.polite = false;
        std::mem::take(&mut self.sid)
    }

    /// The same session, asked for at another address; it says no goodbye.
    #[must_use]
    pub fn at(&self, server: SocketAddr) -> Self {
        Self { server, sid: self.sid.clone(), host: self.host, polite: false }
    }

    /// Path and query of the session.
    pub fn target(&self) -> String {
        format!("/socket.io/?EIO=4&transport=polling&sid={}", self.sid)
    }

    /// Sends a body, with more header lines, and reads the answer.
    pub fn post_with(&self, more: &str, body: impl AsRef<[u8]>) -> Response {
        let body = body.as_ref();
        let mut wire = Wire::connect_from(self.server, self.host);
        wire.send(format!(
            "POST {} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{more}\
             Content-Length: {}\r\n\r\n",
            self.target(),
            body.len()
        ));
        // A body that is refused by its length need not be read to its end.
        wire.send_until_answered(body);
        wire.response()
    }

    /// Sends a body and reads the answer.
    pub fn post(&self, body: impl AsRef<[u8]>) -> Response {
        self.post_with("Content-Type: text/plain;charset=UTF-8\r\n", body)
    }

    /// Starts a poll and leaves it open.
    pub fn start_poll(&self) -> Wire {
        let mut wire = Wire::connect_from(self.server, self.host);
        wire.send(format!(
            "GET {} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
            self.target()
        ));
        wire
    }

    /// Polls until something other than pings comes; pings are answered.
    pub fn poll(&self) -> Response {
        loop {
            let response = self.start_poll().response();
            if response.body == b"2" {
                self.post("3");
                continue;
            }
            return response;
        }
    }

    /// Upgrades to a websocket as far as the 101.
    pub fn start_upgrade(&self) -> WebSocket {
        WebSocket::upgrade(
            Wire::connect_from(self.server, self.host),
            &format!("/socket.io/?EIO=4&transport=websocket&sid={}", self.sid),
            "",
        )
    }

    /// Expects that the session on `/` still answers an event.
    #[track_caller]
    pub fn expect_alive(&self) {
        self.post("4277[\"echo\",1]").expect_status(200);
        let answer = self.poll();
        assert!(answer.text().contains("4377[1]"), "{answer:?}");
    }

    /// Expects that the server does not know the session any more, or tells it goodbye and then
    /// does not.
    #[track_caller]
    pub fn expect_gone(&self) {
        super::eventually(super::WAIT, || {
            let answer = self.start_poll().response();
            // A session that the server has closed is kept for one last answer.
            match (answer.status, answer.text().as_str()) {
                (400, "{\"code\":1,\"message\":\"Session ID unknown\"}") => Ok(()),
                // It would be gone some time later, for nobody answers its pings.
                (200, body) if body.split('\x1e').any(|packet| packet == "2") => {
                    panic!("the session lives: it pings")
                }
                (status, body) => Err(format!("{status} {body}")),
            }
        });
    }
}

impl Drop for Polling {
    fn drop(&mut self) {
        if self.polite && !std::thread::panicking() {
            let body = "1";
            // The session may be gone, the server too: this is only to tidy up.
            if let Ok(mut wire) = Wire::try_connect(self.server, self.host, None) {
                let _ = wire.try_send(format!(
                    "POST {} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
                     Content-Length: {}\r\n\r\n{body}",
                    self.target(),
                    body.len()
                ));
                let _ = wire.fill(super::WAIT);
            }
        }
    }
}
