//! The body of a POST, read against its limits.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use tokio::time::{Instant, timeout_at};

/// Time for a body, besides what its bytes earn it.
const BODY_TIME: Duration = Duration::from_secs(10);

/// Bytes that earn a body one more second: slower peers are cut off.
const BYTES_PER_SECOND: usize = 1 << 10;

/// Why there is no body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadBody {
    /// More than the limit, said at the byte that crosses it, or by the declared length.
    TooLarge,
    /// The client went away.
    Aborted,
    /// It came too slowly.
    TooSlow,
}

/// Reads a body of at most `max` bytes; holds no more than has arrived.
pub(crate) async fn read(mut body: Incoming, max: usize) -> Result<Bytes, BadBody> {
    let declared = body.size_hint().lower();
    if declared > u64::try_from(max).unwrap_or(u64::MAX) {
        return Err(BadBody::TooLarge);
    }
    let start = Instant::now();
    let mut first: Option<Bytes> = None;
    let mut all = BytesMut::new();
    let mut len = 0_usize;
    loop {
        let earned = u32::try_from(len / BYTES_PER_SECOND).unwrap_or(u32::MAX);
        let deadline = start + BODY_TIME + Duration::from_secs(1) * earned;
        let frame = timeout_at(deadline, body.frame()).await.map_err(|_| BadBody::TooSlow)?;
        let Some(frame) = frame else { break };
        let Ok(data) = frame.map_err(|_| BadBody::Aborted)?.into_data() else {
            continue;
        };
        len += data.len();
        if len > max {
            return Err(BadBody::TooLarge);
        }
        match (&first, all.is_empty()) {
            // Most bodies come in one piece, which is taken as it is.
            (None, true) => first = Some(data),
            (Some(piece), true) => {
                all.extend_from_slice(piece);
                all.extend_from_slice(&data);
                first = None;
            }
            (_, false) => all.extend_from_slice(&data),
        }
    }
    Ok(first.unwrap_or_else(|| all.freeze()))
}
