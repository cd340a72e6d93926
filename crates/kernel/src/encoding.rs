//! Bytes as text: hexadecimal digits, percent escapes.

use std::borrow::Cow;

const UPPER: &[u8; 16] = b"0123456789ABCDEF";
const LOWER: &[u8; 16] = b"0123456789abcdef";

fn digit(table: &[u8; 16], nibble: u8) -> char {
    char::from(table.get(usize::from(nibble & 15)).copied().unwrap_or(b'0'))
}

fn nibble(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

/// Lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 2);
    hex_into(&mut out, bytes);
    out
}

/// Appends lower-case hex.
pub fn hex_into(out: &mut String, bytes: &[u8]) {
    for &byte in bytes {
        out.push(digit(LOWER, byte >> 4));
        out.push(digit(LOWER, byte));
    }
}

/// `N` bytes from exactly twice as many hex digits, of either case.
pub fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut out = [0u8; N];
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != N || !rest.is_empty() {
        return None;
    }
    for (slot, &[high, low]) in out.iter_mut().zip(pairs) {
        *slot = nibble(high)? << 4 | nibble(low)?;
    }
    Some(out)
}

/// Escapes everything but the unreserved characters of RFC 3986.
pub fn percent_encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    percent_encode_into(&mut out, text.as_bytes(), b"");
    out
}

/// Appends `bytes` with everything escaped but the unreserved characters of RFC 3986 and those of `keep`.
pub fn percent_encode_into(out: &mut String, bytes: &[u8], keep: &[u8]) {
    let plain = |byte: &u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') || keep.contains(byte)
    };
    let mut rest = bytes;
    // Mostly there is nothing to escape: what is plain is taken over as a whole.
    while let Some(at) = rest.iter().position(|byte| !plain(byte)) {
        let (same, escaped) = rest.split_at(at);
        out.push_str(&String::from_utf8_lossy(same));
        let Some((&byte, more)) = escaped.split_first() else { return };
        out.push('%');
        out.push(digit(UPPER, byte >> 4));
        out.push(digit(UPPER, byte));
        rest = more;
    }
    out.push_str(&String::from_utf8_lossy(rest));
}

/// Undoes percent escapes; broken ones stay as they are. `plus` makes `+` a space, as in forms and queries.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_and_back() {
        assert_eq!(percent_encode("a b/ü~"), "a%20b%2F%C3%BC~");
        assert_eq!(percent_encode("{\"a\": \"b%\u{e4}~\"}"), "%7B%22a%22%3A%20%22b%25%C3%A4~%22%7D");
        let mut kept = String::new();
        percent_encode_into(&mut kept, b"a/b c", b"/");
        assert_eq!(kept, "a/b%20c");
        assert_eq!(&*percent_decode(b"a%20b+%2f%zz%4", false), b"a b+/%zz%4");
        assert_eq!(&*percent_decode(b"a+b", true), b"a b");
        assert!(matches!(percent_decode(b"plain", true), Cow::Borrowed(_)));
    }

    #[test]
    fn hex_is_exact() {
        let bytes: [u8; 32] = std::array::from_fn(|i| u8::try_from(i * 7).unwrap());
        assert_eq!(unhex(&hex(&bytes)), Some(bytes));
        assert_eq!(unhex::<32>("00"), None);
        assert_eq!(unhex::<32>(&"g".repeat(64)), None);
        assert_eq!(unhex::<32>(&"0".repeat(65)), None);
    }
}
