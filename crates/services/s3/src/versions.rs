//! Version ids: a stamp in a form that looks like AWS's and cannot be guessed from another.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

/// The id of the version that was written while the bucket kept no versions.
pub(crate) const NULL: &str = "null";

/// Eight bytes of stamp hidden behind sixteen of a digest. (A replica has its original's id, in another bucket; `bucket` is
/// for ids that were given while they were made of the bucket's number, too.)
fn digest(bucket: Option<u64>, stamp: u64) -> [u8; 16] {
    let mut digest = Sha256::new();
    digest.update(b"version");
    if let Some(bucket) = bucket {
        digest.update(bucket.to_be_bytes());
    }
    digest.update(stamp.to_be_bytes());
    let whole = digest.finalize();
    let mut half = [0; 16];
    half.copy_from_slice(whole.get(..16).unwrap_or(&[0; 16]));
    half
}

/// The id of a version: 32 letters, digits, `-` and `_`.
pub(crate) fn id(stamp: u64) -> String {
    let digest = digest(None, stamp);
    let mut bytes = [0; 24];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = match at {
            0..16 => digest.get(at).copied().unwrap_or_default(),
            _ => {
                stamp.to_be_bytes().get(at - 16).copied().unwrap_or_default()
                    ^ digest.get(at - 16).copied().unwrap_or_default()
            }
        };
    }
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The stamp of a version's id; `None`: no id that was ever given.
pub(crate) fn stamp(bucket: u64, id: &str) -> Option<u64> {
    let bytes: [u8; 24] = URL_SAFE_NO_PAD.decode(id).ok()?.try_into().ok()?;
    let (hidden, masked) = bytes.split_first_chunk::<16>()?;
    let mut stamp = [0; 8];
    for (at, byte) in stamp.iter_mut().enumerate() {
        *byte = masked.get(at)? ^ hidden.get(at)?;
    }
    let stamp = u64::from_be_bytes(stamp);
    [None, Some(bucket)].into_iter().any(|bucket| digest(bucket, stamp) == *hidden).then_some(stamp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_lead_back() {
        let id = id(123_456);
        assert_eq!((id.len(), stamp(7, &id)), (32, Some(123_456)));
        let other = id.replace(|c: char| c.is_ascii_lowercase(), "A");
        assert_eq!((stamp(7, &other), stamp(7, NULL), stamp(7, "")), (None, None, None));
    }

    #[test]
    fn ids_of_old_still_lead_back() {
        let old = "bQs_DYrw9jYVj19p1_mNRW0LPw2K8RR2";
        assert_eq!((stamp(7, old), stamp(8, old)), (Some(123_456), None));
    }
}
