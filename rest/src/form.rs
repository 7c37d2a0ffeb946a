//! `multipart/form-data`, part by part as it arrives: nothing of a file is held here but the piece
//! that was just read.

use std::{fmt, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, header};
use multer::{Constraints, Multipart, SizeLimit};
use tokio::time::{Instant, timeout_at};

use crate::{
    body::{BodyStream, announced, check_encoding},
    error::ApiError,
};

/// Parts that a form may have; each costs a few headers.
const PARTS_MAX: usize = 32;

/// A second more to arrive for each KiB that came, as for polling bodies.
const BYTES_PER_SECOND_MIN: usize = 1 << 10;

/// A form that is being read.
pub(crate) struct Form {
    parts: Multipart<'static>,
    progress: Progress,
    read: usize,
    max: usize,
}

/// One part of a form.
pub(crate) struct Part<'f> {
    field: multer::Field<'static>,
    progress: &'f mut Progress,
    max: usize,
}

/// When what is still to come has to be here.
struct Progress {
    deadline: Instant,
    bytes: usize,
}

impl Form {
    pub(crate) fn new(
        headers: &HeaderMap,
        stream: BodyStream,
        max: usize,
        timeout: Duration,
    ) -> Result<Self, ApiError> {
        check_encoding(headers)?;
        let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let boundary = multer::parse_boundary(kind.unwrap_or_default()).map_err(|_| {
            ApiError::MediaType { message: "the content type must be multipart/form-data" }
        })?;
        if announced(headers).is_some_and(|length| length > max) {
            return Err(ApiError::BodyTooLarge { max });
        }
        let limit = u64::try_from(max).unwrap_or(u64::MAX);
        let constraints =
            Constraints::new().size_limit(SizeLimit::new().whole_stream(limit).per_field(limit));
        Ok(Self {
            parts: Multipart::with_constraints(stream, boundary, constraints),
            progress: Progress { deadline: Instant::now() + timeout, bytes: 0 },
            read: 0,
            max,
        })
    }

    /// The next part; what was not read of the one before is skipped.
    ///
    /// # Errors
    ///
    /// 400 where it is no form or breaks off, 408, 413, 422 for too many parts.
    pub(crate) async fn next(&mut self) -> Result<Option<Part<'_>>, ApiError> {
        let max = self.max;
        let next = self.progress.wait(self.parts.next_field()).await?;
        let Some(field) = next.map_err(|error| refusal(&error, max))? else {
            return Ok(None);
        };
        self.read += 1;
        if self.read > PARTS_MAX {
            return Err(ApiError::invalid("", format!("at most {PARTS_MAX} parts")));
        }
        Ok(Some(Part { field, progress: &mut self.progress, max }))
    }
}

impl Part<'_> {
    /// The name of its field; empty where it has none.
    pub(crate) fn name(&self) -> &str {
        self.field.name().unwrap_or_default()
    }

    /// The name of the file, as the sender's browser gave it.
    pub(crate) fn filename(&self) -> Option<&str> {
        self.field.file_name()
    }

    /// What the sender says that it is.
    pub(crate) fn media_type(&self) -> Option<&str> {
        self.field.content_type().map(AsRef::as_ref)
    }

    /// The next piece of it.
    ///
    /// # Errors
    ///
    /// 400 where it breaks off, 408, 413.
    pub(crate) async fn piece(&mut self) -> Result<Option<Bytes>, ApiError> {
        let piece = self.progress.wait(self.field.chunk()).await?;
        let piece = piece.map_err(|error| refusal(&error, self.max))?;
        self.progress.came(piece.as_ref().map_or(0, Bytes::len));
        Ok(piece)
    }

    /// All of it as text of at most `max` bytes.
    ///
    /// # Errors
    ///
    /// Those of [`Part::piece`]; 422 naming the field where it is longer, or no UTF-8.
    pub(crate) async fn text(mut self, max: usize) -> Result<String, ApiError> {
        let name: String = self.name().chars().take(64).collect();
        let mut bytes = Vec::new();
        while let Some(piece) = self.piece().await? {
            if piece.len() > max.saturating_sub(bytes.len()) {
                return Err(ApiError::invalid(name, format!("at most {max} bytes")));
            }
            bytes.extend_from_slice(&piece);
        }
        String::from_utf8(bytes).map_err(|_| ApiError::invalid(name, "expected UTF-8"))
    }
}

/// A form gives its next part only once the one before is gone; this has the compiler see to it.
impl Drop for Part<'_> {
    fn drop(&mut self) {}
}

impl Progress {
    async fn wait<T>(&self, future: impl Future<Output = T>) -> Result<T, ApiError> {
        timeout_at(self.deadline, future).await.map_err(|_| ApiError::Timeout)
    }

    fn came(&mut self, bytes: usize) {
        self.bytes += bytes;
        let seconds = self.bytes / BYTES_PER_SECOND_MIN;
        self.bytes %= BYTES_PER_SECOND_MIN;
        self.deadline += Duration::from_secs(u64::try_from(seconds).unwrap_or_default());
    }
}

