//! The bootstraps' files: part of this program, written to where sandboxes can see them.

use std::{
    io,
    path::{Path, PathBuf},
};

/// Name below a bootstrap directory, content.
pub(crate) const FILES: &[(&str, &str)] = &[
    ("node/api.js", include_str!("node/api.js")),
    ("node/assignment.js", include_str!("node/assignment.js")),
    ("node/bootstrap.js", include_str!("node/bootstrap.js")),
    ("node/console.js", include_str!("node/console.js")),
    ("node/context.js", include_str!("node/context.js")),
    ("node/errors.js", include_str!("node/errors.js")),
    ("node/load.js", include_str!("node/load.js")),
    ("node/loop.js", include_str!("node/loop.js")),
    ("node/places.js", include_str!("node/places.js")),
    ("node/redirect.js", include_str!("node/redirect.js")),
    ("node/streaming.js", include_str!("node/streaming.js")),
    ("python/bootstrap.py", include_str!("python/bootstrap.py")),
    ("python/moln_runtime/__init__.py", include_str!("python/moln_runtime/__init__.py")),
    ("python/moln_runtime/api.py", include_str!("python/moln_runtime/api.py")),
    ("python/moln_runtime/context.py", include_str!("python/moln_runtime/context.py")),
    ("python/moln_runtime/errors.py", include_str!("python/moln_runtime/errors.py")),
    ("python/moln_runtime/loading.py", include_str!("python/moln_runtime/loading.py")),
    ("python/moln_runtime/logs.py", include_str!("python/moln_runtime/logs.py")),
    ("python/moln_runtime/loop.py", include_str!("python/moln_runtime/loop.py")),
    ("python/moln_runtime/marshal.py", include_str!("python/moln_runtime/marshal.py")),
];

/// Writes the bootstraps below `directory` (made when missing) into a directory named by their content, unless they are
/// there already; returns it. Several processes may do this at once.
pub fn write_files(directory: &Path) -> io::Result<PathBuf> {
    use sha2::{Digest, Sha256};
    let mut hash = Sha256::new();
    for (name, text) in FILES {
        hash.update(name);
        hash.update([0]);
        hash.update(text);
        hash.update([0]);
    }
    let place = directory.join(format!("bootstrap-{}", &hex::encode(hash.finalize())[..16]));
    if place.is_dir() {
        return Ok(place);
    }
    crate::provision::place::atomically(&place, |temporary| {
        for (name, text) in FILES {
            let file = temporary.join(name);
            if let Some(parent) = file.parent() {
                std::fs::create_dir_all(parent)?;
            }
            std::fs::write(file, text)?;
        }
        Ok(())
    })?;
    Ok(place)
}
