//! Unpacked code by its hash: made once, shared by all environments, thrown away when it has not been used for long.
//!
//! `zips/<sha256>` is a zip's tree, `layers/<hash of the list>` several merged (hard links). A tree that somebody holds is
//! never removed. The whole is a cache: it is emptied when the machine was started anew since (files that were not synced may be
//! torn then), and rebuilt from the zips.

use std::{
    collections::HashMap,
    fmt, fs, io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use sha2::{Digest, Sha256};

use super::zip::{BadZip, Visit, walk};
use crate::provision::place;

/// What a zip is read from.
pub trait ReadSeek: io::Read + io::Seek {}
impl<T: io::Read + io::Seek> ReadSeek for T {}

/// Where zips come from. Called from threads that may block.
pub trait ZipSource: Send + Sync {
    /// The zip with this SHA-256 (lower-case hex).
    fn open(&self, sha256: &str) -> io::Result<Box<dyn ReadSeek + Send>>;
}

/// Unpacked code or merged layers. While it is held it is not removed.
#[derive(Debug)]
pub struct Tree {
    path: PathBuf,
    bytes: u64,
}

impl Tree {
    /// The directory. Files are 0644 or, when the zip says executable, 0755; directories 0755. Show it read-only.
    pub fn path(&self) -> &Path {
        &self.path
    }
    /// Size of all files, bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// Code could not be made ready.
#[derive(Clone, Debug)]
pub enum Unpack {
    /// The zip is bad; it should have been refused when it was uploaded.
    Bad(Arc<BadZip>),
    /// The zip cannot be read or the tree cannot be written.
    Io(Arc<io::Error>),
}

impl fmt::Display for Unpack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bad(bad) => bad.fmt(f),
            Self::Io(error) => write!(f, "code could not be unpacked: {error}"),
        }
    }
}

impl std::error::Error for Unpack {}

impl From<BadZip> for Unpack {
    fn from(bad: BadZip) -> Self {
        match bad {
            BadZip::Io(error) => error.into(),
            bad => Self::Bad(Arc::new(bad)),
        }
    }
}

impl From<io::Error> for Unpack {
    fn from(error: io::Error) -> Self {
        Self::Io(Arc::new(error))
    }
}

/// The cache. A cheap handle.
#[derive(Clone)]
pub struct CodeCache {
    shared: Arc<Shared>,
}

struct Shared {
    directory: PathBuf,
    source: Arc<dyn ZipSource>,
    limit: u64,
    trees: Mutex<Trees>,
}

#[derive(Default)]
struct Trees {
    by_key: HashMap<String, Slot>,
    /// Counts uses: the least recently used has the lowest.
    uses: u64,
}

/// A tree, made by whoever locks it first.
#[derive(Clone, Default)]
struct Slot {
    tree: Arc<tokio::sync::Mutex<Option<Arc<Tree>>>>,
    used: u64,
}

/// How much is kept unpacked by default, bytes, before the least recently used goes.
pub const KEPT: u64 = 4 * 1024 * 1024 * 1024;

impl fmt::Debug for CodeCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CodeCache").field("directory", &self.shared.directory).finish_non_exhaustive()
    }
}

impl CodeCache {
    /// A cache in `directory`, which belongs to it alone and is emptied; `source` gives the zips. Keeps [`KEPT`] bytes.
    pub fn new(directory: PathBuf, source: Arc<dyn ZipSource>) -> Self {
        Self::with_limit(directory, source, KEPT)
    }

    /// A cache that keeps `limit` bytes unpacked, and what is held beyond that.
    pub fn with_limit(directory: PathBuf, source: Arc<dyn ZipSource>, limit: u64) -> Self {
        if let Some(old) = set_aside(&directory) {
            std::thread::spawn(move || fs::remove_dir_all(old));
        }
        Self { shared: Arc::new(Shared { directory, source, limit, trees: Mutex::default() }) }
    }

    /// A zip's tree.
    pub async fn unpacked(&self, sha256: &str) -> Result<Arc<Tree>, Unpack> {
        if sha256.len() != 64 || !sha256.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(io::Error::other("a zip is named by its SHA-256 in hex").into());
        }
        let (key, sha256) = (format!("zips/{sha256}"), sha256.to_owned());
        self.made(key, move |shared, place| {
            let zip = shared.source.open(&sha256)?;
            walk(zip, &mut Unpacking { root: place })?;
            Ok(())
        })
        .await
    }

    /// The layers with these zips as one tree, later ones over earlier ones; `None` for none.
    pub async fn layers(&self, sha256s: &[String]) -> Result<Option<Arc<Tree>>, Unpack> {
        let mut layers = Vec::with_capacity(sha256s.len());
        let mut hash = Sha256::new();
        for sha256 in sha256s {
            layers.push(self.unpacked(sha256).await?);
            hash.update(sha256);
        }
        if layers.len() < 2 {
            return Ok(layers.pop());
        }
        let key = format!("layers/{}", hex::encode(hash.finalize()));
        self.made(key, move |_, place| {
            for layer in &layers {
                merge(layer.path(), place)?;
            }
            Ok(())
        })
        .await
        .map(Some)
    }

    /// A zip was deleted: its tree goes unless it is held. It goes later then, when it is the least recently used.
    pub fn forget(&self, sha256: &str) {
        let tree = {
            let mut trees = self.shared.trees();
            trees.take(&format!("zips/{sha256}"))
        };
        if let Some(tree) = tree {
            remove(&tree);
        }
    }

    async fn made(
        &self,
        key: String,
        make: impl FnOnce(&Shared, &Path) -> Result<(), Unpack> + Send + 'static,
    ) -> Result<Arc<Tree>, Unpack> {
        let slot = self.shared.trees().slot(&key);
        let mut tree = slot.lock_owned().await;
        if let Some(tree) = tree.as_ref() {
            return Ok(tree.clone());
        }
        let shared = self.shared.clone();
        let task = tokio::task::spawn_blocking(move || {
            let path = shared.directory.join(&key);
            let mut made = Ok(());
            place::atomically(&path, |temporary| {
                made = make(&shared, temporary);
                if made.is_ok() { Ok(()) } else { Err(io::Error::other("not made")) }
            })
            .or_else(|error| made.and(Err(error.into())))?;
            let new = Arc::new(Tree { bytes: place::size(&path), path });
            *tree = Some(new.clone());
            drop(tree);
            shared.collect();
            Ok(new)
        });
        task.await.map_err(|error| Unpack::from(io::Error::other(error)))?
    }
}

