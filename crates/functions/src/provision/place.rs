//! Directories that appear whole or not at all, whoever makes them.

use std::{
    fs::{self, Permissions},
    io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

static NEXT: AtomicU64 = AtomicU64::new(0);

/// Fills a temporary directory beside `place`, makes it readable for all and renames it there. Where another process was
/// faster its result stays and
/// ours is removed: both made the same. What `fill` leaves behind when it fails is removed too.
pub(crate) fn atomically(place: &Path, fill: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
    let temporary = temporary(place)?;
    let filled = fill(&temporary).and_then(|()| open_up(&temporary)).and_then(|()| {
        match fs::rename(&temporary, place) {
            Err(_) if place.is_dir() => Ok(()),
            other => other,
        }
    });
    // After the rename it is not there any more.
    let _ = fs::remove_dir_all(&temporary);
    filled
}

/// A new empty directory beside `place`.
fn temporary(place: &Path) -> io::Result<PathBuf> {
    let parent = place.parent().ok_or_else(|| io::Error::other("a place without a parent"))?;
    fs::create_dir_all(parent)?;
    let temporary = parent.join(temporary_name());
    let _ = fs::remove_dir_all(&temporary);
    fs::create_dir(&temporary)?;
    Ok(temporary)
}

/// A name that nobody else uses beside a place.
pub(crate) fn temporary_name() -> String {
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!(".new-{}-{number}", std::process::id())
}

/// Whatever the umask: directories 0755, files 0644, or 0755 when their owner may execute them. Functions may run as
/// another user than this process. Links are left alone.
fn open_up(directory: &Path) -> io::Result<()> {
    fs::set_permissions(directory, Permissions::from_mode(0o755))?;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            open_up(&entry.path())?;
        } else if kind.is_file() {
            let mode = entry.metadata()?.permissions().mode() & 0o7777;
            let wanted = if mode & 0o100 == 0 { 0o644 } else { 0o755 };
            if mode != wanted {
                fs::set_permissions(entry.path(), Permissions::from_mode(wanted))?;
            }
        }
    }
    Ok(())
}

/// Has the system write everything to disk: what is renamed into place afterwards is whole after a power cut.
pub(crate) fn sync(directory: &Path) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    rustix::fs::syncfs(fs::File::open(directory)?)?;
    Ok(())
}

/// The first 16 hex digits of a text's SHA-256: tells contents apart in names.
pub(crate) fn short_hash(text: &str) -> String {
    use sha2::{Digest, Sha256};
    hex::encode(Sha256::digest(text)).chars().take(16).collect()
}

/// Size of all files below a directory, bytes; what cannot be read counts nothing. Links are not followed.
pub(crate) fn size(directory: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(directory) else { return 0 };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(about) if about.is_dir() => size(&entry.path()),
            Ok(about) => about.len(),
            Err(_) => 0,
        })
        .sum()
}
