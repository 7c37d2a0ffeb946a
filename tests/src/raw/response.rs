//! One HTTP/1.1 answer, read leniently: what is judged is its content.

use std::time::Duration;

use super::Wire;
use super::wire::Fill;

/// An HTTP response as it came.
#[derive(Debug, Clone)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Names in lower case, values as sent.
    pub headers: Vec<(String, String)>,
    /// The body, its chunks joined.
    pub body: Vec<u8>,
}

impl Response {
    pub(super) fn read(wire: &mut Wire, limit: Duration) -> Self {
        loop {
            let head = Self::read_head(wire, limit);
            // An interim answer is not the answer; rows that forbid it look at the first head.
            if head.status == 100 {
                continue;
            }
            return head.read_body(wire, limit);
        }
    }

    /// Reads status line and headers only: a 101, or a body that is not to be read.
    pub fn read_head(wire: &mut Wire, limit: Duration) -> Self {
        let end = loop {
            if let Some(at) = find(&wire.buffer, b"\r\n\r\n") {
                break at;
            }
            more(wire, limit);
        };
        let head: Vec<u8> = wire.buffer.drain(..end + 4).collect();
        let head = String::from_utf8_lossy(&head).into_owned();
        let mut lines = head.split("\r\n");
        let first = lines.next().unwrap_or_default();
        assert!(first.starts_with("HTTP/1."), "not HTTP: {first:?}");
        Self {
            status: first[9..12].parse().expect("a status code"),
            headers: lines
                .filter_map(|line| line.split_once(':'))
                .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
                .collect(),
            body: Vec::new(),
        }
    }

    fn read_body(mut self, wire: &mut Wire, limit: Duration) -> Self {
        if self.status == 204 || self.status == 304 || self.status < 200 {
            return self;
        }
        if self.header("transfer-encoding") == Some("chunked") {
            loop {
                let end = loop {
                    if let Some(at) = find(&wire.buffer, b"\r\n") {
                        break at;
                    }
                    more(wire, limit);
                };
                let line: Vec<u8> = wire.buffer.drain(..end + 2).collect();
                let digits = String::from_utf8_lossy(&line[..end]).into_owned();
                let size = usize::from_str_radix(&digits, 16).expect("a chunk size");
                let chunk = take(wire, size + 2, limit);
                if size == 0 {
                    return self;
                }
                self.body.extend_from_slice(&chunk[..size]);
            }
        }
        match self.header("content-length").map(str::parse) {
            Some(length) => self.body = take(wire, length.expect("a length"), limit),
            None => self.body = wire.expect_end(limit),
        }
        self
    }

    /// The first header of that (lower case) name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Asserts the status.
    #[track_caller]
    pub fn expect_status(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }

    /// Asserts one of several statuses, where the row allows them.
    #[track_caller]
    pub fn expect_status_in(self, statuses: &[u16]) -> Self {
        assert!(statuses.contains(&self.status), "{statuses:?}: {self:?}");
        self
    }

    /// Asserts the Engine.IO refusal `code`, its body byte for byte as the reference writes it.
    #[track_caller]
    pub fn expect_refusal(self, code: u8) -> Self {
        let (status, message) = match code {
            0 => (400, "Transport unknown"),
            1 => (400, "Session ID unknown"),
            2 => (400, "Bad handshake method"),
            3 => (400, "Bad request"),
            4 => (403, "Forbidden"),
            5 => (400, "Unsupported protocol version"),
            other => panic!("no such code: {other}"),
        };
        assert_eq!(
            (self.status, self.text().as_str()),
            (status, format!("{{\"code\":{code},\"message\":\"{message}\"}}").as_str()),
            "{self:?}"
        );
        assert_eq!(self.header("content-type"), Some("application/json"), "{self:?}");
        self
    }
}

/// Takes exactly `n` bytes.
fn take(wire: &mut Wire, n: usize, limit: Duration) -> Vec<u8> {
    while wire.buffer.len() < n {
        more(wire, limit);
    }
    wire.buffer.drain(..n).collect()
}

fn more(wire: &mut Wire, limit: Duration) {
    let so_far = |wire: &Wire| String::from_utf8_lossy(&wire.buffer).into_owned();
    match wire.fill(limit) {
        Fill::Bytes => {}
        Fill::Timeout => panic!("no whole answer within {limit:?}: {:?}", so_far(wire)),
        Fill::End => panic!("closed before a whole answer: {:?}", so_far(wire)),
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}
