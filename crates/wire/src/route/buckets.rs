//! S3's operations: by method, by where they stand, by the marks a request carries.

use http::HeaderMap;

use super::{Labels, decoded, same_pair};
use crate::{Location, Operation, ServiceModel};

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
pub(super) struct BucketRoutes(Vec<(&'static str, Level, Vec<Candidate>)>);

impl BucketRoutes {
    /// Sorts a model's operations.
    pub(super) fn new(model: &ServiceModel) -> Self {
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
    pub(super) fn find(
        &self,
        method: &str,
        path: &str,
        query: Option<&str>,
        headers: &HeaderMap,
    ) -> Option<usize> {
        // Text without escapes is UTF-8 as it stands.
        if path.contains('%') {
            labels(path)?;
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
pub(super) fn labels(path: &str) -> Option<Labels> {
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
