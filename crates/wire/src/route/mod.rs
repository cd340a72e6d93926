//! Which operation of a REST service a request means, and the labels of its path.

mod buckets;
mod paths;

use http::HeaderMap;

use crate::{Operation, ServiceModel, query::decode};

use self::{buckets::BucketRoutes, paths::PathRoutes};

/// The labels of a route: name and decoded text.
pub(crate) type Labels = Vec<(&'static str, String)>;

/// A REST service's operations, sorted so that the one a request means is found among few.
#[derive(Debug)]
pub struct Routes(Sorted);

#[derive(Debug)]
enum Sorted {
    Buckets(BucketRoutes),
    Paths(PathRoutes),
}

impl Routes {
    /// Sorts a model's operations.
    pub fn new(model: &ServiceModel) -> Self {
        Self(if model.buckets {
            Sorted::Buckets(BucketRoutes::new(model))
        } else {
            Sorted::Paths(PathRoutes::new(model))
        })
    }

    /// Index of the operation that a request means, by its method, path and query as they were sent, not decoded; in S3
    /// also by its headers.
    pub fn find(&self, method: &str, path: &str, query: Option<&str>, headers: &HeaderMap) -> Option<usize> {
        match &self.0 {
            Sorted::Buckets(routes) => routes.find(method, path, query, headers),
            Sorted::Paths(routes) => routes.find(method, path, query),
        }
    }
}

/// The labels of a path that fits an operation.
pub(crate) fn labels(
    model: &ServiceModel,
    operation: &'static Operation,
    path: &str,
    query: Option<&str>,
) -> Option<Labels> {
    if model.buckets { buckets::labels(path) } else { paths::labels(operation, path, query) }
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
        let operation = &MODEL.operations[Routes::new(&MODEL).find("GET", path, query, &HeaderMap::new())?];
        Some((operation.name, labels(&MODEL, operation, path, query)?))
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
        assert_eq!(matched("/f/n/tail/", None), Some(("Tail", vec![label("Name", "n")])));
        let object = |key: &str| Some(("GetObject", vec![label("Bucket", "f"), label("Key", key)]));
        assert_eq!(matched("/f/n/tailor", None), object("n/tailor"));
        assert_eq!(matched("/f/n/tail", Some("x")), Some(("Tail", vec![label("Name", "n")])));
        assert_eq!(matched("/g/a/b/tail", None), Some(("GreedyTail", vec![label("Rest", "a/b")])));
        assert_eq!(matched("/b/%zz", None), None);
        assert_eq!(Routes::new(&MODEL).find("PUT", "/b", None, &HeaderMap::new()), None);
    }
}
