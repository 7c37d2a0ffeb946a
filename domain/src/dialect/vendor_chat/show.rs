//! From stored chats and messages to the JSON of seed 002.

use crate::{
    event::{
        Id, Text,
        vendor_chat::{About, Chat, Media, Message, Profile, Store},
    },
    identity::{Person, UserId, UserType},
    service::{
        ObjectId,
        chat::{self, Party},
        users,
    },
    time::Timestamp,
};

/// The other one of a chat, and the vendor's first store.
#[derive(Clone, Debug)]
pub(super) struct Face {
    /// What the directory knows of them.
    pub(super) profile: Option<users::Profile>,
    /// Whether their address and number are shown.
    pub(super) share_contact: bool,
    pub(super) store_id: Option<Id>,
}

/// Bytes that one reply may still have.
#[derive(Debug)]
pub(super) struct Budget(usize);

impl Budget {
    pub(super) fn of(bytes: usize) -> Self {
        Self(bytes)
    }

    /// Whether a message still fits, which is then counted. Nothing fits after one that did not.
    pub(super) fn takes(&mut self, message: &Message) -> bool {
        // JSON writes a control character, tab or quote as up to six bytes; measured, not guessed.
        let bytes = serde_json::to_vec(message).map_or(usize::MAX, |json| json.len());
        let left = self.0.checked_sub(bytes);
        self.0 = left.unwrap_or(0);
        left.is_some()
    }
}

/// A chat as somebody on this side sees it, without messages.
pub(super) fn chat_view(chat: &chat::Chat, viewer: UserType, face: &Face) -> Chat {
    let other = viewer.other();
    let profile = Some(profile_view(chat, other, face));
    let (customer, vendor) = match other {
        UserType::Customer => (profile, None),
        UserType::Vendor => (None, profile),
    };
    Chat {
        id: id(chat.id),
        product_id: product_of(chat),
        vendor_id: user_of(chat, UserType::Vendor),
        customer_id: user_of(chat, UserType::Customer),
        store_id: face.store_id.clone(),
        last_message_at: Timestamp::from_unix_ms(chat.last_at),
        created_at: Timestamp::from_unix_ms(chat.created_at),
        un_read_customer_messages: has_unread(chat, UserType::Customer),
        un_read_vendor_messages: has_unread(chat, UserType::Vendor),
        customer,
        vendor,
        messages: None,
        pagination: None,
    }
}

/// A message; the same for both.
pub(super) fn message_view(chat: &chat::Chat, message: &chat::Message) -> Message {
    let sender = match message.part {
        Party::Side(side, _) => side,
        Party::User(_) | Party::Support => UserType::Customer,
    };
    let recipient = sender.other();
    let created_at = Timestamp::from_unix_ms(message.created_at);
    let changed = message.edited_at.max(message.deleted_at).unwrap_or(message.created_at);
    Message {
        id: id(message.id),
        sender_id: user_of(chat, sender),
        sender_type: sender,
        recipient_id: user_of(chat, recipient),
        recipient_type: recipient,
        text: message.content.as_deref().and_then(Text::parse),
        timestamp: created_at.clone(),
        read: member(chat, recipient).is_some_and(|member| message.is_read_by(member)),
        recipient_online: message.recipient_online,
        chat_id: id(chat.id),
        support_chat_id: (),
        created_at,
        updated_at: Timestamp::from_unix_ms(changed),
        message_medias: message.attachments.iter().map(media_view).collect(),
        chat: None,
    }
}

/// What a receipt and the like are about.
pub(super) fn about_of(chat: &chat::Chat, who: &Person) -> About {
    About {
        chat_id: Some(id(chat.id)),
        product_id: product_of(chat),
        user_id: user_of(chat, who.side),
        message_id: None,
    }
}

/// Who is on a side of a chat, in the form in which they were first given.
pub(super) fn user_of(chat: &chat::Chat, side: UserType) -> UserId {
    // Every chat of this app has one of each side; the creator stands in for what cannot be.
    member(chat, side).map_or(&chat.creator, |member| &member.party).shown()
}

/// A record's id, as clients are shown it.
pub(super) fn id(of: ObjectId) -> Id {
    // 24 hexadecimal digits are a legal id, so the other branch is never taken.
    Id::parse(&of.to_string()).unwrap_or_else(|| 0.into())
}

fn product_of(chat: &chat::Chat) -> Id {
    let given = chat.about.clone().and_then(|about| serde_json::from_value(about).ok());
    let known = || match &chat.kind {
        chat::Kind::Product { product } => Id::parse(product),
        _ => None,
    };
    given.or_else(known).unwrap_or_else(|| 0.into())
}

fn member(chat: &chat::Chat, side: UserType) -> Option<&chat::Member> {
    chat.members.iter().find(|member| matches!(member.party, Party::Side(of, _) if of == side))
}

fn has_unread(chat: &chat::Chat, side: UserType) -> bool {
    member(chat, side).is_some_and(|member| member.unread > 0)
}

fn media_view(attachment: &chat::Attachment) -> Media {
    Media {
        id: Some(id(attachment.id)),
        image_url: attachment.url.clone().unwrap_or_default(),
        size: attachment.size.to_string(),
        mime_type: attachment.mime_type.clone(),
    }
}

/// Who is on a side: what the directory says, else what their token said. Clients read its fields, so
/// there is one in any case.
fn profile_view(chat: &chat::Chat, side: UserType, face: &Face) -> Profile {
    let user_id = user_of(chat, side);
    let known = member(chat, side).map(|member| member.known.clone()).unwrap_or_default();
    let person = Person { side, user: user_id.clone() };
    let since = Timestamp::from_unix_ms(chat.created_at);
    let profile = match &face.profile {
        Some(profile) => profile.clone(),
        None => users::Profile {
            name: known.name,
            profile_picture_url: known.avatar,
            ..users::Profile::unknown(&person, since)
        },
    };
    let shared = |contact: Option<String>| contact.filter(|_| face.share_contact);
    // Some have a name in one piece alone: better in the wrong field than in none.
    let first_name = match (profile.first_name, &profile.last_name) {
        (None, None) => profile.name,
        (first_name, _) => first_name,
    };
    Profile {
        id: text_id(&profile.id),
        user_id,
        first_name,
        last_name: profile.last_name,
        profile_picture_url: profile.profile_picture_url,
        email: shared(profile.email),
        verified: profile.verified,
        phone_number: shared(profile.phone_number),
        active: profile.active,
        created_at: profile.created_at,
        updated_at: profile.updated_at,
        store: (side == UserType::Vendor)
            .then(|| profile.store.into_iter().map(store_view).collect()),
    }
}

fn store_view(store: users::VendorStore) -> Store {
    Store {
        id: text_id(&store.id),
        name: store.name,
        vendor_id: store.vendor_id,
        store_id: store.store_id.into(),
        store_logo_url: store.store_logo_url,
        created_at: store.created_at,
        updated_at: store.updated_at,
    }
}

fn text_id(id: &str) -> Id {
    Id::parse(id).unwrap_or_else(|| 0.into())
}
