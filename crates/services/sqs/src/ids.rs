//! Message ids: UUIDs, 16 bytes in rows.

use moln_kernel::{encoding::hex_into, ids::Uuid};

/// A new message id.
pub(crate) fn uuid() -> [u8; 16] {
    let text = Uuid::random();
    let mut id = [0u8; 16];
    let mut digits = text.as_str().bytes().filter_map(|letter| char::from(letter).to_digit(16));
    for slot in &mut id {
        let (high, low) = (digits.next().unwrap_or(0), digits.next().unwrap_or(0));
        *slot = u8::try_from(high << 4 | low).unwrap_or(0);
    }
    id
}

/// As clients see it.
pub(crate) fn uuid_text(id: &[u8; 16]) -> String {
    let mut text = String::with_capacity(36);
    for (at, byte) in id.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        hex_into(&mut text, &[*byte]);
    }
    text
}

/// A FIFO message's sequence number: 20 digits that rise with its stamp.
pub(crate) fn sequence_number(stamp: u64) -> String {
    const TWENTY_DIGITS: u64 = 10_000_000_000_000_000_000;
    TWENTY_DIGITS.saturating_add(stamp).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_their_form() {
        let text = uuid_text(&uuid());
        assert_eq!((text.len(), text.as_bytes()[14]), (36, b'4'));
        assert_eq!(uuid_text(&[0xab; 16]), "abababab-abab-abab-abab-abababababab");
        assert_eq!(sequence_number(5), "10000000000000000005");
    }
}
