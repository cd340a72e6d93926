//! Pagination tokens: where a listing goes on, in a form a client can hand back and cannot change, nor use with another
//! operation, account or filter.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// Bytes of the seal kept: 128 bits cannot be forged by trying.
const SEAL: usize = 16;
/// Longest token looked at; ours are far shorter.
const MAX_TOKEN: usize = 8 << 10;

/// Seals and opens tokens. The key should outlive the process, else tokens end with it.
#[derive(Clone)]
pub struct Pagination {
    mac: Hmac<Sha256>,
}

/// The token is not one of ours, or was given out for other parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadToken;

impl Pagination {
    /// With a secret key, see [`crate::ids::secret`].
    pub fn new(key: &[u8; 32]) -> Self {
        // HMAC pads shorter keys with zeros to SHA-256's block (RFC 2104).
        let mut block = [0; 64];
        for (to, from) in block.iter_mut().zip(key) {
            *to = *from;
        }
        Self { mac: Hmac::new(&block.into()) }
    }

    /// A token that says: go on behind `cursor`. `scope` is all that has to be the same next time: operation, account,
    /// region and every parameter that chooses or orders what is listed.
    pub fn seal(&self, scope: &[&str], cursor: &[u8]) -> String {
        let mac = self.mac(scope, cursor).finalize().into_bytes();
        let mut token = Vec::with_capacity(SEAL + cursor.len());
        token.extend(mac.iter().take(SEAL));
        token.extend(cursor);
        URL_SAFE_NO_PAD.encode(token)
    }

    /// The cursor within a token that was sealed for the same scope.
    pub fn open(&self, scope: &[&str], token: &str) -> Result<Vec<u8>, BadToken> {
        if token.len() > MAX_TOKEN {
            return Err(BadToken);
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| BadToken)?;
        let (seal, cursor) = bytes.split_at_checked(SEAL).ok_or(BadToken)?;
        self.mac(scope, cursor).verify_truncated_left(seal).map_err(|_| BadToken)?;
        Ok(cursor.to_vec())
    }

    fn mac(&self, scope: &[&str], cursor: &[u8]) -> Hmac<Sha256> {
        let mut mac = self.mac.clone();
        // With its length in front no part can be moved into its neighbour.
        for part in scope {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        mac.update(&u64::MAX.to_be_bytes());
        mac.update(cursor);
        mac
    }
}

impl std::fmt::Debug for Pagination {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pagination")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_open_only_where_they_belong() {
        let pages = Pagination::new(&[7; 32]);
        let token = pages.seal(&["ListQueues", "000000000000", "a"], b"cursor");
        assert_eq!(pages.open(&["ListQueues", "000000000000", "a"], &token).unwrap(), b"cursor");
        for other in [&["ListQueues", "000000000000", "b"][..], &["ListQueues", "000000000000a", ""], &[]] {
            assert_eq!(pages.open(other, &token), Err(BadToken));
        }
        assert_eq!(
            Pagination::new(&[8; 32]).open(&["ListQueues", "000000000000", "a"], &token),
            Err(BadToken)
        );
    }

    #[test]
    fn a_changed_token_is_refused() {
        let pages = Pagination::new(&[7; 32]);
        let token = pages.seal(&["x"], b"cursor");
        for at in 0..token.len() {
            let mut bytes = token.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            assert_eq!(pages.open(&["x"], &changed), Err(BadToken), "{at}");
        }
        for bad in ["", "AAAA", "%%%", &"A".repeat(100_000)] {
            assert_eq!(pages.open(&["x"], bad), Err(BadToken));
        }
    }
}
