//! The addresses of a server, and the listeners on them.

use std::net::SocketAddr;

use tokio::net::TcpListener;

use super::StartError;
use crate::config::Config;

/// Where a server listens.
#[derive(Clone, Copy, Debug)]
pub struct Addresses {
    /// Sockets and pages.
    pub sockets: SocketAddr,
    /// The embedded sidecar.
    pub rest: Option<SocketAddr>,
    /// Health and metrics.
    pub internal: SocketAddr,
}

#[derive(Debug)]
pub(super) struct Listeners {
    pub(super) sockets: TcpListener,
    pub(super) rest: Option<TcpListener>,
    pub(super) internal: TcpListener,
}

impl Listeners {
    /// Takes the addresses.
    pub(super) async fn bind(config: &Config) -> Result<(Self, Addresses), StartError> {
        let all = Self {
            sockets: listen("listen", config.listen).await?,
            rest: match config.rest_listen {
                Some(address) => Some(listen("rest_listen", address).await?),
                None => None,
            },
            internal: listen("internal_listen", config.internal_listen).await?,
        };
        let local = |listener: &TcpListener, asked| listener.local_addr().unwrap_or(asked);
        let addresses = Addresses {
            sockets: local(&all.sockets, config.listen),
            rest: all.rest.as_ref().zip(config.rest_listen).map(|(l, asked)| local(l, asked)),
            internal: local(&all.internal, config.internal_listen),
        };
        Ok((all, addresses))
    }
}

pub(super) async fn listen(
    setting: &'static str,
    address: SocketAddr,
) -> Result<TcpListener, StartError> {
    let failed = |error| StartError::Listen { setting, address, error };
    let socket = match address {
        SocketAddr::V4(_) => tokio::net::TcpSocket::new_v4(),
        SocketAddr::V6(_) => tokio::net::TcpSocket::new_v6(),
    }
    .map_err(failed)?;
    socket.set_reuseaddr(true).map_err(failed)?;
    socket.bind(address).map_err(failed)?;
    // Deep enough for a herd that comes back at once; the kernel caps it at its own limit.
    socket.listen(4_096).map_err(failed)
}
