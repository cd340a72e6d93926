//! Finds members in JSON answers without reading the whole document: the client has no time for more.

use memchr::memmem;

/// The string values of all members with this quoted name (`"MessageId"`), in order, as they stand between the quotes:
/// escapes are left as they are, so a value can be sent back unchanged.
pub fn strings<'a>(json: &'a [u8], quoted_name: &'static str) -> impl Iterator<Item = &'a [u8]> {
    memmem::find_iter(json, quoted_name).filter_map(move |at| {
        let rest = json.get(at + quoted_name.len()..)?.trim_ascii_start().strip_prefix(b":")?;
        let rest = rest.trim_ascii_start().strip_prefix(b"\"")?;
        rest.get(..closing_quote(rest)?)
    })
}

/// The first string value of a member with this quoted name.
pub fn string<'a>(json: &'a [u8], quoted_name: &'static str) -> Option<&'a [u8]> {
    strings(json, quoted_name).next()
}

/// Place of the first quote that no backslash escapes.
fn closing_quote(text: &[u8]) -> Option<usize> {
    memchr::memchr_iter(b'"', text).find(|at| {
        let before = text.get(..*at).unwrap_or_default();
        before.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 0
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_as_they_stand() {
        let json =
            br#"{"Messages":[{"Body":"a\"b\\","MD5OfBody" : "1"},{"MD5OfBody":"2","Body": "c"}],"N":5}"#;
        assert_eq!(strings(json, r#""Body""#).collect::<Vec<_>>(), [&br#"a\"b\\"#[..], b"c"]);
        assert_eq!(strings(json, r#""MD5OfBody""#).collect::<Vec<_>>(), [b"1", b"2"]);
        assert_eq!(string(json, r#""N""#), None);
        assert_eq!(string(br#"{"Body":"open"#, r#""Body""#), None);
        assert_eq!(string(br#"["Body"]"#, r#""Body""#), None);
    }
}
