//! Signing keys: derived from the secret once a day, region and service, and kept ready.

use std::{cell::RefCell, sync::Arc};

use ring::{
    digest, hmac,
    hmac::{HMAC_SHA256, Key},
};

use super::TERMINATOR;

/// SHA-256.
pub(crate) fn sha256(bytes: &[u8]) -> digest::Digest {
    digest::digest(&digest::SHA256, bytes)
}

fn mac(key: &[u8], text: &str) -> hmac::Tag {
    hmac::sign(&Key::new(HMAC_SHA256, key), text.as_bytes())
}

/// The key that signs for one day, region and service.
pub(crate) fn derive(secret: &str, date: &str, region: &str, service: &str) -> Key {
    let mut first = String::with_capacity(4 + secret.len());
    first.push_str("AWS4");
    first.push_str(secret);
    let key = mac(first.as_bytes(), date);
    let key = mac(key.as_ref(), region);
    let key = mac(key.as_ref(), service);
    Key::new(HMAC_SHA256, mac(key.as_ref(), TERMINATOR).as_ref())
}

struct Kept {
    secret: Arc<str>,
    /// `date/region/service`, with its key's id in front.
    scope: String,
    key: Key,
}

/// Keys kept a thread: few identities sign at once, and a thread's own list needs no lock.
const KEPT: usize = 32;

thread_local! {
    static RECENT: RefCell<(Vec<Kept>, usize)> = const { RefCell::new((Vec::new(), 0)) };
}

/// As [`derive`], from the thread's recent keys when it is among them. A changed secret misses.
pub(crate) fn recent(id: &str, secret: &Arc<str>, date: &str, region: &str, service: &str) -> Key {
    RECENT.with_borrow_mut(|(kept, next)| {
        let same = |entry: &&Kept| {
            let mut parts = entry.scope.rsplitn(4, '/');
            parts.next() == Some(service)
                && parts.next() == Some(region)
                && parts.next() == Some(date)
                && parts.next() == Some(id)
                && entry.secret == *secret
        };
        if let Some(entry) = kept.iter().find(same) {
            return entry.key.clone();
        }
        let key = derive(secret, date, region, service);
        let entry = Kept {
            secret: Arc::clone(secret),
            scope: format!("{id}/{date}/{region}/{service}"),
            key: key.clone(),
        };
        if kept.len() < KEPT {
            kept.push(entry);
        } else if let Some(slot) = kept.get_mut(*next % KEPT) {
            *slot = entry;
            *next = next.wrapping_add(1);
        }
        key
    })
}

#[cfg(test)]
mod tests {
    use moln_kernel::encoding::hex;

    use super::*;

    #[test]
    fn derives_the_published_key() {
        // AWS General Reference, "Deriving the signing key": the signature of an empty text with it is not published,
        // so the signature of the documented string to sign is compared in the verifier's tests; here: HMAC itself
        // (RFC 4231, cases 2 and 6).
        let got = mac(b"Jefe", "what do ya want for nothing?");
        assert_eq!(hex(got.as_ref()), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
        let got = mac(&[0xaa; 131], "Test Using Larger Than Block-Size Key - Hash Key First");
        assert_eq!(hex(got.as_ref()), "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    }

    #[test]
    fn recent_keys_notice_a_changed_secret_and_stay_bounded() {
        let sign = |key: Key| hmac::sign(&key, b"x").as_ref().to_vec();
        let one: Arc<str> = "one".into();
        let two: Arc<str> = "two".into();
        let first = sign(recent("id", &one, "20260101", "r", "s"));
        assert_eq!(first, sign(recent("id", &one, "20260101", "r", "s")));
        assert_ne!(first, sign(recent("id", &two, "20260101", "r", "s")));
        for day in 0..200 {
            recent("id", &one, &format!("{day:08}"), "r", "s");
        }
        assert_eq!(RECENT.with_borrow(|(kept, _)| kept.len()), KEPT);
        assert_eq!(first, sign(recent("id", &one, "20260101", "r", "s")));
    }
}
