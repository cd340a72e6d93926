//! Takes a body in: a small one into memory, for a row; a larger one into a blob, piece by piece, in constant memory. What
//! the client claimed is proven before anything refers to the bytes.

use std::io::Write;

use bytes::{Bytes, BytesMut};
use md5::{Digest, Md5};
use moln_kernel::ApiError;
use moln_store::blobs::{BlobWriter, Blobs, Pinned};
use moln_wire::ByteStream;
use tokio::sync::mpsc;

use super::{
    checksum::{Algorithm, Hasher},
    cipher::Cipher,
    claims::{self, Claims},
};
use crate::{errors, limits, post::form::File};

/// Pieces on their way to the disk, each at most a few hundred kilobytes.
const IN_FLIGHT: usize = 8;

/// Where a body comes from.
pub(crate) enum Source {
    /// A request's body.
    Body(ByteStream),
    /// The file of a form.
    Form(Box<File>),
}

impl Source {
    async fn next(&mut self) -> Option<Result<Bytes, ApiError>> {
        match self {
            Self::Body(body) => body.next().await,
            Self::Form(file) => file.next().await,
        }
    }

    /// A checksum that stood behind the body.
    fn trailer(&self) -> Option<(Algorithm, &str)> {
        let Self::Body(body) = self else { return None };
        Algorithm::ALL.into_iter().find_map(|algorithm| Some((algorithm, body.trailer(algorithm.header())?)))
    }
}

/// Bytes that are in, and proven.
pub(crate) struct Received {
    /// How many.
    pub(crate) size: u64,
    /// MD5 of what was sent.
    pub(crate) md5: [u8; 16],
    /// The checksum of the client's choice, or else by the plan's algorithm.
    pub(crate) checksum: (Algorithm, Vec<u8>),
    /// The checksum by the plan's algorithm, where it was wanted besides.
    pub(crate) own: Option<Vec<u8>>,
    /// Where they are.
    pub(crate) bytes: Put,
}

/// Where received bytes are, until a commit refers to them.
pub(crate) enum Put {
    /// In memory.
    Small(Bytes),
    /// In a blob that stays as long as this lives.
    Blob(Pinned),
}

/// What to make of a body.
pub(crate) struct Plan {
    pub(crate) claims: Claims,
    /// The algorithm whose checksum is kept when the client claims none.
    pub(crate) algorithm: Algorithm,
    /// Longest body.
    pub(crate) most: u64,
    /// Encrypts on the way.
    pub(crate) cipher: Option<Cipher>,
    /// Sum up by `algorithm` even when the client claims another one.
    pub(crate) both: bool,
}

/// Takes a body in.
pub(crate) async fn receive(blobs: &Blobs, mut source: Source, plan: Plan) -> Result<Received, ApiError> {
    let Plan { claims, algorithm: own, most, cipher, both } = plan;
    let algorithm = claims.checksum.as_ref().map_or(own, |(algorithm, _)| *algorithm);
    let own = (both && own != algorithm).then(|| Hasher::new(own));
    let mut work = Work { size: 0, md5: Md5::new(), hasher: Hasher::new(algorithm), own, algorithm, cipher };
    let mut start = BytesMut::new();
    while start.len() <= limits::SMALL {
        let Some(piece) = source.next().await else {
            check_size(start.len() as u64, most)?;
            let put = work.take(start);
            let received = work.finish(Put::Small(put.freeze()));
            return proven(received, &source, &claims);
        };
        start.extend_from_slice(&piece?);
    }
    let (feed, pieces) = mpsc::channel(IN_FLIGHT);
    let blobs = blobs.clone();
    let writing = tokio::task::spawn_blocking(move || write(&blobs, work, pieces));
    let mut size = start.len() as u64;
    let mut piece = Some(start.freeze());
    let failure = loop {
        let Some(next) = piece.take() else {
            match source.next().await {
                None => break None,
                Some(Err(why)) => break Some(why),
                Some(Ok(next)) => {
                    size += next.len() as u64;
                    piece = Some(next);
                }
            }
            continue;
        };
        if let Err(why) = check_size(size, most) {
            break Some(why);
        }
        // The writer has given up: it says why.
        if feed.send(next).await.is_err() {
            break None;
        }
    };
    // Without the sign that all was sent the writer leaves nothing behind.
    if let Some(why) = failure {
        return Err(why);
    }
    if feed.send(Bytes::new()).await.is_err() {
        tracing::debug!("the writer ended before its body");
    }
    drop(feed);
    let received = writing.await.map_err(|_| errors::internal())??;
    proven(received, &source, &claims)
}

/// What is made of the bytes as they pass.
struct Work {
    size: u64,
    md5: Md5,
    hasher: Hasher,
    own: Option<Hasher>,
    algorithm: Algorithm,
    cipher: Option<Cipher>,
}

impl Work {
    /// Counts and sums up; gives what is to be kept.
    fn take(&mut self, mut bytes: BytesMut) -> BytesMut {
        self.sum(&bytes);
        if let Some(cipher) = &mut self.cipher {
            cipher.apply(&mut bytes);
        }
        bytes
    }

    fn sum(&mut self, bytes: &[u8]) {
        self.size += bytes.len() as u64;
        self.md5.update(bytes);
        self.hasher.update(bytes);
        if let Some(own) = &mut self.own {
            own.update(bytes);
        }
    }

