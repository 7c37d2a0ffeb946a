//! The events of `/chat`, one function each.

use std::sync::Arc;

use crier_domain::{
    Refusal,
    dialect::vendor_chat::Speaker,
    event::{
        system::{RefreshToken, Refreshed},
        vendor_chat::{
            About, Chat, DeleteMessage, GetUserChats, JoinChat, MarkAsRead, Pair, Reply,
            SendMessage,
        },
    },
    service::page::Page,
};
use serde_json::value::RawValue;

use super::{
    super::Context,
    reply::{on, on_args},
};
use crate::{
    auth::refresh,
    namespace::{Namespace, socket::Socket},
};

pub(super) fn install(chat: &Namespace, context: &Arc<Context>) {
    on(chat, "joinChat", context, join_chat);
    on_args(chat, "joinRooms", context, join_rooms);
    on(chat, "sendMessage", context, send_message);
    on(chat, "markAsRead", context, mark_as_read);
    on(chat, "deleteMessage", context, delete_message);
    on(chat, "typing", context, |context, _, me, about| typing(context, me, about, true));
    on(chat, "stoppedTyping", context, |context, _, me, about| typing(context, me, about, false));
    on(chat, "getUserChats", context, get_user_chats);
    // As everywhere, in this namespace's envelope.
    on(chat, "token_refresh", context, token_refresh);
}

async fn token_refresh(
    context: Arc<Context>,
    socket: Socket,
    _: Speaker,
    new: RefreshToken,
) -> Result<Reply<Refreshed>, Refusal> {
    let refreshed = refresh(&context, &socket, &new.token).await?;
    Ok(Reply::new("Token has been refreshed".to_owned(), refreshed))
}

async fn join_chat(
    context: Arc<Context>,
    socket: Socket,
    me: Speaker,
    asked: JoinChat,
) -> Result<Reply<Chat>, Refusal> {
    let loaded = context.services.vendor_chats.load(&me, &asked).await?;
    enter(&socket, loaded.data.id.as_str());
    // A client that has gone, or is too slow, is not told; here and below.
    let _ = socket.emit("loadMessages", &loaded);
    Ok(loaded)
}

async fn join_rooms(
    context: Arc<Context>,
    socket: Socket,
    me: Speaker,
    (): (),
) -> Result<Reply<Vec<Chat>>, Refusal> {
    for id in context.services.vendor_chats.ids(&me).await? {
        enter(&socket, &id.to_string());
    }
    user_chats(&context, &socket, &me, Page::default()).await
}

async fn get_user_chats(
    context: Arc<Context>,
    socket: Socket,
    me: Speaker,
    asked: Option<GetUserChats>,
) -> Result<Reply<Vec<Chat>>, Refusal> {
    let asked = asked.unwrap_or_default();
    user_chats(&context, &socket, &me, Page::of(asked.page, asked.limit)?).await
}

async fn user_chats(
    context: &Context,
    socket: &Socket,
    me: &Speaker,
    page: Page,
) -> Result<Reply<Vec<Chat>>, Refusal> {
    let chats = context.services.vendor_chats.list(me, page).await?;
    let _ = socket.emit("userChats", &chats);
    Ok(chats)
}

async fn send_message(
    context: Arc<Context>,
    _: Socket,
    me: Speaker,
    asked: SendMessage,
) -> Result<Box<RawValue>, Refusal> {
    context.services.vendor_chats.send(&me, &asked).await
}

async fn mark_as_read(
    context: Arc<Context>,
    _: Socket,
    me: Speaker,
    asked: MarkAsRead,
) -> Result<Reply<About>, Refusal> {
    context.services.vendor_chats.mark_as_read(&me, &asked).await
}

async fn delete_message(
    context: Arc<Context>,
    _: Socket,
    me: Speaker,
    asked: DeleteMessage,
) -> Result<Reply<About>, Refusal> {
    context.services.vendor_chats.delete(&me, &asked).await
}

async fn typing(
    context: Arc<Context>,
    me: Speaker,
    about: Pair,
    is_typing: bool,
) -> Result<Reply<About>, Refusal> {
    let (reply, told) = context.services.vendor_chats.typing(&me, &about, is_typing).await?;
    // Ephemeral: whoever cannot be reached now is not told later.
    let _ = context.bus.publish(told).await;
    Ok(reply)
}

/// Enters the room of a chat. A socket that is in as many rooms as it may gets the chat's events all
/// the same, by the room of its person.
fn enter(socket: &Socket, chat_id: &str) {
    let _ = socket.join(format!("chat-{chat_id}"));
}
