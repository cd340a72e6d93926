//! Which operation of a REST service a request means: method, path pattern with labels, fixed query parameters.

use http::HeaderMap;

use crate::{Location, Operation, ServiceModel, query::decode};

/// The labels of a route: name and decoded text.
pub type Labels = Vec<(&'static str, String)>;

/// REST protocols: the operation whose method, path pattern and fixed query match best, and its labels. Of several, the
/// one with more fixed segments, then with more fixed query parameters, then without a greedy label wins.
/// `path` and `query` as sent, not decoded.
pub fn match_route(
    model: &ServiceModel,
    method: &str,
    path: &str,
    query: Option<&str>,
) -> Option<(usize, Labels)> {
    let may = |operation: &Operation| operation.method == method && begins_alike(operation.uri, path);
    let candidates = model.operations.iter().enumerate().filter(|(_, operation)| may(operation));
    let fitting =
        candidates.filter(|(_, operation)| walk(operation, path, query, &mut |_, _| Some(())).is_some());
    let (index, operation) = fitting.max_by_key(|(_, operation)| specificity(operation))?;
    Some((index, pattern_labels(operation, path, query)?))
}

/// Where an operation of S3 stands: a path is nothing, a bucket, or a bucket and a key that may hold anything (`..`, `//`),
/// verbatim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    Service,
    Bucket,
    Object,
}

impl Level {
    fn of(path: &str) -> Self {
        match path.strip_prefix('/').unwrap_or(path).split_once('/') {
            Some((_, key)) if !key.is_empty() => Self::Object,
            None if matches!(path, "/" | "") => Self::Service,
            _ => Self::Bucket,
        }
    }
}

/// An operation of S3, with the query that its pattern fixes.
type Candidate = (usize, &'static Operation, &'static str);

