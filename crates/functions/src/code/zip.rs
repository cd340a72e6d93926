//! What may be in a zip of code, and going through one without trusting a word it says. Bombs are stopped by what comes
//! out, declared or real; a high ratio alone is no fault (AWS takes 200 MB of zeros), so entries that share bytes gain nothing.

use std::{
    collections::HashMap,
    fmt,
    io::{self, Read, Seek, Write},
};

use zip::{
    read::{Config, ZipReadOptions},
    result::ZipError,
    unstable::read::ZipIterable,
};

/// Most bytes a zip may hold unpacked (AWS's quota: 250 MiB).
pub const MAX_UNZIPPED: u64 = 262_144_000;
/// Most entries. AWS names no limit; this one bounds memory and inodes (250 MiB in files of 1 KiB).
pub const MAX_ENTRIES: usize = 262_144;
/// Longest name of an entry, bytes (`PATH_MAX` less the place where it is unpacked).
const MAX_NAME: usize = 3_500;
/// Longest target of a symbolic link, bytes.
const MAX_TARGET: u64 = 1_024;
/// What [`inspect`] found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Files, directories and links.
    pub entries: usize,
    /// Size of all files, unpacked, bytes.
    pub unzipped_bytes: u64,
}

/// A zip that cannot be taken. [`fmt::Display`] is for logs; [`BadZip::message`] is AWS's word.
#[derive(Debug)]
pub enum BadZip {
    /// It is not a zip, is damaged, or holds what no zip of code may hold.
    Invalid(String),
    /// A zip without entries.
    Empty,
    /// More than [`MAX_UNZIPPED`].
    TooLarge,
    /// It could not be read; nothing is said about the zip.
    Io(io::Error),
}

impl BadZip {
    /// AWS's text, which `UpdateFunctionCode` and `CreateFunction` give with `InvalidParameterValueException`;
    /// `None` where the zip is not to blame.
    pub fn message(&self) -> Option<&'static str> {
        match self {
            Self::Invalid(_) => {
                Some("Could not unzip uploaded file. Please check your file, then try to upload again.")
            }
            Self::Empty => Some("Uploaded file must be a non-empty zip"),
            Self::TooLarge => Some("Unzipped size must be smaller than 262144000 bytes"),
            Self::Io(_) => None,
        }
    }

    fn invalid(entry: &str, what: &str) -> Self {
        let short: String = entry.chars().take(200).collect();
        Self::Invalid(format!("entry {short:?}: {what}"))
    }
}

impl fmt::Display for BadZip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(why) => write!(f, "not a usable zip: {why}"),
            Self::Empty => f.write_str("a zip without entries"),
            Self::TooLarge => write!(f, "more than {MAX_UNZIPPED} bytes unpacked"),
            Self::Io(error) => write!(f, "the zip could not be read: {error}"),
        }
    }
}

impl std::error::Error for BadZip {}

impl From<ZipError> for BadZip {
    fn from(error: ZipError) -> Self {
        match error {
            ZipError::Io(error) => error.into(),
            other => Self::Invalid(other.to_string()),
        }
    }
}

impl From<io::Error> for BadZip {
    fn from(error: io::Error) -> Self {
        use io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof, Unsupported};
        // So the reader reports streams that end early, do not match their checksum or are of an unknown method.
        let of_zip = error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<ZipError>);
        if of_zip || matches!(error.kind(), InvalidData | InvalidInput | UnexpectedEof | Unsupported) {
            Self::Invalid(error.to_string())
        } else {
            Self::Io(error)
        }
    }
}

/// Takes what [`walk`] finds. Paths are relative, of plain names joined by `/`; each path comes once, but for files: of
/// several with one name the last is meant.
pub(super) trait Visit {
    /// A directory; its parents may not have come.
    fn directory(&mut self, path: &str) -> io::Result<()>;
    /// A file; what is written to the answer is its content.
    fn file(&mut self, path: &str, executable: bool) -> io::Result<Box<dyn Write + '_>>;
    /// A symbolic link, after everything else, so that nothing is written through one.
    fn link(&mut self, path: &str, target: &str) -> io::Result<()>;
}

struct Nothing;

impl Visit for Nothing {
    fn directory(&mut self, _: &str) -> io::Result<()> {
        Ok(())
    }
    fn file(&mut self, _: &str, _: bool) -> io::Result<Box<dyn Write + '_>> {
        Ok(Box::new(io::sink()))
    }
    fn link(&mut self, _: &str, _: &str) -> io::Result<()> {
        Ok(())
    }
}

/// Whether a zip can be unpacked: goes through all of it, decompresses everything, keeps nothing. Blocks; about a second
/// for the largest zip there can be.
pub fn inspect(zip: impl Read + Seek) -> Result<Facts, BadZip> {
    walk(zip, &mut Nothing)
}

/// What a path is. A directory may be named by its contents alone.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Directory,
    File { executable: bool },
    Link,
}

/// What the central directory says of a path: the last entry of that name.
struct Listed {
    kind: Kind,
    index: usize,
}

