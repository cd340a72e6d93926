//! Encryption with a key of the client's (SSE-C): AES-256 in counter mode, so that any range can be read. The key is never
//! kept; its MD5 is.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/ServerSideEncryptionCustomerKeys.html>

use aes::Aes256;
use base64::{Engine, engine::general_purpose::STANDARD};
use ctr::{
    Ctr64BE,
    cipher::{KeyIvInit, StreamCipher, StreamCipherSeek},
};
use md5::{Digest, Md5};
use moln_kernel::{ApiError, ids};

use crate::errors;

/// A client's key, checked.
#[derive(Clone)]
pub(crate) struct CustomerKey {
    key: [u8; 32],
    /// MD5 of the key in base64.
    pub(crate) md5: String,
}

/// The three headers of a key, as sent.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct KeyHeaders<'a> {
    pub(crate) algorithm: Option<&'a str>,
    pub(crate) key: Option<&'a str>,
    pub(crate) md5: Option<&'a str>,
}

/// Not the key that something was encrypted with.
pub(crate) fn wrong_key() -> ApiError {
    errors::access_denied_because(
        "Requests specifying Server Side Encryption with Customer provided keys must provide the correct secret key.",
    )
}

impl CustomerKey {
    /// Reads the headers; `None` when there are none.
    pub(crate) fn read(headers: KeyHeaders<'_>) -> Result<Option<Self>, ApiError> {
        Self::read_for(headers, None)
    }

    /// The same for something that is encrypted already: another key than the one with the MD5 `stored` is the wrong one,
    /// whatever else is wrong with it.
    pub(crate) fn read_for(headers: KeyHeaders<'_>, stored: Option<&str>) -> Result<Option<Self>, ApiError> {
        // Whichever header it is, S3 names this one.
        let refused = |words: &str| errors::refused_argument(words, "x-amz-server-side-encryption");
        if headers.algorithm.is_none() && headers.key.is_none() && headers.md5.is_none() {
            return Ok(None);
        }
        let Some(algorithm) = headers.algorithm else {
            return Err(refused(
                "Requests specifying Server Side Encryption with Customer provided keys must provide a valid encryption \
                 algorithm.",
            ));
        };
        if algorithm != "AES256" {
            let words = "The Encryption request you specified is not valid. Supported value: AES256.";
            let error = errors::other(400, "InvalidEncryptionAlgorithmError", words);
            let error = errors::with(error, "ArgumentName", "x-amz-server-side-encryption");
            return Err(errors::with(error, "ArgumentValue", algorithm));
        }
        let Some(key) = headers.key else {
            return Err(refused(
                "Requests specifying Server Side Encryption with Customer provided keys must provide an appropriate \
                 secret key.",
            ));
        };
        if stored.is_some_and(|stored| headers.md5.is_some_and(|md5| md5 != stored)) {
            return Err(wrong_key());
        }
        let key: [u8; 32] = STANDARD
            .decode(key)
            .ok()
            .and_then(|key| key.try_into().ok())
            .ok_or_else(|| refused("The secret key was invalid for the specified algorithm."))?;
        let Some(md5) = headers.md5 else {
            return Err(refused(
                "Requests specifying Server Side Encryption with Customer provided keys must provide the client \
                 calculated MD5 of the secret key.",
            ));
        };
        if STANDARD.decode(md5).ok().as_deref() != Some(Md5::digest(key).as_slice()) {
            return Err(refused(
                "The calculated MD5 hash of the key did not match the hash that was provided.",
            ));
        }
        Ok(Some(Self { key, md5: md5.to_owned() }))
    }

    /// What starts a new stream.
    pub(crate) fn nonce() -> Result<[u8; 16], ApiError> {
        let mut nonce: [u8; 16] = ids::secret()?;
        // The counter counts up from zero, so that it never overflows into the rest.
        if let Some((_, counter)) = nonce.split_first_chunk_mut::<8>() {
            counter.fill(0);
        }
        Ok(nonce)
    }

    /// Encrypts or decrypts from byte `at` on.
    pub(crate) fn stream(&self, nonce: [u8; 16], at: u64) -> Cipher {
        let mut cipher = Ctr64BE::<Aes256>::new(&self.key.into(), &nonce.into());
        cipher.seek(at);
        Cipher(Box::new(cipher))
    }
}

/// A stream that is being encrypted or decrypted.
pub(crate) struct Cipher(Box<Ctr64BE<Aes256>>);

impl Cipher {
    /// The next bytes, in place.
    pub(crate) fn apply(&mut self, bytes: &mut [u8]) {
        self.0.apply_keystream(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers<'a>(key: &'a str, md5: &'a str) -> KeyHeaders<'a> {
        KeyHeaders { algorithm: Some("AES256"), key: Some(key), md5: Some(md5) }
    }

    #[test]
    fn any_range_is_read_again() {
        let raw = [9; 32];
        let (key, md5) = (STANDARD.encode(raw), STANDARD.encode(Md5::digest(raw)));
        let key = CustomerKey::read(headers(&key, &md5)).unwrap().unwrap();
        let nonce = CustomerKey::nonce().unwrap();
        let plain: Vec<u8> = (0..=255).cycle().take(100_000).collect();
        let mut hidden = plain.clone();
        key.stream(nonce, 0).apply(&mut hidden);
        assert_ne!(hidden, plain);
        let mut part = hidden[70_001..70_100].to_vec();
        key.stream(nonce, 70_001).apply(&mut part);
        assert_eq!(part, plain[70_001..70_100]);
    }

    #[test]
    fn bad_keys_are_refused() {
        let good = STANDARD.encode([1; 32]);
        let md5 = STANDARD.encode(Md5::digest([1; 32]));
        assert!(CustomerKey::read(KeyHeaders::default()).unwrap().is_none());
        for bad in [
            headers("short", &md5),
            headers(&good, "AAAA"),
            KeyHeaders { algorithm: Some("DES"), ..headers(&good, &md5) },
            KeyHeaders { algorithm: None, ..headers(&good, &md5) },
            KeyHeaders { key: None, ..headers(&good, &md5) },
            KeyHeaders { md5: None, ..headers(&good, &md5) },
        ] {
            assert!(CustomerKey::read(bad).is_err());
        }
    }
}
