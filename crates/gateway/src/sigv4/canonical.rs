//! The canonical request: the one text that signer and verifier must both arrive at.

use std::borrow::Cow;

use http::{HeaderMap, Uri, header};
use moln_kernel::encoding::{percent_decode, percent_encode_into};

/// What the signature covers.
pub(crate) struct Canonical<'a> {
    pub(crate) method: &'a str,
    pub(crate) uri: &'a Uri,
    pub(crate) headers: &'a HeaderMap,
    /// Lower-case names separated by `;`, in the signer's order.
    pub(crate) signed_headers: &'a str,
    /// Hash of the body in hex, or one of the names that stand for it.
    pub(crate) payload: &'a str,
    /// S3's rules: the path is neither normalised nor escaped twice.
    pub(crate) s3: bool,
}

impl Canonical<'_> {
    /// The text.
    pub(crate) fn text(&self) -> String {
        let mut out = String::with_capacity(768);
        out.push_str(self.method);
        out.push('\n');
        self.path(&mut out);
        out.push('\n');
        query(&mut out, self.uri.query().unwrap_or_default());
        out.push('\n');
        for name in self.signed_headers.split(';') {
            out.push_str(name);
            out.push(':');
            self.header(&mut out, name);
            out.push('\n');
        }
        out.push('\n');
        out.push_str(self.signed_headers);
        out.push('\n');
        out.push_str(self.payload);
        out
    }

    fn path(&self, out: &mut String) {
        let raw = self.uri.path();
        if raw == "/" || raw.is_empty() {
            out.push('/');
        } else if self.s3 {
            // Clients escape differently; both sides escape what the path means.
            percent_encode_into(out, &percent_decode(raw.as_bytes(), false), b"/");
        } else {
            percent_encode_into(out, normal(raw).as_bytes(), b"/");
        }
    }

    /// All values of a header, joined by commas, with runs of blanks collapsed.
    fn header(&self, out: &mut String, name: &str) {
        // HTTP/2 has no Host header; the server puts the authority in its place, but a presigned URL's caller may not.
        let mut first = true;
        for value in self.headers.get_all(name) {
            if !first {
                out.push(',');
            }
            first = false;
            let text =
                value.to_str().map_or_else(|_| String::from_utf8_lossy(value.as_bytes()), Cow::Borrowed);
            collapse(out, &text);
        }
        if first
            && name == header::HOST.as_str()
            && let Some(authority) = self.uri.authority()
        {
            out.push_str(authority.as_str());
        }
    }
}

fn collapse(out: &mut String, text: &str) {
    let text = text.trim_matches([' ', '\t']);
    if !text.contains("  ") {
        return out.push_str(text);
    }
    let mut blank = false;
    for c in text.chars() {
        if c != ' ' || !blank {
            out.push(c);
        }
        blank = c == ' ';
    }
}

/// Removes empty, `.` and `..` segments (RFC 3986, 5.2.4).
pub(crate) fn normal(path: &str) -> Cow<'_, str> {
    let odd = |segment: &str| matches!(segment, "" | "." | "..");
    let mut segments = path.split('/').skip(1).peekable();
    let mut plain = true;
    while let Some(segment) = segments.next() {
        plain &= !odd(segment) || (segment.is_empty() && segments.peek().is_none());
    }
    if plain {
        return Cow::Borrowed(path);
    }
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                kept.pop();
            }
            other => kept.push(other),
        }
    }
    let mut out = String::with_capacity(path.len());
    for segment in &kept {
        out.push('/');
        out.push_str(segment);
    }
    if out.is_empty() || path.ends_with('/') {
        out.push('/');
    }
    Cow::Owned(out)
}

/// Names and values escaped anew and sorted, without the signature itself.
fn query(out: &mut String, raw: &str) {
    if raw.is_empty() {
        return;
    }
    let escape = |text: &str| {
        let mut done = String::with_capacity(text.len() + 8);
        percent_encode_into(&mut done, &percent_decode(text.as_bytes(), false), b"");
        done
    };
    let mut pairs: Vec<(String, String)> = raw
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (escape(name), escape(value)))
        .filter(|(name, _)| name != "X-Amz-Signature")
        .collect();
    pairs.sort_unstable();
    for (at, (name, value)) in pairs.iter().enumerate() {
        if at > 0 {
            out.push('&');
        }
        out.push_str(name);
        out.push('=');
        out.push_str(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_normalise() {
        for (raw, want) in [
            ("/", "/"),
            ("/a/b", "/a/b"),
            ("/a/b/", "/a/b/"),
            ("//", "/"),
            ("/./", "/"),
            ("/a/../b", "/b"),
            ("/a//b", "/a/b"),
            ("/../..", "/"),
        ] {
            assert_eq!(normal(raw), want, "{raw}");
        }
    }

    #[test]
    fn queries_sort_by_escaped_name_then_value() {
        let mut out = String::new();
        query(&mut out, "b=2&a=%7e&a=1&X-Amz-Signature=x&flag&c=a b");
        assert_eq!(out, "a=1&a=~&b=2&c=a%20b&flag=");
    }
}
