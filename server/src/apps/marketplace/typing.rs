//! `typing-start` and `typing-stop`.

use std::sync::{Arc, Mutex};

use crier_domain::{
    Bus, Refusal, RoomName,
    event::{
        Done,
        chat::{TypingStart, TypingStop, UserTyping},
    },
};
use tokio::sync::Notify;

use super::writers::{Writer, Writers};
use crate::{
    apps::{
        Context,
        on::on,
        others::{inside, room_of, tell_others, to_others},
        same_user,
    },
    lock,
    namespace::{Namespace, socket::Socket},
};

/// Who is typing, and the timer that says when it is over.
#[derive(Debug, Default)]
pub(super) struct Typing {
    writers: Mutex<Writers>,
    /// Somebody has begun where nobody was at it: the timer has something to wait for.
    begun: Notify,
}

pub(super) fn install(main: &Namespace, context: &Arc<Context>) -> Arc<Typing> {
    let typing = Arc::new(Typing::default());
    let shared = Arc::clone(&typing);
    on(main, context, "typing-start", move |context, socket, asked| {
        let typing = Arc::clone(&shared);
        async move { typing.start(&context, &socket, asked).await }
    });
    let shared = Arc::clone(&typing);
    on(main, context, "typing-stop", move |context, socket, asked| {
        let typing = Arc::clone(&shared);
        async move { typing.stop(&context, &socket, asked).await }
    });
    let (shared, bus) = (Arc::clone(&typing), Arc::clone(&context.bus));
    main.on_disconnect(move |socket, _reason| {
        let (typing, bus) = (Arc::clone(&shared), Arc::clone(&bus));
        async move {
            if socket.is_continued() {
                // Its client is there, and types on as the same socket.
                return;
            }
            let gone = lock(&typing.writers).gone(socket.id());
            tell_stopped(&*bus, gone).await;
        }
    });
    let (shared, bus) = (Arc::clone(&typing), Arc::clone(&context.bus));
    context.background.spawn("typing", async move { shared.watch(&*bus).await });
    typing
}

impl Typing {
    async fn start(
        &self,
        context: &Context,
        socket: &Socket,
        asked: TypingStart,
    ) -> Result<Done, Refusal> {
        let who = context.user(socket)?;
        same_user(&who, &asked.user_id)?;
        let room = room_of("chatId", "chat-", asked.chat_id.as_str())?;
        inside(socket, &room)?;
        let user = who.user.clone();
        let is_first = {
            let mut writers = lock(&self.writers);
            let is_first = writers.next().is_none();
            let (chat, now) = (asked.chat_id.clone(), std::time::Instant::now());
            writers.start(socket.id(), room.clone(), chat, user.clone(), now);
            is_first
        };
        if is_first {
            self.begun.notify_one();
        }
        let typing = UserTyping {
            chat_id: asked.chat_id,
            user_id: user,
            user_name: who.name.clone(),
            is_typing: true,
        };
        tell_others(context, socket, "user-typing", &typing, &room).await;
        Ok(Done { ok: true })
    }

    async fn stop(
        &self,
        context: &Context,
        socket: &Socket,
        asked: TypingStop,
    ) -> Result<Done, Refusal> {
        let who = context.user(socket)?;
        same_user(&who, &asked.user_id)?;
        let room = room_of("chatId", "chat-", asked.chat_id.as_str())?;
        inside(socket, &room)?;
        lock(&self.writers).stop(socket.id(), &room);
        let typing = UserTyping {
            chat_id: asked.chat_id,
            user_id: who.user.clone(),
            user_name: None,
            is_typing: false,
        };
        tell_others(context, socket, "user-typing", &typing, &room).await;
        Ok(Done { ok: true })
    }

    /// A socket leaves a room: it types there no longer.
    pub(super) async fn leaves(&self, context: &Context, socket: &Socket, room: &RoomName) {
        let stopped = lock(&self.writers).stop(socket.id(), room);
        tell_stopped(&*context.bus, stopped).await;
    }

    /// Tells of those whose time is over, each in time. Ends with the server.
    async fn watch(&self, bus: &dyn Bus) {
        loop {
            let next = lock(&self.writers).next();
            match next {
                // A later start never makes the next end sooner, so nothing else is waited for.
                Some(next) => tokio::time::sleep_until(next.into()).await,
                None => self.begun.notified().await,
            }
            let over = lock(&self.writers).over(std::time::Instant::now());
            tell_stopped(bus, over).await;
        }
    }
}

async fn tell_stopped(bus: &dyn Bus, writers: impl IntoIterator<Item = Writer>) {
    for writer in writers {
        let Writer { socket, room, chat, user, .. } = writer;
        let stopped =
            UserTyping { chat_id: chat, user_id: user, user_name: None, is_typing: false };
        let event = to_others("user-typing", &stopped, &room, &socket);
        if let Err(error) = bus.publish(event).await {
            tracing::debug!(%error, "the others in a room are not told");
        }
    }
}
