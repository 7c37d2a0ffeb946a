//! Where to connect, and the request that opens a websocket there.

use std::{io, net::SocketAddr, str::FromStr};

use crier_protocol::websocket::handshake::{self, Offer};

/// A server by its address, as given: `http://127.0.0.1:3000`, with another path than `/socket.io/`
/// if there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    /// Host and port.
    pub authority: String,
    /// Where the sessions are served.
    pub path: String,
}

/// Why text is no address of a server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadUrl {
    /// Another scheme than `http` or `ws`; there is no TLS here.
    #[error("expected http://HOST:PORT")]
    Scheme,
    /// The port is missing.
    #[error("the port is missing")]
    Port,
}

impl FromStr for Url {
    type Err = BadUrl;

    fn from_str(text: &str) -> Result<Self, BadUrl> {
        let rest = text
            .strip_prefix("http://")
            .or_else(|| text.strip_prefix("ws://"))
            .ok_or(BadUrl::Scheme)?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let port = authority.rsplit_once(':').map(|(_, port)| port);
        if port.and_then(|port| port.parse::<u16>().ok()).is_none() {
            return Err(BadUrl::Port);
        }
        let path = match path.trim_end_matches('/') {
            "" => "/socket.io/".to_owned(),
            path => format!("/{path}/"),
        };
        Ok(Self { authority: authority.to_owned(), path })
    }
}

/// A server, resolved once for all clients.
#[derive(Clone, Debug)]
pub struct Target {
    /// Its address.
    pub address: SocketAddr,
    /// The request that opens a session by websocket.
    pub request: String,
    /// What its answer has to say as `Sec-WebSocket-Accept`.
    pub accept: String,
}

/// The same for every client: the key only proves that the other end speaks websocket, and a
/// generator that draws none can write its request once.
const KEY: &str = "Y3JpZXItYmVuY2gta2V5IQ==";

impl Target {
    /// Resolves the host.
    ///
    /// # Errors
    ///
    /// There is no such host.
    pub async fn resolve(url: &Url) -> io::Result<Self> {
        let mut addresses = tokio::net::lookup_host(&url.authority).await?;
        let none = || io::Error::new(io::ErrorKind::NotFound, "the host has no address");
        let address = addresses.next().ok_or_else(none)?;
        let mut offer = Offer::new("GET", true);
        let mut request = format!(
            "GET {}?EIO=4&transport=websocket HTTP/1.1\r\nHost: {}\r\n",
            url.path, url.authority
        );
        for (name, value) in [
            ("Connection", "Upgrade"),
            ("Upgrade", "websocket"),
            ("Sec-WebSocket-Version", handshake::VERSION),
            ("Sec-WebSocket-Key", KEY),
        ] {
            offer.header(name, value);
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str("\r\n");
        let accept =
            handshake::check(&offer).map_err(|refusal| io::Error::other(refusal.message))?.key;
        Ok(Self { address, request, accept })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_scheme_and_a_port() {
        let parsed = |text: &str| text.parse::<Url>().map(|url| (url.authority, url.path));
        let ok = |authority: &str, path: &str| Ok((authority.to_owned(), path.to_owned()));
        assert_eq!(parsed("http://127.0.0.1:3000"), ok("127.0.0.1:3000", "/socket.io/"));
        assert_eq!(parsed("ws://[::1]:80/"), ok("[::1]:80", "/socket.io/"));
        assert_eq!(parsed("http://a:1/live/io"), ok("a:1", "/live/io/"));
        assert_eq!(parsed("https://a:1"), Err(BadUrl::Scheme));
        assert_eq!(parsed("http://a"), Err(BadUrl::Port));
        assert_eq!(parsed("http://a:port"), Err(BadUrl::Port));
    }

    #[tokio::test]
    async fn the_request_carries_what_the_answer_is_checked_against() {
        let url = "http://127.0.0.1:3000".parse().unwrap();
        let target = Target::resolve(&url).await.unwrap();
        let head = "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1:3000\r\n";
        assert!(target.request.starts_with(head));
        assert!(target.request.ends_with("\r\n\r\n"));
        assert!(target.request.contains(KEY));
        assert_eq!(target.accept.len(), 28);
    }
}
