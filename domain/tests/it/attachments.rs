//! Files that go with messages: what is taken, what becomes of it, who can get it.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use crier_domain::{
    Clock, Outlet, Publish, Refusal, Store,
    service::{
        ObjectId,
        attachments::{AttachmentSettings, Attachments, OCTETS, Place, Stored},
    },
    store::{Commit, Committed, Key, MemoryStore, Record, Scan, StoreError, StoreFuture, Write},
};
use futures_util::{TryStreamExt as _, stream};

const HOUR: u64 = 60 * 60 * 1_000;
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n and so on";

#[derive(Debug)]
struct NoOutlet;

impl Outlet for NoOutlet {
    fn publish(&self, event: Publish) {
        panic!("files tell nobody: {event:?}");
    }
}

struct Rig {
    files: Attachments,
    store: Arc<dyn Store>,
    clock: Clock,
    folder: tempfile::TempDir,
    chat: ObjectId,
}

/// Files of at most 12 MiB in a folder.
fn rig() -> Rig {
    let clock = Clock::standing_at(1_800_000_000_000);
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new(Arc::new(NoOutlet), clock.clone()));
    let folder = tempfile::tempdir().unwrap();
    let files = Place::Folder(folder.path().join("uploads")).open().unwrap();
    let settings =
        AttachmentSettings { files, bytes_max: 12 << 20, ..AttachmentSettings::default() };
    let files = Attachments::over(Arc::clone(&store), clock.clone(), settings);
    Rig { files, store, clock, folder, chat: ObjectId::generate(0) }
}

impl Rig {
    async fn put(&self, name: &str, declared: &str, bytes: &[u8]) -> Result<Stored, Refusal> {
        // In pieces of a size that fits nothing.
        let pieces = bytes.chunks(100_003).map(|piece| Ok(Bytes::copy_from_slice(piece)));
        let pieces = stream::iter(pieces.collect::<Vec<_>>());
        self.files.put(self.chat, name, Some(declared), pieces).await
    }

