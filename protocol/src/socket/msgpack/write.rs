//! Writes msgpack as notepack.io 2.2 does: the shortest integer form, whole doubles as integers.

use super::super::Value;

pub(crate) fn write_uint(out: &mut Vec<u8>, value: u64) {
    match value {
        0..=0x7f => out.extend(value.to_be_bytes().last()),
        0x80..=0xff => sized(out, 0xcc, value, 1),
        0x100..=0xffff => sized(out, 0xcd, value, 2),
        0x1_0000..=0xffff_ffff => sized(out, 0xce, value, 4),
        _ => sized(out, 0xcf, value, 8),
    }
}

pub(crate) fn write_str(out: &mut Vec<u8>, text: &str) {
    match text.len() {
        len @ 0..=0x1f => short(out, 0xa0, len),
        len @ 0x20..=0xff => sized(out, 0xd9, wide(len), 1),
        len @ 0x100..=0xffff => sized(out, 0xda, wide(len), 2),
        len => sized(out, 0xdb, wide(len), 4),
    }
    out.extend_from_slice(text.as_bytes());
}

pub(crate) fn write_array_len(out: &mut Vec<u8>, len: usize) {
    match len {
        0..=0x0f => short(out, 0x90, len),
        0x10..=0xffff => sized(out, 0xdc, wide(len), 2),
        _ => sized(out, 0xdd, wide(len), 4),
    }
}

pub(crate) fn write_map_len(out: &mut Vec<u8>, len: usize) {
    match len {
        0..=0x0f => short(out, 0x80, len),
        0x10..=0xffff => sized(out, 0xde, wide(len), 2),
        _ => sized(out, 0xdf, wide(len), 4),
    }
}

pub(crate) fn write_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null => out.push(0xc0),
        Value::Bool(false) => out.push(0xc2),
        Value::Bool(true) => out.push(0xc3),
        Value::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(value), _) => write_uint(out, value),
            (None, Some(value)) => write_negative(out, value),
            (None, None) => write_double(out, number.as_f64().unwrap_or(f64::NAN)),
        },
        Value::String(text) => write_str(out, text),
        Value::Array(items) => {
            write_array_len(out, items.len());
            for item in items {
                write_value(out, item);
            }
        }
        Value::Object(entries) => {
            write_map_len(out, entries.len());
            for (key, value) in entries {
                write_str(out, key);
                write_value(out, value);
            }
        }
        Value::Binary(bytes) => {
            match bytes.len() {
                len @ 0..=0xff => sized(out, 0xc4, wide(len), 1),
                len @ 0x100..=0xffff => sized(out, 0xc5, wide(len), 2),
                len => sized(out, 0xc6, wide(len), 4),
            }
            out.extend_from_slice(bytes);
        }
    }
}

/// A double; as an integer if it is one that a double holds exactly.
fn write_double(out: &mut Vec<u8>, value: f64) {
    if value.trunc() == value && value.abs() < 9_007_199_254_740_992.0 {
        #[expect(clippy::cast_possible_truncation, reason = "whole and below 2^53")]
        let value = value as i64;
        match u64::try_from(value) {
            Ok(value) => write_uint(out, value),
            Err(_) => write_negative(out, value),
        }
    } else {
        out.push(0xcb);
        out.extend_from_slice(&value.to_be_bytes());
    }
}

fn write_negative(out: &mut Vec<u8>, value: i64) {
    let bits = value.cast_unsigned();
    match value {
        -0x20.. => out.extend(bits.to_be_bytes().last()),
        -0x80..-0x20 => sized(out, 0xd0, bits, 1),
        -0x8000..-0x80 => sized(out, 0xd1, bits, 2),
        -0x8000_0000..-0x8000 => sized(out, 0xd2, bits, 4),
        _ => sized(out, 0xd3, bits, 8),
    }
}

/// A marker that has a small length in it.
fn short(out: &mut Vec<u8>, marker: u8, len: usize) {
    out.push(marker | len.to_be_bytes().last().copied().unwrap_or(0));
}

/// A marker and the low `width` bytes of a number.
fn sized(out: &mut Vec<u8>, marker: u8, value: u64, width: usize) {
    out.push(marker);
    let bytes = value.to_be_bytes();
    out.extend_from_slice(bytes.get(8 - width..).unwrap_or(&bytes));
}

fn wide(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}