    fn finish(self, bytes: Put) -> Received {
        Received {
            size: self.size,
            md5: self.md5.finalize().into(),
            checksum: (self.algorithm, self.hasher.finish()),
            own: self.own.map(Hasher::finish),
            bytes,
        }
    }
}

fn write(blobs: &Blobs, mut work: Work, mut pieces: mpsc::Receiver<Bytes>) -> Result<Received, ApiError> {
    let full = |why: std::io::Error| {
        tracing::error!(%why, "a blob cannot be written");
        errors::internal()
    };
    let mut blob: BlobWriter = blobs.writer().map_err(|why| full(std::io::Error::other(why.to_string())))?;
    loop {
        let Some(piece) = pieces.blocking_recv() else {
            // The body broke off: nothing is kept of it.
            return Err(errors::other(400, "IncompleteBody", "The request body terminated unexpectedly"));
        };
        if piece.is_empty() {
            break;
        }
        if work.cipher.is_some() {
            let hidden = work.take(BytesMut::from(&piece[..]));
            blob.write_all(&hidden).map_err(full)?;
        } else {
            work.sum(&piece);
            blob.write_all(&piece).map_err(full)?;
        }
    }
    let pinned = blob.finish().map_err(|why| full(std::io::Error::other(why.to_string())))?;
    Ok(work.finish(Put::Blob(pinned)))
}

fn check_size(size: u64, most: u64) -> Result<(), ApiError> {
    if size <= most {
        return Ok(());
    }
    let error = errors::other(400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size");
    let error = errors::with(error, "ProposedSize", size.to_string());
    Err(errors::with(error, "MaxSizeAllowed", most.to_string()))
}

/// Holds the bytes against what was claimed of them.
fn proven(received: Received, source: &Source, claims: &Claims) -> Result<Received, ApiError> {
    if claims.length.is_some_and(|length| length != received.size) {
        return Err(errors::other(
            400,
            "IncompleteBody",
            "You did not provide the number of bytes specified by the Content-Length HTTP header",
        ));
    }
    if let Some(md5) = claims.md5.filter(|md5| *md5 != received.md5) {
        return Err(claims::wrong_md5(md5, received.md5));
    }
    let (algorithm, value) = &received.checksum;
    let trailing = source.trailer();
    let claimed = match (&claims.checksum, trailing) {
        (Some((_, Some(claimed))), _) => Some(claimed.clone()),
        (_, Some((named, text))) => {
            use base64::{Engine, engine::general_purpose::STANDARD};
            // It was announced by `x-amz-trailer`, which chose the algorithm.
            if named != *algorithm {
                return Err(claims::invalid_value(named));
            }
            let decoded = STANDARD.decode(text.trim()).ok().filter(|bytes| bytes.len() == named.len());
            Some(decoded.ok_or_else(|| claims::invalid_value(named))?)
        }
        (Some((_, None)), None) => return Err(claims::wrong_checksum(*algorithm)),
        (None, None) => None,
    };
    if claimed.is_some_and(|claimed| claimed != *value) {
        return Err(claims::wrong_checksum(*algorithm));
    }
    Ok(received)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(claims: Claims) -> Plan {
        Plan { claims, algorithm: Algorithm::Crc64Nvme, most: 1 << 30, cipher: None, both: false }
    }

    fn body(bytes: impl Into<Bytes>) -> Source {
        Source::Body(ByteStream::from(bytes.into()))
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn small_and_large_bodies_come_in() {
        let dir = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(dir.path()).unwrap();
        for size in [0, 1, limits::SMALL, limits::SMALL + 1, 3_000_000] {
            let content = vec![b'x'; size];
            let received = receive(&blobs, body(content.clone()), plan(Claims::default())).await.unwrap();
            assert_eq!((received.size, received.md5), (size as u64, Md5::digest(&content).into()));
            assert_eq!(received.checksum.1, super::super::checksum::of(Algorithm::Crc64Nvme, &content));
            match received.bytes {
                Put::Small(bytes) => assert!(size <= limits::SMALL && bytes == content),
                Put::Blob(pinned) => {
                    assert!(size > limits::SMALL);
                    assert_eq!(blobs.get(*pinned).unwrap(), content);
                }
            }
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn lies_leave_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(dir.path()).unwrap();
        let lie = Claims { md5: Some([0; 16]), ..Claims::default() };
        for size in [10, 100_000] {
            let code = |claims| receive(&blobs, body(vec![1; size]), plan(claims));
            assert_eq!(code(lie.clone()).await.err().unwrap().code, "BadDigest");
            let sum = Some((Algorithm::Sha1, Some(vec![0; 20])));
            let wrong = Claims { checksum: sum, ..Claims::default() };
            assert_eq!(code(wrong).await.err().unwrap().code, "BadDigest");
            let long = Claims { length: Some(size as u64 + 1), ..Claims::default() };
            assert_eq!(code(long).await.err().unwrap().code, "IncompleteBody");
            let big = Plan { most: 9, ..plan(Claims::default()) };
            assert_eq!(receive(&blobs, body(vec![1; size]), big).await.err().unwrap().code, "EntityTooLarge");
        }
        assert_eq!(std::fs::read_dir(dir.path().join("tmp")).unwrap().count(), 0);
    }
}
