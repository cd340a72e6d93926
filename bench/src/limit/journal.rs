//! Group commit in its simplest form: requests append to a buffer; one thread writes what has gathered into a
//! preallocated file, waits for the disk once, and lets all of them answer.

use std::{
    fs::{self, File},
    mem,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread,
};

use tokio::{runtime::Handle, sync::oneshot};

use crate::error::{Error, Result};

/// Size of the file. It is written full once, so that later writes change data only and `fdatasync` has no metadata
/// to write; at its end writing begins again at its start.
const FILE: u64 = 64 << 20;
/// Bytes in one group at most: the rest waits for the next.
const GROUP: usize = 4 << 20;

#[derive(Default)]
struct Gathered {
    bytes: Vec<u8>,
    waiting: Vec<oneshot::Sender<()>>,
    closed: bool,
}

struct Shared {
    gathered: Mutex<Gathered>,
    wake: Condvar,
}

/// A file that bodies are appended to durably.
pub struct Journal {
    shared: Arc<Shared>,
    path: PathBuf,
}

impl Journal {
    /// Creates the file in this directory and starts the thread. Must be called where a tokio runtime is entered, or
    /// completions are sent from the journal's own thread.
    pub fn open(dir: &Path) -> Result<Self> {
        fs::create_dir_all(dir).map_err(Error::io(format!("create {}", dir.display())))?;
        let path = dir.join(format!("journal-{}", std::process::id()));
        let file = preallocated(&path).map_err(Error::io(format!("write {}", path.display())))?;
        let shared = Arc::new(Shared { gathered: Mutex::default(), wake: Condvar::new() });
        let (mine, runtime) = (Arc::clone(&shared), Handle::try_current().ok());
        let started = thread::Builder::new()
            .name("journal".into())
            .spawn(move || commit(&mine, &file, runtime.as_ref()));
        started.map_err(Error::io("start the journal's thread"))?;
        Ok(Self { shared, path })
    }

    /// Appends and waits until it is durable; `None` when the disk failed.
    pub async fn append(&self, bytes: &[u8]) -> Option<()> {
        let (done, durable) = oneshot::channel();
        {
            let mut gathered = self.shared.gathered.lock().unwrap_or_else(PoisonError::into_inner);
            if gathered.closed {
                return None;
            }
            gathered.bytes.extend_from_slice(bytes);
            gathered.waiting.push(done);
            if gathered.waiting.len() == 1 {
                self.shared.wake.notify_one();
            }
        }
        durable.await.ok()
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.shared.gathered.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
        self.shared.wake.notify_one();
        let _ = fs::remove_file(&self.path);
    }
}

fn preallocated(path: &Path) -> std::io::Result<File> {
    let file = File::create(path)?;
    let zeros = vec![0; 1 << 20];
    for at in (0..FILE).step_by(zeros.len()) {
        file.write_all_at(&zeros, at)?;
    }
    file.sync_all()?;
    Ok(file)
}

/// The thread: one group after the other until the journal is dropped or the disk fails.
fn commit(shared: &Shared, file: &File, runtime: Option<&Handle>) {
    let (mut bytes, mut at) = (Vec::new(), 0_u64);
    loop {
        let waiting = {
            let mut gathered = shared.gathered.lock().unwrap_or_else(PoisonError::into_inner);
            while gathered.waiting.is_empty() {
                if gathered.closed {
                    return;
                }
                gathered = shared.wake.wait(gathered).unwrap_or_else(PoisonError::into_inner);
            }
            bytes.clear();
            mem::swap(&mut bytes, &mut gathered.bytes);
            mem::take(&mut gathered.waiting)
        };
        if at + bytes.len() as u64 > FILE {
            at = 0;
        }
        let written = bytes.chunks(GROUP).try_for_each(|part| {
            let place = at;
            at = (at + part.len() as u64) % FILE;
            file.write_all_at(part, place)
        });
        if written.and_then(|()| file.sync_data()).is_err() {
            // An fdatasync that failed is never tried again: what it was to write may be lost.
            shared.gathered.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
            return;
        }
        let complete = move || {
            for done in waiting {
                // Whoever waited may have gone away with its connection.
                let _ = done.send(());
            }
        };
        match runtime {
            // Woken from a worker the tasks go into that worker's own queue: one wake-up of a thread per group.
            Some(runtime) => drop(runtime.spawn(async move { complete() })),
            None => complete(),
        }
    }
}
