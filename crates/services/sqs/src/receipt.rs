//! Receipt handles: which message, by which receive. Opaque to clients, unforgeable (a keyed digest binds them to this
//! store), and small: no table of handles exists.

use base64::{Engine, engine::general_purpose::STANDARD};
use siphasher::sip::SipHasher24;
use std::hash::Hasher;

const VERSION: u8 = 1;
const BODY: usize = 1 + 8 + 8 + 4 + 6 + 1;

/// One receive of one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The queue's number.
    pub queue: u64,
    /// The message's stamp.
    pub stamp: u64,
    /// Which receive of the message this was.
    pub count: u32,
    /// When it was received, milliseconds since the epoch.
    pub received: u64,
    /// Rows the message takes.
    pub rows: u8,
}

/// Writes and checks receipts.
#[derive(Clone)]
pub struct Receipts {
    key: [u8; 16],
}

impl Receipts {
    /// With the store's secret.
    pub fn new(key: [u8; 16]) -> Self {
        Self { key }
    }

    fn digest(&self, body: &[u8]) -> [u8; 8] {
        let mut hasher = SipHasher24::new_with_key(&self.key);
        hasher.write(body);
        hasher.finish().to_be_bytes()
    }

    /// The handle as clients see it.
    pub fn write(&self, receipt: &Receipt) -> String {
        let received = receipt.received.to_be_bytes();
        let parts: [&[u8]; 6] = [
            &[VERSION],
            &receipt.queue.to_be_bytes(),
            &receipt.stamp.to_be_bytes(),
            &receipt.count.to_be_bytes(),
            received.get(2..).unwrap_or_default(),
            &[receipt.rows],
        ];
        let mut body = Vec::with_capacity(BODY + 8);
        for part in parts {
            body.extend_from_slice(part);
        }
        let digest = self.digest(&body);
        body.extend_from_slice(&digest);
        STANDARD.encode(body)
    }

    /// `None`: not a handle this store gave out.
    pub fn read(&self, handle: &str) -> Option<Receipt> {
        let mut buffer = [0u8; 64];
        let len = STANDARD.decode_slice(handle, &mut buffer).ok()?;
        let bytes = buffer.get(..len)?;
        let (body, digest) = bytes.split_at_checked(BODY)?;
        if digest != self.digest(body) {
            return None;
        }
        let (version, rest) = body.split_first()?;
        let (queue, rest) = rest.split_first_chunk::<8>()?;
        let (stamp, rest) = rest.split_first_chunk::<8>()?;
        let (count, rest) = rest.split_first_chunk::<4>()?;
        let (received, rest) = rest.split_first_chunk::<6>()?;
        if *version != VERSION {
            return None;
        }
        let mut moment = [0u8; 8];
        for (slot, byte) in moment.iter_mut().skip(2).zip(received) {
            *slot = *byte;
        }
        Some(Receipt {
            queue: u64::from_be_bytes(*queue),
            stamp: u64::from_be_bytes(*stamp),
            count: u32::from_be_bytes(*count),
            received: u64::from_be_bytes(moment),
            rows: *rest.first()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_own_handles_are_read() {
        let receipts = Receipts::new([3; 16]);
        let receipt = Receipt { queue: 5, stamp: 99, count: 2, received: 1_700_000_000_123, rows: 1 };
        let handle = receipts.write(&receipt);
        assert_eq!(receipts.read(&handle), Some(receipt));
        assert_eq!(Receipts::new([4; 16]).read(&handle), None);
        for at in 0..handle.len() {
            let mut forged: Vec<char> = handle.chars().collect();
            forged[at] = if forged[at] == 'A' { 'B' } else { 'A' };
            assert_eq!(receipts.read(&forged.iter().collect::<String>()), None);
        }
        for garbage in ["", "garbage", "AAAA", &"A".repeat(500)] {
            assert_eq!(receipts.read(garbage), None);
        }
    }
}
