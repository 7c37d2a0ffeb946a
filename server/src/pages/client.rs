//! The official client where every tutorial looks for it: `<socket path>socket.io.js`.
//!
//! Crier keeps no copy. An operator names the folder of npm's `socket.io-client/dist`
//! (`client_dist`), which is read into memory at start; without it the browser is sent to the
//! public CDN.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;

/// The version that the redirect names, and that Crier is tested with.
pub const CLIENT_VERSION: &str = "4.8.4";

/// Bytes of one file. The largest of 4.8.4, `socket.io.js.map`, has under 400 KB.
const FILE_MAX: u64 = 4 << 20;

/// What is served, and nothing else of the folder: no name from a request meets the file system.
const FILES: &[&str] = &[
    "socket.io.js",
    "socket.io.js.map",
    "socket.io.min.js",
    "socket.io.min.js.map",
    "socket.io.esm.min.js",
    "socket.io.esm.min.js.map",
    "socket.io.msgpack.min.js",
    "socket.io.msgpack.min.js.map",
];

/// The client's files.
#[derive(Clone, Debug)]
pub struct ClientFiles {
    source: ClientSource,
}

#[derive(Clone, Debug)]
enum ClientSource {
    Cdn,
    Memory { files: HashMap<&'static str, Bytes>, etag: Option<String> },
}

/// What to answer to a GET or HEAD.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientAnswer {
    /// 302 to this URL.
    Redirect(String),
    /// 304 with this `ETag` and the same `Cache-Control`.
    NotModified(String),
    /// 200 with `Cache-Control: public, max-age=0`, as socket.io serves it.
    File {
        /// `application/javascript` or `application/json`.
        content_type: &'static str,
        /// The file.
        body: Bytes,
        /// The version in quotes, where it is known.
        etag: Option<String>,
    },
}

/// Why a folder cannot serve the client.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// It holds none of the client's files.
    #[error(
        "client_dist: {} holds no socket.io.js or socket.io.min.js: name the folder \
         `socket.io-client/dist` of npm",
        .0.display()
    )]
    NotAClient(PathBuf),
    /// A file that is there and cannot be read.
    #[error("client_dist: {}: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// No file of the client is as large.
    #[error("client_dist: {} has {bytes} bytes, more than any file of the client", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
    },
}

impl ClientFiles {
    /// Reads the folder, if one is given. Files that it lacks (source maps) are left out.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn load(dist: Option<&Path>) -> Result<Self, ClientError> {
        let Some(dist) = dist else {
            return Ok(Self { source: ClientSource::Cdn });
        };
        let mut files = HashMap::new();
        for &name in FILES {
            if let Some(body) = read(&dist.join(name))? {
                files.insert(name, body);
            }
        }
        if !files.contains_key("socket.io.js") && !files.contains_key("socket.io.min.js") {
            return Err(ClientError::NotAClient(dist.to_owned()));
        }
        let etag = version(dist).map(|version| format!("\"{version}\""));
        Ok(Self { source: ClientSource::Memory { files, etag } })
    }

    /// Answers a name under the socket path (`socket.io.js`), with the request's `If-None-Match`.
    /// `None` = no such file: 404.
    #[must_use]
    pub fn lookup(&self, name: &str, if_none_match: Option<&str>) -> Option<ClientAnswer> {
        let name = FILES.iter().copied().find(|file| *file == name)?;
        match &self.source {
            ClientSource::Cdn => {
                let url = format!("https://cdn.socket.io/{CLIENT_VERSION}/{name}");
                Some(ClientAnswer::Redirect(url))
            }
            ClientSource::Memory { files, etag } => {
                let body = files.get(name)?.clone();
                let matched = etag
                    .as_ref()
                    .filter(|etag| if_none_match.is_some_and(|header| matches_etag(header, etag)));
                if let Some(etag) = matched {
                    return Some(ClientAnswer::NotModified(etag.clone()));
                }
                let content_type = if name.ends_with(".map") {
                    "application/json; charset=utf-8"
                } else {
                    "application/javascript; charset=utf-8"
                };
                Some(ClientAnswer::File { content_type, body, etag: etag.clone() })
            }
        }
    }
}

/// RFC 9110, 13.1.2: a list of tags compared weakly, or `*`.
fn matches_etag(header: &str, etag: &str) -> bool {
    header.split(',').map(str::trim).any(|tag| {
        let tag = tag.strip_prefix("W/").unwrap_or(tag);
        tag == "*" || tag == etag
    })
}

