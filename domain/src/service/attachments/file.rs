//! What is believed of an uploaded file: its first bytes, and of its name what can do no harm.

/// Bytes of a name; longer ones are cut, their ending kept.
const NAME_BYTES_MAX: usize = 200;

/// Bytes that [`picture`] looks at.
pub(super) const MAGIC: usize = 12;

/// The type of what is neither a picture that browsers show safely nor believed to be anything.
pub const OCTETS: &str = "application/octet-stream";

/// The picture that a file is by its first bytes, of the kinds that may be shown in a page. Not SVG,
/// which is a document with scripts.
pub(super) fn picture(head: &[u8]) -> Option<&'static str> {
    let webp = head.starts_with(b"RIFF") && head.get(8..12) == Some(b"WEBP");
    match head {
        _ if head.starts_with(b"\x89PNG\r\n\x1a\n") => Some("image/png"),
        _ if head.starts_with(b"\xff\xd8\xff") => Some("image/jpeg"),
        _ if head.starts_with(b"GIF87a") || head.starts_with(b"GIF89a") => Some("image/gif"),
        _ if webp => Some("image/webp"),
        _ => None,
    }
}

/// The type that a file is told to have: by its bytes where it is a picture, else the sender's word
/// where that is no picture's, and nothing but a type.
pub(super) fn told_type(head: &[u8], declared: Option<&str>) -> String {
    if let Some(picture) = picture(head) {
        return picture.to_owned();
    }
    let declared = declared.unwrap_or_default().split(';').next().unwrap_or_default();
    let declared = declared.trim().to_ascii_lowercase();
    let token = |text: &str| {
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte);
        (1..=63).contains(&text.len()) && text.bytes().all(legal)
    };
    match declared.split_once('/') {
        Some((kind, rest)) if kind != "image" && token(kind) && token(rest) => declared,
        _ => OCTETS.to_owned(),
    }
}

/// A name without folders, control characters and what turns the direction of text around.
pub(super) fn clean_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let harmful = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    let kept: String = last.chars().filter(|c| !harmful(*c)).collect();
    let kept = kept.trim_matches(|c: char| c == '.' || c.is_whitespace());
    if kept.is_empty() { "file".to_owned() } else { shorten(kept) }
}

fn shorten(name: &str) -> String {
    if name.len() <= NAME_BYTES_MAX {
        return name.to_owned();
    }
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    let ending = if ending.len() <= 16 { format!(".{ending}") } else { String::new() };
    let ending = if ending == "." { String::new() } else { ending };
    let mut room = NAME_BYTES_MAX - ending.len();
    while !name.is_char_boundary(room) {
        room -= 1;
    }
    format!("{}{ending}", name.get(..room).unwrap_or_default())
}

/// The value of `Content-Disposition` (RFC 6266): once in ASCII for old readers, once in full.
pub(super) fn disposition(inline: bool, name: &str) -> String {
    let kind = if inline { "inline" } else { "attachment" };
    let plain =
        |c: char| if c.is_ascii_graphic() && !"\"\\%".contains(c) || c == ' ' { c } else { '_' };
    let ascii: String = name.chars().map(plain).collect();
    let mut full = String::with_capacity(name.len());
    for byte in name.bytes() {
        // attr-char of RFC 8187.
        if byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte) {
            full.push(char::from(byte));
        } else {
            full.push_str(&format!("%{byte:02X}"));
        }
    }
    format!("{kind}; filename=\"{ascii}\"; filename*=UTF-8''{full}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_what_begins_like_one() {
        for (head, declared, told) in [
            (&b"\x89PNG\r\n\x1a\n...."[..], Some("text/html"), "image/png"),
            (b"\xff\xd8\xff\xe0", None, "image/jpeg"),
            (b"GIF89a", None, "image/gif"),
            (b"RIFF\0\0\0\0WEBPVP8 ", None, "image/webp"),
            (b"RIFF\0\0\0\0WAVE", Some("audio/wav"), "audio/wav"),
            (b"<svg xmlns=", Some("image/svg+xml"), OCTETS),
            (b"<html>", Some("image/png"), OCTETS),
            (b"<html>", Some("Text/HTML; charset=utf-8"), "text/html"),
            (b"%PDF-1.7", Some("application/pdf"), "application/pdf"),
            (b"", None, OCTETS),
            (b"x", Some("text/plain\r\nx: y"), OCTETS),
            (b"x", Some("nonsense"), OCTETS),
            (b"x", Some("/"), OCTETS),
        ] {
            assert_eq!(told_type(head, declared), told, "{head:?} {declared:?}");
        }
    }

    #[test]
    fn names_lose_what_does_harm() {
        for (name, clean) in [
            ("photo.png", "photo.png"),
            ("../../etc/passwd", "passwd"),
            (r"C:\Users\me\bill.pdf", "bill.pdf"),
            ("a\r\nSet-Cookie: x", "aSet-Cookie: x"),
            ("gnp.\u{202e}exe", "gnp.exe"),
            ("..", "file"),
            ("", "file"),
            ("/", "file"),
            (" .hidden ", "hidden"),
            ("größe \u{1f600}.txt", "größe \u{1f600}.txt"),
        ] {
            assert_eq!(clean_name(name), clean, "{name:?}");
        }
        let long = clean_name(&format!("{}.jpeg", "é".repeat(500)));
        assert!(long.len() <= NAME_BYTES_MAX && long.ends_with("é.jpeg"), "{long}");
        assert!(clean_name(&"x".repeat(1_000)).len() <= NAME_BYTES_MAX);
    }

    #[test]
    fn a_disposition_is_one_line_of_ascii() {
        assert_eq!(
            disposition(true, "a b.png"),
            "inline; filename=\"a b.png\"; filename*=UTF-8''a%20b.png"
        );
        assert_eq!(
            disposition(false, "ä\"b\\;.txt"),
            "attachment; filename=\"__b_;.txt\"; filename*=UTF-8''%C3%A4%22b%5C%3B.txt"
        );
    }
}