impl Shared {
    fn trees(&self) -> MutexGuard<'_, Trees> {
        self.trees.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes the least recently used trees that nobody holds until the rest is within the limit.
    fn collect(&self) {
        let gone = self.trees().beyond(self.limit);
        for tree in gone {
            remove(&tree);
        }
    }
}

impl Trees {
    fn slot(&mut self, key: &str) -> Arc<tokio::sync::Mutex<Option<Arc<Tree>>>> {
        self.uses += 1;
        let slot = self.by_key.entry(key.to_owned()).or_default();
        slot.used = self.uses;
        slot.tree.clone()
    }

    /// Takes a tree out if nobody holds it, waits for it or makes it.
    fn take(&mut self, key: &str) -> Option<Arc<Tree>> {
        let slot = self.by_key.get(key)?;
        if Arc::strong_count(&slot.tree) > 1 {
            return None;
        }
        let idle = slot
            .tree
            .try_lock()
            .is_ok_and(|tree| tree.as_ref().is_none_or(|tree| Arc::strong_count(tree) == 1));
        let slot = idle.then(|| self.by_key.remove(key)).flatten()?;
        // Moved away while the lock is held, so that it can be made again at once.
        let tree = slot.tree.try_lock().ok()?.take()?;
        let path = set_aside(&tree.path)?;
        Some(Arc::new(Tree { path, bytes: tree.bytes }))
    }

    fn beyond(&mut self, limit: u64) -> Vec<Arc<Tree>> {
        let bytes =
            |slot: &Slot| slot.tree.try_lock().ok().and_then(|tree| Some(tree.as_ref()?.bytes)).unwrap_or(0);
        let mut sum: u64 = self.by_key.values().map(bytes).sum();
        if sum <= limit {
            return Vec::new();
        }
        let mut keys: Vec<(u64, String)> =
            self.by_key.iter().map(|(key, slot)| (slot.used, key.clone())).collect();
        keys.sort_unstable();
        // The newest stays in any case: somebody is about to use it.
        keys.pop();
        let mut gone = Vec::new();
        for (_, key) in keys {
            if sum <= limit {
                break;
            }
            if let Some(tree) = self.take(&key) {
                sum = sum.saturating_sub(tree.bytes);
                gone.push(tree);
            }
        }
        gone
    }
}

fn remove(tree: &Tree) {
    if let Err(error) = fs::remove_dir_all(&tree.path) {
        tracing::warn!(%error, path = %tree.path.display(), "unpacked code could not be removed");
    }
}

/// Renames a directory to one of its own beside it; `None` where there is none.
fn set_aside(directory: &Path) -> Option<PathBuf> {
    let aside = directory.with_file_name(place::temporary_name());
    fs::rename(directory, &aside).ok().map(|()| aside)
}

/// Puts `layer` over what is in `to`. Files are hard links: nothing is copied, and neither tree is ever written again.
fn merge(layer: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(layer)? {
        let entry = entry?;
        let place = to.join(entry.file_name());
        let there = fs::symlink_metadata(&place).ok();
        if entry.file_type()?.is_dir() {
            match there {
                Some(there) if there.is_dir() => {}
                Some(_) => {
                    fs::remove_file(&place)?;
                    fs::create_dir(&place)?;
                }
                None => fs::create_dir(&place)?,
            }
            merge(&entry.path(), &place)?;
            continue;
        }
        match there {
            Some(there) if there.is_dir() => fs::remove_dir_all(&place)?,
            Some(_) => fs::remove_file(&place)?,
            None => {}
        }
        // A symbolic link is linked itself, not what it leads to. Across file systems, or where a file has as many links
        // as it can have, it is copied.
        if fs::hard_link(entry.path(), &place).is_err() {
            if entry.file_type()?.is_symlink() {
                std::os::unix::fs::symlink(fs::read_link(entry.path())?, &place)?;
            } else {
                fs::copy(entry.path(), &place)?;
            }
        }
    }
    Ok(())
}

/// Writes a zip's content below `root`, which is empty and ours.
struct Unpacking<'a> {
    root: &'a Path,
}

impl Visit for Unpacking<'_> {
    fn directory(&mut self, path: &str) -> io::Result<()> {
        fs::create_dir_all(self.root.join(path))
    }

    fn file(&mut self, path: &str, executable: bool) -> io::Result<Box<dyn io::Write + '_>> {
        let path = self.root.join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        let mode = if executable { 0o755 } else { 0o644 };
        Ok(Box::new(fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&path)?))
    }

    fn link(&mut self, path: &str, target: &str) -> io::Result<()> {
        let path = self.root.join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        std::os::unix::fs::symlink(target, path)
    }
}
