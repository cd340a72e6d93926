//! Where a template by URL lies: every form of address means our own buckets.

use moln_kernel::encoding::percent_decode;

/// An object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Its bucket.
    pub(crate) bucket: String,
    /// Its key.
    pub(crate) key: String,
    /// Its version.
    pub(crate) version: Option<String>,
}

fn decode(text: &str) -> String {
    String::from_utf8_lossy(&percent_decode(text.as_bytes(), false)).into_owned()
}

/// The object of a URL: `https://s3.amazonaws.com/b/k`, `https://s3.REGION.amazonaws.com/b/k`,
/// `https://b.s3.REGION.amazonaws.com/k`, `http://localhost:4566/b/k`, `http://b.localhost:4566/k`, `s3://b/k`.
pub(crate) fn parse(url: &str) -> Option<Place> {
    let (scheme, rest) = url.split_once("://")?;
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, path) = rest.split_once('/')?;
    let version = query.split('&').find_map(|pair| pair.strip_prefix("versionId=")).map(decode);
    let (bucket, key) = match scheme.to_ascii_lowercase().as_str() {
        "s3" => (authority.to_owned(), path),
        "http" | "https" => {
            let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
            if let Some(bucket) = bucket_of(host) {
                (bucket.to_owned(), path)
            } else {
                let (bucket, key) = path.split_once('/')?;
                (bucket.to_owned(), key)
            }
        }
        _ => return None,
    };
    let key = decode(key);
    (!bucket.is_empty() && !key.is_empty()).then_some(Place { bucket, key, version })
}

/// The bucket a host names.
fn bucket_of(host: &str) -> Option<&str> {
    let mut from = 0usize;
    for label in host.split('.') {
        if label == "s3" || label.starts_with("s3-") {
            return host.get(..from.checked_sub(1)?);
        }
        from += label.len() + 1;
    }
    host.strip_suffix(".localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_names_the_same_object() {
        for url in [
            "https://s3.amazonaws.com/b.c/d/t%20x.json",
            "https://s3.eu-west-1.amazonaws.com/b.c/d/t x.json",
            "https://s3-eu-west-1.amazonaws.com/b.c/d/t%20x.json",
            "https://b.c.s3.eu-west-1.amazonaws.com/d/t%20x.json",
            "https://b.c.s3.amazonaws.com/d/t%20x.json",
            "http://127.0.0.1:4566/b.c/d/t%20x.json",
            "http://localhost:4566/b.c/d/t%20x.json",
            "http://b.c.localhost:4566/d/t%20x.json",
            "http://s3.localhost.localstack.cloud:4566/b.c/d/t%20x.json",
            "http://b.c.s3.localhost.localstack.cloud:4566/d/t%20x.json",
            "s3://b.c/d/t%20x.json",
        ] {
            let place = parse(url).unwrap();
            assert_eq!((place.bucket.as_str(), place.key.as_str()), ("b.c", "d/t x.json"), "{url}");
        }
        assert_eq!(
            parse("https://s3.amazonaws.com/b/k?versionId=v1").unwrap().version.as_deref(),
            Some("v1")
        );
        for bad in [
            "",
            "b/k",
            "https://s3.amazonaws.com/b",
            "ftp://s3.amazonaws.com/b/k",
            "https://s3.amazonaws.com//k",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
