//! Text that arrives in pieces, checked as it comes.

use std::str;

/// Bytes that no UTF-8 text can contain where they stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotUtf8;

/// Text under way: what is whole, and the start of a character whose rest has not come yet.
#[derive(Debug, Default)]
pub(super) struct TextBuffer {
    text: String,
    cut: CutCharacter,
}

/// The first bytes of a character: none to three of them.
#[derive(Debug, Default)]
struct CutCharacter {
    bytes: [u8; 4],
    len: usize,
}

impl TextBuffer {
    /// Takes the next piece.
    ///
    /// # Errors
    ///
    /// As soon as it is certain that no continuation can be legal, also inside a character:
    /// `ED A0` fails without its third byte (a surrogate), `F4 90` too (above U+10FFFF).
    pub(super) fn push(&mut self, piece: &[u8]) -> Result<(), NotUtf8> {
        let mut rest = piece;
        while self.cut.len > 0 {
            let Some((&byte, after)) = rest.split_first() else {
                return Ok(());
            };
            rest = after;
            if let Some(text) = self.cut.push(byte)? {
                self.text.push_str(text);
                self.cut.len = 0;
            }
        }
        match str::from_utf8(rest) {
            Ok(text) => self.text.push_str(text),
            Err(error) if error.error_len().is_some() => return Err(NotUtf8),
            Err(error) => {
                // The piece ends inside a character. The part before is looked at twice, which is
                // cheaper than finding the cut by hand for every piece.
                let (whole, cut) = rest.split_at_checked(error.valid_up_to()).ok_or(NotUtf8)?;
                self.text.push_str(str::from_utf8(whole).map_err(|_| NotUtf8)?);
                for byte in cut {
                    self.cut.push(*byte)?;
                }
            }
        }
        Ok(())
    }

    /// The whole text.
    ///
    /// # Errors
    ///
    /// When it ends inside a character.
    pub(super) fn finish(self) -> Result<String, NotUtf8> {
        if self.cut.len > 0 {
            return Err(NotUtf8);
        }
        Ok(self.text)
    }

    /// The buffer, for its size.
    pub(super) fn buffer(&self) -> &String {
        &self.text
    }

    /// The buffer, to make room in it.
    pub(super) fn buffer_mut(&mut self) -> &mut String {
        &mut self.text
    }
}

impl CutCharacter {
    /// Takes one more byte; the character, once it is whole.
    fn push(&mut self, byte: u8) -> Result<Option<&str>, NotUtf8> {
        // A fifth byte cannot come: four are a character or an error.
        *self.bytes.get_mut(self.len).ok_or(NotUtf8)? = byte;
        self.len += 1;
        match str::from_utf8(self.bytes.get(..self.len).ok_or(NotUtf8)?) {
            Ok(character) => Ok(Some(character)),
            Err(error) if error.error_len().is_none() => Ok(None),
            Err(_) => Err(NotUtf8),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Feeds `pieces`; the number of the piece that failed, or what the end says.
    fn check(pieces: &[&[u8]], expected: Result<&str, usize>) {
        let mut buffer = TextBuffer::default();
        for (number, piece) in pieces.iter().enumerate() {
            if buffer.push(piece).is_err() {
                assert_eq!(Err(number), expected, "{pieces:x?}");
                return;
            }
        }
        let end = buffer.finish().map_err(|NotUtf8| pieces.len());
        assert_eq!(end.as_deref(), expected.as_ref().copied(), "{pieces:x?}");
    }

    #[test]
    fn a_character_may_be_cut_anywhere() {
        check(&[b"a", b"", b"b"], Ok("ab"));
        check(&[b"\xce", b"\xba"], Ok("κ"));
        check(&[b"\xf0", b"\x9f", b"\x98", b"\x80!"], Ok("😀!"));
        check(&[b"x\xf0\x9f\x98", b"\x80\xe2\x82", b"\xac"], Ok("x😀€"));
    }

    #[test]
    fn it_fails_with_the_first_byte_that_no_continuation_could_save() {
        check(&[b"a", b"\x80"], Err(1));
        check(&[b"\xc0", b"\xaf"], Err(0)); // overlong slash
        check(&[b"\xe0", b"\x80", b"\xaf"], Err(1)); // overlong
        check(&[b"\xed", b"\xa0", b"\x80"], Err(1)); // surrogate
        check(&[b"\xf4", b"\x90", b"\x80"], Err(1)); // above U+10FFFF
        check(&[b"\xf5"], Err(0));
        check(&[b"\xe2\x82", b"a"], Err(1));
        check(&[b"\xe2\x82"], Err(1)); // ends inside a character: only the end can say so
    }

    proptest! {
        #[test]
        fn any_cut_agrees_with_the_standard_library(
            bytes in prop_oneof![
                proptest::collection::vec(any::<u8>(), 0..12),
                ".{0,8}".prop_map(String::into_bytes),
            ],
            cuts in proptest::collection::vec(0_usize..12, 0..6),
        ) {
            let mut buffer = TextBuffer::default();
            let mut rest = bytes.as_slice();
            let mut pieces = cuts.iter().map(|cut| {
                let (piece, after) = rest.split_at(*cut.min(&rest.len()));
                rest = after;
                piece
            }).collect::<Vec<_>>();
            pieces.push(rest);
            let ours = pieces.iter().try_for_each(|piece| buffer.push(piece)).and_then(|()| buffer.finish());
            prop_assert_eq!(ours.ok(), String::from_utf8(bytes).ok());
        }
    }
}