/// S3's operations, by method and by where they stand.
#[derive(Debug, Default)]
pub struct BucketRoutes(Vec<(&'static str, Level, Vec<Candidate>)>);

impl BucketRoutes {
    /// Sorts a model's operations.
    pub fn new(model: &ServiceModel) -> Self {
        let mut places: Vec<(&'static str, Level, Vec<Candidate>)> = Vec::new();
        for (index, operation) in model.operations.iter().enumerate() {
            let (pattern, fixed) = operation.uri.split_once('?').unwrap_or((operation.uri, ""));
            let level = match pattern {
                "/" => Level::Service,
                "/{Bucket}" => Level::Bucket,
                "/{Bucket}/{Key+}" => Level::Object,
                _ => continue,
            };
            let place = places.iter_mut().find(|place| place.0 == operation.method && place.1 == level);
            match place {
                Some((_, _, candidates)) => candidates.push((index, operation, fixed)),
                None => places.push((operation.method, level, vec![(index, operation, fixed)])),
            }
        }
        Self(places)
    }

    /// Of the operations that stand where the path leads, the one most of whose marks (fixed query, and required query
    /// parameters and headers) the request carries; one that lacks a mark of its pattern does not count.
    /// `None`: nothing stands there for this method, or the path is not UTF-8.
    pub fn find(&self, method: &str, path: &str, query: Option<&str>, headers: &HeaderMap) -> Option<usize> {
        // Text without escapes is UTF-8 as it stands.
        if path.contains('%') {
            bucket_labels(path)?;
        }
        let level = Level::of(path);
        let (_, _, candidates) = self.0.iter().find(|place| place.1 == level && place.0 == method)?;
        let query = query.unwrap_or_default();
        let sent = |wanted: &str| query.split('&').any(|pair| same_pair(pair, wanted));
        let mut best: Option<((usize, bool, usize, bool), usize)> = None;
        for &(index, operation, fixed) in candidates {
            let mut marks = fixed.split('&').filter(|mark| !mark.is_empty());
            // Most requests have no query.
            if query.is_empty() && !fixed.is_empty() || !marks.clone().all(sent) {
                continue;
            }
            let (mut there, mut absent) = (0, 0);
            for member in operation.input.members.iter().filter(|member| member.required) {
                match member.location {
                    Location::Query if sent(member.wire) => there += 1,
                    Location::Header if headers.contains_key(member.wire) => there += 1,
                    Location::Query | Location::Header => absent += 1,
                    _ => {}
                }
            }
            let rank = (marks.by_ref().count(), absent == 0, there, operation.implemented);
            // Of equals the one that is built, else the last by name: `GetBucketLifecycleConfiguration`, not its
            // forerunner `GetBucketLifecycle`.
            if best.is_none_or(|(known, _)| rank >= known) {
                best = Some((rank, index));
            }
        }
        best.map(|(_, index)| index)
    }
}

/// Bucket and key of a path, decoded, otherwise as sent.
fn bucket_labels(path: &str) -> Option<Labels> {
    let path = path.strip_prefix('/').unwrap_or(path);
    let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
    let mut labels = Labels::new();
    if !bucket.is_empty() {
        labels.push(("Bucket", decoded(bucket)?));
    }
    if !key.is_empty() {
        labels.push(("Key", decoded(key)?));
    }
    Some(labels)
}

/// The labels of a path that matches an operation's pattern.
pub(crate) fn labels(
    model: &ServiceModel,
    operation: &'static Operation,
    path: &str,
    query: Option<&str>,
) -> Option<Labels> {
    if model.buckets { bucket_labels(path) } else { pattern_labels(operation, path, query) }
}

fn pattern_labels(operation: &'static Operation, path: &str, query: Option<&str>) -> Option<Labels> {
    let mut labels = Labels::new();
    walk(operation, path, query, &mut |name, text| {
        labels.push((name, decoded(text)?));
        Some(())
    })?;
    Some(labels)
}

/// Whether pattern and path are the same up to the first label: of a hundred operations a few are left.
fn begins_alike(pattern: &str, path: &str) -> bool {
    let (pattern, path) = (pattern.trim_start_matches('/'), path.trim_start_matches('/'));
    let fixed = pattern.bytes().take_while(|byte| !matches!(byte, b'{' | b'?'));
    fixed.zip(path.bytes()).all(|(one, other)| one == other)
}

/// Goes along an operation's pattern and the path; tells each label and its text. `None`: they do not match, or `found`
/// did not like a label.
fn walk<'p>(
    operation: &'static Operation,
    path: &'p str,
    query: Option<&str>,
    found: &mut dyn FnMut(&'static str, &'p str) -> Option<()>,
) -> Option<()> {
    let (pattern, fixed) = operation.uri.split_once('?').unwrap_or((operation.uri, ""));
    // What is left of the path; `None` at its end.
    let mut left = Some(path.trim_start_matches('/'));
    let mut parts = pattern.trim_start_matches('/').split('/').peekable();
    while let Some(part) = parts.next() {
        match label(part) {
            Some((name, true)) => {
                // A greedy label takes all that the parts after it leave.
                let text = left?;
                let after = parts.clone().count();
                let length = text.split('/').count().checked_sub(after).filter(|length| *length > 0)?;
                let end = text.match_indices('/').nth(length - 1).map_or(text.len(), |(at, _)| at);
                let (taken, rest) = text.split_at(end);
                found(name, taken)?;
                let same = after == 0 || parts.eq(rest.split('/').skip(1));
                return (same && has_fixed(fixed, query)).then_some(());
            }
            Some((name, false)) => found(name, segment(&mut left).filter(|text| !text.is_empty())?)?,
            None if part.is_empty() && parts.peek().is_none() => {
                // A pattern's trailing slash may be missing.
                left = left.map(|text| text.strip_prefix('/').unwrap_or(text));
            }
            None => {
                segment(&mut left).filter(|text| *text == part)?;
            }
        }
    }
    // A trailing slash of the path changes nothing.
    let over = left.is_none_or(|text| text.bytes().all(|byte| byte == b'/'));
    (over && has_fixed(fixed, query)).then_some(())
}

/// The next segment of a path.
fn segment<'p>(left: &mut Option<&'p str>) -> Option<&'p str> {
    let text = left.take()?;
    let Some((segment, rest)) = text.split_once('/') else { return Some(text) };
    *left = Some(rest);
    Some(segment)
}