    async fn read(&self, stored: &Stored) -> Result<Vec<u8>, Refusal> {
        let bytes = self.files.open(stored).await?;
        Ok(bytes.map_ok(|bytes| bytes.to_vec()).try_concat().await.unwrap())
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<(), StoreError> {
        self.store.commit(Commit { writes, ..Commit::default() }).await.map(drop)
    }

    /// Files that are in the folder.
    fn on_disk(&self) -> usize {
        let folders = std::fs::read_dir(self.folder.path().join("uploads")).unwrap();
        let files =
            folders.map(|folder| std::fs::read_dir(folder.unwrap().path()).unwrap().count());
        files.sum()
    }
}

#[tokio::test]
async fn a_file_comes_back_as_it_came() {
    let rig = rig();
    let large: Vec<u8> = (0..11_000_000_u32).map(|n| (n % 251) as u8).collect();
    for (bytes, name) in [(PNG, "a.png"), (b"", "empty"), (&large, "large.bin")] {
        let stored = rig.put(name, "", bytes).await.unwrap();
        assert_eq!((stored.size, stored.filename.as_str()), (bytes.len() as u64, name));
        assert_eq!(rig.files.get(stored.id).await.unwrap().as_ref(), Some(&stored));
        assert!(rig.read(&stored).await.unwrap() == bytes, "{name}");
    }
    assert_eq!(rig.on_disk(), 3);
}

#[tokio::test]
async fn only_pictures_are_shown_and_everything_else_is_saved() {
    let rig = rig();
    for (name, declared, bytes, told, served, how) in [
        ("a.png", "image/png", PNG, "image/png", "image/png", "inline"),
        ("a.html", "text/html", PNG, "image/png", "image/png", "inline"),
        ("a.png", "image/png", b"<script>", OCTETS, OCTETS, "attachment"),
        ("a.svg", "image/svg+xml", b"<svg>", OCTETS, OCTETS, "attachment"),
        ("a.html", "text/html", b"<script>", "text/html", OCTETS, "attachment"),
        ("../a.pdf", "application/pdf", b"%PDF", "application/pdf", OCTETS, "attachment"),
    ] {
        let stored = rig.put(name, declared, bytes).await.unwrap();
        assert_eq!((stored.mime_type.as_str(), stored.content_type()), (told, served), "{name}");
        let disposition = stored.content_disposition();
        assert!(disposition.starts_with(&format!("{how}; filename=\"a.")), "{disposition}");
    }
}

#[tokio::test]
async fn a_file_that_is_too_large_or_breaks_off_leaves_nothing() {
    let rig = rig();
    let most = vec![7; 12 << 20];
    assert_eq!(rig.put("a", "", &most).await.unwrap().size, 12 << 20);
    let before = rig.on_disk();
    let more = rig.put("a", "", &[&most[..], &[7]].concat()).await.unwrap_err();
    assert!(matches!(&more, Refusal::Invalid { path, .. } if path == "file"), "{more:?}");

    let broken = Refusal::Unfit { path: "file", message: "it broke off".to_owned() };
    let pieces = vec![Ok(Bytes::from_static(PNG)), Err(broken.clone())];
    let refused = rig.files.put(rig.chat, "a", None, stream::iter(pieces)).await;
    assert_eq!(refused, Err(broken));
    assert_eq!(rig.on_disk(), before);
    // Nothing of them waits to be swept either.
    rig.clock.advance(HOUR + 1);
    assert_eq!(rig.files.sweep().await, Ok(1), "the first one, whose message never came");
}

/// A store in which something happens right after a scan, as another replica's commit may.
#[derive(Debug)]
struct Meanwhile(Arc<dyn Store>, Mutex<Option<Commit>>);

impl Store for Meanwhile {
    fn get(&self, key: Key) -> StoreFuture<'_, Option<Record>> {
        self.0.get(key)
    }
    fn scan(&self, scan: Scan) -> StoreFuture<'_, Vec<(Key, Record)>> {
        Box::pin(async {
            let found = self.0.scan(scan).await;
            let commit = self.1.lock().unwrap().take();
            if let Some(commit) = commit {
                self.0.commit(commit).await?;
            }
            found
        })
    }
    fn commit(&self, commit: Commit) -> StoreFuture<'_, Committed> {
        self.0.commit(commit)
    }
}

#[tokio::test]
async fn a_file_whose_message_comes_while_it_is_swept_is_kept() {
    let rig = rig();
    let stored = rig.put("a", "", PNG).await.unwrap();
    rig.clock.advance(HOUR + 1);
    let writes = rig.files.keep(rig.chat, [stored.id]).await.unwrap();
    let kept = Mutex::new(Some(Commit { writes, ..Commit::default() }));
    let store = Arc::new(Meanwhile(Arc::clone(&rig.store), kept));
    let folder = Place::Folder(rig.folder.path().join("uploads")).open().unwrap();
    let settings = AttachmentSettings { files: folder, ..AttachmentSettings::default() };
    let files = Attachments::over(store, rig.clock.clone(), settings);
    // Found as pending, and taken by a message before the sweep gets to it.
    assert_eq!(files.sweep().await, Ok(0));
    assert_eq!(rig.read(&stored).await.unwrap(), PNG);
    assert_eq!(rig.files.get(stored.id).await, Ok(Some(stored.clone())));
    // Nor does the upload take it away that was told of no message.
    rig.files.discard(&stored).await.unwrap();
    assert_eq!(rig.read(&stored).await.unwrap(), PNG);
}

#[tokio::test]
async fn an_upload_without_a_message_is_discarded_at_once() {
    let rig = rig();
    let stored = rig.put("a", "", PNG).await.unwrap();
    rig.files.discard(&stored).await.unwrap();
    assert_eq!((rig.files.get(stored.id).await, rig.on_disk()), (Ok(None), 0));
    rig.clock.advance(HOUR + 1);
    assert_eq!(rig.files.sweep().await, Ok(0));
}

