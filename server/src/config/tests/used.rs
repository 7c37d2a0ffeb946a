//! A setting that changes nothing must not exist: whoever sets it would believe that it does.

use std::path::{Path, PathBuf};

use super::SETTINGS;

/// Settings of the fixed interface that nothing reads yet.
const LATER: [(&str, &str); 0] = [];

/// Where the text that reads a setting is not `<section>.<key>`.
const READ_AS: [(&str, &str); 9] = [
    ("orders.owner_statuses", "config.owner_statuses"),
    ("marketplace.payment_audience", "config.audiences"),
    ("audience.products", "config.audiences"),
    ("rest_outbox", "rest.outbox"),
    ("auth.secret", "Configured { secret, pem, jwks }"),
    ("auth.keys", "Configured { secret, pem, jwks }"),
    ("auth.jwks", "Configured { secret, pem, jwks }"),
    ("socket.max_http_buffer_size", "limits.max_payload"),
    ("socket.json_depth", "limits.depth_max"),
];

#[test]
fn every_setting_is_read_by_what_it_sets() {
    let code = code();
    for setting in SETTINGS {
        let key = setting.key;
        let is_read = reads(key).iter().any(|text| has_word(&code, text));
        let is_later = LATER.iter().any(|(later, _)| *later == key);
        assert_ne!(is_read, is_later, "{key}: delete the row, or what LATER says of it");
    }
    for (key, _) in LATER.iter().chain(&READ_AS) {
        assert!(SETTINGS.iter().any(|setting| setting.key == *key), "{key} is no setting");
    }
}

/// How the code writes it down where it reads a setting: the cap of a socket is a field of `Limits`
/// where the protocol enforces it.
fn reads(key: &str) -> Vec<String> {
    if let Some((_, text)) = READ_AS.iter().find(|(named, _)| *named == key) {
        return vec![(*text).to_owned()];
    }
    match key.split_once('.') {
        None => vec![format!("config.{key}")],
        Some(("socket", field)) => vec![format!("socket.{field}"), format!("limits.{field}")],
        Some(_) => vec![key.to_owned()],
    }
}

fn has_word(code: &str, word: &str) -> bool {
    let continues = |c: char| c.is_ascii_alphanumeric() || c == '_';
    code.split(word).skip(1).any(|after| !after.starts_with(continues))
}

/// What runs: the server but for this folder, and the protocol but for the list of its limits.
/// Comments and unit tests left out.
fn code() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![root.join("src"), root.join("../protocol/src")];
    let mut code = String::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.ends_with("server/src/config") || path.ends_with("protocol/src/limits.rs") {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let (runs, _) = text.split_once("\n#[cfg(test)]\nmod ").unwrap_or((&text, ""));
                let lines = runs.lines().filter(|line| !line.trim_start().starts_with("//"));
                lines.for_each(|line| code.push_str(&format!("{line}\n")));
            }
        }
    }
    code
}
