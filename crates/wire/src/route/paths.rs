//! The operations of other REST services: by method, by the pattern of their path, by the query that it fixes.

use super::{Labels, decoded, same_pair};
use crate::{Operation, ServiceModel};

/// An operation, and its pattern up to the first label and after the last one: of a hundred operations one or two are left
/// by these.
#[derive(Debug)]
struct Candidate {
    index: usize,
    operation: &'static Operation,
    begin: &'static str,
    end: &'static str,
}

impl Candidate {
    fn new(index: usize, operation: &'static Operation) -> Self {
        let pattern = operation.uri.split('?').next().unwrap_or_default().trim_matches('/');
        let begin = pattern.split('{').next().unwrap_or_default();
        let end = pattern.rsplit_once('}').map_or("", |(_, end)| end);
        Self { index, operation, begin, end }
    }

    /// Whether it can be meant by this path, which has no slashes around it.
    fn resembles(&self, path: &[u8]) -> bool {
        begin_alike(self.begin.as_bytes(), path) && path.ends_with(self.end.as_bytes())
    }
}

/// A service's operations by their methods. Of those that fit a path the first is meant: the one with more fixed segments,
/// then with more fixed query parameters, then without a greedy label.
#[derive(Debug)]
pub(super) struct PathRoutes(Vec<(&'static str, Vec<Candidate>)>);

impl PathRoutes {
    /// Sorts a model's operations.
    pub(super) fn new(model: &ServiceModel) -> Self {
        let mut methods: Vec<(&'static str, Vec<Candidate>)> = Vec::new();
        for (index, operation) in model.operations.iter().enumerate() {
            let candidate = Candidate::new(index, operation);
            match methods.iter_mut().find(|(method, _)| *method == operation.method) {
                Some((_, candidates)) => candidates.push(candidate),
                None => methods.push((operation.method, vec![candidate])),
            }
        }
        for (_, candidates) in &mut methods {
            candidates.sort_by_key(|candidate| {
                std::cmp::Reverse((specificity(candidate.operation), candidate.index))
            });
        }
        Self(methods)
    }

    /// The operation that is meant; `None` also where a label is not UTF-8.
    pub(super) fn find(&self, method: &str, path: &str, query: Option<&str>) -> Option<usize> {
        let bare = path.trim_matches('/').as_bytes();
        let (_, candidates) = self.0.iter().find(|(known, _)| *known == method)?;
        let mut alike = candidates.iter().filter(|candidate| candidate.resembles(bare));
        let found =
            alike.find(|candidate| walk(candidate.operation, path, query, &mut |_, _| Some(())).is_some())?;
        if path.contains('%') {
            labels(found.operation, path, query)?;
        }
        Some(found.index)
    }
}

/// Whether they are the same as far as the shorter one goes.
fn begin_alike(one: &[u8], other: &[u8]) -> bool {
    let both = one.len().min(other.len());
    one.get(..both) == other.get(..both)
}

/// The labels of a path that fits.
pub(super) fn labels(operation: &'static Operation, path: &str, query: Option<&str>) -> Option<Labels> {
    let mut labels = Labels::new();
    walk(operation, path, query, &mut |name, text| {
        labels.push((name, decoded(text)?));
        Some(())
    })?;
    Some(labels)
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

fn specificity(operation: &Operation) -> (usize, usize, bool) {
    let (pattern, fixed) = operation.uri.split_once('?').unwrap_or((operation.uri, ""));
    let parts = || pattern.split('/').filter(|part| !part.is_empty());
    let pairs = fixed.split('&').filter(|pair| !pair.is_empty()).count();
    (parts().filter(|part| !part.starts_with('{')).count(), pairs, !pattern.contains("+}"))
}
