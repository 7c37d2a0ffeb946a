//! What the shop does: rules over the store, whoever asks and by whatever transport.
//!
//! A service takes who asks and what, reads the store, decides, and commits writes and events in one
//! step. It returns what was done, or a [`Refusal`](crate::Refusal) and has changed nothing.

pub mod asker;
pub mod attachments;
mod backoff;
pub mod chat;
pub mod grants;
pub mod limits;
mod membership;
pub mod notifications;
mod object_id;
pub mod once;
pub mod orders;
pub mod page;
pub mod posts;
pub mod products;
pub mod revocations;
mod settle;
mod stored;
mod stripes;
pub mod subscriptions;
pub(crate) mod telling;
pub mod text;
pub mod users;

pub use object_id::{NoObjectId, ObjectId};

use std::sync::Arc;

use crate::{
    clock::Clock,
    cluster::Cluster,
    dialect::vendor_chat::{VendorChatSettings, VendorChats},
    room::RoomRule,
    store::Store,
};

/// What services are built on.
#[derive(Clone, Debug)]
pub struct Deps {
    /// Where records are.
    pub store: Arc<dyn Store>,
    /// What time it is.
    pub clock: Clock,
    /// The sockets, to ask who is there and to make them leave.
    pub cluster: Arc<dyn Cluster>,
    /// What each user may do in a minute.
    pub limits: Arc<limits::UserLimits>,
}

/// What chats, notifications and orders are held to; every default is the contract's.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Of chats.
    pub chat: chat::ChatSettings,
    /// Of notifications.
    pub notifications: notifications::NotificationSettings,
    /// Of files.
    pub attachments: attachments::AttachmentSettings,
    /// Of orders and products.
    pub orders: orders::OrderRules,
    /// Of vendor-chat.
    pub vendor_chat: VendorChatSettings,
    /// What the operator says of rooms: the same as the [`Policy`](crate::Policy) gets.
    pub rooms: Vec<RoomRule>,
}

/// Every service, as the server's apps and the sidecar hold them.
#[derive(Debug)]
pub struct Services {
    /// Rooms that backends grant.
    pub grants: grants::Grants,
    /// Users whose tokens are refused.
    pub revocations: revocations::Revocations,
    /// The channels that users have subscribed to.
    pub subscriptions: subscriptions::Subscriptions,
    /// What each user may do in a minute.
    pub limits: Arc<limits::UserLimits>,
    /// Files that go with messages.
    pub attachments: Arc<attachments::Attachments>,
    /// Chats of both dialects.
    pub chat: Arc<chat::Chats>,
    /// What users are told of.
    pub notifications: Arc<notifications::Notifications>,
    /// Orders with stock.
    pub orders: orders::Orders,
    /// Messages to rooms.
    pub posts: posts::Posts,
    /// What is sold.
    pub products: products::Products,
    /// The user directory.
    pub users: Arc<users::Users>,
    /// Chats in the words of vendor-chat.
    pub vendor_chats: VendorChats,
}

impl Services {
    /// The services over these parts, with the contract's settings.
    pub fn new(deps: Deps) -> Self {
        Self::with(deps, Settings::default())
    }

    /// The services over these parts.
    pub fn with(deps: Deps, settings: Settings) -> Self {
        let stripes = Arc::new(stripes::Stripes::default());
        let users = Arc::new(users::Users::new(&deps));
        let notifications = Arc::new(notifications::Notifications::new(
            &deps,
            Arc::clone(&users),
            settings.notifications,
        ));
        let attachments = Arc::new(attachments::Attachments::new(&deps, settings.attachments));
        let chat = Arc::new(chat::Chats::new(
            &deps,
            Arc::clone(&notifications),
            Arc::clone(&attachments),
            Arc::clone(&users),
            settings.chat,
        ));
        Self {
            attachments,
            vendor_chats: VendorChats::new(
                Arc::clone(&chat),
                Arc::clone(&users),
                settings.vendor_chat,
            ),
            chat,
            notifications,
            posts: posts::Posts::new(&deps),
            products: products::Products::new(&deps, Arc::clone(&stripes), &settings.orders),
            orders: orders::Orders::new(&deps, stripes, settings.orders),
            users,
            grants: grants::Grants::new(&deps, settings.rooms),
            revocations: revocations::Revocations::new(&deps),
            subscriptions: subscriptions::Subscriptions::new(&deps),
            limits: deps.limits,
        }
    }
}
