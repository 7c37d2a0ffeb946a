//! Section 4 of the contract, what clients send: rooms, and who is typing.

mod rooms;
mod typing;
mod writers;

use std::sync::Arc;

use crier_domain::App;

use super::Context;
use crate::namespace::Namespace;

pub(super) fn install(main: &Namespace, context: &Arc<Context>) {
    debug_assert!(context.is_on(App::Marketplace), "an app that is off is not installed");
    let typing = typing::install(main, context);
    rooms::install(main, context, &typing);
}
