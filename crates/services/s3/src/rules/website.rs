//! Websites: which document, redirect or error answers a path.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/WebsiteHosting.html>

use moln_kernel::ApiError;

use crate::{
    errors, limits,
    model::{Redirect, RoutingRule, WebsiteConfiguration},
};

/// Refuses what is no website.
pub(crate) fn check(set: &WebsiteConfiguration) -> Result<(), ApiError> {
    if let Some(all) = &set.redirect_all_requests_to {
        if set.index_document.is_some() || set.error_document.is_some() || set.routing_rules.is_some() {
            return Err(errors::malformed_xml());
        }
        return check_protocol(all.protocol.as_deref());
    }
    let Some(index) = &set.index_document else {
        return Err(errors::refused_argument(
            "A value for IndexDocument Suffix must be provided if RedirectAllRequestsTo is empty",
            "IndexDocument",
        ));
    };
    if index.suffix.is_empty() || index.suffix.contains('/') {
        return Err(errors::refused_argument("The IndexDocument Suffix is not well formed", "IndexDocument"));
    }
    if set.error_document.as_ref().is_some_and(|error| error.key.is_empty()) {
        return Err(errors::malformed_xml());
    }
    let rules = set.routing_rules.as_deref().unwrap_or_default();
    if rules.len() > limits::ROUTING_RULES {
        let words = format!(
            "{} routing rules provided, the number of routing rules in a website configuration is limited to {}.",
            rules.len(),
            limits::ROUTING_RULES
        );
        return Err(errors::invalid_request(words));
    }
    rules.iter().try_for_each(check_rule)
}

fn check_rule(rule: &RoutingRule) -> Result<(), ApiError> {
    let to = &rule.redirect;
    if to.replace_key_with.is_some() && to.replace_key_prefix_with.is_some() {
        return Err(errors::invalid_request(
            "You can only define ReplaceKeyPrefix or ReplaceKey but not both.",
        ));
    }
    check_protocol(to.protocol.as_deref())?;
    if let Some(condition) = &rule.condition
        && condition.key_prefix_equals.is_none()
        && condition.http_error_code_returned_equals.is_none()
    {
        return Err(errors::invalid_request(
            "Condition cannot be empty. To redirect all requests without a condition, the condition element shouldn't \
             be present.",
        ));
    }
    let code = to.http_redirect_code.as_deref();
    if code.is_some_and(|code| !code.parse::<u16>().is_ok_and(|code| (301..=308).contains(&code))) {
        let words = format!(
            "The provided HTTP redirect code ({}) is not valid. Valid codes are 3XX except 300.",
            code.unwrap_or_default()
        );
        return Err(errors::invalid_request(words));
    }
    Ok(())
}

fn check_protocol(protocol: Option<&str>) -> Result<(), ApiError> {
    if protocol.is_none_or(|protocol| matches!(protocol, "http" | "https")) {
        return Ok(());
    }
    Err(errors::invalid_request(
        "Invalid protocol, protocol can be http or https. If not defined the protocol will be selected automatically.",
    ))
}

/// Where a browser is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Redirection {
    /// `Location`
    pub(crate) location: String,
    /// 301 … 308
    pub(crate) status: u16,
}

/// The key that a path means: the index document in a directory.
pub(crate) fn key_of(path: &str, index: &str) -> String {
    let key = path.strip_prefix('/').unwrap_or(path);
    if key.is_empty() || key.ends_with('/') { format!("{key}{index}") } else { key.to_owned() }
}

