//! What the policy of rooms asks the services.

use super::Services;
use crate::{
    identity::{Identity, UserId},
    room::{Membership, MembershipFuture, RoomName},
};

impl Membership for Services {
    fn owner_of_order<'a>(&'a self, order_id: &'a str) -> MembershipFuture<'a, Option<UserId>> {
        Box::pin(self.orders.owner(order_id))
    }

    fn is_participant<'a>(
        &'a self,
        chat_id: &'a str,
        who: &'a Identity,
    ) -> MembershipFuture<'a, bool> {
        Box::pin(self.chat.is_participant(chat_id, who))
    }

    fn is_granted<'a>(
        &'a self,
        room: &'a RoomName,
        user: &'a UserId,
    ) -> MembershipFuture<'a, bool> {
        Box::pin(self.grants.is_granted(room, user))
    }
}
