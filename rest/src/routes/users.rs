//! `PUT`/`GET /api/users/{id}`: the user directory (contract, section 6).

use crier_domain::{
    Refusal, UserId, UserType,
    service::users::{NewProfile, Profile, UserView},
};
use http::{Method, StatusCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    answer::Answer,
    call::Call,
    error::ApiError,
    table::{Access, Operation},
};

const PATH: &str = "/api/users/{id}";

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::new(
            &[Method::PUT],
            PATH,
            "putUser",
            "Writes a user's whole profile, in place of the one of the same id and `userType`.",
            Access::Backend,
            put,
        )
        .param::<UserId>("id")
        .body::<NewProfile>()
        .answers::<Profile>(StatusCode::OK, "The profile as it is now")
        .link("read", "getUser", &[("id", "$response.body#/userId")]),
        Operation::new(
            &[Method::GET],
            PATH,
            "getUser",
            "A user's profile: all of it for the user, `admin` and `service`; name, avatar, type and \
             stores for others.",
            Access::UserOrKey,
            get,
        )
        .param::<UserId>("id")
        .query::<Asked>()
        .answers::<Shown>(StatusCode::OK, "The profile")
        .refuses(&[StatusCode::NOT_FOUND]),
    ]
}

/// Which of an id's profiles is meant.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Asked {
    /// The side of vendor-chat. Default: the caller's own where it is the caller's id, else the
    /// profile of the id as such, else the customer's, else the vendor's.
    user_type: Option<UserType>,
}

/// As much of a profile as the caller may see.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "User")]
enum Shown {
    /// All of it.
    Whole(Profile),
    /// What others may see.
    Part(UserView),
}

async fn put(mut call: Call) -> Result<Answer, ApiError> {
    let user: UserId = call.param("id")?;
    let new: NewProfile = call.json().await?;
    Answer::ok(&call.state.parts.services.users.put(&user, &new).await?)
}

async fn get(call: Call) -> Result<Answer, ApiError> {
    let user: UserId = call.param("id")?;
    let asked: Asked = call.query()?;
    let profile = find(&call, &user, asked.user_type).await?;
    let profile = profile.ok_or(Refusal::NotFound { what: "User" })?;
    let own = call.identity().is_some_and(|identity| profile.is_of(identity));
    Answer::ok(&match own || call.is_backend() {
        true => Shown::Whole(profile),
        false => Shown::Part(profile.for_others()),
    })
}

async fn find(
    call: &Call,
    user: &UserId,
    side: Option<UserType>,
) -> Result<Option<Profile>, Refusal> {
    let users = &call.state.parts.services.users;
    if side.is_some() {
        return users.exactly(user, side).await;
    }
    let caller = call.identity().filter(|identity| identity.user == *user);
    if let Some(own) = caller.and_then(|identity| identity.user_type)
        && let Some(profile) = users.exactly(user, Some(own)).await?
    {
        return Ok(Some(profile));
    }
    users.profile(user).await
}
