//! Fields of a profile as a backend may write them: each bounded, each refused under its own path.

use serde::{Deserialize, Deserializer, de::Error as _};

/// Characters of a name.
const NAME_CHARS_MAX: usize = 200;
/// RFC 5321, section 4.5.3.1.3: a path of 256 octets with its brackets.
const EMAIL_BYTES_MAX: usize = 254;
const URL_BYTES_MAX: usize = 2_048;
/// E.164 has 15 digits; the rest is room for how people write them.
const PHONE_BYTES_MAX: usize = 40;

/// A name, or none.
pub(super) fn name<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    checked(from, "expected text of 1 to 200 characters without control characters", |name| {
        is_name(name)
    })
}

/// A name that has to be there.
pub(super) fn required_name<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let message = "expected text of 1 to 200 characters without control characters";
    name(from)?.ok_or_else(|| D::Error::custom(message))
}

/// An address for mail, or none. Only what cannot be one is refused: whether it is one, the mail tells.
pub(super) fn email<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    checked(from, "expected an e-mail address", |email| {
        let parts = email.rsplit_once('@');
        let plain = |c: char| !c.is_whitespace() && !c.is_control();
        email.len() <= EMAIL_BYTES_MAX
            && email.chars().all(plain)
            && parts.is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty())
    })
}

/// A telephone number, or none.
pub(super) fn phone<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    checked(from, "expected a phone number of digits, blanks and + - . / ( )", |phone| {
        let legal = |c: u8| c.is_ascii_digit() || b" +-./()".contains(&c);
        phone.len() <= PHONE_BYTES_MAX
            && phone.bytes().all(legal)
            && phone.bytes().any(|c| c.is_ascii_digit())
    })
}

/// Where a picture is, or none.
pub(super) fn url<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    checked(from, "expected an http or https URL of at most 2048 bytes", is_web_url)
}

/// A 24-hex id, or none: then Crier makes it.
pub(super) fn object_id<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    checked(from, "expected 24 hexadecimal digits", |id| {
        id.len() == 24 && id.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

/// Whether a text is the address of something on the web that a page may point at. `javascript:` and
/// `data:` are none.
pub fn is_web_url(url: &str) -> bool {
    let rest = ["http://", "https://"].iter().find_map(|scheme| {
        let (start, rest) = url.split_at_checked(scheme.len())?;
        start.eq_ignore_ascii_case(scheme).then_some(rest)
    });
    let plain = |c: char| !c.is_whitespace() && !c.is_control() && !"\"<>\\^`{|}".contains(c);
    let host = |rest: &str| rest.split(['/', '?', '#']).next().is_some_and(|host| !host.is_empty());
    url.len() <= URL_BYTES_MAX && url.chars().all(plain) && rest.is_some_and(host)
}

fn is_name(name: &str) -> bool {
    !name.trim().is_empty()
        && name.chars().count() <= NAME_CHARS_MAX
        && !name.chars().any(char::is_control)
}

fn checked<'de, D: Deserializer<'de>>(
    from: D,
    message: &'static str,
    is_legal: impl Fn(&str) -> bool,
) -> Result<Option<String>, D::Error> {
    match Option::<String>::deserialize(from)? {
        Some(text) if !is_legal(&text) => Err(D::Error::custom(message)),
        text => Ok(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_web_are_urls() {
        for url in [
            "http://a",
            "https://cdn.example.com/chat-images/example.jpg",
            "HTTPS://a.example/?q=%20#x",
            "http://[::1]:3000/é",
        ] {
            assert!(is_web_url(url), "{url}");
        }
        let long = format!("https://a/{}", "x".repeat(URL_BYTES_MAX));
        for url in [
            "",
            "https://",
            "https:///a",
            "http://?",
            "javascript:alert(1)",
            "data:image/png;base64,",
            "//a",
            "ftp://a",
            " http://a",
            "http://a b",
            "http://a\n",
            "http://a\"onload=",
            &long,
        ] {
            assert!(!is_web_url(url), "{url:?}");
        }
    }
}
