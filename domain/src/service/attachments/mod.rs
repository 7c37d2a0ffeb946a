//! Files that go with messages.
//!
//! ```text
//!   upload ──▶ put: pending record ─▶ bytes ─▶ record ──▶ message's commit with keep()'s writes
//!                          └── no message within an hour ──▶ sweep: all of it is removed
//!   link ──▶ sign(path) … verify(path, expires, signature) ──▶ get(id) ──▶ open(&file)
//! ```
//!
//! The bytes are in a folder or a bucket, under names that no user chooses; what is known of them is a
//! record of the store, with the chat that it belongs to: who asks has to ask first whether the reader is in
//! that chat. A file is pending from before its first byte until a message has it, so that whatever goes
//! wrong in between, it is found and removed.

mod file;
mod links;
mod place;
mod signature;

pub use file::OCTETS;
pub use links::SignedLinks;
pub use place::{Place, PlaceError};

use std::{fmt, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt as _, stream::BoxStream};
use object_store::{ObjectStore, ObjectStoreExt as _, PutPayload, WriteMultipart, path::Path};
use serde::{Deserialize, Serialize};
use tokio::sync::{OnceCell, Semaphore};

use self::signature::Signer;
use super::{Deps, ObjectId, stored::Layout};
use crate::{
    clock::Clock,
    error::Refusal,
    store::{Commit, Committed, Expect, Key, Scan, Store, StoreError, Write},
};

/// How long a file waits for its message.
const PENDING_MS: u64 = 60 * 60 * 1_000;

/// What is sent to the files at once: S3 wants at least so much of each part but the last.
const PART: usize = 5 << 20;

/// Uploads at one time; each holds up to two parts in memory. One more is refused as unavailable.
const UPLOADS_MAX: usize = 16;

/// Files that one sweep removes.
const SWEEP: usize = 100;

const LAYOUT: Layout = Layout(1);

/// Where files are, and what may be uploaded.
#[derive(Clone, Debug)]
pub struct AttachmentSettings {
    /// The folder or bucket.
    pub files: Arc<dyn ObjectStore>,
    /// Bytes of one file. Default 10 MiB.
    pub bytes_max: u64,
    /// What signs links, the newest first; with none, a key that the store keeps.
    pub secrets: Vec<Vec<u8>>,
}

impl Default for AttachmentSettings {
    /// Files in memory, for tests.
    fn default() -> Self {
        let files = Arc::new(object_store::memory::InMemory::new());
        Self { files, bytes_max: 10 << 20, secrets: Vec::new() }
    }
}

/// A file, as a message carries it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    /// Its id.
    pub id: ObjectId,
    /// The chat whose participants may have it.
    pub chat: ObjectId,
    /// Its name, cleaned.
    pub filename: String,
    /// Its type: of pictures by their bytes, else what the sender said. Only for telling: it is served
    /// by [`Stored::content_type`].
    pub mime_type: String,
    /// Its bytes.
    pub size: u64,
    /// When it came, in milliseconds since 1970.
    pub uploaded_at: u64,
    inline: bool,
}

impl Stored {
    /// `Content-Type` to serve it with: a picture's where it is one, else bytes that no browser
    /// interprets. To be sent with `X-Content-Type-Options: nosniff`.
    pub fn content_type(&self) -> &str {
        if self.inline { &self.mime_type } else { OCTETS }
    }

    /// `Content-Disposition` to serve it with: shown where it is a picture, else saved.
    pub fn content_disposition(&self) -> String {
        file::disposition(self.inline, &self.filename)
    }
}

/// The bytes of a file, as they come.
pub type FileStream = BoxStream<'static, Result<Bytes, object_store::Error>>;

/// Files that go with messages.
pub struct Attachments {
    store: Arc<dyn Store>,
    clock: Clock,
    settings: AttachmentSettings,
    uploads: Semaphore,
    signer: OnceCell<Signer>,
}

impl Attachments {
    pub(crate) fn new(deps: &Deps, settings: AttachmentSettings) -> Self {
        Self::over(Arc::clone(&deps.store), deps.clock.clone(), settings)
    }

    /// Files whose records are in this store.
    pub fn over(store: Arc<dyn Store>, clock: Clock, settings: AttachmentSettings) -> Self {
        Self {
            store,
            clock,
            settings,
            uploads: Semaphore::new(UPLOADS_MAX),
            signer: OnceCell::new(),
        }
    }

    /// Bytes that a file may have.
    pub fn bytes_max(&self) -> u64 {
        self.settings.bytes_max
    }

