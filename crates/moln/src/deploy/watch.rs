//! Which files of a directory have changed since the last look.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::SystemTime,
};

/// Directories that tools write into, or that hold what others wrote: too many to look at several times a second.
const PASSED: [&str; 9] = [
    "node_modules",
    ".git",
    ".serverless",
    ".aws-sam",
    "cdk.out",
    "__pycache__",
    ".venv",
    "target",
    "site-packages",
];
/// Files that are looked at, at most.
const FILES: usize = 20_000;

type Stamps = BTreeMap<PathBuf, (u64, Option<SystemTime>)>;

/// A directory as it was.
pub(crate) struct Watch {
    root: PathBuf,
    stamps: Stamps,
}

impl Watch {
    /// From now on.
    pub(crate) fn new(root: &Path) -> Self {
        let mut watch = Self { root: root.to_owned(), stamps: Stamps::new() };
        watch.stamps = watch.look();
        watch
    }

    /// Whether a file came, went or changed since the last time.
    pub(crate) fn changed(&mut self) -> bool {
        let now = self.look();
        let changed = now != self.stamps;
        self.stamps = now;
        changed
    }

    fn look(&self) -> Stamps {
        let mut stamps = Stamps::new();
        let mut directories = vec![self.root.clone()];
        while let Some(directory) = directories.pop() {
            for entry in fs::read_dir(&directory).into_iter().flatten().flatten() {
                let (path, name) = (entry.path(), entry.file_name());
                let Ok(facts) = entry.metadata() else { continue };
                if facts.is_dir() {
                    if !PASSED.iter().any(|passed| name == *passed) {
                        directories.push(path);
                    }
                } else if stamps.len() < FILES {
                    stamps.insert(path, (facts.len(), facts.modified().ok()));
                }
            }
        }
        stamps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_seen_but_not_below_what_is_passed() {
        let root = std::env::temp_dir().join(format!("moln-watch-{}", std::process::id()));
        fs::create_dir_all(root.join("node_modules")).unwrap();
        fs::write(root.join("a.js"), "1").unwrap();
        let mut watch = Watch::new(&root);
        assert!(!watch.changed());
        fs::write(root.join("node_modules/b.js"), "1").unwrap();
        assert!(!watch.changed());
        fs::write(root.join("a.js"), "12").unwrap();
        assert!(watch.changed());
        assert!(!watch.changed());
        fs::remove_file(root.join("a.js")).unwrap();
        assert!(watch.changed());
        fs::remove_dir_all(&root).unwrap();
    }
}