pub(super) fn walk(zip: impl Read + Seek, visit: &mut dyn Visit) -> Result<Facts, BadZip> {
    let mut archive = ZipIterable::try_new(zip, Config::default())?;
    if archive.len() > MAX_ENTRIES {
        return Err(BadZip::Invalid(format!("more than {MAX_ENTRIES} entries")));
    }
    if archive.is_empty() {
        return Err(BadZip::Empty);
    }
    let listed = list(&mut archive)?;
    let mut facts = Facts { entries: listed.len(), unzipped_bytes: 0 };
    let mut links: Vec<(String, String)> = Vec::new();
    let files = archive.files()?;
    let mut index = 0;
    while let Some(entry) = files.next() {
        let entry = entry?;
        let path = plain(&entry.name()?)?;
        let this = index;
        index += 1;
        let Some(kind) = listed.get(&path).filter(|listed| listed.index == this).map(|listed| listed.kind)
        else {
            continue;
        };
        match kind {
            Kind::Directory => visit.directory(&path)?,
            Kind::File { executable } => {
                let left = MAX_UNZIPPED - facts.unzipped_bytes;
                let declared = entry.size();
                let mut content = entry.with_reader(files.reader_mut(), ZipReadOptions::default())?;
                let mut to = visit.file(&path, executable)?;
                let copied = io::copy(&mut content.by_ref().take(left + 1), &mut to)?;
                to.flush()?;
                if copied > left {
                    return Err(BadZip::TooLarge);
                }
                if copied != declared {
                    return Err(BadZip::invalid(&path, "shorter than it says"));
                }
                facts.unzipped_bytes += copied;
            }
            Kind::Link => {
                let mut target = String::new();
                let content = entry.with_reader(files.reader_mut(), ZipReadOptions::default())?;
                content.take(MAX_TARGET + 1).read_to_string(&mut target)?;
                if !stays_inside(&path, &target) {
                    return Err(BadZip::invalid(&path, "a symbolic link that leaves the directory"));
                }
                links.push((path, target));
            }
        }
    }
    for (path, target) in links {
        visit.link(&path, &target)?;
    }
    Ok(facts)
}

/// Reads the central directory and refuses what it can tell to be wrong, before anything is decompressed.
fn list<R: Read + Seek>(archive: &mut ZipIterable<R>) -> Result<HashMap<String, Listed>, BadZip> {
    let mut listed: HashMap<String, Listed> = HashMap::with_capacity(archive.len());
    let mut declared: u64 = 0;
    for (index, entry) in archive.files()?.enumerate() {
        let entry = entry?;
        let name = entry.name()?;
        let path = plain(&name)?;
        if entry.encrypted() {
            return Err(BadZip::invalid(&path, "encrypted"));
        }
        declared = declared.saturating_add(entry.size());
        if declared > MAX_UNZIPPED {
            return Err(BadZip::TooLarge);
        }
        if path.is_empty() {
            continue;
        }
        let kind = kind(&name, entry.unix_mode())
            .ok_or_else(|| BadZip::invalid(&path, "a device, pipe or socket"))?;
        let same = |other: Kind| std::mem::discriminant(&other) == std::mem::discriminant(&kind);
        if listed.get(&path).is_some_and(|before| !same(before.kind)) {
            return Err(BadZip::invalid(&path, "twice, as different kinds"));
        }
        listed.insert(path, Listed { kind, index });
    }
    for path in listed.keys() {
        let mut parent = path.as_str();
        while let Some((above, _)) = parent.rsplit_once('/') {
            if listed.get(above).is_some_and(|listed| listed.kind != Kind::Directory) {
                return Err(BadZip::invalid(path, "below what is no directory"));
            }
            parent = above;
        }
    }
    Ok(listed)
}

/// A name as a relative path without `.` and empty parts. Backslashes are part of a name, as on AWS.
fn plain(name: &str) -> Result<String, BadZip> {
    if name.len() > MAX_NAME || name.split('/').any(|part| part.len() > 255) {
        return Err(BadZip::invalid(name, "a name that is too long"));
    }
    if name.starts_with('/') || name.contains('\0') || name.split('/').any(|part| part == "..") {
        return Err(BadZip::invalid(name, "a name that leaves the directory"));
    }
    let parts: Vec<&str> = name.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    Ok(parts.join("/"))
}

/// `None`: neither file nor directory nor symbolic link.
fn kind(name: &str, mode: Option<u32>) -> Option<Kind> {
    const FORMAT: u32 = 0o170_000;
    let mode = mode.unwrap_or(0o644);
    match mode & FORMAT {
        0o040_000 => Some(Kind::Directory),
        _ if name.ends_with('/') => Some(Kind::Directory),
        0o120_000 => Some(Kind::Link),
        0o100_000 | 0 => Some(Kind::File { executable: mode & 0o111 != 0 }),
        _ => None,
    }
}

/// Whether a link at `path` leads to where a function may look. `..` stands only at a target's beginning: after another
/// part it would depend on what that part is. Absolute targets lead into the function's own view of the machine.
fn stays_inside(path: &str, target: &str) -> bool {
    const OWN: [&str; 10] = [
        "/opt",
        "/var/task",
        "/var/runtime",
        "/var/lang",
        "/tmp",
        "/usr",
        "/bin",
        "/lib",
        "/lib64",
        "/dev/null",
    ];
    if target.is_empty() || target.len() as u64 > MAX_TARGET || target.contains('\0') {
        return false;
    }
    let mut parts = target.split('/').filter(|part| !part.is_empty() && *part != ".");
    if target.starts_with('/') {
        return !parts.any(|part| part == "..")
            && OWN.iter().any(|own| {
                target.strip_prefix(own).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            });
    }
    let depth = path.matches('/').count();
    let up = parts.by_ref().take_while(|part| *part == "..").count();
    // `take_while` has taken the first plain part too.
    up <= depth && !parts.any(|part| part == "..")
}
