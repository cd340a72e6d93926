//! Percent and hex encoding as signatures want them.

use std::borrow::Cow;

const UPPER: &[u8; 16] = b"0123456789ABCDEF";
const LOWER: &[u8; 16] = b"0123456789abcdef";

fn digit(table: &[u8; 16], nibble: u8) -> char {
    char::from(table.get(usize::from(nibble & 15)).copied().unwrap_or(b'0'))
}

/// Appends `text` with everything but the unreserved characters of RFC 3986 escaped; `/` stays when `keep_slash`.
pub(crate) fn encode_into(out: &mut String, bytes: &[u8], keep_slash: bool) {
    for &byte in bytes {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            b'/' if keep_slash => out.push('/'),
            _ => {
                out.push('%');
                out.push(digit(UPPER, byte >> 4));
                out.push(digit(UPPER, byte));
            }
        }
    }
}

/// Escapes everything but the unreserved characters of RFC 3986.
pub fn percent_encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    encode_into(&mut out, text.as_bytes(), false);
    out
}

/// Undoes percent escapes; broken escapes stay as they are. `plus` makes `+` a space, as in forms.
pub fn percent_decode(text: &[u8], plus: bool) -> Cow<'_, [u8]> {
    if !text.iter().any(|&b| b == b'%' || (plus && b == b'+')) {
        return Cow::Borrowed(text);
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte == b'%'
            && let [high, low, after @ ..] = tail
            && let (Some(high), Some(low)) = (nibble(*high), nibble(*low))
        {
            out.push(high << 4 | low);
            rest = after;
        } else {
            out.push(if plus && byte == b'+' { b' ' } else { byte });
        }
    }
    Cow::Owned(out)
}

fn nibble(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

/// Appends lower-case hex.
pub(crate) fn hex_into(out: &mut String, bytes: &[u8]) {
    for &byte in bytes {
        out.push(digit(LOWER, byte >> 4));
        out.push(digit(LOWER, byte));
    }
}

/// Lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 2);
    hex_into(&mut out, bytes);
    out
}

/// 32 bytes from exactly 64 hex digits.
pub(crate) fn unhex32(text: &str) -> Option<[u8; 32]> {
    let mut out = [0u8; 32];
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != out.len() || !rest.is_empty() {
        return None;
    }
    for (slot, &[high, low]) in out.iter_mut().zip(pairs) {
        *slot = nibble(high)? << 4 | nibble(low)?;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_and_back() {
        assert_eq!(percent_encode("a b/ü~"), "a%20b%2F%C3%BC~");
        assert_eq!(&*percent_decode(b"a%20b+%2f%zz%4", false), b"a b+/%zz%4");
        assert_eq!(&*percent_decode(b"a+b", true), b"a b");
        assert!(matches!(percent_decode(b"plain", true), Cow::Borrowed(_)));
    }

    #[test]
    fn hex_is_exact() {
        let bytes: [u8; 32] = std::array::from_fn(|i| u8::try_from(i * 7).unwrap());
        assert_eq!(unhex32(&hex(&bytes)), Some(bytes));
        assert_eq!(unhex32("00"), None);
        assert_eq!(unhex32(&"g".repeat(64)), None);
        assert_eq!(unhex32(&"0".repeat(65)), None);
    }
}
