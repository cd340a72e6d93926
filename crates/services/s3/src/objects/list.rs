//! Lists of keys and versions. A page reads about as many rows as it shows: a group of keys that a delimiter folds into one
//! is skipped over, not read through.

use moln_kernel::ApiError;
use moln_store::{KeyRange, Scan, Snapshot};

use crate::{
    errors,
    tables::{
        listed::{LISTED, ListedRow},
        object::{CURRENT, OLDER, ObjectRow},
    },
};

/// What is listed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Query<'a> {
    pub(crate) prefix: &'a str,
    pub(crate) delimiter: Option<&'a str>,
    /// Only keys after this one.
    pub(crate) after: Option<&'a str>,
    /// How many keys and common prefixes together.
    pub(crate) max: usize,
}

/// An entry of a list.
#[derive(Clone, Debug)]
pub(crate) enum Entry<T> {
    /// A key.
    Key(String, T),
    /// Keys that a delimiter folds into one.
    Prefix(String),
}

/// A page.
#[derive(Clone, Debug)]
pub(crate) struct Listed<T> {
    pub(crate) entries: Vec<Entry<T>>,
    /// There is more after the last entry.
    pub(crate) truncated: bool,
}

/// The first text after all texts that begin with `prefix`; `None`: there is none.
pub(crate) fn successor(prefix: &str) -> Option<String> {
    let mut text = prefix.to_owned();
    while let Some(last) = text.pop() {
        let mut next = u32::from(last) + 1;
        // There are no characters between these.
        if next == 0xD800 {
            next = 0xE000;
        }
        if let Some(next) = char::from_u32(next) {
            text.push(next);
            return Some(text);
        }
    }
    None
}

/// The common prefix of a key: up to the first delimiter behind the prefix.
pub(crate) fn common_prefix<'k>(key: &'k str, query: &Query<'_>) -> Option<&'k str> {
    let delimiter = query.delimiter.filter(|delimiter| !delimiter.is_empty())?;
    let rest = key.strip_prefix(query.prefix)?;
    let at = rest.find(delimiter)?;
    key.get(..query.prefix.len() + at + delimiter.len())
}

/// Goes over keys in order; `read` gives rows from a key on (inclusive), at most so many.
pub(crate) fn walk<T>(
    query: &Query<'_>,
    mut read: impl FnMut(&str, usize) -> Result<Vec<(String, T)>, ApiError>,
) -> Result<Listed<T>, ApiError> {
    let mut entries: Vec<Entry<T>> = Vec::with_capacity(query.max.min(1000));
    // Where to go on: a key, inclusive.
    let mut from = match query.after {
        // The smallest text after a key is the key with a NUL behind it; a common prefix that was shown is skipped whole.
        Some(after) if after >= query.prefix => {
            let whole = common_prefix(after, query).filter(|prefix| *prefix == after);
            match whole {
                Some(prefix) => successor(prefix),
                None => Some(format!("{after}\0")),
            }
        }
        _ => Some(query.prefix.to_owned()),
    };
    let mut wanted = query.max.saturating_add(1).min(1001);
    while let Some(start) = from.take() {
        let rows = read(&start, wanted)?;
        let full = rows.len() >= wanted;
        let mut skipped = None;
        for (key, value) in rows {
            if !key.starts_with(query.prefix) {
                return Ok(Listed { entries, truncated: false });
            }
            let folded = common_prefix(&key, query).map(str::to_owned);
            if let (Some(prefix), Some(Entry::Prefix(last))) = (&folded, entries.last())
                && prefix == last
            {
                skipped = successor(prefix);
                continue;
            }
            if entries.len() == query.max {
                return Ok(Listed { entries, truncated: true });
            }
            skipped = None;
            entries.push(match folded {
                Some(prefix) => Entry::Prefix(prefix),
                None => Entry::Key(key, value),
            });
        }
        if !full {
            return Ok(Listed { entries, truncated: false });
        }
        // A page that ended within a group goes on behind the group.
        from = match (skipped, entries.last()) {
            (Some(behind), _) => Some(behind),
            (None, Some(Entry::Prefix(prefix))) => successor(prefix),
            (None, Some(Entry::Key(key, _))) => Some(format!("{key}\0")),
            (None, None) => None,
        };
        wanted = query.max.saturating_add(1).saturating_sub(entries.len()).clamp(16, 1001);
    }
    Ok(Listed { entries, truncated: false })
}

