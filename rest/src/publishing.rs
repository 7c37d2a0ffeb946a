//! What all publishing routes share: ids, fingerprints, and handing over to the bus.

use crier_domain::{Idempotency, Publish};
use http::HeaderMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{error::ApiError, sidecar::State};

/// Rooms that one event may name.
pub(crate) const ROOMS_MAX: usize = 1_000;

/// Bytes of an idempotency id (hardening, R6).
const ID_BYTES_MAX: usize = 64;

/// Text without control characters, as a pattern.
pub(crate) const NO_CONTROL: &str = r"^[^\u0000-\u001f\u007f-\u009f]*$";

/// The id of a publishing, chosen by the caller: 1 to 64 bytes without control characters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(
    inline,
    extend("minLength" = 1, "maxLength" = ID_BYTES_MAX, "pattern" = NO_CONTROL)
)]
pub(crate) struct Id(String);

impl TryFrom<String> for Id {
    type Error = &'static str;

    fn try_from(id: String) -> Result<Self, Self::Error> {
        let legal = (1..=ID_BYTES_MAX).contains(&id.len()) && !id.chars().any(char::is_control);
        legal.then_some(Self(id)).ok_or("expected 1 to 64 bytes without control characters")
    }
}

impl Id {
    /// The header `Idempotency-Key`.
    ///
    /// # Errors
    ///
    /// 422 where it is no legal id, or there are several.
    pub(crate) fn from_header(headers: &HeaderMap) -> Result<Option<Self>, ApiError> {
        let mut values = headers.get_all("idempotency-key").iter();
        let Some(value) = values.next() else {
            return Ok(None);
        };
        let refuse = |message: &str| ApiError::invalid("Idempotency-Key", message);
        if values.next().is_some() {
            return Err(refuse("given twice"));
        }
        let text = value.to_str().map_err(|_| refuse("expected ASCII"))?;
        let id = Self::try_from(text.to_owned()).map_err(refuse)?;
        Ok(Some(id))
    }

    /// The one id of a request that may have it in the body, in the header, or in both alike.
    ///
    /// # Errors
    ///
    /// 409 where they differ.
    pub(crate) fn one(body: Option<Self>, header: Option<Self>) -> Result<Option<Self>, ApiError> {
        match (body, header) {
            (Some(body), Some(header)) if body != header => {
                let message = "id: differs from the header Idempotency-Key".to_owned();
                Err(ApiError::Conflict { message })
            }
            (body, header) => Ok(body.or(header)),
        }
    }

    /// The id of an item in a batch that was sent under one `Idempotency-Key` and gives the item
    /// none: the same each time that the batch is sent again.
    pub(crate) fn of_item(&self, index: usize) -> Self {
        let digest = Sha256::digest(&self.0);
        let short: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        Self(format!("{short}-{index}"))
    }

    /// What the bus knows it by, with the fingerprint of what is asked for.
    pub(crate) fn idempotency(&self, fingerprint: [u8; 32]) -> Idempotency {
        Idempotency { key: self.0.clone(), fingerprint }
    }

    /// A random UUID (RFC 9562, version 4), for a caller who gives none.
    fn random() -> Result<Self, ApiError> {
        let mut bytes = [0_u8; 16];
        getrandom::fill(&mut bytes).map_err(|_| ApiError::Unavailable {
            retry_after: std::time::Duration::from_secs(1),
        })?;
        let random = u128::from_be_bytes(bytes);
        let versioned = random & !(0xF << 76) & !(0x3 << 62) | (0x4 << 76) | (0x2 << 62);
        let hex = format!("{versioned:032x}");
        let mut text = String::with_capacity(36);
        for (index, digit) in hex.chars().enumerate() {
            if matches!(index, 8 | 12 | 16 | 20) {
                text.push('-');
            }
            text.push(digit);
        }
        Ok(Self(text))
    }
}

/// Hashes what is asked for. Each part is preceded by its length, so that no two requests run
/// together into one text.
pub(crate) fn fingerprint<'a>(parts: impl IntoIterator<Item = &'a str>) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

/// The answer to one publishing, the same for its repetitions.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Accepted {
    /// The caller's, else one that was made.
    pub(crate) id: Id,
    /// What was published.
    pub(crate) event: String,
    /// To whom; empty = everyone.
    pub(crate) rooms: Vec<String>,
}

/// Publishes under the caller's id, or under one that is made here.
///
/// # Errors
///
/// 409 where the id was used for something else, 503 where nothing could be published.
pub(crate) async fn publish(
    state: &State,
    mut event: Publish,
    id: Option<Id>,
    fingerprint: [u8; 32],
) -> Result<Accepted, ApiError> {
    event.idempotency = id.as_ref().map(|id| id.idempotency(fingerprint));
    let id = match id {
        Some(id) => id,
        None => Id::random()?,
    };
    let accepted = Accepted {
        id,
        event: event.event.clone(),
        rooms: event.rooms.iter().map(|room| room.as_str().to_owned()).collect(),
    };
    state.parts.bus.publish(event).await?;
    Ok(accepted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_made_id_is_a_uuid_of_version_4() {
        let Id(id) = Id::random().unwrap();
        let lengths: Vec<usize> = id.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12], "{id}");
        assert_eq!(id.chars().nth(14), Some('4'), "{id}");
        assert!(id.chars().nth(19).is_some_and(|c| "89ab".contains(c)), "{id}");
        assert_ne!(Id::random().unwrap().0, id);
    }

    #[test]
    fn parts_of_a_fingerprint_do_not_run_together() {
        assert_ne!(fingerprint(["ab", "c"]), fingerprint(["a", "bc"]));
        assert_ne!(fingerprint(["a", ""]), fingerprint(["a"]));
        assert_eq!(fingerprint(["a", "b"]), fingerprint(["a", "b"]));
    }
}
