//! The checksums S3 knows.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html>

use base64::{Engine, engine::general_purpose::STANDARD};
use crc_fast::{CrcAlgorithm, Digest as Crc, checksum_combine};
use moln_wire::ByteStream;
use sha1::Sha1;
use sha2::{Digest, Sha256};

/// An algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Algorithm {
    Crc32,
    Crc32c,
    Crc64Nvme,
    Sha1,
    Sha256,
}

impl Algorithm {
    pub(crate) const ALL: [Self; 5] = [Self::Crc32, Self::Crc32c, Self::Crc64Nvme, Self::Sha1, Self::Sha256];

    /// `CRC32`, in any case.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name().eq_ignore_ascii_case(text))
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Crc32c => "CRC32C",
            Self::Crc64Nvme => "CRC64NVME",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
        }
    }

    /// `x-amz-checksum-crc32`
    pub(crate) fn header(self) -> &'static str {
        match self {
            Self::Crc32 => "x-amz-checksum-crc32",
            Self::Crc32c => "x-amz-checksum-crc32c",
            Self::Crc64Nvme => "x-amz-checksum-crc64nvme",
            Self::Sha1 => "x-amz-checksum-sha1",
            Self::Sha256 => "x-amz-checksum-sha256",
        }
    }

    /// That of the checksum that is announced to stand behind a body.
    pub(crate) fn trailing(body: &ByteStream) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| body.announces(algorithm.header()))
    }

    /// Bytes of a value.
    pub(crate) fn len(self) -> usize {
        match self {
            Self::Crc32 | Self::Crc32c => 4,
            Self::Crc64Nvme => 8,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }

    /// How an object in parts is summed up when nobody says.
    pub(crate) fn default_kind(self) -> &'static str {
        if self == Self::Crc64Nvme { FULL_OBJECT } else { COMPOSITE }
    }

    fn crc(self) -> Option<CrcAlgorithm> {
        match self {
            Self::Crc32 => Some(CrcAlgorithm::Crc32IsoHdlc),
            Self::Crc32c => Some(CrcAlgorithm::Crc32Iscsi),
            Self::Crc64Nvme => Some(CrcAlgorithm::Crc64Nvme),
            Self::Sha1 | Self::Sha256 => None,
        }
    }

    /// Whether the checksum of the whole follows from those of its parts.
    #[cfg(test)]
    pub(crate) fn combines(self) -> bool {
        self.crc().is_some()
    }
}

/// The checksum is of the bytes as one.
pub(crate) const FULL_OBJECT: &str = "FULL_OBJECT";
/// The checksum is of the parts' checksums.
pub(crate) const COMPOSITE: &str = "COMPOSITE";

/// A checksum that is being made.
pub(crate) enum Hasher {
    Crc(Algorithm, Crc),
    Sha1(Sha1),
    Sha256(Sha256),
}

impl Hasher {
    pub(crate) fn new(algorithm: Algorithm) -> Self {
        match algorithm.crc() {
            Some(crc) => Self::Crc(algorithm, Crc::new(crc)),
            None if algorithm == Algorithm::Sha1 => Self::Sha1(Sha1::new()),
            None => Self::Sha256(Sha256::new()),
        }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Crc(_, crc) => crc.update(bytes),
            Self::Sha1(sha) => sha.update(bytes),
            Self::Sha256(sha) => sha.update(bytes),
        }
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        match self {
            Self::Crc(algorithm, crc) => tail(crc.finalize(), algorithm.len()),
            Self::Sha1(sha) => sha.finalize().to_vec(),
            Self::Sha256(sha) => sha.finalize().to_vec(),
        }
    }
}

fn tail(value: u64, len: usize) -> Vec<u8> {
    value.to_be_bytes().get(8 - len..).unwrap_or_default().to_vec()
}

/// The checksum of bytes that are there.
#[cfg(test)]
pub(crate) fn of(algorithm: Algorithm, bytes: &[u8]) -> Vec<u8> {
    let mut hasher = Hasher::new(algorithm);
    hasher.update(bytes);
    hasher.finish()
}

/// The checksum of the whole from its parts' checksums and sizes; `None` for those that do not combine.
pub(crate) fn combine<'a>(
    algorithm: Algorithm,
    parts: impl IntoIterator<Item = (&'a [u8], u64)>,
) -> Option<Vec<u8>> {
    let crc = algorithm.crc()?;
    let mut whole: Option<u64> = None;
    for (value, len) in parts {
        let value = value.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
        whole = Some(match whole {
            None => value,
            Some(before) => checksum_combine(crc, before, value, len),
        });
    }
    whole.map(|value| tail(value, algorithm.len()))
}

/// The checksum of the parts' checksums, as S3 writes it: with the number of parts.
pub(crate) fn composite<'a>(algorithm: Algorithm, parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let (mut hasher, mut count) = (Hasher::new(algorithm), 0);
    for part in parts {
        hasher.update(part);
        count += 1;
    }
    format!("{}-{count}", STANDARD.encode(hasher.finish()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_answers() {
        let text = b"123456789";
        let hex = |algorithm| super::super::hex(&of(algorithm, text));
        assert_eq!(hex(Algorithm::Crc32), "cbf43926");
        assert_eq!(hex(Algorithm::Crc32c), "e3069283");
        assert_eq!(hex(Algorithm::Crc64Nvme), "ae8b14860a799888");
        assert_eq!(hex(Algorithm::Sha1), "f7c3bc1d808e04732adf679965ccc34ca7ae3441");
        assert_eq!(of(Algorithm::Sha256, text).len(), 32);
    }

    #[test]
    fn parts_make_the_whole() {
        let (a, b, c) = (&b"hello "[..], &b""[..], &b"world, this is longer"[..]);
        let whole: Vec<u8> = [a, b, c].concat();
        for algorithm in Algorithm::ALL {
            let sums: Vec<(Vec<u8>, u64)> =
                [a, b, c].iter().map(|part| (of(algorithm, part), part.len() as u64)).collect();
            let combined = combine(algorithm, sums.iter().map(|(sum, len)| (sum.as_slice(), *len)));
            assert_eq!(combined, algorithm.combines().then(|| of(algorithm, &whole)), "{algorithm:?}");
            assert!(composite(algorithm, sums.iter().map(|(sum, _)| sum.as_slice())).ends_with("-3"));
        }
    }
}