#[tokio::test]
async fn a_file_without_a_message_is_removed_after_an_hour() {
    let rig = rig();
    let (kept, orphan) =
        (rig.put("a", "", PNG).await.unwrap(), rig.put("b", "", PNG).await.unwrap());
    rig.commit(rig.files.keep(rig.chat, [kept.id]).await.unwrap()).await.unwrap();
    rig.clock.advance(HOUR - 1);
    assert_eq!(rig.files.sweep().await, Ok(0));
    rig.clock.advance(2);
    assert_eq!(rig.files.sweep().await, Ok(1));
    assert_eq!(rig.files.get(orphan.id).await, Ok(None));
    let gone = rig.files.open(&orphan).await.map(drop);
    assert_eq!(gone, Err(Refusal::NotFound { what: "Attachment" }));
    assert_eq!(rig.read(&kept).await.unwrap(), PNG);
    assert_eq!((rig.files.sweep().await, rig.on_disk()), (Ok(0), 1));
    // Again, for a message that is sent again: there is nothing left to write.
    assert_eq!(rig.files.keep(rig.chat, [kept.id]).await.unwrap().len(), 0);
}

#[tokio::test]
async fn a_message_and_a_sweep_cannot_both_have_a_file() {
    let rig = rig();
    let stored = rig.put("a", "", PNG).await.unwrap();
    let writes = rig.files.keep(rig.chat, [stored.id]).await.unwrap();
    rig.clock.advance(HOUR + 1);
    assert_eq!(rig.files.sweep().await, Ok(1));
    let late = rig.commit(writes).await;
    assert!(matches!(late, Err(StoreError::Conflict { .. })), "{late:?}");
    let gone = rig.files.keep(rig.chat, [stored.id]).await.map(drop);
    assert_eq!(gone, Err(Refusal::NotFound { what: "Attachment" }));
}

#[tokio::test]
async fn a_file_belongs_to_its_chat_and_goes_with_its_message() {
    let rig = rig();
    let stored = rig.put("a", "", PNG).await.unwrap();
    let elsewhere = rig.files.keep(ObjectId::generate(1), [stored.id]).await.map(drop);
    assert_eq!(elsewhere, Err(Refusal::NotFound { what: "Attachment" }));
    rig.commit(rig.files.keep(rig.chat, [stored.id]).await.unwrap()).await.unwrap();
    rig.files.remove([stored.id, ObjectId::generate(2)]).await.unwrap();
    assert_eq!((rig.files.get(stored.id).await, rig.on_disk()), (Ok(None), 0));
}

#[tokio::test]
async fn a_signed_link_works_for_an_hour_and_for_its_path() {
    let rig = rig();
    let link = rig.files.sign("/api/chat/1/files/2").await.unwrap();
    let (path, query) = link.split_once('?').unwrap();
    let (expires, signature) = query.split_once('&').unwrap();
    let expires: u64 = expires.strip_prefix("expires=").unwrap().parse().unwrap();
    let signature = signature.strip_prefix("signature=").unwrap();
    let verify = async |path: &str, expires, signature: &str| {
        rig.files.verify(path, expires, signature).await.unwrap()
    };
    assert!(verify(path, expires, signature).await);
    assert!(!verify("/api/chat/1/files/3", expires, signature).await);
    assert!(!verify(path, expires + 1, signature).await);
    assert!(!verify(path, expires, "").await);
    // Another one over the same store has the same key, and one with a secret of its own another.
    let over = |secrets: &[&str]| {
        let secrets = secrets.iter().map(|secret| secret.as_bytes().to_vec()).collect();
        let settings = AttachmentSettings { secrets, ..AttachmentSettings::default() };
        Attachments::over(Arc::clone(&rig.store), rig.clock.clone(), settings)
    };
    assert_eq!(over(&[]).verify(path, expires, signature).await, Ok(true));
    assert_eq!(over(&["s"]).verify(path, expires, signature).await, Ok(false));
    rig.clock.advance(HOUR - 1_000);
    assert!(verify(path, expires, signature).await);
    rig.clock.advance(1_000);
    assert!(!verify(path, expires, signature).await);
}