/// Current objects.
pub(crate) fn objects(
    from: &dyn Snapshot,
    bucket: u64,
    query: &Query<'_>,
) -> Result<Listed<ListedRow>, ApiError> {
    let all = LISTED.within(&bucket);
    walk(query, |start, limit| {
        let range = KeyRange::new(LISTED.key(&(bucket, start.to_owned())), all.end.clone());
        let page = LISTED.scan(from, &range, Scan { limit, bytes: usize::MAX, ..Scan::default() });
        let page = page.map_err(|why| errors::unreadable(&why))?;
        Ok(page.rows.into_iter().map(|((_, key), row, _)| (key, row)).collect())
    })
}

/// A version in a list.
#[derive(Clone, Debug)]
pub(crate) struct Version {
    pub(crate) row: ObjectRow,
    pub(crate) latest: bool,
}

/// Where a list of versions goes on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct VersionMarker<'a> {
    pub(crate) key: &'a str,
    /// Versions of that key older than this one; `None`: keys after it.
    pub(crate) stamp: Option<u64>,
}

/// All versions and delete markers: keys in order, of each key the newest first.
pub(crate) fn versions(
    from: &dyn Snapshot,
    bucket: u64,
    query: &Query<'_>,
    marker: Option<VersionMarker<'_>>,
) -> Result<(Vec<Entry<Version>>, bool), ApiError> {
    let unreadable = |why| errors::unreadable(&why);
    let mut entries: Vec<Entry<Version>> = Vec::new();
    let mut start = query.prefix.to_owned();
    if let Some(marker) = marker.filter(|marker| marker.key >= query.prefix) {
        if let Some(stamp) = marker.stamp {
            let after = (bucket, marker.key.to_owned(), moln_store::key::Inverse(stamp.saturating_sub(1)));
            let range = KeyRange::new(OLDER.key(&after), OLDER.within(&(bucket, marker.key.to_owned())).end);
            if older(from, &range, false, query.max, &mut entries)? {
                return Ok((entries, true));
            }
        }
        let whole = common_prefix(marker.key, query).filter(|prefix| *prefix == marker.key);
        match whole.map_or_else(|| Some(format!("{}\0", marker.key)), successor) {
            Some(next) => start = next,
            None => return Ok((entries, false)),
        }
    }
    loop {
        // The smallest key of both tables.
        let one = || Scan { limit: 1, ..Scan::default() };
        let current_range = KeyRange::new(CURRENT.key(&(bucket, start.clone())), CURRENT.within(&bucket).end);
        let current = CURRENT.scan(from, &current_range, one()).map_err(unreadable)?.rows.into_iter().next();
        let older_range =
            KeyRange::new(OLDER.within(&(bucket, start.clone())).start, OLDER.within(&bucket).end);
        let first_older = OLDER.scan(from, &older_range, one()).map_err(unreadable)?.rows.into_iter().next();
        let current = current.map(|((_, key), row, _)| (key, row));
        let older_key = first_older.map(|((_, key, _), ..)| key);
        let key = match (&current, &older_key) {
            (Some((a, _)), Some(b)) => a.min(b).clone(),
            (Some((a, _)), None) => a.clone(),
            (None, Some(b)) => b.clone(),
            (None, None) => return Ok((entries, false)),
        };
        if !key.starts_with(query.prefix) {
            return Ok((entries, false));
        }
        if entries.len() == query.max {
            return Ok((entries, true));
        }
        if let Some(prefix) = common_prefix(&key, query) {
            entries.push(Entry::Prefix(prefix.to_owned()));
            match successor(prefix) {
                Some(next) => start = next,
                None => return Ok((entries, false)),
            }
            continue;
        }
        let mut latest = true;
        if let Some((_, row)) = current.filter(|(current, _)| *current == key) {
            entries.push(Entry::Key(key.clone(), Version { row, latest: true }));
            latest = false;
        }
        if older_key.as_ref() == Some(&key) {
            let range = OLDER.within(&(bucket, key.clone()));
            if older(from, &range, latest, query.max, &mut entries)? {
                return Ok((entries, true));
            }
        }
        start = format!("{key}\0");
    }
}

