//! The query protocol's `Action`, found without reading the whole form.

use std::borrow::Cow;

use http::{HeaderMap, header};
use moln_kernel::encoding::percent_decode;

/// The first value of a name in a query string or form.
pub(crate) fn form_value<'a>(raw: &'a [u8], name: &str) -> Option<Cow<'a, str>> {
    raw.split(|b| *b == b'&').find_map(|pair| {
        let value = pair.strip_prefix(name.as_bytes())?.strip_prefix(b"=")?;
        Some(match percent_decode(value, true) {
            Cow::Borrowed(bytes) => String::from_utf8_lossy(bytes),
            Cow::Owned(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
        })
    })
}

/// Whether the body is a form; one of no declared type is taken for one.
pub(crate) fn is_form(headers: &HeaderMap) -> bool {
    content_type(headers).is_none_or(|kind| kind.eq_ignore_ascii_case("application/x-www-form-urlencoded"))
}

/// The content type without its parameters.
pub(crate) fn content_type(headers: &HeaderMap) -> Option<&str> {
    let text = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    Some(text.split(';').next().unwrap_or(text).trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_name_and_not_its_ending() {
        assert_eq!(
            form_value(b"MyAction=no&Action=Send%4dessage&Action=2", "Action").as_deref(),
            Some("SendMessage")
        );
        assert_eq!(form_value(b"Action", "Action"), None);
        assert_eq!(form_value(b"", "Action"), None);
        assert_eq!(form_value(b"Action=\xff", "Action").as_deref(), Some("\u{fffd}"));
    }
}
