//! How a stored row that is not as it was written is noticed.

/// CRC-32 as of zlib, a byte at a time.
#[derive(Clone, Copy)]
pub(crate) struct Crc32(u32);

impl Crc32 {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self(!0).and(bytes)
    }

    pub(crate) fn and(self, bytes: &[u8]) -> Self {
        Self(bytes.iter().fold(self.0, |sum, byte| {
            let [low, ..] = sum.to_le_bytes();
            let index = usize::from(low ^ byte);
            CRC_TABLE.get(index).copied().unwrap_or_default() ^ (sum >> 8)
        }))
    }

    pub(crate) const fn value(self) -> u32 {
        !self.0
    }
}

#[expect(clippy::indexing_slicing, reason = "in a constant, a wrong index does not compile")]
static CRC_TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut sum = index as u32;
        let mut bit = 0;
        while bit < 8 {
            sum = if sum & 1 == 1 { (sum >> 1) ^ 0xEDB8_8320 } else { sum >> 1 };
            bit += 1;
        }
        table[index] = sum;
        index += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_one_that_everybody_has() {
        assert_eq!(Crc32::of(b"123456789").value(), 0xCBF4_3926);
        assert_eq!(Crc32::of(b"1234").and(b"56789").value(), 0xCBF4_3926);
        assert_eq!(Crc32::of(b"").value(), 0);
    }
}