    /// Takes a file. It is pending: a message has to be committed with what [`Attachments::keep`] gives
    /// within an hour. Who may upload into the chat is for the caller to know, and so is how long the
    /// bytes may take to come.
    ///
    /// # Errors
    ///
    /// [`Refusal::Invalid`] at `file` where it is too large, what the bytes end with where they end so,
    /// [`Refusal::Unavailable`]. What had come is removed then.
    ///
    /// # Cancel safety
    ///
    /// What had come when the future is dropped is removed by [`Attachments::sweep`].
    pub async fn put(
        &self,
        chat: ObjectId,
        filename: &str,
        declared_type: Option<&str>,
        bytes: impl Stream<Item = Result<Bytes, Refusal>> + Send,
    ) -> Result<Stored, Refusal> {
        let _place = self.uploads.try_acquire().map_err(|_| UNAVAILABLE)?;
        let uploaded_at = self.clock.unix_ms();
        let id = ObjectId::generate(uploaded_at);
        let pending = pending_key(uploaded_at, id);
        let note = Write::put(pending.clone(), Expect::Absent, Bytes::new());
        let noted = self.commit([note]).await?;
        let written = match self.write(id, bytes).await {
            Ok(written) => written,
            Err(refusal) => {
                // What cannot be removed now, the sweep will.
                let _ = self.erase(id, pending, Expect::Version(noted)).await;
                return Err(refusal);
            }
        };
        let stored = Stored {
            id,
            chat,
            filename: file::clean_name(filename),
            mime_type: file::told_type(&written.head, declared_type),
            inline: file::picture(&written.head).is_some(),
            size: written.size,
            uploaded_at,
        };
        let record = Write::put(file_key(id), Expect::Absent, LAYOUT.pack(&stored)?);
        // Where it took longer than an hour, it has been swept.
        let still_pending = Write::check(pending.clone(), Expect::Version(noted));
        if let Err(refusal) = self.commit([record, still_pending]).await {
            let _ = self.erase(id, pending, Expect::Version(noted)).await;
            return Err(refusal);
        }
        Ok(stored)
    }

    /// What a commit that makes a message of these files has to write besides: they are pending no
    /// longer. A [`StoreError::Conflict`] of that commit means that they are being removed.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotFound`] where there is no such file in the chat, [`Refusal::Unavailable`].
    pub async fn keep(
        &self,
        chat: ObjectId,
        files: impl IntoIterator<Item = ObjectId>,
    ) -> Result<Vec<Write>, Refusal> {
        let mut writes = Vec::new();
        for id in files {
            let stored = self.get(id).await?.filter(|stored| stored.chat == chat);
            let stored = stored.ok_or(Refusal::NotFound { what: "Attachment" })?;
            let pending = pending_key(stored.uploaded_at, id);
            if let Some(record) = self.store.get(pending.clone()).await? {
                writes.push(Write::delete(pending, Expect::Version(record.version)));
            }
        }
        Ok(writes)
    }

    /// What is known of a file, also while it is pending.
    ///
    /// # Errors
    ///
    /// [`Refusal::Unavailable`].
    pub async fn get(&self, id: ObjectId) -> Result<Option<Stored>, Refusal> {
        let record = self.store.get(file_key(id)).await?;
        Ok(LAYOUT.unpack_some(record.as_ref())?)
    }

    /// The bytes of a file.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotFound`] where they are gone, [`Refusal::Unavailable`].
    pub async fn open(&self, stored: &Stored) -> Result<FileStream, Refusal> {
        match self.settings.files.get(&path_of(stored.id)).await {
            Ok(found) => Ok(found.into_stream()),
            Err(object_store::Error::NotFound { .. }) => {
                Err(Refusal::NotFound { what: "Attachment" })
            }
            Err(error) => Err(failed(&error)),
        }
    }

    /// Removes files whose message is gone. What cannot be removed now, the sweep will.
    ///
    /// # Errors
    ///
    /// [`Refusal::Unavailable`].
    pub async fn remove(&self, files: impl IntoIterator<Item = ObjectId>) -> Result<(), Refusal> {
        for id in files {
            if let Some(stored) = self.get(id).await? {
                let pending = pending_key(stored.uploaded_at, id);
                let note = self.store.get(pending.clone()).await?;
                self.erase(id, pending, Expect::unchanged(note.as_ref())).await?;
            }
        }
        Ok(())
    }

    /// Removes a file whose message did not come about, unless it did after all: whoever was told that
    /// the store is away does not know.
    ///
    /// # Errors
    ///
    /// [`Refusal::Unavailable`]; then the sweep will.
    pub async fn discard(&self, stored: &Stored) -> Result<(), Refusal> {
        let pending = pending_key(stored.uploaded_at, stored.id);
        if let Some(note) = self.store.get(pending.clone()).await? {
            self.erase(stored.id, pending, Expect::Version(note.version)).await?;
        }
        Ok(())
    }

    /// Removes some files that no message came for within an hour; how many. To be called every minute
    /// or so.
    ///
    /// # Errors
    ///
    /// [`Refusal::Unavailable`].
    pub async fn sweep(&self) -> Result<usize, Refusal> {
        let pending = Key::of(PENDING);
        let due = self.clock.unix_ms().saturating_sub(PENDING_MS);
        let before = pending.clone().number(due);
        let found = self.store.scan(Scan::of(pending.clone(), SWEEP).below(before)).await?;
        let mut removed = 0;
        for (key, note) in found {
            let mut parts = key.after(&pending);
            let id = parts.number().and_then(|_| parts.text());
            if let Some(Ok(id)) = id.map(|id| ObjectId::parse(&id)) {
                // Another one's sweep, or a message that came after all, may have been faster: the
                // note has to be the one that was found.
                removed += usize::from(self.erase(id, key, Expect::Version(note.version)).await?);
            }
        }
        Ok(removed)
    }

