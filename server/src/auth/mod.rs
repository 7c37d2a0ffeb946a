//! Who a socket is, and which apps it takes part in.
//!
//! ```text
//!   CONNECT ─▶ Gate::admit ─┬─▶ identity(socket), apps_of(socket) ─▶ handlers of the apps
//!                           └─▶ CONNECT_ERROR { code, reason }
//! ```

mod apps;
mod gate;
mod roster;

use std::sync::Arc;

use crier_domain::Identity;

pub use self::{
    apps::{AppSet, apps_of},
    gate::{Gate, Rejected},
    roster::Roster,
};
use crate::namespace::socket::Socket;

/// Who a socket is; `None` = anonymous.
pub fn identity(socket: &Socket) -> Option<Arc<Identity>> {
    socket.get::<Arc<Identity>>()
}
