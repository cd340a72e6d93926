//! The data directory: one process at a time, one format.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read, Seek, Write},
    path::{Path, PathBuf},
};

use crate::StoreError;

/// The format this program writes; it reads all up to this one.
const FORMAT: u32 = 1;
/// A directory of this name within the data directory: a restore is under way, or was killed.
pub(crate) const RESTORING: &str = ".restoring";
/// What the format file begins with.
const FORMAT_NAME: &str = "moln-store ";

/// An owned data directory. The lock goes when it is dropped, or the process ends in whatever way.
pub(crate) struct Directory {
    path: PathBuf,
    _lock: File,
}

impl Directory {
    /// Creates what is missing, takes the lock, checks the format.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        fs::create_dir_all(path).map_err(|error| io_error("create", path, &error))?;
        if path.join(RESTORING).exists() {
            return Err(StoreError::Corrupt(
                format!("a restore into {} did not finish; empty it and restore again", path.display())
                    .into(),
            ));
        }
        let lock = take_lock(&path.join("lock"))?;
        check_format(path)?;
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    /// Where the engine keeps its files.
    pub(crate) fn engine(&self) -> PathBuf {
        self.path.join("engine")
    }
}

fn take_lock(path: &Path) -> Result<File, StoreError> {
    let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
    let mut file = open.map_err(|error| io_error("open", path, &error))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut owner = String::new();
            // Only for the message: without the number it says less, not something else.
            let _ = (&mut file).take(32).read_to_string(&mut owner);
            let owner = owner.trim();
            let who =
                if owner.is_empty() { "another process".to_owned() } else { format!("process {owner}") };
            return Err(StoreError::Locked(
                format!("{who} holds {}; stop it or choose another directory", path.display()).into(),
            ));
        }
        Err(TryLockError::Error(error)) => return Err(io_error("lock", path, &error)),
    }
    write_owner(&mut file).map_err(|error| io_error("write", path, &error))?;
    Ok(file)
}

fn write_owner(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

fn check_format(dir: &Path) -> Result<(), StoreError> {
    let path = dir.join("format");
    match fs::read_to_string(&path) {
        Ok(text) => {
            let number = text.strip_prefix(FORMAT_NAME).and_then(|rest| rest.trim().parse::<u32>().ok());
            match number {
                Some(1..=FORMAT) => Ok(()),
                Some(newer) => Err(StoreError::Corrupt(
                    format!(
                        "{} has format {newer}, this program knows formats up to {FORMAT}: use a newer one",
                        dir.display()
                    )
                    .into(),
                )),
                None => Err(StoreError::Corrupt(
                    format!("{} is not a format file of this program", path.display()).into(),
                )),
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if dir.join("engine").exists() {
                return Err(StoreError::Corrupt(format!("{} is missing", path.display()).into()));
            }
            let write = || -> io::Result<()> {
                let temporary = dir.join("format.new");
                let mut file = File::create(&temporary)?;
                writeln!(file, "{FORMAT_NAME}{FORMAT}")?;
                file.sync_all()?;
                fs::rename(&temporary, &path)?;
                File::open(dir)?.sync_all()
            };
            write().map_err(|error| io_error("write", &path, &error))
        }
        Err(error) => Err(io_error("read", &path, &error)),
    }
}

/// An error that says what was done to which file.
pub(crate) fn io_error(what: &str, path: &Path, error: &io::Error) -> StoreError {
    StoreError::Io(format!("cannot {what} {}: {error}", path.display()).into())
}
