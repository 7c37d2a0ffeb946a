//! Files of messages: uploaded, linked, served, refused.

use crier_domain::Role;
use http::Method;
use http_body_util::Full;
use serde_json::Value;

use crate::{
    chat::{ask, direct, token},
    client::{Answer, Rig, call, get, rig},
};

const BOUNDARY: &str = "crier";

/// A part of a form: name, file's name and type, content.
type Part<'a> = (&'a str, Option<(&'a str, &'a str)>, &'a [u8]);

fn form(parts: &[Part<'_>]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, file, content) in parts {
        let file = file.map_or(String::new(), |(name, kind)| {
            format!("; filename=\"{name}\"\r\nContent-Type: {kind}")
        });
        let head = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n"
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
    body
}

async fn upload(rig: &Rig, user: &str, path: &str, body: Vec<u8>) -> Answer {
    let kind = format!("multipart/form-data; boundary={BOUNDARY}");
    let call = call(Method::POST, path)
        .header("authorization", &token(user, Role::User))
        .header("content-type", &kind);
    call.send_body(rig, Full::new(body.into())).await
}

fn url(answer: &Answer) -> String {
    let data: Value = answer.data(201);
    data["message"]["attachments"][0]["url"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_file_is_sent_by_its_own_row_and_by_the_known_bug() {
    let rig = rig();
    let chat = direct(&rig, "a", "b").await;
    let gif = form(&[
        ("content", None, b"look"),
        ("file", Some(("../cat.gif", "image/gif")), b"GIF89a..."),
    ]);
    for path in ["messages/file", "messages"] {
        let path = format!("/api/chat/{chat}/{path}");
        let sent = upload(&rig, "a", &path, gif.clone()).await;
        let message = sent.data(201)["message"].clone();
        let file = &message["attachments"][0];
        assert_eq!((&message["content"], &file["filename"]), (&"look".into(), &"cat.gif".into()));
        assert_eq!((&file["mimeType"], &file["size"]), (&"image/gif".into(), &9.into()));
    }
    let event = rig.bus.published().into_iter().find(|event| event.event == "new-message").unwrap();
    let payload: Value = serde_json::from_str(event.args.elements()).unwrap();
    assert_eq!(payload["message"]["attachments"][0]["filename"], "cat.gif");
    let list = ask(&rig, "b", "GET", &format!("/api/chat/{chat}/messages"), None).await.data(200);
    assert_eq!(list["messages"][0]["attachments"][0]["size"], 9);
}

#[tokio::test]
async fn a_file_is_for_participants_and_whoever_has_the_signed_link() {
    let rig = rig();
    let chat = direct(&rig, "a", "b").await;
    let path = format!("/api/chat/{chat}/messages/file");
    let html = form(&[("file", Some(("x.html", "text/html")), b"<script>1</script>")]);
    let signed = url(&upload(&rig, "a", &path, html).await);
    let (bare, query) = signed.split_once('?').unwrap();
    let as_user = |user: &str| get(bare).header("authorization", &token(user, Role::User));
    for answer in [get(&signed).send(&rig).await, as_user("b").send(&rig).await] {
        assert_eq!((answer.status.as_u16(), answer.text.as_str()), (200, "<script>1</script>"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("content-type"), Some("application/octet-stream"));
        assert!(answer.header("content-disposition").unwrap().starts_with("attachment;"));
        assert_eq!(answer.header("content-length"), Some("18"));
    }
    as_user("outsider").send(&rig).await.expect_error(403, "FORBIDDEN");
    get(bare).send(&rig).await.expect_error(401, "UNAUTHORIZED");
    let forged = query.replace("signature=", "signature=A");
    get(&format!("{bare}?{forged}")).send(&rig).await.expect_error(401, "UNAUTHORIZED");
    let other = direct(&rig, "a", "c").await;
    let moved = signed.replace(&chat, &other);
    get(&moved).send(&rig).await.expect_error(401, "UNAUTHORIZED");
    // Nor does being in another chat help.
    let foreign = bare.replace(&chat, &other);
    let answer = get(&foreign).header("authorization", &token("c", Role::User)).send(&rig).await;
    answer.expect_error(404, "NOT_FOUND");
    let picture = form(&[("file", Some(("x.gif", "text/html")), b"GIF89a")]);
    let shown = get(&url(&upload(&rig, "a", &path, picture).await)).send(&rig).await;
    assert_eq!(shown.header("content-type"), Some("image/gif"));
    assert!(shown.header("content-disposition").unwrap().starts_with("inline;"));
}

#[tokio::test]
async fn a_deleted_message_has_no_file() {
    let rig = rig();
    let chat = direct(&rig, "a", "b").await;
    let path = format!("/api/chat/{chat}/messages");
    let sent = upload(&rig, "a", &path, form(&[("file", Some(("x", "a/b")), b"1")])).await;
    let (signed, message) = (url(&sent), sent.data(201)["message"]["_id"].clone());
    let one = format!("{path}/{}", message.as_str().unwrap());
    let left = ask(&rig, "a", "DELETE", &one, None).await.data(200);
    assert_eq!(left["message"].get("attachments"), None);
    get(&signed).send(&rig).await.expect_error(404, "NOT_FOUND");
}

#[tokio::test]
async fn what_is_no_upload_is_refused_and_leaves_nothing() {
    let rig = rig();
    let chat = direct(&rig, "a", "b").await;
    let path = format!("/api/chat/{chat}/messages/file");
    let file: Part<'_> = ("file", Some(("x", "a/b")), b"1");
    let long = vec![b'x'; 5_001];
    for (what, parts, field) in [
        ("no file", vec![("content", None, &b"x"[..])], "file"),
        ("nothing", vec![], "file"),
        ("two files", vec![file, file], "file"),
        ("a field too many", vec![file, ("admin", None, b"1")], "admin"),
        ("a long text", vec![file, ("content", None, &long)], "content"),
        ("a beeping text", vec![("content", None, b"\x07"), file], "content"),
        ("an answer to nothing", vec![file, ("replyToMessageId", None, b"x")], "replyToMessageId"),
    ] {
        let answer = upload(&rig, "a", &path, form(&parts)).await;
        assert_eq!(answer.expect_invalid(), field, "{what}");
    }
    let mut broken = form(&[file]);
    broken.truncate(broken.len() - 12);
    upload(&rig, "a", &path, broken).await.expect_error(400, "BAD_REQUEST");
    upload(&rig, "outsider", &path, form(&[file])).await.expect_error(403, "FORBIDDEN");
    let json = ask(&rig, "a", "POST", &path, Some(serde_json::json!({ "content": "x" }))).await;
    json.expect_error(415, "UNSUPPORTED_MEDIA_TYPE");
    let list = ask(&rig, "a", "GET", &format!("/api/chat/{chat}/messages"), None).await.data(200);
    assert_eq!(list["pagination"]["totalRecords"], 0);
    assert!(rig.bus.published().is_empty());
}

#[tokio::test]
async fn a_file_has_at_most_10_mib() {
    let rig = rig();
    let chat = direct(&rig, "a", "b").await;
    let path = format!("/api/chat/{chat}/messages/file");
    let of = |bytes: usize| form(&[("file", Some(("x.bin", "a/b")), &vec![b'x'; bytes])]);
    let sent = upload(&rig, "a", &path, of(10 << 20)).await.data(201);
    assert_eq!(sent["message"]["attachments"][0]["size"], 10 << 20);
    for bytes in [(10 << 20) + 1, 11 << 20] {
        let refused = upload(&rig, "a", &path, of(bytes)).await;
        refused.expect_error(413, "PAYLOAD_TOO_LARGE");
    }
}
