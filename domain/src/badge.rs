//! What is said of a socket, and what a filter asks for, in packed bits: the same ones wherever an
//! event is published and wherever it is delivered.
//!
//! ```text
//!   bit  0..=7   the app of that number is off for the socket, so that a bare badge has them all on
//!   bit  8       signed in
//!   bit 16..     one for each role
//! ```

use crate::{
    event::App,
    identity::{Identity, Role},
    publish::Filter,
};

const SIGNED_IN: u64 = 1 << 8;

const fn off(app: App) -> u64 {
    match app {
        App::Marketplace => 1,
        App::Storefront => 1 << 1,
        App::Shop => 1 << 2,
        App::VendorChat => 1 << 3,
    }
}

const fn role(role: Role) -> u64 {
    match role {
        Role::User => 1 << 16,
        Role::Buyer => 1 << 17,
        Role::Seller => 1 << 18,
        Role::Agent => 1 << 19,
        Role::Admin => 1 << 20,
        Role::Service => 1 << 21,
    }
}

/// The bits of a socket that has these apps on (`None` = all) and this user (`None` = anonymous).
pub fn bits_of(apps: Option<&[App]>, who: Option<&Identity>) -> u64 {
    let is_off = |app: &App| apps.is_some_and(|apps| !apps.contains(app));
    let bits = App::ALL.into_iter().filter(is_off).fold(0, |bits, app| bits | off(app));
    who.map_or(bits, |identity| bits | SIGNED_IN | role(identity.role))
}

/// Which of the sockets in the rooms are meant. The default is all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Who {
    /// Those that have all of these bits,
    pub all: u64,
    /// at least one of these, where there are any,
    pub any: u64,
    /// none of these,
    pub none: u64,
    /// and one of these owners, where there are any.
    pub owners: Vec<String>,
}

impl From<&Filter> for Who {
    fn from(filter: &Filter) -> Self {
        let Filter { app, signed_in, users, roles } = filter;
        Self {
            all: if *signed_in { SIGNED_IN } else { 0 },
            any: roles.iter().fold(0, |bits, asked| bits | role(*asked)),
            none: app.map_or(0, off),
            owners: users.iter().map(|user| user.as_str().to_owned()).collect(),
        }
    }
}
