//! The files below a directory.

use std::fs;
use std::path::{Path, PathBuf};

/// Files in one service: more is a mistake (a data directory, a whole disk).
const FILES: usize = 200_000;

/// Directories within each other.
const DEPTH: usize = 64;

/// What lies below a directory.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Files: name below the directory with `/`, and where it lies.
    pub(crate) files: Vec<(String, PathBuf)>,
    /// Links that lead out of the directory.
    pub(crate) outside: Vec<String>,
}

/// All files, links within the directory followed. `.git`, `.serverless` and Moln's data directories only if asked for.
pub(crate) fn files(root: &Path, hidden: bool) -> Result<Found, String> {
    let failed = |path: &Path, error: std::io::Error| format!("{} cannot be read: {error}", path.display());
    let real = fs::canonicalize(root).map_err(|error| failed(root, error))?;
    let mut found = Found::default();
    let mut open = vec![(root.to_owned(), String::new(), vec![real.clone()])];
    while let Some((dir, prefix, above)) = open.pop() {
        for entry in fs::read_dir(&dir).map_err(|error| failed(&dir, error))? {
            let entry = entry.map_err(|error| failed(&dir, error))?;
            let path = entry.path();
            let Some(name) = entry.file_name().to_str().map(|name| format!("{prefix}{name}")) else {
                return Err(format!(
                    "{} has a name that is not UTF-8, which no package can hold",
                    path.display()
                ));
            };
            let mut kind = entry.file_type().map_err(|error| failed(&path, error))?;
            let mut target = None;
            if kind.is_symlink() {
                // A link that leads nowhere is no file.
                let Ok(leads) = fs::canonicalize(&path) else { continue };
                if !leads.starts_with(&real) {
                    found.outside.push(name);
                    continue;
                }
                kind = fs::metadata(&leads).map_err(|error| failed(&path, error))?.file_type();
                target = Some(leads);
            }
            if kind.is_file() {
                found.files.push((name, path));
                if found.files.len() > FILES {
                    return Err(format!(
                        "{} holds more than {FILES} files; is it the right directory?",
                        root.display()
                    ));
                }
            } else if kind.is_dir() {
                let skipped = !hidden && matches!(name.as_str(), ".git" | ".serverless");
                if skipped || is_data(&path) {
                    continue;
                }
                let mut above = above.clone();
                if let Some(target) = target {
                    // A link to a directory above would go on for ever.
                    if above.contains(&target) {
                        continue;
                    }
                    above.push(target);
                } else if let Ok(real) = fs::canonicalize(&path) {
                    above.push(real);
                }
                if above.len() > DEPTH {
                    return Err(format!("{} lies more than {DEPTH} directories deep", path.display()));
                }
                open.push((path, format!("{name}/"), above));
            }
        }
    }
    found.files.sort();
    found.outside.sort();
    Ok(found)
}

/// Whether a directory is one where Moln keeps its data: it grows while it is packaged, and belongs to nobody's function.
fn is_data(path: &Path) -> bool {
    path.join("format").is_file() && path.join("lock").is_file() && path.join("engine").is_dir()
}

/// Whether the owner may run a file.
pub(super) fn is_executable(facts: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    facts.permissions().mode() & 0o100 != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_within_are_followed_and_links_out_are_told() {
        let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::create_dir_all(dir.path().join("lib/deep")).unwrap();
        fs::write(dir.path().join("lib/deep/a.js"), "1").unwrap();
        fs::write(other.path().join("secret"), "1").unwrap();
        let link = |to: &Path, name: &str| std::os::unix::fs::symlink(to, dir.path().join(name)).unwrap();
        link(Path::new("lib/deep"), "again");
        link(Path::new(".."), "lib/loop");
        link(&other.path().join("secret"), "out");
        link(Path::new("nowhere"), "broken");
        let found = files(dir.path(), false).unwrap();
        let names: Vec<_> = found.files.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["again/a.js", "lib/deep/a.js"]);
        assert_eq!(found.outside, ["out"]);
    }
}
