//! Who a socket is, and which apps it takes part in.
//!
//! ```text
//!   CONNECT ─▶ Gate::admit ─┬─▶ identity(socket), apps_of(socket) ─▶ handlers of the apps
//!                           └─▶ CONNECT_ERROR { code, reason }
//! ```

mod apps;
mod expiry;
mod gate;
mod refresh;
mod roster;

use std::sync::Arc;

use crier_domain::Identity;

pub(crate) use self::refresh::{UnderPolicy, recheck, refresh, restored};
pub use self::{
    apps::{AppSet, apps_of},
    expiry::Expiry,
    gate::{Gate, Rejected},
    roster::Roster,
};
use crate::{bus::badge_of, namespace::socket::Socket};

/// Who a socket is; `None` = anonymous.
pub fn identity(socket: &Socket) -> Option<Arc<Identity>> {
    socket.get::<Arc<Identity>>()
}

/// Says who a socket is; filters of events see it at once.
pub(crate) fn set_identity(socket: &Socket, identity: Arc<Identity>) {
    let apps: Vec<_> = apps_of(socket).iter().collect();
    socket.set_badge(badge_of(Some(&apps), Some(&identity)));
    socket.insert(identity);
}
