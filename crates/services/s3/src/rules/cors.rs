//! Cross-origin sharing: which rule lets a page in, and what it is told.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/ManageCorsUsing.html>

use crate::model::{CORSConfiguration, CORSRule};

/// What a page asks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    /// `Origin`
    pub(crate) origin: &'a str,
    /// The method, or `Access-Control-Request-Method` of a preflight.
    pub(crate) method: &'a str,
    /// `Access-Control-Request-Headers` of a preflight.
    pub(crate) headers: Option<&'a str>,
}

/// The headers of an answer to a page that is let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Allowed {
    pub(crate) origin: String,
    pub(crate) methods: String,
    pub(crate) headers: Option<String>,
    pub(crate) exposed: Option<String>,
    pub(crate) max_age: Option<i32>,
    pub(crate) credentials: bool,
}

/// What varies with the request.
pub(crate) const VARY: &str = "Origin, Access-Control-Request-Headers, Access-Control-Request-Method";

/// The first rule that lets the page in decides.
pub(crate) fn decide(set: &CORSConfiguration, asked: Asked<'_>) -> Option<Allowed> {
    let rule = set.cors_rules.iter().find(|rule| matches_rule(rule, asked))?;
    let any = rule.allowed_origins.iter().any(|origin| origin == "*");
    let list = |values: &Option<Vec<String>>| {
        values.as_ref().filter(|values| !values.is_empty()).map(|values| values.join(", "))
    };
    Some(Allowed {
        origin: if any { "*".into() } else { asked.origin.into() },
        methods: rule.allowed_methods.join(", "),
        // The browser is told what it asked for, not the pattern that allows it.
        headers: asked.headers.filter(|headers| !headers.trim().is_empty()).map(|headers| {
            headers.split(',').map(|header| header.trim().to_ascii_lowercase()).collect::<Vec<_>>().join(", ")
        }),
        exposed: list(&rule.expose_headers),
        max_age: rule.max_age_seconds,
        credentials: !any,
    })
}

fn matches_rule(rule: &CORSRule, asked: Asked<'_>) -> bool {
    let header = |wanted: &str| {
        let wanted = wanted.trim().to_ascii_lowercase();
        let patterns = rule.allowed_headers.iter().flatten();
        wanted.is_empty() || patterns.into_iter().any(|p| matches_pattern(&p.to_ascii_lowercase(), &wanted))
    };
    rule.allowed_methods.iter().any(|method| method == asked.method)
        && rule.allowed_origins.iter().any(|pattern| matches_pattern(pattern, asked.origin))
        && asked.headers.is_none_or(|headers| headers.split(',').all(header))
}

/// A pattern has at most one `*`.
fn matches_pattern(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((head, tail)) => {
            text.len() >= head.len() + tail.len() && text.starts_with(head) && text.ends_with(tail)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(origin: &str, headers: Option<&str>) -> CORSConfiguration {
        CORSConfiguration {
            cors_rules: vec![CORSRule {
                allowed_methods: vec!["GET".into(), "PUT".into()],
                allowed_origins: vec![origin.into()],
                allowed_headers: headers.map(|h| vec![h.to_owned()]),
                max_age_seconds: Some(3000),
                ..CORSRule::default()
            }],
        }
    }

    #[test]
    fn the_first_matching_rule_decides() {
        let ask = |origin, method, headers| Asked { origin, method, headers };
        let wild = set("http://*.example.com", Some("x-amz-*"));
        let allowed =
            decide(&wild, ask("http://a.example.com", "PUT", Some("X-Amz-Date, x-amz-meta-a"))).unwrap();
        assert_eq!((allowed.origin.as_str(), allowed.methods.as_str()), ("http://a.example.com", "GET, PUT"));
        assert_eq!(allowed.headers.as_deref(), Some("x-amz-date, x-amz-meta-a"));
        assert!(allowed.credentials);
        for refused in [
            ask("http://example.com", "GET", None),
            ask("http://a.example.com", "DELETE", None),
            ask("http://a.example.com", "GET", Some("authorization")),
        ] {
            assert_eq!(decide(&wild, refused), None);
        }
        let any = decide(&set("*", None), ask("null", "GET", None)).unwrap();
        assert_eq!((any.origin.as_str(), any.credentials, any.headers), ("*", false, None));
    }
}