fn refusal(error: &multer::Error, max: usize) -> ApiError {
    match error {
        multer::Error::StreamSizeExceeded { .. } | multer::Error::FieldSizeExceeded { .. } => {
            ApiError::BodyTooLarge { max }
        }
        _ => ApiError::BrokenBody,
    }
}

impl fmt::Debug for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Form").field("read", &self.read).finish_non_exhaustive()
    }
}

impl fmt::Debug for Part<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Part").field("name", &self.name()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{StreamExt as _, stream};
    use http::{HeaderMap, HeaderValue, header};

    use super::*;

    fn headers(kind: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(kind))])
    }

    /// A form of this text, which arrives in pieces of so many bytes.
    fn form(text: &str, pieces: usize, max: usize) -> Form {
        let pieces: Vec<_> =
            text.as_bytes().chunks(pieces).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
        let stream: BodyStream = Box::pin(stream::iter(pieces));
        let timeout = Duration::from_secs(30);
        Form::new(&headers("multipart/form-data; boundary=X"), stream, max, timeout).unwrap()
    }

    fn part(name: &str, content: &str) -> String {
        format!("--X\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{content}\r\n")
    }

    const FILE: &str = "--X\r\nContent-Disposition: form-data; name=\"file\"; filename=\"é.png\"\r\n\
        Content-Type: image/png\r\n\r\nPNG\r\n--X--\r\n";

    #[tokio::test]
    async fn parts_are_read_in_their_order_however_they_arrive() {
        for pieces in [1, 7, 10_000] {
            let mut form = form(&(part("content", "hello") + FILE), pieces, 10_000);
            let content = form.next().await.unwrap().unwrap();
            assert_eq!(content.name(), "content");
            assert_eq!(content.text(5).await, Ok("hello".to_owned()));
            let mut file = form.next().await.unwrap().unwrap();
            assert_eq!((file.name(), file.filename()), ("file", Some("é.png")));
            assert_eq!(file.media_type(), Some("image/png"));
            let mut bytes = Vec::new();
            while let Some(piece) = file.piece().await.unwrap() {
                bytes.extend_from_slice(&piece);
            }
            assert_eq!(bytes, b"PNG");
            drop(file);
            assert!(form.next().await.unwrap().is_none());
        }
    }

    #[tokio::test]
    async fn what_is_too_much_is_refused() {
        let long = part("content", &"x".repeat(1_000)) + "--X--\r\n";
        let mut over = form(&long, 100, 500);
        let refused = match over.next().await {
            Ok(Some(part)) => part.text(10_000).await.unwrap_err(),
            Ok(None) => panic!("nothing there"),
            Err(error) => error,
        };
        assert_eq!(refused, ApiError::BodyTooLarge { max: 500 });

        let mut fits = form(&long, 100, 5_000);
        let field = fits.next().await.unwrap().unwrap();
        let refused = field.text(999).await;
        assert_eq!(refused, Err(ApiError::invalid("content", "at most 999 bytes")));

        let mut many = form(&part("a", "b").repeat(33), 100, 100_000);
        for _ in 0..32 {
            assert!(many.next().await.unwrap().is_some());
        }
        let refused = many.next().await.err();
        assert_eq!(refused, Some(ApiError::invalid("", "at most 32 parts")));
    }

    #[tokio::test]
    async fn what_is_no_form_or_breaks_off_is_refused() {
        let none = || -> BodyStream { Box::pin(stream::empty()) };
        for kind in ["application/json", "multipart/form-data", "text/plain; boundary=X"] {
            let refused = Form::new(&headers(kind), none(), 10, Duration::from_secs(1));
            assert!(matches!(refused, Err(ApiError::MediaType { .. })), "{kind}");
        }
        let mut broken =
            form("--X\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nhel", 9, 999);
        let field = broken.next().await.unwrap().unwrap();
        assert_eq!(field.text(10).await, Err(ApiError::BrokenBody));
    }

    #[tokio::test(start_paused = true)]
    async fn a_form_that_stalls_is_given_up_and_one_that_moves_is_not() {
        let stalled: BodyStream = Box::pin(stream::pending());
        let headers = headers("multipart/form-data; boundary=X");
        let timeout = Duration::from_secs(2);
        let mut form = Form::new(&headers, stalled, 10, timeout).unwrap();
        assert_eq!(form.next().await.err(), Some(ApiError::Timeout));

        // A KiB a second for a minute.
        let text = part("file", &"x".repeat(60 << 10)) + "--X--\r\n";
        let pieces: Vec<Bytes> =
            text.as_bytes().chunks(1 << 10).map(Bytes::copy_from_slice).collect();
        let slow: BodyStream = Box::pin(stream::iter(pieces).then(|piece| async move {
            tokio::time::sleep(Duration::from_millis(900)).await;
            Ok(piece)
        }));
        let mut form = Form::new(&headers, slow, 1 << 20, timeout).unwrap();
        let field = form.next().await.unwrap().unwrap();
        assert_eq!(field.text(1 << 20).await.map(|text| text.len()), Ok(60 << 10));
    }
}
