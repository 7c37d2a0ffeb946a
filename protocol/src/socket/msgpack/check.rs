//! Whether a value is sound, without building it.

use super::{
    super::{DecodeError, MsgpackError},
    Head, Reader,
};

/// What checked values hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Facts {
    /// How many runs of bytes: attachments, once it is sent to a client of the default parser.
    pub(in super::super) binaries: usize,
    /// Whether a map says `_placeholder: true`, so that such a client could take it for one.
    pub(in super::super) lookalike: bool,
}

/// Steps over values and notes what they hold.
#[derive(Debug, Default)]
pub(super) struct Check {
    /// Deepest nesting of arrays and maps.
    pub(super) depth_max: usize,
    /// Whether a key may not stand twice in one map.
    pub(super) unique: bool,
    pub(super) facts: Facts,
}

impl Check {
    /// Steps over one value that lies `level` arrays and maps deep.
    ///
    /// Declared lengths are only counted down, and each item takes a byte at least, so the work is
    /// bounded by the message.
    pub(super) fn value(
        &mut self,
        reader: &mut Reader<'_>,
        level: usize,
    ) -> Result<(), DecodeError> {
        match reader.head()? {
            Head::Bin(_) => self.facts.binaries += 1,
            Head::Array(_) | Head::Map(_) if level >= self.depth_max => {
                let max = self.depth_max;
                return Err(DecodeError::TooDeep { max });
            }
            Head::Array(len) => {
                for _ in 0..len {
                    self.value(reader, level + 1)?;
                }
            }
            Head::Map(len) => self.map(reader, len, level + 1)?,
            _ => {}
        }
        Ok(())
    }

    fn map(&mut self, reader: &mut Reader<'_>, len: u32, level: usize) -> Result<(), DecodeError> {
        let mut keys = Vec::new();
        for _ in 0..len {
            let Head::Str(key) = reader.head()? else {
                return Err(MsgpackError::Key.into());
            };
            self.facts.lookalike |= key == "_placeholder" && reader.peek()? == Head::Bool(true);
            if self.unique {
                keys.push(key);
            }
            self.value(reader, level)?;
        }
        keys.sort_unstable();
        if !keys.is_sorted_by(|a, b| a < b) {
            return Err(DecodeError::DuplicateKey);
        }
        Ok(())
    }
}
