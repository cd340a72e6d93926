//! Identifiers: fast ones that only have to be unique, and secrets that nobody may guess.

use std::sync::Arc;

use crate::{AccountId, ApiError};

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
        let digits = digits(bits);
        let mut text = [b'-'; 36];
        text[..8].copy_from_slice(&digits[..8]);
        text[9..13].copy_from_slice(&digits[8..12]);
        text[14..18].copy_from_slice(&digits[12..16]);
        text[19..23].copy_from_slice(&digits[16..20]);
        text[24..].copy_from_slice(&digits[20..]);
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

/// `prefix` and `count` random lower-case hexadecimal digits, as in `vpc-0a1b2c3d…`: unique, not secret.
pub fn hex_id(prefix: &str, count: usize) -> String {
    let mut id = String::with_capacity(prefix.len() + count);
    id.push_str(prefix);
    while id.len() < prefix.len() + count {
        let digits = digits(unique());
        let wanted = (prefix.len() + count - id.len()).min(digits.len());
        id.push_str(digits.get(..wanted).and_then(|digits| str::from_utf8(digits).ok()).unwrap_or_default());
    }
    id
}

/// All 32 lower-case hexadecimal digits. Arithmetic on all of them at once: every request is given ids.
fn digits(bits: u128) -> [u8; 32] {
    let digit = |value: u8| value + if value < 10 { b'0' } else { b'a' - 10 };
    let mut digits = [0; 32];
    for (pair, byte) in digits.chunks_exact_mut(2).zip(bits.to_be_bytes()) {
        pair.copy_from_slice(&[digit(byte >> 4), digit(byte & 0xf)]);
    }
    digits
}

/// `prefix` and `letters` random upper-case base 32 letters, as in `AKIA…`: unique, not secret.
pub fn base32_id(prefix: &str, letters: usize) -> String {
    pick(prefix, letters, BASE32)
}

/// The lowest bits of a number as upper-case base 32 letters, five bits each, at most 25.
pub(crate) fn base32_of(bits: u128, letters: usize) -> String {
    let letter = |at: usize| BASE32.get(usize::try_from(bits >> (5 * at) & 31).unwrap_or(0));
    (0..letters.min(25)).filter_map(letter).map(|letter| char::from(*letter)).collect()
}

fn pick(prefix: &str, count: usize, alphabet: &[u8]) -> String {
    let mut id = String::with_capacity(prefix.len() + count);
    id.push_str(prefix);
    id.extend((0..count).filter_map(|_| fastrand::choice(alphabet)).map(|letter| char::from(*letter)));
    id
}

/// An access key id that names its account, as AWS's do: `AKIA` or `ASIA`, then 16 letters that hold the account's number
/// and 39 random bits. Not unique by itself: whoever stores one demands that it is not there yet.
pub fn access_key_id(prefix: &str, account: &AccountId) -> String {
    let account = account.as_str().parse::<u128>().unwrap_or(0);
    // The account's 40 bits stand behind the first of 80.
    let bits =
        (1 << 79) | ((account & KEY_ACCOUNT) << KEY_ACCOUNT_AT) | (unique() & ((1 << KEY_ACCOUNT_AT) - 1));
    let letter = |at: u32| BASE32.get(usize::try_from(bits >> (75 - 5 * at) & 31).unwrap_or(0)).copied();
    let mut id = String::with_capacity(prefix.len() + 16);
    id.push_str(prefix);
    id.extend((0..16).filter_map(letter).map(char::from));
    id
}

/// The account an access key id of the present form names.
pub fn account_of_access_key(id: &str) -> Option<AccountId> {
    let letters = id.get(4..).filter(|letters| letters.len() == 16)?;
    let bits = letters.bytes().try_fold(0u128, |bits, letter| {
        let value = BASE32.iter().position(|known| *known == letter)?;
        Some(bits << 5 | u128::try_from(value).ok()?)
    })?;
    (bits >> 79 == 1).then(|| AccountId::new(format!("{:012}", bits >> KEY_ACCOUNT_AT & KEY_ACCOUNT)))
}

/// 40 bits: a number of twelve digits.
const KEY_ACCOUNT: u128 = (1 << 40) - 1;
/// Behind the account's bits of an access key id.
const KEY_ACCOUNT_AT: u32 = 39;

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
    fn access_keys_name_their_account() {
        // AWS's own example of the form.
        assert_eq!(account_of_access_key("ASIAQNZGKIQY56JQ7WML").unwrap().as_str(), "029608264753");
        for account in ["000000000000", "123456789012", "999999999999"] {
            let id = access_key_id("AKIA", &account.into());
            assert_eq!((id.len(), account_of_access_key(&id).unwrap().as_str()), (20, account));
        }
        for bad in ["", "AKIA", "AKIAIOSFODNN7EXAMPLE", "ASIAQNZGKIQY56JQ7WM1", "ASI\u{e4}NZGKIQY56JQ7WML"] {
            assert_eq!(account_of_access_key(bad), None, "{bad}");
        }
    }

    #[test]
    fn ids_and_secrets_have_their_length() {
        let id = base32_id("AKIA", 16);
        assert_eq!((id.len(), id.starts_with("AKIA")), (20, true));
        assert_eq!(hex_id("vpc-", 17).len(), 21);
        assert_eq!(hex_id("", 70).len(), 70);
        assert_eq!(secret_text(40).unwrap().len(), 40);
        assert_ne!(secret::<32>().unwrap(), secret::<32>().unwrap());
    }
}