    async fn write(
        &self,
        id: ObjectId,
        bytes: impl Stream<Item = Result<Bytes, Refusal>> + Send,
    ) -> Result<Written, Refusal> {
        let (files, path) = (&self.settings.files, path_of(id));
        let mut bytes = std::pin::pin!(bytes);
        let mut written = Written::default();
        let mut small = BytesMut::new();
        let mut large: Option<WriteMultipart> = None;
        while let Some(chunk) = bytes.next().await {
            let chunk = match self.count(&mut written, chunk) {
                Ok(chunk) => chunk,
                Err(refusal) => {
                    if let Some(upload) = large {
                        // Nobody waits for it any more.
                        let _ = upload.abort().await;
                    }
                    return Err(refusal);
                }
            };
            match &mut large {
                Some(upload) => {
                    upload.wait_for_capacity(1).await.map_err(|error| failed(&error))?;
                    upload.put(chunk);
                }
                None => small.extend_from_slice(&chunk),
            }
            if large.is_none() && small.len() >= PART {
                let upload = files.put_multipart(&path).await.map_err(|error| failed(&error))?;
                let mut upload = WriteMultipart::new_with_chunk_size(upload, PART);
                upload.put(std::mem::take(&mut small).freeze());
                large = Some(upload);
            }
        }
        let done = match large {
            Some(upload) => upload.finish().await,
            None => files.put(&path, PutPayload::from(small.freeze())).await,
        };
        done.map_err(|error| failed(&error))?;
        Ok(written)
    }

    fn count(
        &self,
        written: &mut Written,
        chunk: Result<Bytes, Refusal>,
    ) -> Result<Bytes, Refusal> {
        let chunk = chunk?;
        written.size += chunk.len() as u64;
        if written.size > self.settings.bytes_max {
            let message = format!("at most {} bytes", self.settings.bytes_max);
            return Err(Refusal::Invalid { path: "file".to_owned(), message });
        }
        let missing = file::MAGIC.saturating_sub(written.head.len());
        written.head.extend_from_slice(chunk.get(..missing).unwrap_or(&chunk));
        Ok(chunk)
    }

    /// Removes a file: first what is known of it, then its bytes, then the note to do so. False where the
    /// note is not as expected, because a message has the file by now.
    async fn erase(&self, id: ObjectId, pending: Key, note: Expect) -> Result<bool, Refusal> {
        // Written anew, so that a message that is about to keep it no longer can.
        let commit = Commit {
            writes: vec![
                Write::put(pending.clone(), note, Bytes::new()),
                Write::delete(file_key(id), Expect::Anything),
            ],
            ..Commit::default()
        };
        match self.store.commit(commit).await {
            Ok(_) => {}
            Err(StoreError::Conflict { .. }) => return Ok(false),
            Err(error) => return Err(error.into()),
        }
        match self.settings.files.delete(&path_of(id)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
            Err(error) => return Err(failed(&error)),
        }
        self.commit([Write::delete(pending, Expect::Anything)]).await?;
        Ok(true)
    }

    /// The version that the records have now.
    async fn commit(&self, writes: impl IntoIterator<Item = Write>) -> Result<u64, Refusal> {
        let commit = Commit { writes: writes.into_iter().collect(), ..Commit::default() };
        match self.store.commit(commit).await? {
            Committed::Done { version } => Ok(version),
            // Only what has a claim is.
            Committed::Repeated { .. } => Err(UNAVAILABLE),
        }
    }
}

/// What has come of a file.
#[derive(Debug, Default)]
struct Written {
    head: Vec<u8>,
    size: u64,
}

/// Files without a message yet, by the time that they came.
const PENDING: &str = "attachments-pending";

fn pending_key(uploaded_at: u64, id: ObjectId) -> Key {
    Key::of(PENDING).number(uploaded_at).text(&id.to_string())
}

fn file_key(id: ObjectId) -> Key {
    Key::of("attachments").text(&id.to_string())
}

/// In folders by the last two digits, which are chance: none has too many files.
fn path_of(id: ObjectId) -> Path {
    let id = id.to_string();
    let folder = id.get(id.len().saturating_sub(2)..).unwrap_or_default().to_owned();
    Path::from_iter([folder, id])
}

const UNAVAILABLE: Refusal = Refusal::Unavailable { retry_after: Duration::from_secs(1) };

fn failed(error: &object_store::Error) -> Refusal {
    tracing::error!(%error, "the files of attachments cannot be used");
    UNAVAILABLE
}

impl fmt::Debug for Attachments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attachments").finish_non_exhaustive()
    }
}
