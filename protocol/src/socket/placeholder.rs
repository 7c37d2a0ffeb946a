//! `{"_placeholder":true,"num":N}`: where an attachment belongs in the JSON of a packet.

use smallvec::SmallVec;

use super::{
    PlaceholderError,
    json::{Cursor, unquote_lossy},
};

/// Checks that the items in `text` (valid JSON values, separated by commas) hold exactly one
/// placeholder for each of `count` attachments, in any order.
///
/// An object is a placeholder if its `_placeholder` is `true` (`socket.io-parser`, `binary.ts`).
/// `num` must be plain digits: the reference takes `1.0` too, but no client writes it. No tree is
/// built, so that a megabyte of placeholders costs no more than reading it.
pub(super) fn check(text: &str, count: usize) -> Result<(), PlaceholderError> {
    let mut walk = Walk { cursor: Cursor::new(text), seen: SmallVec::from_elem(false, count) };
    loop {
        walk.value(DEPTH_MAX)?;
        if !walk.cursor.take(',') {
            break;
        }
    }
    match walk.seen.iter().position(|seen| !seen) {
        Some(missing) => Err(PlaceholderError::Missing(missing)),
        None => Ok(()),
    }
}

/// Bounds the recursion here; what comes from a peer was bounded lower before.
const DEPTH_MAX: usize = 512;

struct Walk<'a> {
    cursor: Cursor<'a>,
    seen: SmallVec<[bool; 16]>,
}

impl Walk<'_> {
    fn value(&mut self, depth: usize) -> Result<(), PlaceholderError> {
        let below = depth.checked_sub(1).ok_or(PlaceholderError::Number)?;
        if self.cursor.take('[') {
            if self.cursor.take(']') {
                return Ok(());
            }
            loop {
                self.value(below)?;
                if !self.cursor.take(',') {
                    break;
                }
            }
            self.cursor.take(']');
            Ok(())
        } else if self.cursor.take('{') {
            if self.cursor.take('}') {
                return Ok(());
            }
            self.object(below)
        } else {
            self.cursor.token();
            Ok(())
        }
    }

    fn object(&mut self, below: usize) -> Result<(), PlaceholderError> {
        // Of a key that stands twice the last counts, as in JSON.parse.
        let (mut is_placeholder, mut num) = (false, None);
        loop {
            let key = unquote_lossy(self.cursor.token());
            self.cursor.take(':');
            // Looks at the value as a scalar, then steps over it as what it is.
            let mut ahead = self.cursor;
            let scalar = ahead.token();
            match &*key {
                "_placeholder" => is_placeholder = scalar == "true",
                "num" => num = index(scalar),
                _ => {}
            }
            self.value(below)?;
            if !self.cursor.take(',') {
                break;
            }
        }
        self.cursor.take('}');
        if !is_placeholder {
            return Ok(());
        }
        let num = num.ok_or(PlaceholderError::Number)?;
        let seen = self.seen.get_mut(num).ok_or(PlaceholderError::Number)?;
        if std::mem::replace(seen, true) {
            return Err(PlaceholderError::Doubled(num));
        }
        Ok(())
    }
}

/// Plain digits as an index.
fn index(token: &str) -> Option<usize> {
    let digits = token.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| token.parse().ok()).flatten()
}
