//! The bootstraps' files: part of this program, written to where sandboxes can see them.

use std::{
    fmt::Write as _,
    io,
    path::{Path, PathBuf},
};

/// Name below a bootstrap directory, content. Node.js' is one file: finding and reading a dozen takes as long as a small
/// function's whole invocation.
const FILES: &[(&str, &str)] = &[
    ("python/bootstrap.py", include_str!("python/bootstrap.py")),
    ("python/moln_runtime/__init__.py", include_str!("python/moln_runtime/__init__.py")),
    ("python/moln_runtime/api.py", include_str!("python/moln_runtime/api.py")),
    ("python/moln_runtime/context.py", include_str!("python/moln_runtime/context.py")),
    ("python/moln_runtime/errors.py", include_str!("python/moln_runtime/errors.py")),
    ("python/moln_runtime/loading.py", include_str!("python/moln_runtime/loading.py")),
    ("python/moln_runtime/logs.py", include_str!("python/moln_runtime/logs.py")),
    ("python/moln_runtime/loop.py", include_str!("python/moln_runtime/loop.py")),
    ("python/moln_runtime/marshal.py", include_str!("python/moln_runtime/marshal.py")),
    ("python/moln_runtime/redirect.py", include_str!("python/moln_runtime/redirect.py")),
];

/// What Node.js' bootstrap `require`s, by the names it uses, and where it begins.
const NODE: &[(&str, &str)] = &[
    ("./api.js", include_str!("node/api.js")),
    ("./assignment.js", include_str!("node/assignment.js")),
    ("./console.js", include_str!("node/console.js")),
    ("./context.js", include_str!("node/context.js")),
    ("./errors.js", include_str!("node/errors.js")),
    ("./load.js", include_str!("node/load.js")),
    ("./loop.js", include_str!("node/loop.js")),
    ("./places.js", include_str!("node/places.js")),
    ("./redirect.js", include_str!("node/redirect.js")),
    ("./socket.js", include_str!("node/socket.js")),
    ("./streaming.js", include_str!("node/streaming.js")),
];
const NODE_START: &str = include_str!("node/bootstrap.js");

/// Node.js' bootstrap as one file: every part a function, called when it is first required.
fn node() -> String {
    let mut text = String::from("\"use strict\";\nconst parts = {\n");
    for (name, part) in NODE {
        let _ = writeln!(text, "\"{name}\": (exports, require) => {{\n{part}\n}},");
    }
    text.push_str(
        "};\nconst loaded = {};\nfunction part(name) {\n  if (!(name in parts)) return require(name);\n  \
         if (!(name in loaded)) parts[name](loaded[name] = {}, part);\n  return loaded[name];\n}\n\
         ((require) => {\n",
    );
    let _ = writeln!(text, "{NODE_START}\n}})(part);");
    text
}

/// Writes the bootstraps below `directory` (made when missing) into a directory named by their content, unless they are
/// there already; returns it. Several processes may do this at once.
pub fn write_files(directory: &Path) -> io::Result<PathBuf> {
    use sha2::{Digest, Sha256};
    let mut hash = Sha256::new();
    let node = node();
    let files = || FILES.iter().copied().chain([("node/bootstrap.js", node.as_str())]);
    for (name, text) in files() {
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
        for (name, text) in files() {
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
