//! Who may join which room: one table, asked by every way in.

use std::{fmt, future::Future, pin::Pin, sync::Arc};

use super::{
    RoomName, RoomRule, decoded_id,
    rows::{self, ANYTHING_ELSE, NOBODY, Thing, Who},
};
use crate::{
    error::Refusal,
    identity::{Identity, Role, UserId},
};

/// A future of the object-safe [`Membership`].
pub type MembershipFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, Refusal>> + Send + 'a>>;

/// What the policy looks up: who has to do with what is stored.
///
/// Errors are those of the store; then nobody is let in by that way, and the asker is told that it
/// is away rather than that access is denied.
pub trait Membership: fmt::Debug + Send + Sync {
    /// Who placed an order; `None` where there is no such order.
    fn owner_of_order<'a>(&'a self, order_id: &'a str) -> MembershipFuture<'a, Option<UserId>>;

    /// Whether somebody takes part in a chat; `agent` and `admin` stand for the support pool.
    fn is_participant<'a>(
        &'a self,
        chat_id: &'a str,
        who: &'a Identity,
    ) -> MembershipFuture<'a, bool>;

    /// Whether a backend granted a user a room.
    fn is_granted<'a>(&'a self, room: &'a RoomName, user: &'a UserId)
    -> MembershipFuture<'a, bool>;
}

/// The one decision about joining a room. Cheap to clone.
///
/// `joinRoom`, `subscribe`, `join_ticket`, restoring after a reconnect and a change of token all ask
/// here. Joins that a backend orders do not.
#[derive(Clone, Debug)]
pub struct Policy(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    rules: Vec<RoomRule>,
    any_user_is_granted: bool,
    membership: Arc<dyn Membership>,
}

/// What holds for one room.
struct Row<'a> {
    who: &'a [Who],
    /// The id in its name.
    id: &'a str,
    thing: Thing,
}

/// The row of a room: the contract's, with an operator's rules over it.
fn row<'a>(rules: &'a [RoomRule], room: &'a RoomName) -> Row<'a> {
    let found = rows::find(room.as_str());
    if found.is_none() && rows::is_reserved(room.as_str()) {
        return Row { who: NOBODY, id: "", thing: Thing::User };
    }
    let fixed = found.as_ref().map_or(0, |(row, _)| row.fixed());
    let rules = rules.iter().filter(|rule| rule.matches(room) && rule.fixed() >= fixed);
    let rule = rules.max_by_key(|rule| rule.fixed());
    let who = |of_table| rule.map_or(of_table, RoomRule::who);
    match found {
        Some((row, id)) => Row { who: who(row.who), id, thing: row.thing },
        None => {
            let id = rule.map(|rule| rule.id(room)).unwrap_or_default();
            Row { who: who(ANYTHING_ELSE), id, thing: Thing::User }
        }
    }
}

/// Whether a grant lets anybody into a room, by the contract's table with an operator's rules over it.
///
/// # Errors
///
/// [`Refusal::Invalid`] at `room`, naming it and whom its row lets in instead.
pub(crate) fn takes_grants(rules: &[RoomRule], room: &RoomName) -> Result<(), Refusal> {
    let who = row(rules, room).who;
    if who.contains(&Who::Granted) {
        return Ok(());
    }
    let words: Vec<&str> = who.iter().map(|who| who.word()).collect();
    let words = if words.is_empty() { "nobody".to_owned() } else { words.join(", ") };
    let message = format!("no grant lets anybody into {room}, where the policy lets in {words}");
    Err(Refusal::Invalid { path: "room".to_owned(), message })
}

impl Policy {
    /// A policy: the contract's table, with an operator's rules over it.
    ///
    /// A rule holds where it is at least as narrow as the row that the room fits: `*` is about rooms
    /// that no row names, `user:*` and `user:5` are about users' rooms. Of several the narrowest
    /// holds. `any_user_is_granted` on the development key and in mode `off`, where rooms that need a
    /// grant are open to every user for trying things out.
    pub fn new(
        rules: Vec<RoomRule>,
        any_user_is_granted: bool,
        membership: Arc<dyn Membership>,
    ) -> Self {
        Self(Arc::new(Inner { rules, any_user_is_granted, membership }))
    }

    /// Whether this one (`None` = anonymous) may be in this room.
    ///
    /// # Errors
    ///
    /// [`Refusal::AccessDenied`]; [`Refusal::Unauthorized`] where only a user could be let in;
    /// [`Refusal::Unavailable`] where it depends on a store that is away.
    ///
    /// # Cancel safety
    ///
    /// It only reads.
    pub async fn may_join(&self, who: Option<&Identity>, room: &RoomName) -> Result<(), Refusal> {
        let row = row(&self.0.rules, room);
        if row.who.contains(&Who::Public) {
            return Ok(());
        }
        let Some(identity) = who else {
            return Err(Refusal::Unauthorized);
        };
        // What the token says costs nothing, so it is asked before the store is.
        if row.who.iter().any(|reason| self.says_token(*reason, identity, room, &row)) {
            return Ok(());
        }
        for reason in row.who {
            if self.says_store(*reason, identity, room, &row).await? {
                return Ok(());
            }
        }
        Err(Refusal::AccessDenied { room: room.clone() })
    }

    /// Whether everyone may join, so that being in there together means nothing.
    pub fn is_public(&self, room: &RoomName) -> bool {
        row(&self.0.rules, room).who.contains(&Who::Public)
    }

    /// Whether it is of section 2's last row: no room of anything that Crier knows.
    pub fn is_anything_else(room: &RoomName) -> bool {
        rows::find(room.as_str()).is_none() && !rows::is_reserved(room.as_str())
    }

    fn says_token(&self, reason: Who, identity: &Identity, room: &RoomName, row: &Row<'_>) -> bool {
        match reason {
            Who::Public | Who::User => true,
            Who::Owner => row.thing == Thing::User && rows::names_user(identity, room, row.id),
            Who::OwnerUnless(role) => {
                identity.role != role && rows::names_user(identity, room, row.id)
            }
            Who::Participant => false,
            Who::Granted => {
                self.0.any_user_is_granted || identity.rooms.iter().any(|p| p.matches(room))
            }
            Who::Agent => identity.role == Role::Agent,
            Who::Admin => identity.role == Role::Admin,
        }
    }

    async fn says_store(
        &self,
        reason: Who,
        identity: &Identity,
        room: &RoomName,
        row: &Row<'_>,
    ) -> Result<bool, Refusal> {
        let membership = &self.0.membership;
        match (reason, row.thing) {
            (Who::Granted, _) => membership.is_granted(room, &identity.user).await,
            (Who::Owner, Thing::Order) => {
                let Some(order) = decoded_id(row.id) else { return Ok(false) };
                let owner = membership.owner_of_order(&order).await?;
                Ok(owner.is_some_and(|owner| owner == identity.user))
            }
            (Who::Participant, Thing::Chat) => {
                let Some(chat) = decoded_id(row.id) else { return Ok(false) };
                membership.is_participant(&chat, identity).await
            }
            _ => Ok(false),
        }
    }
}
