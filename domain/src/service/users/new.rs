//! A profile as a backend writes it: the body of `PUT /api/users/{id}`.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de::Error as _};

use super::{
    fields::{self, schema},
    profile::{Profile, Store, id_of, store_id_of},
};
use crate::{
    error::Refusal,
    identity::{Role, UserId, UserType},
    time::Timestamp,
};

/// Stores that a vendor may have. Every chat of the vendor carries them.
const STORES_MAX: usize = 32;

/// A whole profile; what is left out is none. What `GET` gave is taken again as it stands.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct NewProfile {
    /// The side of vendor-chat that the profile is for; none = for the id as such. It chooses which of
    /// the id's profiles is written.
    pub user_type: Option<UserType>,
    /// The id of the path, in the form in which it is to be shown: `5` or `"5"`.
    pub user_id: Option<UserId>,
    /// 24 hexadecimal digits; made by Crier where left out.
    #[serde(deserialize_with = "fields::object_id")]
    #[schemars(schema_with = "schema::object_id")]
    pub id: Option<String>,
    /// The role on the marketplace. Where it is left out, others are shown that of the user's token.
    pub role: Option<Role>,
    /// The first name.
    #[serde(deserialize_with = "fields::name")]
    #[schemars(schema_with = "schema::name")]
    pub first_name: Option<String>,
    /// The last name.
    #[serde(deserialize_with = "fields::name")]
    #[schemars(schema_with = "schema::name")]
    pub last_name: Option<String>,
    /// The name in one. Default: the first and last names.
    #[serde(deserialize_with = "fields::name")]
    #[schemars(schema_with = "schema::name")]
    pub name: Option<String>,
    /// Where the picture is.
    #[serde(deserialize_with = "fields::url")]
    #[schemars(schema_with = "schema::url")]
    pub profile_picture_url: Option<String>,
    /// The same under the marketplace's name; each stands in for the other.
    #[serde(deserialize_with = "fields::url")]
    #[schemars(schema_with = "schema::url")]
    pub avatar: Option<String>,
    /// Address for mail.
    #[serde(deserialize_with = "fields::email")]
    #[schemars(schema_with = "schema::email")]
    pub email: Option<String>,
    /// Telephone number.
    #[serde(deserialize_with = "fields::phone")]
    #[schemars(schema_with = "schema::phone")]
    pub phone_number: Option<String>,
    /// Whether the shop has verified the user. Default false.
    pub verified: Option<bool>,
    /// Whether the account is in use. Default true.
    pub active: Option<bool>,
    /// A vendor's stores, at most 32.
    #[serde(deserialize_with = "stores")]
    #[schemars(length(max = 32))]
    pub store: Vec<NewStore>,
    /// When the account came to be. Default: when the profile did.
    pub created_at: Option<Timestamp>,
    /// Taken so that what was read can be written back; it is always set to the present.
    pub updated_at: Option<Timestamp>,
}

/// A store as a backend writes it.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewStore {
    /// 24 hexadecimal digits; made by Crier where left out.
    #[serde(default, deserialize_with = "fields::object_id")]
    #[schemars(schema_with = "schema::object_id")]
    pub id: Option<String>,
    /// The store's name.
    #[serde(deserialize_with = "fields::required_name")]
    #[schemars(schema_with = "schema::required_name")]
    pub name: String,
    /// Whose it is: the id of the path.
    pub vendor_id: Option<UserId>,
    /// The backend's own id of it, a whole number or text.
    pub store_id: UserId,
    /// Where its picture is.
    #[serde(default, deserialize_with = "fields::url")]
    #[schemars(schema_with = "schema::url")]
    pub store_logo_url: Option<String>,
    /// When it came to be. Default: when the store first stood in the profile.
    pub created_at: Option<Timestamp>,
    /// Taken and always set to the present.
    pub updated_at: Option<Timestamp>,
}

impl NewProfile {
    /// The profile that comes of it.
    ///
    /// # Errors
    ///
    /// [`Refusal::Invalid`]: the body names another user than the path, or a store where there are none.
    pub(super) fn to_profile(
        &self,
        user: &UserId,
        before: Option<&Profile>,
        now: &Timestamp,
    ) -> Result<Profile, Refusal> {
        if self.user_id.as_ref().is_some_and(|named| named != user) {
            return Err(invalid("userId", "expected the id of the path"));
        }
        if !self.store.is_empty() && self.user_type != Some(UserType::Vendor) {
            return Err(invalid("store", "only a profile of userType VENDOR has stores"));
        }
        let user = self.user_id.as_ref().unwrap_or(user);
        let former = |store: &NewStore| {
            before?.store.iter().find(|former| former.store_id == store.store_id)
        };
        let mut store = Vec::with_capacity(self.store.len());
        for (index, new) in self.store.iter().enumerate() {
            if new.vendor_id.as_ref().is_some_and(|vendor| vendor != user) {
                let path = format!("store.{index}.vendorId");
                return Err(invalid(path, "expected the id of the path"));
            }
            if store.iter().any(|other: &Store| other.store_id == new.store_id) {
                return Err(invalid(format!("store.{index}.storeId"), "occurs twice"));
            }
            store.push(new.to_store(user, former(new), now));
        }
        let (first, last) = (self.first_name.as_deref(), self.last_name.as_deref());
        let both: Vec<&str> = first.into_iter().chain(last).map(str::trim).collect();
        let picture = self.profile_picture_url.as_ref();
        Ok(Profile {
            id: self
                .id
                .clone()
                .or_else(|| before.map(|before| before.id.clone()))
                .unwrap_or_else(|| id_of(user, self.user_type)),
            user_id: user.clone(),
            user_type: self.user_type,
            role: self.role,
            first_name: self.first_name.clone(),
            last_name: self.last_name.clone(),
            name: self.name.clone().or_else(|| (!both.is_empty()).then(|| both.join(" "))),
            profile_picture_url: picture.or(self.avatar.as_ref()).cloned(),
            avatar: self.avatar.as_ref().or(picture).cloned(),
            email: self.email.clone(),
            phone_number: self.phone_number.clone(),
            verified: self.verified.unwrap_or(false),
            active: self.active.unwrap_or(true),
            created_at: self
                .created_at
                .clone()
                .or_else(|| before.map(|before| before.created_at.clone()))
                .unwrap_or_else(|| now.clone()),
            updated_at: now.clone(),
            store,
        })
    }
}

impl NewStore {
    fn to_store(&self, vendor: &UserId, before: Option<&Store>, now: &Timestamp) -> Store {
        Store {
            id: self
                .id
                .clone()
                .or_else(|| before.map(|before| before.id.clone()))
                .unwrap_or_else(|| store_id_of(vendor, &self.store_id)),
            name: self.name.clone(),
            vendor_id: vendor.clone(),
            store_id: self.store_id.clone(),
            store_logo_url: self.store_logo_url.clone(),
            created_at: self
                .created_at
                .clone()
                .or_else(|| before.map(|before| before.created_at.clone()))
                .unwrap_or_else(|| now.clone()),
            updated_at: now.clone(),
        }
    }
}

fn stores<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<NewStore>, D::Error> {
    let stores = Vec::<NewStore>::deserialize(from)?;
    if stores.len() > STORES_MAX {
        return Err(D::Error::custom(format_args!("at most {STORES_MAX} stores")));
    }
    Ok(stores)
}

fn invalid(path: impl Into<String>, message: &str) -> Refusal {
    Refusal::Invalid { path: path.into(), message: message.to_owned() }
}
