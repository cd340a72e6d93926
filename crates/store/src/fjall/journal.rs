//! The journal's end after a power cut.
//!
//! Of the group that was being written, any part may have reached the disk, also a later page without an earlier one.
//! fjall refuses to open such a journal (the group's checksum is wrong), and silently drops everything behind a byte it
//! cannot read, be it acknowledged. So before fjall opens them, the journals are read here:
//!
//! * Whole groups up to the end of what was written: nothing is to be done.
//! * A broken group at the end: it was never acknowledged, for a sync returns before the next group is begun. Cut off.
//! * A broken group with a whole one behind it, or in a journal before the active one: the disk lost what it had promised to keep. Refused, never cut off.
//!
//! Form (fjall 3): `01 count(4) seqno(8)`, entries `02 type(1) compression(1) keyspace(8) key length(2) value length(4)
//! stored length(4) key value` or `04 keyspace(8)`, then `03 xxh3 of the entries(8) "FJL" 03`; numbers little endian.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufReader, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use xxhash_rust::xxh3::Xxh3;

use super::directory::io_error;
use crate::{StoreError, failpoint};

const TRAILER: &[u8; 4] = b"FJL\x03";
/// No group is longer (4 MiB and one batch, with what the journal adds): more behind a broken one is not its rest.
const MAX_GROUP: u64 = 16 << 20;

/// Checks the journals of an engine's directory, and cuts off a group at the end of the active one that was never
/// acknowledged. A journal before it was synced whole when the next was begun: there is nothing to be cut off.
pub(super) fn check(engine: &Path) -> Result<(), StoreError> {
    let journals = journals(engine).map_err(|error| io_error("read", engine, &error))?;
    let Some((active, sealed)) = journals.split_last() else { return Ok(()) };
    for path in sealed {
        let (end, tail) = read(path)?;
        if !tail.is_empty() {
            return Err(damaged(path, end));
        }
    }
    let (end, tail) = read(active)?;
    if tail.is_empty() {
        return Ok(());
    }
    if tail.len() as u64 > MAX_GROUP || holds_a_group(&tail) {
        return Err(damaged(active, end));
    }
    tracing::warn!(journal = %active.display(), at = end, bytes = tail.len(), "cut off a group that was never acknowledged");
    cut(active, end).map_err(|error| io_error("cut", active, &error))
}

fn damaged(path: &Path, end: u64) -> StoreError {
    StoreError::Corrupt(
        format!(
            "the journal {} is damaged at byte {end}, before its end: the disk lost acknowledged commits; restore a backup",
            path.display()
        )
        .into(),
    )
}

/// Where the last whole group ends, and what is behind it.
fn read(path: &Path) -> Result<(u64, Vec<u8>), StoreError> {
    let unreadable = |error: io::Error| io_error("read", path, &error);
    let file = File::open(path).map_err(unreadable)?;
    let mut from = BufReader::with_capacity(256 << 10, file);
    let mut end = 0;
    while let Some(group) = group(&mut from).map_err(unreadable)? {
        end += group;
    }
    Ok((end, tail(path, end).map_err(unreadable)?))
}

/// The journals, oldest first; the last one is the active one.
pub(super) fn journals(engine: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(engine) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let number = path
            .extension()
            .is_some_and(|ext| ext == "jnl")
            .then(|| path.file_stem()?.to_str()?.parse::<u64>().ok());
        if let Some(number) = number.flatten() {
            found.push((number, path));
        }
    }
    found.sort();
    Ok(found.into_iter().map(|(_, path)| path).collect())
}

/// Everything from `end` on, without the zeros of space allocated ahead; at most a little over [`MAX_GROUP`].
fn tail(path: &Path, end: u64) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(end))?;
    let (mut tail, mut seen) = (Vec::new(), 0);
    let (mut part, zeros) = (vec![0; 256 << 10], vec![0; 256 << 10]);
    while tail.len() as u64 <= MAX_GROUP {
        let read = file.read(&mut part)?;
        if read == 0 {
            break;
        }
        let part = part.get(..read).unwrap_or_default();
        // Mostly it is zeros: compared as a whole, that takes milliseconds for a journal of 64 MiB.
        if Some(part) != zeros.get(..read) {
            let last = part.iter().rposition(|byte| *byte != 0).unwrap_or(0);
            tail.resize(seen, 0);
            tail.extend_from_slice(part.get(..=last).unwrap_or_default());
        }
        seen += read;
    }
    Ok(tail)
}

