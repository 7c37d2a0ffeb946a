//! Pictures of a message, as a client sends them.

use super::invalid;
use crate::{
    error::Refusal,
    event::vendor_chat::Media,
    service::{ObjectId, chat::Attachment, users::is_web_url},
    time::unix_ms,
};

/// Pictures of a message (contract, section 7).
const MEDIAS_MAX: usize = 10;

/// RFC 6838, section 4.2: 127 characters on each side of the slash.
const MIME_CHARS_MAX: usize = 255;

/// The pictures as they are kept, each with an id of its own; one that the client gave is not looked at.
///
/// # Errors
///
/// [`Refusal::Invalid`] naming the field.
pub(super) fn attachments(medias: &[Media]) -> Result<Vec<Attachment>, Refusal> {
    if medias.len() > MEDIAS_MAX {
        return Err(invalid("messageMedias", "expected at most 10"));
    }
    medias.iter().enumerate().map(|(index, media)| attachment(index, media)).collect()
}

fn attachment(index: usize, media: &Media) -> Result<Attachment, Refusal> {
    let refuse = |field: &str, message| invalid(format!("messageMedias.{index}.{field}"), message);
    if !is_web_url(&media.image_url) {
        return Err(refuse("imageUrl", "expected an http or https URL"));
    }
    let digits = media.size.bytes().all(|byte| byte.is_ascii_digit());
    let size = media.size.parse().ok().filter(|_| digits);
    let size = size.ok_or_else(|| refuse("size", "expected a number of bytes as text"))?;
    if !is_media_type(&media.mime_type) {
        return Err(refuse("mimeType", "expected a type such as image/jpeg"));
    }
    Ok(Attachment {
        id: ObjectId::generate(unix_ms()),
        url: Some(media.image_url.clone()),
        filename: None,
        mime_type: media.mime_type.clone(),
        size,
    })
}

/// Whether a text is a media type by the characters of RFC 6838, section 4.2, without parameters.
fn is_media_type(text: &str) -> bool {
    let legal = |c: u8| c.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&c);
    let name = |name: &str| !name.is_empty() && name.bytes().all(legal);
    text.len() <= MIME_CHARS_MAX
        && text.split_once('/').is_some_and(|(top, sub)| name(top) && name(sub))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn media() -> Media {
        Media {
            id: None,
            image_url: "https://cdn.example.com/a.jpg".to_owned(),
            size: "115998".to_owned(),
            mime_type: "image/jpeg".to_owned(),
        }
    }

    fn path_of(medias: &[Media]) -> Option<String> {
        match attachments(medias) {
            Err(Refusal::Invalid { path, .. }) => Some(path),
            Ok(_) => None,
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_picture_is_kept_under_an_id_of_its_own() {
        let kept = attachments(&[media(), media()]).unwrap();
        assert_eq!(kept[0].url.as_deref(), Some("https://cdn.example.com/a.jpg"));
        assert_eq!((kept[0].size, kept[0].mime_type.as_str()), (115_998, "image/jpeg"));
        assert_ne!(kept[0].id, kept[1].id);
    }

    #[test]
    fn a_bad_field_is_named() {
        let with = |change: fn(&mut Media)| {
            let mut bad = media();
            change(&mut bad);
            path_of(&[media(), bad])
        };
        type Change = fn(&mut Media);
        let cases: [(&str, Change); 9] = [
            ("imageUrl", |m| m.image_url = "javascript:alert(1)".to_owned()),
            ("imageUrl", |m| m.image_url = "/a.jpg".to_owned()),
            ("size", |m| m.size = String::new()),
            ("size", |m| m.size = "-1".to_owned()),
            ("size", |m| m.size = "+1".to_owned()),
            ("size", |m| m.size = "99999999999999999999".to_owned()),
            ("mimeType", |m| m.mime_type = "image".to_owned()),
            ("mimeType", |m| m.mime_type = "image/".to_owned()),
            ("mimeType", |m| m.mime_type = "image/a b".to_owned()),
        ];
        for (field, change) in cases {
            assert_eq!(with(change), Some(format!("messageMedias.1.{field}")));
        }
        assert_eq!(path_of(&vec![media(); 10]), None);
        assert_eq!(path_of(&vec![media(); 11]).as_deref(), Some("messageMedias"));
    }
}
