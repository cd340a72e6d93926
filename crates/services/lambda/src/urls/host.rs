//! Hosts of function URLs: `ID.lambda-url.REGION.on.aws`, and the same under names that lead to this machine.

/// Behind the region.
const DOMAINS: [&str; 3] = ["on.aws", "localhost", "localhost.localstack.cloud"];

/// The id and the region in a host; `None`: it is not a function URL's.
pub(crate) fn read(authority: &str) -> Option<(&str, &str)> {
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    };
    let (id, rest) = host.split_once('.')?;
    let (region, domain) = rest.strip_prefix("lambda-url.")?.split_once('.')?;
    let known = DOMAINS.iter().any(|known| domain.eq_ignore_ascii_case(known));
    (known && !id.is_empty() && !region.is_empty()).then_some((id, region))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_known() {
        for host in [
            "abc.lambda-url.us-east-1.on.aws",
            "abc.lambda-url.us-east-1.localhost:4566",
            "abc.lambda-url.us-east-1.localhost.localstack.cloud:4566",
        ] {
            assert_eq!(read(host), Some(("abc", "us-east-1")), "{host}");
        }
        for host in [
            "localhost:4566",
            "lambda-url.us-east-1.on.aws",
            "abc.lambda-url.us-east-1.example.com",
            ".lambda-url.x.on.aws",
            "",
        ] {
            assert_eq!(read(host), None, "{host}");
        }
    }
}