fn read(path: &Path) -> Result<Option<Bytes>, ClientError> {
    let unreadable = |error| ClientError::Unreadable { path: path.to_owned(), error };
    match std::fs::metadata(path) {
        Ok(file) if file.len() > FILE_MAX => {
            Err(ClientError::TooLarge { path: path.to_owned(), bytes: file.len() })
        }
        Ok(_) => Ok(Some(Bytes::from(std::fs::read(path).map_err(unreadable)?))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unreadable(error)),
    }
}

/// The package's version, from the `package.json` in the folder or above it. One that could not
/// stand in a header is none.
fn version(dist: &Path) -> Option<String> {
    let above = dist.parent().map(|parent| parent.join("package.json"));
    let candidates = [Some(dist.join("package.json")), above];
    candidates.into_iter().flatten().find_map(|path| {
        let package: serde_json::Value = serde_json::from_slice(&read(&path).ok()??).ok()?;
        let version = package.get("version")?.as_str()?;
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+');
        (!version.is_empty() && version.len() <= 64 && version.chars().all(legal))
            .then(|| version.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder of its own for each test, gone with it.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("crier-{name}-{}", std::process::id()));
            std::fs::create_dir_all(path.join("dist")).unwrap();
            Self(path)
        }

        fn write(&self, name: &str, text: &str) {
            std::fs::write(self.0.join(name), text).unwrap();
        }

        fn dist(&self) -> PathBuf {
            self.0.join("dist")
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn without_a_folder_the_browser_is_sent_to_the_cdn() {
        let client = ClientFiles::load(None).unwrap();
        for name in FILES {
            let url = format!("https://cdn.socket.io/4.8.4/{name}");
            assert_eq!(client.lookup(name, None), Some(ClientAnswer::Redirect(url)));
        }
        for name in ["", "socket.io.slim.js", "../Cargo.toml", "SOCKET.IO.JS", "socket.io.js/"] {
            assert_eq!(client.lookup(name, None), None, "{name}");
        }
    }

    #[test]
    fn a_folder_is_served_with_its_version() {
        let folder = Folder::new("client");
        folder.write("package.json", r#"{ "name": "socket.io-client", "version": "4.8.4" }"#);
        folder.write("dist/socket.io.js", "client");
        folder.write("dist/socket.io.js.map", "{}");
        folder.write("dist/other.js", "not ours to serve");
        let client = ClientFiles::load(Some(&folder.dist())).unwrap();

        let file = |content_type, body: &'static str| ClientAnswer::File {
            content_type,
            body: Bytes::from_static(body.as_bytes()),
            etag: Some("\"4.8.4\"".to_owned()),
        };
        let script = file("application/javascript; charset=utf-8", "client");
        let map = file("application/json; charset=utf-8", "{}");
        assert_eq!(client.lookup("socket.io.js", None), Some(script.clone()));
        assert_eq!(client.lookup("socket.io.js.map", None), Some(map));
        assert_eq!(client.lookup("socket.io.esm.min.js", None), None, "not in the folder");
        assert_eq!(client.lookup("other.js", None), None);

        let unchanged = ClientAnswer::NotModified("\"4.8.4\"".to_owned());
        for (header, expected) in [
            ("\"4.8.4\"", &unchanged),
            ("W/\"4.8.4\"", &unchanged),
            ("\"4.8.3\", W/\"4.8.4\"", &unchanged),
            ("*", &unchanged),
            ("\"4.8.3\"", &script),
            ("4.8.4", &script),
            ("", &script),
        ] {
            assert_eq!(
                client.lookup("socket.io.js", Some(header)).as_ref(),
                Some(expected),
                "{header}"
            );
        }
    }

    #[test]
    fn without_a_version_there_is_no_etag() {
        let folder = Folder::new("client-unversioned");
        folder.write("dist/socket.io.min.js", "client");
        folder.write("package.json", "{ \"version\": \"1\\r\\nSet-Cookie: x\" }");
        let client = ClientFiles::load(Some(&folder.dist())).unwrap();
        let answer = client.lookup("socket.io.min.js", Some("*")).unwrap();
        assert!(matches!(answer, ClientAnswer::File { etag: None, .. }), "{answer:?}");
    }

    #[test]
    fn a_folder_that_is_no_client_is_an_error() {
        let folder = Folder::new("client-empty");
        let error = ClientFiles::load(Some(&folder.dist())).unwrap_err();
        assert!(error.to_string().contains("holds no socket.io.js"), "{error}");
    }
}
