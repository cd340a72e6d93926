//! Takes a body in: a small one into memory, for a row; a larger one into a blob, piece by piece, in constant memory. What
//! the client claimed is proven before anything refers to the bytes.

use std::io::Write;

use bytes::{Bytes, BytesMut};
use md5::{Digest, Md5};
use moln_kernel::ApiError;
use moln_store::blobs::{BlobError, BlobWriter, Blobs, Pinned};
use moln_wire::ByteStream;
use tokio::task::JoinHandle;

use super::{
    checksum::{Algorithm, Hasher},
    cipher::Cipher,
    claims::{self, Claims},
};
use crate::{errors, limits, post::form::File};

/// Bytes that are written in one go; about as many are gathered meanwhile.
const TURN: usize = 256 << 10;

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
    let mut size = start.len() as u64;
    check_size(size, most)?;
    let mut turn = Writing { work, blob: None, blobs: blobs.clone() }.turn(vec![start.freeze()]);
    // While one turn is written, the pieces of the next are gathered. Whatever ends this early leaves nothing behind.
    let gathered = loop {
        let (gathered, end) = match gather(&mut source, &mut size, most).await {
            Ok(gathered) => gathered,
            Err(why) => {
                // What it has written goes with it, before the client hears of the failure.
                drop(turn.await);
                return Err(why);
            }
        };
        if end {
            break gathered;
        }
        turn = turn.await.map_err(|_| errors::internal())??.turn(gathered);
    };
    let writing = turn.await.map_err(|_| errors::internal())??;
    let finishing = tokio::task::spawn_blocking(move || writing.finish(&gathered));
    let received = finishing.await.map_err(|_| errors::internal())??;
    proven(received, &source, &claims)
}

/// The pieces of a turn, and whether the body ends with them.
async fn gather(source: &mut Source, size: &mut u64, most: u64) -> Result<(Vec<Bytes>, bool), ApiError> {
    let (mut gathered, mut bytes) = (Vec::new(), 0);
    while bytes < TURN {
        let Some(piece) = source.next().await else { return Ok((gathered, true)) };
        let piece = piece?;
        *size += piece.len() as u64;
        check_size(*size, most)?;
        bytes += piece.len();
        gathered.push(piece);
    }
    Ok((gathered, false))
}

/// A blob on its way to the disk. A thread that may wait for the disk is its own only for a turn, however slow the client is.
struct Writing {
    work: Work,
    blob: Option<BlobWriter>,
    blobs: Blobs,
}

impl Writing {
    fn turn(mut self, pieces: Vec<Bytes>) -> JoinHandle<Result<Self, ApiError>> {
        tokio::task::spawn_blocking(move || self.write(&pieces).map(|()| self))
    }

    fn write(&mut self, pieces: &[Bytes]) -> Result<(), ApiError> {
        let blob = match &mut self.blob {
            Some(blob) => blob,
            none => none.insert(self.blobs.writer().map_err(|why| unwritten(&why))?),
        };
        for piece in pieces {
            if self.work.cipher.is_some() {
                let hidden = self.work.take(BytesMut::from(&piece[..]));
                blob.write_all(&hidden).map_err(|why| unwritten(&why.into()))?;
            } else {
                self.work.sum(piece);
                blob.write_all(piece).map_err(|why| unwritten(&why.into()))?;
            }
        }
        Ok(())
    }

    fn finish(mut self, pieces: &[Bytes]) -> Result<Received, ApiError> {
        self.write(pieces)?;
        let blob = self.blob.ok_or_else(errors::internal)?;
        let pinned = blob.finish().map_err(|why| unwritten(&why))?;
        Ok(self.work.finish(Put::Blob(pinned)))
    }
}

/// A blob that could not be written. Of a full disk the client is told to come again.
fn unwritten(why: &BlobError) -> ApiError {
    tracing::error!(%why, "a blob cannot be written");
    match why {
        BlobError::Full => errors::no_room(),
        _ => errors::internal(),
    }
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
