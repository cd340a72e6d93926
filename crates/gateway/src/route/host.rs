//! What a `Host` header says: the service, the region, and what stands before them (a bucket, an API's id).

/// Suffixes under which hosts are named as AWS names them, longest first.
const SUFFIXES: [&str; 6] = [
    ".localhost.localstack.cloud",
    ".amazonaws.com.cn",
    ".amazonaws.com",
    ".localhost",
    ".api.aws",
    ".on.aws",
];

/// A `Host` without its port, taken apart. Names that are not AWS-like have neither service nor region.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HostName<'a> {
    /// Position in the list of names it was parsed with.
    pub service: Option<usize>,
    /// The region, when the host names one.
    pub region: Option<&'a str>,
    /// What stands before the service (`bucket` of `bucket.s3.us-east-1.amazonaws.com`).
    pub prefix: Option<&'a str>,
}

impl<'a> HostName<'a> {
    /// Takes `host[:port]` apart. `names`: host names of services (`sqs`, `queue`, `streams.dynamodb`), each with the
    /// number that is given back; longer names must stand before their own endings.
    pub fn parse(authority: &'a str, names: &[(String, usize)]) -> Self {
        let host = without_port(authority);
        let Some(labels) = SUFFIXES.iter().find_map(|suffix| host.strip_suffix(suffix)) else {
            return Self::default();
        };
        let (mut rest, mut region) = match labels.rsplit_once('.') {
            Some((before, last)) if is_region(last) => (before, Some(last)),
            _ => match dashed(labels) {
                Some((before, region)) => (before, Some(region)),
                None => (labels, None),
            },
        };
        rest = rest.strip_suffix(".dualstack").unwrap_or(rest);
        let found = names.iter().find_map(|(name, index)| {
            let before = rest.strip_suffix(name.as_str())?;
            (before.is_empty() || before.ends_with('.')).then_some((before.trim_end_matches('.'), *index))
        });
        let service = found.map(|(before, index)| {
            rest = before;
            index
        });
        if region.is_none() && service.is_some() {
            // The older order: `us-east-1.queue.amazonaws.com`.
            let last = rest.rsplit('.').next().unwrap_or_default();
            if is_region(last) {
                region = Some(last);
                rest = rest.strip_suffix(last).unwrap_or_default().trim_end_matches('.');
            }
        }
        Self { service, region, prefix: service.and((!rest.is_empty()).then_some(rest)) }
    }
}

/// The oldest form with a region: `bucket.s3-us-west-2`.
fn dashed(labels: &str) -> Option<(&str, &str)> {
    let region = labels.rsplit('.').next()?.strip_prefix("s3-").filter(|region| is_region(region))?;
    Some((labels.strip_suffix(region)?.strip_suffix('-')?, region))
}

/// The host of `host:port`, `[::1]:port`, `host`.
pub fn without_port(authority: &str) -> &str {
    if authority.starts_with('[') {
        return authority.split_inclusive(']').next().unwrap_or(authority);
    }
    authority.rsplit_once(':').map_or(authority, |(host, _)| host)
}

/// The bucket of `<bucket>.localhost[:port]` and `<bucket>.localhost.localstack.cloud[:port]`, for requests that are known
/// to be S3's.
pub(super) fn bucket(authority: &str) -> Option<&str> {
    let host = without_port(authority);
    let before =
        [".localhost.localstack.cloud", ".localhost"].iter().find_map(|suffix| host.strip_suffix(suffix))?;
    (!before.is_empty() && before != "s3").then_some(before)
}

/// Whether a label has the form of a region: two letters, words, a number (`us-gov-west-1`).
fn is_region(label: &str) -> bool {
    let mut words = label.split('-');
    let first = words.next().unwrap_or_default();
    let last = words.next_back().unwrap_or_default();
    let mut between = words.peekable();
    first.len() == 2
        && first.bytes().all(|b| b.is_ascii_lowercase())
        && between.peek().is_some()
        && between.all(|word| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase()))
        && (1..=2).contains(&last.len())
        && last.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(host: &str) -> (Option<usize>, Option<&str>, Option<&str>) {
        let names: Vec<(String, usize)> =
            [("streams.dynamodb", 3), ("dynamodb", 2), ("queue", 0), ("sqs", 0), ("s3", 1)]
                .map(|(name, index)| (name.to_owned(), index))
                .into();
        let HostName { service, region, prefix } = HostName::parse(host, &names);
        (service, region, prefix)
    }

    #[test]
    fn every_style() {
        let east = Some("us-east-1");
        for (host, want) in [
            ("sqs.us-east-1.amazonaws.com", (Some(0), east, None)),
            ("sqs.us-east-1.localhost.localstack.cloud:4566", (Some(0), east, None)),
            ("us-east-1.queue.amazonaws.com", (Some(0), east, None)),
            ("us-east-1.queue.localhost.localstack.cloud:4566", (Some(0), east, None)),
            ("queue.amazonaws.com", (Some(0), None, None)),
            ("queue.localhost.localstack.cloud:4566", (Some(0), None, None)),
            ("queue.localhost:4566", (Some(0), None, None)),
            ("sqs.us-east-1.localhost:4566", (Some(0), east, None)),
            ("sqs.localhost", (Some(0), None, None)),
            (
                "bucket.with.dots.s3.us-west-2.amazonaws.com",
                (Some(1), Some("us-west-2"), Some("bucket.with.dots")),
            ),
            ("b.s3-us-west-2.amazonaws.com", (Some(1), Some("us-west-2"), Some("b"))),
            ("s3-us-west-2.amazonaws.com", (Some(1), Some("us-west-2"), None)),
            ("b.s3.dualstack.us-east-1.amazonaws.com", (Some(1), east, Some("b"))),
            ("s3-bucket.localhost", (None, None, None)),
            ("streams.dynamodb.us-east-1.amazonaws.com", (Some(3), east, None)),
            ("sqs.us-gov-west-1.api.aws", (Some(0), Some("us-gov-west-1"), None)),
            ("mysqs.us-east-1.amazonaws.com", (None, east, None)),
            ("127.0.0.1:4566", (None, None, None)),
            ("localhost:4566", (None, None, None)),
            ("[::1]:4566", (None, None, None)),
            ("sqs.us-east-1.example.com", (None, None, None)),
            ("", (None, None, None)),
            (".amazonaws.com", (None, None, None)),
        ] {
            assert_eq!(parse(host), want, "{host}");
        }
    }

    #[test]
    fn ports_go() {
        for (authority, host) in [("a:1", "a"), ("a", "a"), ("[::1]:80", "[::1]"), ("[::1]", "[::1]")] {
            assert_eq!(without_port(authority), host);
        }
    }
}
