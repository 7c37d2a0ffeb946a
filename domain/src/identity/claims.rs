//! What a token says of its holder.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de};

use super::{TokenError, UserId};
use crate::room::RoomPattern;

/// Someone whose token was verified.
#[derive(Clone, Debug, PartialEq)]
pub struct Identity {
    /// Who.
    pub user: UserId,
    /// What they may do; [`Role::User`] where the token is silent.
    pub role: Role,
    /// Address, where the token has one.
    pub email: Option<String>,
    /// The name that others are shown.
    pub name: Option<String>,
    /// The picture that others are shown.
    pub avatar: Option<String>,
    /// Whether the shop has verified the person; false where the token is silent.
    pub is_verified: bool,
    /// The side of vendor-chat.
    pub user_type: Option<UserType>,
    /// Rooms granted by the issuer.
    pub rooms: Vec<RoomPattern>,
    /// When the token ends, in seconds since 1970; `None` only where the configuration lets tokens
    /// do without.
    pub expires_at: Option<u64>,
    /// When the token was made, in seconds since 1970.
    pub issued_at: Option<u64>,
}

impl Identity {
    /// Whether a revocation at this time (seconds since 1970) ends the token: it was made before, or
    /// does not say when.
    pub fn is_revoked_by(&self, revoked_at: u64) -> bool {
        self.issued_at.is_none_or(|issued| issued <= revoked_at)
    }
}

/// What a user may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Anybody with an account.
    #[default]
    User,
    /// Buys on the marketplace.
    Buyer,
    /// Sells on the marketplace.
    Seller,
    /// Answers support tickets.
    Agent,
    /// Runs the shop.
    Admin,
    /// A backend.
    Service,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 6] =
        [Self::User, Self::Buyer, Self::Seller, Self::Agent, Self::Admin, Self::Service];

    /// Takes the word of the claim.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == word)
    }

    /// The word of the claim.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Buyer => "buyer",
            Self::Seller => "seller",
            Self::Agent => "agent",
            Self::Admin => "admin",
            Self::Service => "service",
        }
    }
}

/// The side of vendor-chat that a user is on.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "UPPERCASE")]
pub enum UserType {
    /// Asks about products.
    Customer,
    /// Sells them.
    Vendor,
}

impl UserType {
    /// Both sides.
    pub const ALL: [Self; 2] = [Self::Customer, Self::Vendor];

    /// The side across.
    pub fn other(self) -> Self {
        match self {
            Self::Customer => Self::Vendor,
            Self::Vendor => Self::Customer,
        }
    }

    /// Takes the word of the claim.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|side| side.as_str() == word)
    }

    /// The word of the claim.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Customer => "CUSTOMER",
            Self::Vendor => "VENDOR",
        }
    }
}

/// The claims that are read, each of exactly its type. Others are ignored.
///
/// A claim of the wrong type refuses the token: taking it for absent is how checks were skipped
/// elsewhere (CVE-2026-25537). `serde` refuses a field that occurs twice.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Claims {
    #[serde(default, deserialize_with = "present")]
    user_id: Option<UserId>,
    #[serde(default, deserialize_with = "present")]
    sub: Option<Subject>,
    #[serde(default, deserialize_with = "present")]
    id: Option<UserId>,
    #[serde(default, rename = "_id", deserialize_with = "present")]
    underscore_id: Option<UserId>,
    #[serde(default)]
    role: Role,
    email: Option<String>,
    name: Option<String>,
    avatar: Option<String>,
    #[serde(default)]
    is_verified: bool,
    #[serde(default, deserialize_with = "present")]
    user_type: Option<UserType>,
    #[serde(default)]
    rooms: Vec<RoomPattern>,
    #[serde(default, deserialize_with = "present")]
    pub(super) exp: Option<NumericDate>,
    #[serde(default, deserialize_with = "present")]
    pub(super) nbf: Option<NumericDate>,
    #[serde(default, deserialize_with = "present")]
    pub(super) iat: Option<NumericDate>,
    #[serde(default, deserialize_with = "present")]
    pub(super) iss: Option<String>,
    #[serde(default, deserialize_with = "present")]
    pub(super) aud: Option<Audience>,
}

impl Claims {
    /// Reads the claims of a token whose signature was checked.
    pub(super) fn parse(json: &[u8]) -> Result<Self, TokenError> {
        let mut reader = serde_json::Deserializer::from_slice(json);
        let claims: Self = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
            let path = error.path();
            let name = path.iter().next().map(ToString::to_string);
            name.map_or(TokenError::Malformed, |name| TokenError::Claim { name })
        })?;
        reader.end().map_err(|_| TokenError::Malformed)?;
        Ok(claims)
    }

    pub(super) fn into_identity(self) -> Result<Identity, TokenError> {
        let user = self
            .user_id
            .or(self.sub.map(|sub| sub.0))
            .or(self.id)
            .or(self.underscore_id)
            .ok_or_else(|| TokenError::Claim { name: "sub".into() })?;
        Ok(Identity {
            user,
            role: self.role,
            email: self.email,
            name: self.name,
            avatar: self.avatar,
            is_verified: self.is_verified,
            user_type: self.user_type,
            rooms: self.rooms,
            expires_at: self.exp.map(|at| at.0),
            issued_at: self.iat.map(|at| at.0),
        })
    }
}

/// `sub` is text (RFC 7519, section 4.1.2); the other names of the user id may be numbers.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Subject(UserId);

impl TryFrom<String> for Subject {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        UserId::parse(&text).map(Self).ok_or("no user id")
    }
}

/// Seconds since 1970, from 0 to the end of the year 9999.
///
/// RFC 7519 allows fractions; they are cut off. The upper end keeps sums with leeways exact and
/// refuses "never", which a token has to say by leaving the claim out.
pub(super) struct NumericDate(pub(super) u64);

const NUMERIC_DATE_MAX: u64 = 253_402_300_799;

impl<'de> Deserialize<'de> for NumericDate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Seconds;

        impl de::Visitor<'_> for Seconds {
            type Value = NumericDate;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("seconds since 1970")
            }

            fn visit_u64<E: de::Error>(self, seconds: u64) -> Result<NumericDate, E> {
                if seconds > NUMERIC_DATE_MAX {
                    return Err(E::invalid_value(de::Unexpected::Unsigned(seconds), &self));
                }
                Ok(NumericDate(seconds))
            }

            fn visit_f64<E: de::Error>(self, seconds: f64) -> Result<NumericDate, E> {
                // Below 2^53, so the bound and the whole part are exact.
                if !(0.0..=NUMERIC_DATE_MAX as f64).contains(&seconds) {
                    return Err(E::invalid_value(de::Unexpected::Float(seconds), &self));
                }
                Ok(NumericDate(seconds as u64))
            }
        }

        deserializer.deserialize_any(Seconds)
    }
}

/// Whom the token is for: one name or several.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Audience {
    One(String),
    Many(Vec<String>),
}

impl Audience {
    pub(super) fn names(&self) -> &[String] {
        match self {
            Self::One(name) => std::slice::from_ref(name),
            Self::Many(names) => names,
        }
    }
}

/// A claim that may be left out, but is not `null` where it stands.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}
