//! The engine on disk.

use super::*;

fn open() -> (Store, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    (FjallStore::open(Options::new(dir.path())).unwrap(), dir)
}

mod conformance {
    crate::conformance_suite!(super::open);
}
