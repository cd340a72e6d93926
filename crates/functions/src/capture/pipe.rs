//! The pipes that an environment's processes write their logs to.

use std::{
    fs::File,
    io::{self, ErrorKind, Read as _},
    os::fd::OwnedFd,
    sync::{Arc, Mutex, PoisonError},
};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::{net::unix::pipe::Receiver, task::JoinHandle};

use super::{Form, Log, Source, reader::Reader};

/// Most that is read in one go before others get their turn, bytes.
const TURN: usize = 1024 * 1024;

/// The writing end, for a process. Clones of it are the same pipe.
pub(crate) type Writer = OwnedFd;

/// The reading end.
pub(crate) struct Pipe {
    file: File,
    source: Source,
    reader: Mutex<Reader>,
}

/// A pipe.
pub(crate) fn pipe(form: Form, source: Source) -> io::Result<(Pipe, Writer)> {
    let (read, write) = io::pipe()?;
    let file = File::from(OwnedFd::from(read));
    Ok((Pipe { file, source, reader: Mutex::new(Reader::new(form)) }, OwnedFd::from(write)))
}

/// Takes what processes wrote to their pipes before they said that they are done, and lines that have no end.
pub(crate) fn drain<'p>(pipes: impl Iterator<Item = &'p Arc<Pipe>> + Clone, log: &Log) {
    // Most often nothing is there: asked for all at once that costs one call.
    let mut asked: Vec<_> = pipes.clone().map(|pipe| PollFd::new(&pipe.file, PollFlags::IN)).collect();
    let known = poll(&mut asked, Some(&Timespec::default())).is_ok();
    for (pipe, asked) in pipes.zip(&asked) {
        if !known || !asked.revents().is_empty() {
            pipe.drain(log);
        }
        pipe.finish(log);
    }
}

/// What reading came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Drained {
    /// Nothing more is there now.
    Empty,
    /// There may be more.
    More,
    /// Nobody has the writing end any more.
    Ended,
}

impl Pipe {
    /// Reads into the log until the pipe ends. Never stops reading, so that no process waits for us.
    pub(crate) fn follow(self: &Arc<Self>, log: Arc<Log>) -> io::Result<JoinHandle<()>> {
        // The same pipe under two descriptors: waited for by this one, which makes both not block.
        let watched = Receiver::from_owned_fd(OwnedFd::from(self.file.try_clone()?))?;
        let pipe = Arc::clone(self);
        Ok(tokio::spawn(async move {
            loop {
                if watched.readable().await.is_err() {
                    return;
                }
                match pipe.read(&log, |buffer| watched.try_read(buffer)) {
                    Drained::Empty => {}
                    Drained::More => tokio::task::yield_now().await,
                    Drained::Ended => break,
                }
                log.flush_lines();
            }
            pipe.finish(&log);
            log.flush();
        }))
    }

    /// Takes what is there now: what a process wrote before it said that it is done. Up to a mebibyte.
    fn drain(&self, log: &Log) {
        self.read(log, |buffer| (&self.file).read(buffer));
    }

    fn finish(&self, log: &Log) {
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        reader.finish(&mut |line, level| log.line(self.source, line, level));
    }

    fn read(&self, log: &Log, mut from: impl FnMut(&mut [u8]) -> io::Result<usize>) -> Drained {
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let mut buffer = [0_u8; 16 * 1024];
        let mut taken = 0;
        while taken < TURN {
            match from(&mut buffer) {
                Ok(0) => return Drained::Ended,
                Ok(count) => {
                    taken += count;
                    reader.take(buffer.get(..count).unwrap_or_default(), &mut |line, level| {
                        log.line(self.source, line, level);
                    });
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Drained::Empty,
                Err(_) => return Drained::Ended,
            }
        }
        Drained::More
    }
}