/// Whether the query has all that the pattern says of it.
fn has_fixed(fixed: &str, query: Option<&str>) -> bool {
    let sent = |wanted: &str| query.is_some_and(|query| query.split('&').any(|pair| same_pair(pair, wanted)));
    fixed.split('&').filter(|pair| !pair.is_empty()).all(sent)
}

/// Name of a label part, and whether it is greedy.
fn label(part: &'static str) -> Option<(&'static str, bool)> {
    let name = part.strip_prefix('{')?.strip_suffix('}')?;
    Some(name.strip_suffix('+').map_or((name, false), |name| (name, true)))
}

/// A path's text: percent escapes undone, a plus is a plus.
fn decoded(text: &str) -> Option<String> {
    if !text.contains(['%', '+']) {
        return Some(text.to_owned());
    }
    decode(text.replace('+', "%2B").as_bytes()).ok().map(std::borrow::Cow::into_owned)
}

fn same_pair(pair: &str, wanted: &str) -> bool {
    match wanted.split_once('=') {
        Some(_) => pair == wanted,
        None => pair.split_once('=').map_or(pair, |(name, _)| name) == wanted,
    }
}

fn specificity(operation: &Operation) -> (usize, usize, bool) {
    let (pattern, fixed) = operation.uri.split_once('?').unwrap_or((operation.uri, ""));
    let parts = || pattern.split('/').filter(|part| !part.is_empty());
    let pairs = fixed.split('&').filter(|pair| !pair.is_empty()).count();
    (parts().filter(|part| !part.starts_with('{')).count(), pairs, !pattern.contains("+}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    static MODEL: ServiceModel = ServiceModel {
        operations: &[
            Operation { method: "GET", uri: "/{Bucket}", ..Operation::new("ListObjects") },
            Operation { method: "GET", uri: "/{Bucket}?list-type=2", ..Operation::new("ListObjectsV2") },
            Operation { method: "GET", uri: "/", ..Operation::new("ListBuckets") },
            Operation { method: "GET", uri: "/{Bucket}/{Key+}", ..Operation::new("GetObject") },
            Operation { method: "GET", uri: "/{Bucket}/{Key+}?acl", ..Operation::new("GetObjectAcl") },
            Operation { method: "GET", uri: "/f/{Name}/tail", ..Operation::new("Tail") },
            Operation { method: "GET", uri: "/g/{Rest+}/tail", ..Operation::new("GreedyTail") },
        ],
        ..ServiceModel::NONE
    };

    fn matched(path: &str, query: Option<&str>) -> Option<(&'static str, Vec<(&'static str, String)>)> {
        let (index, labels) = match_route(&MODEL, "GET", path, query)?;
        Some((MODEL.operations[index].name, labels))
    }

    #[test]
    fn routes() {
        let label = |name, text: &str| (name, text.to_owned());
        assert_eq!(matched("/", None), Some(("ListBuckets", vec![])));
        assert_eq!(matched("/b", None), Some(("ListObjects", vec![label("Bucket", "b")])));
        assert_eq!(matched("/b/", Some("x=1")), Some(("ListObjects", vec![label("Bucket", "b")])));
        assert_eq!(matched("/b", Some("list-type=2&x")), Some(("ListObjectsV2", vec![label("Bucket", "b")])));
        assert_eq!(
            matched("/b/a%20b+/c/", Some("acl=")),
            Some(("GetObjectAcl", vec![label("Bucket", "b"), label("Key", "a b+/c/")]))
        );
        assert_eq!(matched("/f/n/tail", None), Some(("Tail", vec![label("Name", "n")])));
        assert_eq!(matched("/g/a/b/tail", None), Some(("GreedyTail", vec![label("Rest", "a/b")])));
        assert_eq!(matched("/b/%zz", None), None);
        assert_eq!(match_route(&MODEL, "PUT", "/b", None), None);
    }
}
