//! Fields of a profile as a backend may write them: each bounded, each refused under its own path.

use serde::{Deserialize, Deserializer, de::Error as _};

/// Characters of a name.
const NAME_CHARS_MAX: usize = 200;
/// RFC 5321, section 4.5.3.1.3: a path of 256 octets with its brackets.
const EMAIL_CHARS_MAX: usize = 254;
const URL_CHARS_MAX: usize = 2_048;
/// E.164 has 15 digits; the rest is room for how people write them.
const PHONE_CHARS_MAX: usize = 40;

/// A name, or none.
pub(super) fn name<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    checked(from, NAME, is_name)
}

/// A name that has to be there.
pub(super) fn required_name<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let name = String::deserialize(from)?;
    if is_name(&name) { Ok(name) } else { Err(D::Error::custom(NAME)) }
}

/// An address for mail, or none. Only what cannot be one is refused: whether it is one, the mail tells.
pub(super) fn email<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    checked(from, "expected an e-mail address", |email| {
        let parts = email.rsplit_once('@');
        is_within(email, EMAIL_CHARS_MAX)
            && email.chars().all(is_dense)
            && parts.is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty())
    })
}

/// A telephone number, or none.
pub(super) fn phone<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    checked(from, "expected a phone number of digits, blanks and + - . / ( )", |phone| {
        let legal = |c: u8| c.is_ascii_digit() || b" +-./()".contains(&c);
        is_within(phone, PHONE_CHARS_MAX)
            && phone.bytes().all(legal)
            && phone.bytes().any(|c| c.is_ascii_digit())
    })
}

/// Where a picture is, or none.
pub(super) fn url<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    checked(from, "expected an http or https URL of at most 2048 characters", is_web_url)
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
    let legal = |c: char| is_dense(c) && !"\"<>\\^`{|}".contains(c);
    let host = |rest: &str| rest.split(['/', '?', '#']).next().is_some_and(|host| !host.is_empty());
    is_within(url, URL_CHARS_MAX) && url.chars().all(legal) && rest.is_some_and(host)
}

const NAME: &str = "expected text of 1 to 200 characters without control characters";

fn is_name(name: &str) -> bool {
    !name.is_empty() && is_within(name, NAME_CHARS_MAX) && !name.chars().any(char::is_control)
}

fn is_within(text: &str, chars_max: usize) -> bool {
    // A text has at most as many characters as bytes, so most need no counting.
    text.len() <= chars_max || text.chars().count() <= chars_max
}

fn is_dense(c: char) -> bool {
    !c.is_whitespace() && !c.is_control()
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

/// The same rules as JSON schemas, for the sidecar's document.
pub(super) mod schema {
    use schemars::{Schema, SchemaGenerator, json_schema};

    pub(in super::super) fn name(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "null"], "minLength": 1, "maxLength": 200,
            "pattern": "^[^\\u0000-\\u001f\\u007f-\\u009f]*$",
        })
    }

    pub(in super::super) fn required_name(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string", "minLength": 1, "maxLength": 200,
            "pattern": "^[^\\u0000-\\u001f\\u007f-\\u009f]*$",
        })
    }

    pub(in super::super) fn email(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "null"], "maxLength": 254,
            "pattern": "^[^\\s\\u0000-\\u001f\\u007f-\\u009f]+@[^\\s\\u0000-\\u001f\\u007f-\\u009f@]+$",
        })
    }

    pub(in super::super) fn phone(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "null"], "maxLength": 40,
            "pattern": "^[ +./()-]*[0-9][0-9 +./()-]*$",
        })
    }

    pub(in super::super) fn url(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "null"], "maxLength": 2048,
            "pattern": "^[hH][tT][tT][pP][sS]?://[!$%&'()*+,.0-9:;=@A-Z\\[\\]_a-z~-][!-;=?-\\[\\]_a-z~]*$",
        })
    }

    pub(in super::super) fn object_id(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "null"], "pattern": "^[0-9a-fA-F]{24}$" })
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
        let long = format!("https://a/{}", "x".repeat(URL_CHARS_MAX));
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
