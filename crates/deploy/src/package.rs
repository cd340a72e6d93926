//! Packs a package: the same files make the same zip, byte for byte, so that what has not changed is not deployed again.

use std::{
    fs,
    io::{self, Cursor},
    path::Path,
};

use zip::{CompressionMethod, DateTime, ZipWriter, write::SimpleFileOptions};

use crate::project::{Content, Package};

/// What may be in a package before it is packed: AWS's limit of unzipped code.
pub const MAX_BYTES: u64 = 250 * 1024 * 1024;
/// Files and directories for their owner to change and for everyone to read and enter.
const EXECUTABLE: u32 = 0o755;
/// Files for everyone to read.
const READABLE: u32 = 0o644;

/// The bytes of a package: a zip of its files, or the file that it is.
///
/// # Errors
/// A file that cannot be read, named; more than [`MAX_BYTES`].
pub fn zip(package: &Package) -> io::Result<Vec<u8>> {
    let files = match &package.content {
        Content::File(path) => return fs::read(path).map_err(|why| named(path, &why)),
        Content::Template(_) => {
            let text = format!("{} is a template, which is no zip", package.name);
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        Content::Files(files) => files,
    };
    let mut sorted: Vec<_> = files.iter().collect();
    sorted.sort();
    let mut out = ZipWriter::new(Cursor::new(Vec::new()));
    let mut total = 0;
    for (name, path) in sorted {
        let facts = fs::metadata(path).map_err(|why| named(path, &why))?;
        total += facts.len();
        if total > MAX_BYTES {
            let text = format!("{} holds more than {MAX_BYTES} bytes, which Lambda refuses", package.name);
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, text));
        }
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .last_modified_time(DateTime::default())
            .unix_permissions(if is_executable(&facts) { EXECUTABLE } else { READABLE });
        out.start_file(name.as_str(), options).map_err(io::Error::from)?;
        let mut file = fs::File::open(path).map_err(|why| named(path, &why))?;
        io::copy(&mut file, &mut out).map_err(|why| named(path, &why))?;
    }
    Ok(out.finish().map_err(io::Error::from)?.into_inner())
}

fn is_executable(facts: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    facts.permissions().mode() & 0o111 != 0
}

fn named(path: &Path, why: &io::Error) -> io::Error {
    io::Error::new(why.kind(), format!("{}: {why}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn package(root: &Path, names: &[&str]) -> Package {
        let files = names.iter().map(|name| ((*name).to_owned(), root.join(name))).collect();
        Package {
            name: "f".into(),
            root: root.to_owned(),
            content: Content::Files(files),
            places: Vec::new(),
        }
    }

    #[test]
    fn order_and_dates_do_not_matter() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("a.js"), "a").unwrap();
        fs::write(root.path().join("b.js"), "b".repeat(10_000)).unwrap();
        let one = zip(&package(root.path(), &["a.js", "b.js"])).unwrap();
        let file = fs::File::options().write(true).open(root.path().join("a.js")).unwrap();
        file.set_modified(std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000))
            .unwrap();
        assert_eq!(zip(&package(root.path(), &["b.js", "a.js"])).unwrap(), one);
        assert!(one.len() < 5_000, "it is compressed");
    }

    #[test]
    fn what_is_missing_is_named() {
        let missing = zip(&package(&PathBuf::from("/nowhere"), &["x.js"])).unwrap_err();
        assert!(missing.to_string().contains("/nowhere/x.js"), "{missing}");
    }
}
