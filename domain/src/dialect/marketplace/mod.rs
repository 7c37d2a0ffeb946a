//! The marketplace's chats (contract, section 4): what its clients ask for, are shown and hear.

mod new;
mod view;
mod voice;

pub use view::ChatInfo;

use std::{fmt, sync::Arc};

use crate::service::ObjectId;

/// Makes the addresses of attachments, which are paths of the sidecar.
pub trait Links: fmt::Debug + Send + Sync {
    /// The path signed for an hour from now, so that whoever has it may read the file for so long.
    fn signed(&self, path: String) -> String;
}

/// The marketplace's words. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Marketplace {
    links: Arc<dyn Links>,
}

impl Marketplace {
    /// The words, with the way to attachments.
    pub fn new(links: Arc<dyn Links>) -> Self {
        Self { links }
    }

    /// The path of an attachment, unsigned.
    pub fn path_of(chat: ObjectId, attachment: ObjectId) -> String {
        format!("/api/chat/{chat}/attachments/{attachment}")
    }
}
