//! The product's filters and badges as the server's.

use crier_domain::{App, Filter, Identity, badge};

use crate::badge::{Badge, Who};

/// The badge of a socket that has these apps on (`None` = all) and this user (`None` = anonymous).
pub fn badge_of(apps: Option<&[App]>, who: Option<&Identity>) -> Badge {
    let owner = who.map(|identity| identity.user.as_str().into());
    Badge { bits: badge::bits_of(apps, who), owner }
}

/// Whom a filter of the product means.
pub(super) fn who(filter: &Filter) -> Who {
    badge::Who::from(filter).into()
}

impl From<badge::Who> for Who {
    fn from(who: badge::Who) -> Self {
        let badge::Who { all, any, none, owners } = who;
        Self { all, any, none, owners: owners.into_iter().map(Into::into).collect() }
    }
}

#[cfg(test)]
mod tests {
    use crier_domain::{Role, UserId};

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
