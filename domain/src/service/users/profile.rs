//! What is known of a user, and which part of it others are shown.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    identity::{Identity, Person, Role, UserId, UserType},
    service::once::hash,
    time::Timestamp,
};

/// A user as the directory has it. Stored as it stands, and in JSON what its own user, `admin` and
/// `service` are shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Profile {
    /// 24 hexadecimal digits.
    pub id: String,
    /// Who, as the backend wrote it.
    pub user_id: UserId,
    /// The side of vendor-chat that the profile is for; none = for the id as such.
    pub user_type: Option<UserType>,
    /// What they may do on the marketplace, where the backend says so; shown beside names of
    /// participants, else what their token says.
    pub role: Option<Role>,
    /// The first name.
    pub first_name: Option<String>,
    /// The last name.
    pub last_name: Option<String>,
    /// The name that others are shown: as given, else the first and last names.
    pub name: Option<String>,
    /// Where the picture is.
    pub profile_picture_url: Option<String>,
    /// Where the picture is, under the marketplace's name.
    pub avatar: Option<String>,
    /// Address for mail.
    pub email: Option<String>,
    /// Telephone number.
    pub phone_number: Option<String>,
    /// Whether the shop has verified the user.
    pub verified: bool,
    /// Whether the account is in use.
    pub active: bool,
    /// When the profile came to be.
    pub created_at: Timestamp,
    /// When it was last written.
    pub updated_at: Timestamp,
    /// A vendor's stores, in the backend's order; empty for others.
    #[serde(default)]
    pub store: Vec<Store>,
}

/// A store of a vendor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Store {
    /// 24 hexadecimal digits.
    pub id: String,
    /// The store's name.
    pub name: String,
    /// Whose it is.
    pub vendor_id: UserId,
    /// The backend's own id of it.
    pub store_id: UserId,
    /// Where its picture is.
    pub store_logo_url: Option<String>,
    /// When it came to be.
    pub created_at: Timestamp,
    /// When it was last written.
    pub updated_at: Timestamp,
}

/// What a user who is asked about is to those who may not know more (contract, section 6).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserView {
    /// 24 hexadecimal digits.
    pub id: String,
    /// Who.
    pub user_id: UserId,
    /// The side of vendor-chat.
    pub user_type: Option<UserType>,
    /// The first name.
    pub first_name: Option<String>,
    /// The last name.
    pub last_name: Option<String>,
    /// The name in one.
    pub name: Option<String>,
    /// Where the picture is.
    pub profile_picture_url: Option<String>,
    /// The same.
    pub avatar: Option<String>,
    /// A vendor's stores.
    pub store: Vec<Store>,
}

impl Profile {
    /// Whether it is the profile of the holder of a token: of the same id and, where the profile is for
    /// one side of vendor-chat, of the same side. Vendor 5 is not customer 5.
    pub fn is_of(&self, identity: &Identity) -> bool {
        self.user_id == identity.user
            && self.user_type.is_none_or(|side| identity.user_type == Some(side))
    }

    /// The part that everybody may see: name, avatar, type and stores.
    pub fn for_others(&self) -> UserView {
        UserView {
            id: self.id.clone(),
            user_id: self.user_id.clone(),
            user_type: self.user_type,
            first_name: self.first_name.clone(),
            last_name: self.last_name.clone(),
            name: self.name.clone(),
            profile_picture_url: self.profile_picture_url.clone(),
            avatar: self.avatar.clone(),
            store: self.store.clone(),
        }
    }

    /// Somebody of whom the directory knows nothing: clients read fields of a profile, so they get one
    /// without names rather than none. It has the id that a profile of this person would be given.
    pub fn unknown(person: &Person, since: Timestamp) -> Self {
        Self {
            id: id_of(&person.user, Some(person.side)),
            user_id: person.user.clone(),
            user_type: Some(person.side),
            role: None,
            first_name: None,
            last_name: None,
            name: None,
            profile_picture_url: None,
            avatar: None,
            email: None,
            phone_number: None,
            verified: false,
            active: true,
            created_at: since.clone(),
            updated_at: since,
            store: Vec::new(),
        }
    }
}

/// The id of a profile that the backend gave none: it follows from whom it names, so that a directory
/// that is filled twice comes out the same.
pub(super) fn id_of(user: &UserId, side: Option<UserType>) -> String {
    hex_id(["user", side.map_or("", UserType::as_str), user.as_str()])
}

/// The id of a store that the backend gave none.
pub(super) fn store_id_of(vendor: &UserId, store: &UserId) -> String {
    hex_id(["store", vendor.as_str(), store.as_str()])
}

/// 24 hexadecimal digits that follow from texts.
fn hex_id(parts: [&str; 3]) -> String {
    hash(parts).iter().take(12).map(|byte| format!("{byte:02x}")).collect()
}
