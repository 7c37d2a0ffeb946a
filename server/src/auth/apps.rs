//! Which apps a socket has on: all that the server has, or those that `auth.apps` names.

use crier_domain::App;
use crier_protocol::socket::Value;

use crate::namespace::socket::Socket;

/// Some of the apps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AppSet(u8);

impl AppSet {
    /// None.
    pub const NONE: Self = Self(0);

    /// Whether one of them is in it.
    pub fn contains(self, app: App) -> bool {
        self.0 & bit(app) != 0
    }

    /// Whether there is none in it.
    pub fn is_empty(self) -> bool {
        self == Self::NONE
    }

    /// Those that are in both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Those that are in it.
    pub fn iter(self) -> impl Iterator<Item = App> {
        App::ALL.into_iter().filter(move |app| self.contains(*app))
    }
}

impl FromIterator<App> for AppSet {
    fn from_iter<I: IntoIterator<Item = App>>(apps: I) -> Self {
        Self(apps.into_iter().fold(0, |set, app| set | bit(app)))
    }
}

fn bit(app: App) -> u8 {
    match app {
        App::Marketplace => 1,
        App::Storefront => 2,
        App::Shop => 4,
        App::VendorChat => 8,
    }
}

/// The apps that a socket has on. The events of the others are unknown to it, and it gets none.
pub fn apps_of(socket: &Socket) -> AppSet {
    socket.get::<AppSet>().unwrap_or_default()
}

/// What `auth.apps` asks for; `None` where it says nothing.
///
/// # Errors
/// What is wrong with it, for `err.data.reason`.
pub(super) fn asked(auth: &Value) -> Result<Option<AppSet>, String> {
    let Some(asked) = auth.get("apps") else { return Ok(None) };
    let known = || App::ALL.map(App::as_str).join(", ");
    let Value::Array(words) = asked else {
        return Err(format!("auth.apps: expected an array of {}", known()));
    };
    let app = |(at, word): (usize, &Value)| {
        let app = word.as_str().and_then(App::parse);
        app.ok_or_else(|| format!("auth.apps.{at}: expected one of {}", known()))
    };
    words.iter().enumerate().map(app).collect::<Result<AppSet, _>>().map(Some)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_socket_may_name_its_apps() {
        let set = |apps: &[App]| Ok(Some(apps.iter().copied().collect()));
        for (auth, expected) in [
            (json!({}), Ok(None)),
            (json!(null), Ok(None)),
            (json!({ "apps": ["shop"] }), set(&[App::Shop])),
            (json!({ "apps": ["shop", "vendor-chat"] }), set(&[App::Shop, App::VendorChat])),
            (json!({ "apps": [] }), set(&[])),
            (json!({ "apps": "shop" }), Err("auth.apps: ")),
            (json!({ "apps": null }), Err("auth.apps: ")),
            (json!({ "apps": ["shop", "Shop"] }), Err("auth.apps.1: ")),
            (json!({ "apps": [5] }), Err("auth.apps.0: ")),
        ] {
            let value: Value = serde_json::from_value(auth.clone()).unwrap();
            match (asked(&value), expected) {
                (Ok(got), Ok(expected)) => assert_eq!(got, expected, "{auth}"),
                (Err(got), Err(starts)) => assert!(got.starts_with(starts), "{auth}: {got}"),
                (got, expected) => panic!("{auth}: {got:?}, not {expected:?}"),
            }
        }
    }
}
