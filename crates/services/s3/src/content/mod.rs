//! The bytes of objects: how they come in, where they are put, how they are read, and what is proven of them on the way.

pub(crate) mod checksum;
pub(crate) mod cipher;
pub(crate) mod claims;
pub(crate) mod receive;

/// Bytes as tags of entities write them.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).copied().map_or('0', char::from);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
