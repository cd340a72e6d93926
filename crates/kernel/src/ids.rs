//! Identifiers: fast ones that only have to be unique, and secrets that nobody may guess.

use std::sync::Arc;

use crate::ApiError;

const HEX: &[u8; 16] = b"0123456789abcdef";
/// RFC 4648's alphabet, which AWS's key and principal ids (`AKIA…`, `AIDA…`) are written in.
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// A random (version 4) UUID as text: unique, not secret. A few nanoseconds, no allocation.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Uuid([u8; 36]);

impl Uuid {
    /// A new one, from this thread's generator.
    pub fn random() -> Self {
        Self::from_bits(unique())
    }

    fn from_bits(bits: u128) -> Self {
        // RFC 9562: version 4 in the 13th digit, variant 10 in the 17th.
        let bits = bits & !(0xf << 76) & !(0x3 << 62) | (0x4 << 76) | (0x2 << 62);
        let mut text = [b'-'; 36];
        let mut digits = bits.to_be_bytes().into_iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
        for (at, place) in text.iter_mut().enumerate() {
            if !matches!(at, 8 | 13 | 18 | 23) {
                *place = digits.next().and_then(|d| HEX.get(usize::from(d))).copied().unwrap_or(b'0');
            }
        }
        Self(text)
    }

    /// `xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx`.
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl From<Uuid> for Arc<str> {
    fn from(uuid: Uuid) -> Self {
        uuid.as_str().into()
    }
}

impl std::fmt::Display for Uuid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::fmt::Debug for Uuid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// 128 random bits from this thread's generator: unique, not secret.
pub fn unique() -> u128 {
    fastrand::u128(..)
}

/// `prefix` and `digits` random lower-case hexadecimal digits, as in `vpc-0a1b2c3d…`: unique, not secret.
pub fn hex_id(prefix: &str, digits: usize) -> String {
    pick(prefix, digits, HEX)
}

/// `prefix` and `letters` random upper-case base 32 letters, as in `AKIA…`: unique, not secret.
pub fn base32_id(prefix: &str, letters: usize) -> String {
    pick(prefix, letters, BASE32)
}

fn pick(prefix: &str, count: usize, alphabet: &[u8]) -> String {
    let mut id = String::with_capacity(prefix.len() + count);
    id.push_str(prefix);
    id.extend((0..count).filter_map(|_| fastrand::choice(alphabet)).map(|letter| char::from(*letter)));
    id
}

/// `N` bytes from the operating system's generator, fit for keys. Fails only where the system has none.
pub fn secret<const N: usize>() -> Result<[u8; N], ApiError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| ApiError::internal("The system gives no random numbers."))?;
    Ok(bytes)
}

/// A secret of `letters` characters `A–Z a–z 0–9 + /`, six bits of the operating system's randomness each: the form of
/// a secret access key.
pub fn secret_text(letters: usize) -> Result<String, ApiError> {
    let mut bytes = vec![0; letters.div_ceil(4) * 3];
    getrandom::fill(&mut bytes).map_err(|_| ApiError::internal("The system gives no random numbers."))?;
    let mut text = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &bytes);
    text.truncate(letters);
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_have_their_form_and_differ() {
        assert_eq!(Uuid::from_bits(0).as_str(), "00000000-0000-4000-8000-000000000000");
        assert_eq!(Uuid::from_bits(u128::MAX).as_str(), "ffffffff-ffff-4fff-bfff-ffffffffffff");
        assert_ne!(Uuid::random(), Uuid::random());
    }

    #[test]
    fn ids_and_secrets_have_their_length() {
        let id = base32_id("AKIA", 16);
        assert_eq!((id.len(), id.starts_with("AKIA")), (20, true));
        assert_eq!(hex_id("vpc-", 17).len(), 21);
        assert_eq!(secret_text(40).unwrap().len(), 40);
        assert_ne!(secret::<32>().unwrap(), secret::<32>().unwrap());
    }
}
