//! Values to JSON as `JSON.stringify` writes it, with bytes put aside as attachments.

use std::io;

use bytes::Bytes;
use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter, Serializer};

use super::EncodeError;

/// Appends `value` as JSON to `out`; each run of bytes in it becomes a placeholder in `out` and an
/// entry of `attachments`.
///
/// No tree in between: `serde_json` writes through the formatter below.
pub(crate) fn stringify<T: Serialize + ?Sized>(
    value: &T,
    out: &mut Vec<u8>,
    attachments: &mut Vec<Bytes>,
) -> Result<(), EncodeError> {
    let mut serializer = Serializer::with_formatter(out, JavaScript { attachments });
    value.serialize(&mut serializer).map_err(|error| EncodeError::Serialize(error.to_string()))
}

/// Appends `text` as a JSON string.
pub(super) fn quote(text: &str, out: &mut Vec<u8>) {
    // The writer and the value cannot fail; were they to, the receiver would see no name.
    let _ = serde_json::to_writer(out, text);
}

struct JavaScript<'a> {
    attachments: &'a mut Vec<Bytes>,
}

impl Formatter for JavaScript<'_> {
    fn write_f32<W: ?Sized + io::Write>(&mut self, writer: &mut W, value: f32) -> io::Result<()> {
        if is_short_integer(value.into()) {
            return write_integer(writer, value.into());
        }
        let mut text = Vec::with_capacity(32);
        CompactFormatter.write_f32(&mut text, value)?;
        write_number(writer, &String::from_utf8_lossy(&text))
    }

    fn write_f64<W: ?Sized + io::Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        if is_short_integer(value) {
            return write_integer(writer, value);
        }
        let mut text = Vec::with_capacity(32);
        CompactFormatter.write_f64(&mut text, value)?;
        write_number(writer, &String::from_utf8_lossy(&text))
    }

    fn write_byte_array<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        bytes: &[u8],
    ) -> io::Result<()> {
        let num = self.attachments.len();
        self.attachments.push(Bytes::copy_from_slice(bytes));
        write!(writer, "{{\"_placeholder\":true,\"num\":{num}}}")
    }
}

/// Whole numbers that a double holds exactly; `-0` too, which JavaScript prints as `0`.
fn is_short_integer(value: f64) -> bool {
    value.trunc() == value && value.abs() < 9_007_199_254_740_992.0
}

fn write_integer<W: ?Sized + io::Write>(writer: &mut W, value: f64) -> io::Result<()> {
    #[expect(clippy::cast_possible_truncation, reason = "whole and below 2^53")]
    let value = value as i64;
    write!(writer, "{value}")
}

/// Writes a number, given in some decimal form such as `-12.5e-7`, in the layout of JavaScript.
///
/// The digits are the same (the shortest that read back, the even one of two as close; Rust's own
/// `{:e}` takes the other); only the layout differs (ECMA-262, `Number::toString`).
fn write_number<W: ?Sized + io::Write>(writer: &mut W, text: &str) -> io::Result<()> {
    let (sign, text) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text),
    };
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let exponent: i32 = exponent.trim_start_matches('+').parse().unwrap_or(0);
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let joined = [whole, fraction].concat();
    let digits = joined.trim_start_matches('0');
    let shift = |len: usize| i32::try_from(len).unwrap_or(0);
    let leading_zeros = shift(joined.len() - digits.len());
    let digits = digits.trim_end_matches('0');
    // Digits before the decimal point, if written without an exponent.
    let point = exponent + shift(whole.len()) - leading_zeros;
    let (count, whole) = (digits.len(), usize::try_from(point).unwrap_or(0));
    match point {
        1..=21 if whole >= count => write!(writer, "{sign}{digits:0<whole$}"),
        1..=21 => {
            let (before, after) = digits.split_at_checked(whole).unwrap_or((digits, ""));
            write!(writer, "{sign}{before}.{after}")
        }
        -5..=0 => {
            let zeros = usize::try_from(-point).unwrap_or(0);
            write!(writer, "{sign}0.{:0<zeros$}{digits}", "")
        }
        _ => {
            let (first, others) = digits.split_at_checked(1).unwrap_or((digits, ""));
            let dot = if others.is_empty() { "" } else { "." };
            let exponent = point - 1;
            let plus = if exponent > 0 { "+" } else { "" };
            write!(writer, "{sign}{first}{dot}{others}e{plus}{exponent}")
        }
    }
}