/// Adds the older versions of a range until the page is full; `true`: there is more in the range.
fn older(
    from: &dyn Snapshot,
    range: &KeyRange,
    mut latest: bool,
    max: usize,
    entries: &mut Vec<Entry<Version>>,
) -> Result<bool, ApiError> {
    let mut rest = Some(range.clone());
    while let Some(range) = rest {
        let limit = (max - entries.len().min(max) + 1).min(1000);
        let page = OLDER.scan(from, &range, Scan { limit, ..Scan::default() });
        let page = page.map_err(|why| errors::unreadable(&why))?;
        for ((_, key, _), row, _) in page.rows {
            if entries.len() == max {
                return Ok(true);
            }
            entries.push(Entry::Key(key, Version { row, latest }));
            latest = false;
        }
        rest = page.rest;
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(query: &Query<'_>, all: &[&str]) -> (Vec<String>, bool, usize) {
        let mut reads = 0;
        let listed = walk(query, |start, limit| {
            let rows: Vec<_> = all
                .iter()
                .filter(|key| **key >= start)
                .take(limit)
                .map(|key| ((*key).to_owned(), ()))
                .collect();
            reads += rows.len();
            Ok(rows)
        })
        .unwrap();
        let names = listed.entries.into_iter().map(|entry| match entry {
            Entry::Key(key, ()) => key,
            Entry::Prefix(prefix) => format!("[{prefix}]"),
        });
        (names.collect(), listed.truncated, reads)
    }

    #[test]
    fn delimiters_fold_keys() {
        let all = ["a", "b/1", "b/2", "b/3/x", "c", "d/1"];
        let query = Query { delimiter: Some("/"), max: 10, ..Query::default() };
        assert_eq!(keys(&query, &all).0, ["a", "[b/]", "c", "[d/]"]);
        let inner = Query { prefix: "b/", ..query };
        assert_eq!(keys(&inner, &all).0, ["b/1", "b/2", "[b/3/]"]);
        assert_eq!(keys(&Query { max: 10, ..Query::default() }, &all).0.len(), 6);
    }

    #[test]
    fn pages_follow_each_other() {
        let all = ["a", "b/1", "b/2", "c", "d/1", "d/2", "e"];
        for max in 1..8 {
            let (mut seen, mut after) = (Vec::new(), None::<String>);
            loop {
                let query = Query { delimiter: Some("/"), max, after: after.as_deref(), ..Query::default() };
                let (names, truncated, _) = keys(&query, &all);
                seen.extend(names.iter().cloned());
                if !truncated {
                    break;
                }
                after = names.last().map(|name| name.trim_matches(['[', ']']).to_owned());
            }
            assert_eq!(seen, ["a", "[b/]", "c", "[d/]", "e"], "pages of {max}");
        }
    }

    #[test]
    fn large_groups_are_skipped() {
        let mut names: Vec<String> = (0..50_000).map(|n| format!("big/{n:06}")).collect();
        names.push("z".into());
        let all: Vec<&str> = names.iter().map(String::as_str).collect();
        let query = Query { delimiter: Some("/"), max: 1000, ..Query::default() };
        let (listed, truncated, reads) = keys(&query, &all);
        assert_eq!((listed, truncated), (vec!["[big/]".to_owned(), "z".into()], false));
        assert!(reads < 2500, "{reads} rows were read");
    }

    #[test]
    fn a_marker_within_a_group_shows_the_group_again() {
        let all = ["a/1", "a/2", "b"];
        let query = Query { delimiter: Some("/"), max: 9, after: Some("a/1"), ..Query::default() };
        assert_eq!(keys(&query, &all).0, ["[a/]", "b"]);
    }
}
