//! Names of buckets and hosts.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>

use moln_kernel::ApiError;

use crate::{errors, limits};

/// Refuses a name that breaks the rules for general purpose buckets.
pub(crate) fn check(name: &str) -> Result<(), ApiError> {
    if is_valid(name) { Ok(()) } else { Err(errors::invalid_bucket_name(name)) }
}

fn is_valid(name: &str) -> bool {
    let edge = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.';
    limits::BUCKET_NAME.contains(&name.len())
        && edge(name.bytes().next())
        && edge(name.bytes().last())
        && name.bytes().all(inner)
        && !name.contains("..")
        && name.parse::<std::net::Ipv4Addr>().is_err()
        && !["xn--", "sthree-", "amzn-s3-demo-"].iter().any(|prefix| name.starts_with(prefix))
        && !["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"]
            .iter()
            .any(|suffix| name.ends_with(suffix))
}

/// Whether a text has the form of a region's name: `eu-central-1`.
pub(crate) fn is_region(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    parts.len() >= 3
        && parts.last().is_some_and(|part| part.bytes().all(|b| b.is_ascii_digit()))
        && parts.first().is_some_and(|first| (2..=4).contains(&first.len()))
}

/// The host under which buckets have hosts of their own: an address that is a name of the service already is used as it is.
pub(crate) fn host(authority: &str) -> &str {
    authority
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked() {
        for good in ["abc", "my.bucket-1", "0abc", &"a".repeat(63), "a.b"] {
            assert!(is_valid(good), "{good}");
        }
        for bad in [
            "ab",
            "",
            "Abc",
            "a_b",
            "-abc",
            "abc-",
            "a..b",
            "192.168.5.4",
            "xn--a",
            "sthree-a",
            "a-s3alias",
            "a--ol-s3",
            "a/b",
            "a b",
            "ab\u{e4}",
            &"a".repeat(64),
        ] {
            assert!(!is_valid(bad), "{bad}");
        }
    }

    #[test]
    fn regions_look_like_regions() {
        assert!(is_region("eu-central-1") && is_region("us-gov-west-1"));
        assert!(!is_region("aws-global") && !is_region("EU") && !is_region("somewhere"));
    }
}
