//! Files of messages, for participants: by token, or by a link that was signed for an hour.

use std::{
    pin::Pin,
    sync::{Mutex, PoisonError},
    task::{Context, Poll},
};

use crier_domain::{
    Refusal,
    dialect::marketplace::Marketplace,
    service::{ObjectId, attachments::FileStream, chat::Dialect},
};
use futures_util::Stream;
use http::{HeaderValue, Method, StatusCode, header};
use schemars::JsonSchema;
use serde::Deserialize;
use warp::reply::Reply as _;

use crate::{
    answer::Answer,
    call::Call,
    error::ApiError,
    table::{Access, Content, Operation},
};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::new(
            &[Method::GET],
            "/api/chat/{id}/attachments/{attachmentId}",
            "getAttachment",
            "A file: for participants, and for whoever has a link that was signed within the hour.",
            Access::Anyone,
            get,
        )
        .param::<ObjectId>("id")
        .param::<ObjectId>("attachmentId")
        .query::<Signed>()
        .success(StatusCode::OK, "The file", Content::Other("application/octet-stream"))
        .refuses(&[StatusCode::NOT_FOUND]),
    ]
}

/// What a signed link has.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Signed {
    /// Until when, in seconds since 1970.
    #[schemars(range(max = u64::MAX))]
    expires: Option<u64>,
    /// The signature.
    signature: Option<String>,
}

async fn get(call: Call) -> Result<Answer, ApiError> {
    let signed: Signed = call.query()?;
    let (chat, id) = (call.chat_id()?, call.id("attachmentId", "Attachment")?);
    let attachments = &call.services().attachments;
    let path = Marketplace::path_of(chat, id);
    let by_link = match (signed.expires, &signed.signature) {
        (Some(expires), Some(signature)) => attachments.verify(&path, expires, signature).await?,
        _ => false,
    };
    if !by_link {
        let actor = call.actor()?;
        call.services().chat.get(Dialect::Marketplace, &actor, chat).await?;
    }
    let stored = attachments.get(id).await?.filter(|stored| stored.chat == chat);
    let stored = stored.ok_or(Refusal::NotFound { what: "Attachment" })?;
    let file = attachments.open(&stored).await?;
    let mut response = warp::reply::stream(Shared(Mutex::new(file))).into_response();
    let headers = response.headers_mut();
    let text = |text: &str| HeaderValue::from_str(text).map_err(|_| ApiError::NotFound);
    headers.insert(header::CONTENT_TYPE, text(stored.content_type())?);
    headers.insert(header::CONTENT_DISPOSITION, text(&stored.content_disposition())?);
    headers.insert(header::CONTENT_LENGTH, stored.size.into());
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let nothing = HeaderValue::from_static("default-src 'none'; sandbox");
    headers.insert(header::CONTENT_SECURITY_POLICY, nothing);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    Ok(Answer::whole(response))
}

/// A file's bytes, as a body of an answer has to be: shared between threads, read by one. The lock is
/// never waited for.
struct Shared(Mutex<FileStream>);

impl Stream for Shared {
    type Item = <FileStream as Stream>::Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let file = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        file.as_mut().poll_next(cx)
    }
}
