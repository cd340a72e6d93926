//! Hosts of APIs: `ID.execute-api.REGION.amazonaws.com`, the same under names that lead to this machine, and the path form.

/// Behind `execute-api.`, and a region where there is one.
const DOMAINS: [&str; 4] = ["amazonaws.com", "amazonaws.com.cn", "localhost.localstack.cloud", "localhost"];
/// Before an API's id, in paths.
pub(super) const PATH: &str = "/_aws/execute-api/";

/// A host without its port, and the port.
pub(super) fn split(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => (host, Some(port)),
        _ => (authority, None),
    }
}

/// The id and the region in a host; `None`: it is not an API's.
pub(super) fn read(authority: &str) -> Option<(&str, Option<&str>)> {
    let (host, _) = split(authority);
    let (id, rest) = host.split_once('.')?;
    let rest = rest.strip_prefix("execute-api.")?;
    let known = |domain: &str| DOMAINS.iter().any(|known| domain.eq_ignore_ascii_case(known));
    if id.is_empty() {
        return None;
    }
    if known(rest) {
        return Some((id, None));
    }
    let (region, domain) = rest.split_once('.')?;
    (known(domain) && !region.is_empty()).then_some((id, Some(region)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_known() {
        for (host, want) in [
            ("abc.execute-api.us-east-1.amazonaws.com", Some(("abc", Some("us-east-1")))),
            ("abc.execute-api.us-east-1.localhost.localstack.cloud:4566", Some(("abc", Some("us-east-1")))),
            ("abc.execute-api.localhost.localstack.cloud:4566", Some(("abc", None))),
            ("abc.execute-api.localhost:4566", Some(("abc", None))),
            ("abc.execute-api.cn-north-1.amazonaws.com.cn", Some(("abc", Some("cn-north-1")))),
            ("execute-api.us-east-1.amazonaws.com", None),
            ("abc.execute-api.us-east-1.example.com", None),
            ("localhost:4566", None),
            ("", None),
        ] {
            assert_eq!(read(host), want, "{host}");
        }
    }
}