/// Whether a whole group lies behind some trailer.
fn holds_a_group(tail: &[u8]) -> bool {
    let behind = tail.windows(TRAILER.len()).zip(TRAILER.len()..).filter(|(window, _)| *window == TRAILER);
    behind.filter_map(|(_, at)| tail.get(at..)).any(|mut rest| matches!(group(&mut rest), Ok(Some(_))))
}

fn cut(path: &Path, end: u64) -> io::Result<()> {
    failpoint::pass("store.open.cut")?;
    let file = OpenOptions::new().write(true).open(path)?;
    file.set_len(end)?;
    file.sync_all()
}

/// Reads a group and answers its length; `None` when what is there is not a whole one.
fn group(from: &mut impl Read) -> io::Result<Option<u64>> {
    match Group::default().read(from) {
        Ok(length) => Ok(length),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

#[derive(Default)]
struct Group {
    length: u64,
    hash: Xxh3,
    scratch: Vec<u8>,
}

impl Group {
    fn read(mut self, from: &mut impl Read) -> io::Result<Option<u64>> {
        let [tag] = self.take(from)?;
        if tag != 1 {
            return Ok(None);
        }
        let count = u32::from_le_bytes(self.take(from)?);
        let _seqno: [u8; 8] = self.take(from)?;
        for _ in 0..count {
            if !self.entry(from)? {
                return Ok(None);
            }
        }
        let [tag] = self.take(from)?;
        let checksum = u64::from_le_bytes(self.take(from)?);
        let trailer: [u8; 4] = self.take(from)?;
        let whole = tag == 3 && checksum == self.hash.digest() && trailer == *TRAILER;
        Ok(whole.then_some(self.length))
    }

    fn entry(&mut self, from: &mut impl Read) -> io::Result<bool> {
        let [tag] = self.take(from)?;
        self.hash.update(&[tag]);
        match tag {
            2 => {
                let head: [u8; 20] = self.take(from)?;
                self.hash.update(&head);
                let [_, _, _, _, _, _, _, _, _, _, k0, k1, _, _, _, _, v0, v1, v2, v3] = head;
                let key = u64::from(u16::from_le_bytes([k0, k1]));
                let val = u64::from(u32::from_le_bytes([v0, v1, v2, v3]));
                if key + val > MAX_GROUP {
                    return Ok(false);
                }
                self.scratch.clear();
                let read = from.by_ref().take(key + val).read_to_end(&mut self.scratch)? as u64;
                self.hash.update(&self.scratch);
                self.length += read;
                Ok(read == key + val)
            }
            4 => {
                let keyspace: [u8; 8] = self.take(from)?;
                self.hash.update(&keyspace);
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    fn take<const N: usize>(&mut self, from: &mut impl Read) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        from.read_exact(&mut bytes)?;
        self.length += N as u64;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Batch, FjallStore, Options, Store};

    /// A store killed after three commits of which the last is 60 KB (as far as its files tell), and where in the
    /// journal each of its groups begins.
    fn killed() -> (tempfile::TempDir, PathBuf, Vec<u64>) {
        let dir = tempfile::tempdir().unwrap();
        let store = FjallStore::open(Options::new(dir.path().join("live"))).unwrap();
        for n in 0..3u8 {
            let mut batch = Batch::default();
            for row in 0..20 {
                batch.put(format!("{n}/{row}"), vec![n + 1; 3_000]);
            }
            store.submit(batch).0.blocking_recv().unwrap().unwrap();
        }
        let copy = dir.path().join("copy");
        copy_dir(&dir.path().join("live"), &copy);
        drop(store);
        let journal = journals(&copy.join("engine")).unwrap().pop().unwrap();
        let mut from = File::open(&journal).unwrap();
        let mut starts = vec![0];
        while let Some(group) = group(&mut from).unwrap() {
            starts.push(starts[starts.len() - 1] + group);
        }
        (dir, journal, starts)
    }

    fn copy_dir(from: &Path, to: &Path) {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let (path, name) = (entry.as_ref().unwrap().path(), entry.unwrap().file_name());
            if path.is_dir() {
                copy_dir(&path, &to.join(name));
            } else {
                fs::copy(path, to.join(name)).unwrap();
            }
        }
    }

    fn damage(journal: &Path, at: u64, bytes: &[u8]) {
        let mut file = OpenOptions::new().write(true).open(journal).unwrap();
        file.seek(SeekFrom::Start(at)).unwrap();
        io::Write::write_all(&mut file, bytes).unwrap();
    }

    fn open(dir: &tempfile::TempDir) -> Result<Store, StoreError> {
        FjallStore::open(Options::new(dir.path().join("copy")))
    }

    fn rows(store: &Store) -> Vec<usize> {
        let count = |n| {
            let range = crate::KeyRange::prefix(format!("{n}/"));
            store.snapshot().scan(&range, crate::Scan::default()).unwrap().rows.len()
        };
        (0..3).map(count).collect()
    }

    #[test]
    fn a_whole_journal_is_left_alone() {
        let (dir, journal, starts) = killed();
        let before = fs::read(&journal).unwrap();
        check(&dir.path().join("copy/engine")).unwrap();
        assert!(before == fs::read(&journal).unwrap());
        assert!(starts.len() >= 4, "three commits and the first reservation at least");
        assert_eq!(rows(&open(&dir).unwrap()), [20, 20, 20]);
    }

    /// Any page of the last group, or all behind some byte of it, may be missing.
    #[test]
    fn a_torn_last_group_is_cut_off_whole() {
        for (at, missing) in [(0, 13), (5_000, 4_096), (30_000, 1), (59_000, 4_096), (100, 100_000)] {
            let (dir, journal, starts) = killed();
            let last = starts[starts.len() - 2];
            damage(&journal, last + at, &vec![0; missing]);
            let store = open(&dir).unwrap();
            assert_eq!(rows(&store), [20, 20, 0], "{missing} bytes at {at}");
            let mut batch = Batch::default();
            batch.put("2/again", "");
            store.submit(batch).0.blocking_recv().unwrap().unwrap();
            drop(store);
            assert_eq!(rows(&open(&dir).unwrap()), [20, 20, 1], "the journal goes on from there");
        }
    }

    #[test]
    fn damage_before_the_end_is_refused_and_kept() {
        for bytes in [&[0u8; 4_096][..], b"\x09", b"\x01\x01\x01"] {
            let (dir, journal, starts) = killed();
            damage(&journal, starts[starts.len() - 3] + 10_000, bytes);
            let before = fs::read(&journal).unwrap();
            let refused = open(&dir).map(|_| ()).unwrap_err();
            assert!(
                matches!(&refused, StoreError::Corrupt(why) if why.contains("restore a backup")),
                "{refused}"
            );
            assert!(before == fs::read(&journal).unwrap(), "nothing was cut off");
        }
    }

    #[test]
    fn damage_in_an_older_journal_is_refused_even_at_its_end() {
        let (dir, journal, starts) = killed();
        let engine = dir.path().join("copy/engine");
        let number: u64 = journal.file_stem().unwrap().to_str().unwrap().parse().unwrap();
        fs::copy(&journal, engine.join(format!("{}.jnl", number + 1))).unwrap();
        check(&engine).unwrap();
        damage(&journal, starts[starts.len() - 2] + 5_000, &[0; 4_096]);
        let before = fs::read(&journal).unwrap();
        let refused = check(&engine).unwrap_err();
        assert!(
            matches!(&refused, StoreError::Corrupt(why) if why.contains("restore a backup")),
            "{refused}"
        );
        assert!(before == fs::read(&journal).unwrap(), "nothing was cut off");
    }
}
