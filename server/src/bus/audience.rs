//! The product's filters and badges in the bits of the server's.
//!
//! ```text
//!   bit  0..=7   the app of that number is off for the socket, so that a bare badge has them all on
//!   bit  8       signed in
//!   bit 16..     one for each role
//! ```

use crier_domain::{App, Filter, Identity, Role};

use crate::badge::{Badge, Who};

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

/// The badge of a socket that has these apps on (`None` = all) and this user (`None` = anonymous).
pub fn badge_of(apps: Option<&[App]>, who: Option<&Identity>) -> Badge {
    let is_off = |app: &App| apps.is_some_and(|apps| !apps.contains(app));
    let mut bits = App::ALL.into_iter().filter(is_off).fold(0, |bits, app| bits | off(app));
    if let Some(identity) = who {
        bits |= SIGNED_IN | role(identity.role);
    }
    Badge { bits, owner: who.map(|identity| identity.user.as_str().into()) }
}

/// Whom a filter of the product means.
pub(super) fn who(filter: &Filter) -> Who {
    let Filter { app, signed_in, users, roles } = filter;
    Who {
        all: if *signed_in { SIGNED_IN } else { 0 },
        any: roles.iter().fold(0, |bits, asked| bits | role(*asked)),
        none: app.map_or(0, off),
        owners: users.iter().map(|user| user.as_str().into()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use crier_domain::UserId;

    use super::*;

    fn identity(user: &str, role: Role) -> Identity {
        Identity {
            user: UserId::parse(user).unwrap(),
            role,
            email: None,
            name: None,
            avatar: None,
            is_verified: false,
            user_type: None,
            rooms: Vec::new(),
            expires_at: None,
            issued_at: None,
        }
    }

    #[test]
    fn a_filter_lets_the_sockets_pass_that_it_names() {
        let anonymous = badge_of(None, None);
        let ann = badge_of(Some(&[App::Shop]), Some(&identity("ann", Role::Seller)));
        let bob = badge_of(None, Some(&identity("bob", Role::Buyer)));
        let user = |user: &str| UserId::parse(user).unwrap();
        let table = [
            (Filter::default(), [true, true, true]),
            (Filter { app: Some(App::Storefront), ..Filter::default() }, [true, false, true]),
            (Filter { app: Some(App::Shop), ..Filter::default() }, [true, true, true]),
            (Filter { signed_in: true, ..Filter::default() }, [false, true, true]),
            (Filter { users: vec![user("ann")], ..Filter::default() }, [false, true, false]),
            (
                Filter { roles: vec![Role::Admin, Role::Buyer], ..Filter::default() },
                [false, false, true],
            ),
        ];
        for (filter, expected) in table {
            let who = who(&filter);
            let passed = [&anonymous, &ann, &bob].map(|badge| who.fits(badge));
            assert_eq!(passed, expected, "{filter:?}");
        }
        // A socket that nobody said anything of is one of every app, and nobody's.
        assert_eq!(anonymous, Badge::default());
    }
}
