//! Where the bytes of attachments are.

use std::{path::PathBuf, sync::Arc};

use object_store::{ObjectStore, aws::AmazonS3Builder, local::LocalFileSystem};

/// A folder, or a bucket of what speaks S3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A folder of this machine; made if it is not there. What is written is synced.
    Folder(PathBuf),
    /// A bucket. Its credentials are those that S3's own tools find: `AWS_ACCESS_KEY_ID` and
    /// `AWS_SECRET_ACCESS_KEY`, or the role of the machine.
    S3 {
        /// Its name.
        bucket: String,
        /// `https://host`, or `http://` within a network that is trusted; `None` = Amazon's.
        endpoint: Option<String>,
        /// `us-east-1` where others do not care.
        region: String,
    },
}

/// Why a place cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// The folder cannot be made.
    #[error("{}: {error}", path.display())]
    Folder {
        /// Which.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// It cannot be what was asked for.
    #[error(transparent)]
    Unfit(#[from] object_store::Error),
}

impl Place {
    /// The files there. A bucket is not asked for yet.
    ///
    /// # Errors
    ///
    /// See [`PlaceError`].
    pub fn open(&self) -> Result<Arc<dyn ObjectStore>, PlaceError> {
        match self {
            Self::Folder(path) => {
                std::fs::create_dir_all(path)
                    .map_err(|error| PlaceError::Folder { path: path.clone(), error })?;
                Ok(Arc::new(LocalFileSystem::new_with_prefix(path)?.with_fsync(true)))
            }
            Self::S3 { bucket, endpoint, region } => {
                let mut builder = AmazonS3Builder::from_env();
                if let Some(endpoint) = endpoint {
                    builder = builder.with_allow_http(endpoint.starts_with("http://"));
                    builder = builder.with_endpoint(endpoint);
                }
                Ok(Arc::new(builder.with_bucket_name(bucket).with_region(region).build()?))
            }
        }
    }
}
