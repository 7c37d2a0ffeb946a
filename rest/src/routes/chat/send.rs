//! Sending messages, with and without a file.

use bytes::Bytes;
use crier_domain::{
    Refusal,
    event::{ClientId, Object, Text, chat::MessageKind as Kind},
    service::{
        ObjectId,
        attachments::Stored,
        chat::{Actor, Attachment, Dialect, Draft, MessageKind},
        once::{Once, Outcome},
    },
};
use futures_util::stream;
use http::{Method, StatusCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::OneMessage;
use crate::{
    answer::Answer,
    call::Call,
    error::ApiError,
    form::Part,
    table::{Access, Operation},
};

/// Bytes of a form besides its file: texts, headers of parts, boundaries.
const FORM_BYTES: u64 = 128 << 10;
/// Bytes of a field that is text: more than 5,000 characters ever have.
const TEXT_BYTES: usize = 32 << 10;

pub(super) fn operations() -> Vec<Operation> {
    let refusals = [StatusCode::NOT_FOUND, StatusCode::CONFLICT];
    vec![
        Operation::new(
            &[Method::POST],
            "/api/chat/{id}/messages",
            "sendMessage",
            "Sends a message. A form is taken as by `/messages/file`.",
            Access::User,
            send,
        )
        .param::<ObjectId>("id")
        .body::<SendBody>()
        .form::<FileForm>()
        .answers::<OneMessage>(StatusCode::CREATED, "The message")
        .refuses(&refusals),
        Operation::new(
            &[Method::POST],
            "/api/chat/{id}/messages/file",
            "sendFileMessage",
            "Sends a message with a file of at most 10 MiB.",
            Access::User,
            send_file,
        )
        .param::<ObjectId>("id")
        .form::<FileForm>()
        .answers::<OneMessage>(StatusCode::CREATED, "The message with its attachment")
        .refuses(&refusals),
    ]
}

/// The body of `POST /api/chat/{id}/messages`.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "NewMessageBody")]
struct SendBody {
    /// The text; at most 5,000 characters.
    #[schemars(extend("minLength" = 1))]
    content: Text,
    /// Who writes; `system` is for `service` and `admin`.
    #[serde(rename = "type", default)]
    kind: Kind,
    /// The message of the same chat that it answers.
    reply_to_message_id: Option<ObjectId>,
    /// Anything to be kept with it; at most 4 KiB.
    metadata: Option<Object>,
    /// Makes a retry harmless for 24 hours.
    client_id: Option<ClientId>,
}

/// The form of `POST /api/chat/{id}/messages/file`.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "read part by part; here it is described")]
struct FileForm {
    /// The file.
    #[schemars(extend("format" = "binary"))]
    file: String,
    /// A text that goes with it.
    content: Option<String>,
    /// The message of the same chat that it answers.
    reply_to_message_id: Option<ObjectId>,
}

async fn send(mut call: Call) -> Result<Answer, ApiError> {
    if call.is_form() {
        return send_file(call).await;
    }
    let chat = call.chat_id()?;
    let asked: SendBody = call.json().await?;
    let (actor, voice) = (call.actor()?, call.voice().await?);
    let once = asked.client_id.as_ref().map(|id| {
        let person = actor.party.to_string();
        Once::of_client("/api/chat", &person, "send", id.as_str(), &(chat, &asked))
    });
    let draft = Draft {
        content: Some(asked.content.as_str().to_owned()),
        kind: match asked.kind {
            Kind::Text => MessageKind::Text,
            Kind::System => MessageKind::System,
        },
        reply_to: asked.reply_to_message_id,
        metadata: asked.metadata.as_ref().map(|metadata| metadata.fields().clone()),
        ..Draft::default()
    };
    let once = once.transpose()?;
    match call.services().chat.send(&voice, &actor, chat, draft, once).await? {
        Outcome::Done(sent) => {
            let message = voice.message(&sent.message);
            Answer::json(StatusCode::CREATED, &OneMessage { message })
        }
        Outcome::Repeated(answer) => repeated(&answer),
    }
}

/// The first answer, given again.
fn repeated(answer: &Bytes) -> Result<Answer, ApiError> {
    let first: &RawValue = serde_json::from_slice(answer).map_err(|error| {
        tracing::error!(%error, "a stored answer is no JSON");
        ApiError::Unavailable { retry_after: std::time::Duration::from_secs(1) }
    })?;
    Answer::json(StatusCode::CREATED, &first)
}

async fn send_file(mut call: Call) -> Result<Answer, ApiError> {
    let (actor, chat) = (call.actor()?, call.chat_id()?);
    // Before any of the file is read.
    call.services().chat.admit(Dialect::Marketplace, &actor, chat).await?;
    let mut upload = Upload::default();
    let result = match upload.read(&mut call, chat).await {
        Ok(()) => commit(&call, &actor, chat, &upload).await,
        Err(error) => Err(error),
    };
    if let (Err(_), Some(file)) = (&result, &upload.file)
        && let Err(error) = call.services().attachments.discard(file).await
    {
        // The sweep will.
        tracing::warn!(%error, "a file without a message is not removed yet");
    }
    result
}

/// What has come of a form.
#[derive(Default)]
struct Upload {
    file: Option<Stored>,
    content: Option<String>,
    reply_to: Option<ObjectId>,
}

impl Upload {
    async fn read(&mut self, call: &mut Call, chat: ObjectId) -> Result<(), ApiError> {
        let file_max = call.services().attachments.bytes_max();
        let max = usize::try_from(file_max + FORM_BYTES).unwrap_or(usize::MAX);
        let mut form = call.form(max)?;
        while let Some(part) = form.next().await? {
            let name = part.name().to_owned();
            let again = match name.as_str() {
                "file" => self.file.is_some(),
                "content" => self.content.is_some(),
                "replyToMessageId" => self.reply_to.is_some(),
                _ => {
                    let shown: String = name.chars().take(64).collect();
                    return Err(ApiError::invalid(shown, "unknown field"));
                }
            };
            if again {
                return Err(ApiError::invalid(name, "given twice"));
            }
            match name.as_str() {
                "file" => self.file = Some(store(call, chat, part).await?),
                "content" => self.content = Some(part.text(TEXT_BYTES).await?),
                _ => {
                    let id = ObjectId::parse(&part.text(64).await?);
                    let id = id.map_err(|error| ApiError::invalid(name, error.to_string()))?;
                    self.reply_to = Some(id);
                }
            }
        }
        if self.file.is_none() {
            return Err(ApiError::invalid("file", "is required"));
        }
        Ok(())
    }
}

/// Stores a file while it arrives.
async fn store(call: &Call, chat: ObjectId, part: Part<'_>) -> Result<Stored, ApiError> {
    let attachments = &call.services().attachments;
    let (filename, media_type) =
        (part.filename().unwrap_or_default().to_owned(), part.media_type().map(str::to_owned));
    let mut broken = None;
    let stored = {
        let broken = &mut broken;
        let pieces = stream::try_unfold((part, broken), async |(mut part, broken)| {
            match part.piece().await {
                Ok(piece) => Ok(piece.map(|piece| (piece, (part, broken)))),
                Err(error) => {
                    // Told below as it is; the store only has to know that it is over.
                    *broken = Some(error);
                    Err(Refusal::Unfit { path: "file", message: "broke off".to_owned() })
                }
            }
        });
        attachments.put(chat, &filename, media_type.as_deref(), pieces).await
    };
    match (stored, broken) {
        (_, Some(error)) => Err(error),
        (Err(Refusal::Invalid { path, .. }), None) if path == "file" => {
            let max = usize::try_from(attachments.bytes_max()).unwrap_or(usize::MAX);
            Err(ApiError::BodyTooLarge { max })
        }
        (Err(refusal), None) => Err(refusal.into()),
        (Ok(stored), None) => Ok(stored),
    }
}

async fn commit(
    call: &Call,
    actor: &Actor,
    chat: ObjectId,
    upload: &Upload,
) -> Result<Answer, ApiError> {
    let attachments = upload.file.iter().map(|file| Attachment {
        id: file.id,
        url: None,
        filename: Some(file.filename.clone()),
        mime_type: file.mime_type.clone(),
        size: file.size,
    });
    let draft = Draft {
        content: upload.content.clone(),
        reply_to: upload.reply_to,
        attachments: attachments.collect(),
        admitted: true,
        ..Draft::default()
    };
    let voice = call.voice().await?;
    match call.services().chat.send(&voice, actor, chat, draft, None).await? {
        Outcome::Done(sent) => {
            let message = voice.message(&sent.message);
            Answer::json(StatusCode::CREATED, &OneMessage { message })
        }
        Outcome::Repeated(answer) => repeated(&answer),
    }
}
