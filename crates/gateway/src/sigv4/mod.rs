//! Signature Version 4: reading, verifying and making it.
//!
//! A request is signed in its `Authorization` header, or in its query string (presigned), and may carry its body in signed
//! chunks. [`Presented`] is what the request claims, [`Verifier`] judges it, [`sign`] makes the same for Moln's own
//! clients, [`ChunkDecoder`] takes `aws-chunked` bodies apart.
//! Facts: AWS General Reference, "Signature Version 4 signing process", and S3's "Signature Calculations: Transferring
//! Payload in Multiple Chunks".

mod canonical;
mod chunked;
mod date;
mod failure;
mod key;
mod legacy;
mod presented;
mod signer;
mod verify;

pub(crate) use canonical::normal;
pub use chunked::{ChunkChain, ChunkDecoder, ChunkError, decode_all};
pub use date::{amz_date, parse_amz_date};
pub use failure::Failure;
pub use presented::{Form, Presented, query_pairs};
pub use signer::{Signer, presign, sign};
pub use verify::{Now, Verified, Verifier};

/// The only algorithm there is.
pub(crate) const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// Last element of every credential scope.
pub(crate) const TERMINATOR: &str = "aws4_request";
/// SHA-256 of nothing, in hex.
pub(crate) const EMPTY_SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
/// `x-amz-content-sha256` of a body that is not part of the signature.
pub(crate) const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";
/// How far a request's date may be from ours, in seconds (15 minutes).
pub(crate) const MAX_SKEW_SECONDS: u64 = 15 * 60;
/// Longest life of a presigned request, in seconds (7 days).
pub(crate) const MAX_EXPIRES_SECONDS: u64 = 7 * 24 * 60 * 60;