/// Where a rule sends the browser: before the object is looked for (`status` is `None`), or after it was not found.
/// `key` is what was asked for, without the index document.
pub(crate) fn redirection(
    rules: &[RoutingRule],
    key: &str,
    status: Option<u16>,
    (scheme, authority): (&str, &str),
) -> Option<Redirection> {
    let applies = |rule: &&RoutingRule| {
        let Some(condition) = &rule.condition else { return true };
        let prefixed =
            condition.key_prefix_equals.as_ref().is_none_or(|prefix| key.starts_with(prefix.as_str()));
        let failed = match (&condition.http_error_code_returned_equals, status) {
            (None, _) => true,
            (Some(code), Some(status)) => code.parse() == Ok(status),
            (Some(_), None) => false,
        };
        prefixed && failed
    };
    let rule = rules.iter().find(applies)?;
    let prefix = rule.condition.as_ref().and_then(|condition| condition.key_prefix_equals.as_deref());
    Some(send(&rule.redirect, key, prefix.unwrap_or_default(), (scheme, authority)))
}

fn send(to: &Redirect, key: &str, prefix: &str, (scheme, authority): (&str, &str)) -> Redirection {
    let key = match (&to.replace_key_with, &to.replace_key_prefix_with) {
        (Some(key), _) => key.clone(),
        (None, Some(with)) => format!("{with}{}", key.strip_prefix(prefix).unwrap_or(key)),
        (None, None) => key.to_owned(),
    };
    let scheme = to.protocol.as_deref().unwrap_or(scheme);
    let host = to.host_name.as_deref().unwrap_or(authority);
    let status = to.http_redirect_code.as_deref().and_then(|code| code.parse().ok()).unwrap_or(301);
    Redirection { location: format!("{scheme}://{host}/{key}"), status }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Condition, ErrorDocument, IndexDocument, RedirectAllRequestsTo};

    fn rule(prefix: Option<&str>, code: Option<&str>, to: Redirect) -> RoutingRule {
        let condition = Condition {
            key_prefix_equals: prefix.map(Into::into),
            http_error_code_returned_equals: code.map(Into::into),
        };
        RoutingRule { condition: (prefix.is_some() || code.is_some()).then_some(condition), redirect: to }
    }

    #[test]
    fn the_first_rule_that_applies_redirects() {
        let rules = [
            rule(
                Some("docs/"),
                None,
                Redirect { replace_key_prefix_with: Some("documents/".into()), ..Redirect::default() },
            ),
            rule(
                None,
                Some("404"),
                Redirect {
                    host_name: Some("h".into()),
                    replace_key_with: Some("e".into()),
                    http_redirect_code: Some("302".into()),
                    ..Redirect::default()
                },
            ),
        ];
        let go =
            |key, status| redirection(&rules, key, status, ("http", "me:1")).map(|r| (r.location, r.status));
        assert_eq!(go("docs/a", None), Some(("http://me:1/documents/a".into(), 301)));
        assert_eq!(go("x", None), None);
        assert_eq!(go("x", Some(404)), Some(("http://h/e".into(), 302)));
        assert_eq!(
            (key_of("/", "i"), key_of("/a/", "i"), key_of("/a", "i")),
            ("i".into(), "a/i".into(), "a".into())
        );
    }

    #[test]
    fn bad_websites_are_refused() {
        let index = |suffix: &str| Some(IndexDocument { suffix: suffix.into() });
        let good =
            WebsiteConfiguration { index_document: index("index.html"), ..WebsiteConfiguration::default() };
        check(&good).unwrap();
        let both = Redirect {
            replace_key_with: Some("a".into()),
            replace_key_prefix_with: Some("b".into()),
            ..Redirect::default()
        };
        for bad in [
            WebsiteConfiguration::default(),
            WebsiteConfiguration { index_document: index("a/b"), ..good.clone() },
            WebsiteConfiguration {
                error_document: Some(ErrorDocument { key: String::new() }),
                ..good.clone()
            },
            WebsiteConfiguration {
                redirect_all_requests_to: Some(RedirectAllRequestsTo::default()),
                ..good.clone()
            },
            WebsiteConfiguration { routing_rules: Some(vec![rule(None, None, both)]), ..good.clone() },
            WebsiteConfiguration {
                routing_rules: Some(vec![rule(
                    None,
                    None,
                    Redirect { http_redirect_code: Some("300".into()), ..Redirect::default() },
                )]),
                ..good
            },
        ] {
            assert!(check(&bad).is_err(), "{bad:?}");
        }
    }
}
