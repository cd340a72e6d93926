//! A zip of one file, stored as it is (APPNOTE 6.3, sections 4.3.7, 4.3.12 and 4.3.16).

/// The zip.
pub(super) fn stored(name: &str, content: &[u8]) -> Vec<u8> {
    let length = |value: usize| u32::try_from(value).unwrap_or(u32::MAX).to_le_bytes();
    let short = |value: usize| u16::try_from(value).unwrap_or(u16::MAX).to_le_bytes();
    // Version, flags, method, time, date (1980-01-01), sum, sizes, name's length, length of the extra field.
    let mut facts = vec![20, 0, 0, 0, 0, 0, 0, 0, 33, 0];
    facts.extend(crc32(content).to_le_bytes());
    facts.extend(length(content.len()));
    facts.extend(length(content.len()));
    facts.extend(short(name.len()));
    facts.extend([0, 0]);

    let mut zip = b"PK\x03\x04".to_vec();
    zip.extend(&facts);
    zip.extend(name.as_bytes());
    zip.extend(content);
    let directory = zip.len();
    zip.extend(b"PK\x01\x02\x14\x03");
    zip.extend(&facts);
    // Comment's length, disk, internal attributes, then the file's mode (0644, a regular file) and its offset.
    zip.extend([0; 6]);
    zip.extend((0o100_644_u32 << 16).to_le_bytes());
    zip.extend([0; 4]);
    zip.extend(name.as_bytes());
    let size = zip.len() - directory;
    zip.extend(b"PK\x05\x06\0\0\0\0\x01\0\x01\0");
    zip.extend(length(size));
    zip.extend(length(directory));
    zip.extend([0, 0]);
    zip
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |sum: u32| if sum & 1 == 1 { sum >> 1 ^ 0xEDB8_8320 } else { sum >> 1 };
    !bytes.iter().fold(!0, |sum: u32, byte| (0..8).fold(sum ^ u32::from(*byte), |sum, _| step(sum)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_is_the_known_one_and_the_ends_meet() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
        let zip = stored("a.txt", b"content");
        let end = zip.len() - 22;
        assert_eq!(&zip[end..end + 4], b"PK\x05\x06");
        let at = u32::from_le_bytes(zip[end + 16..end + 20].try_into().unwrap());
        assert_eq!(&zip[at as usize..at as usize + 4], b"PK\x01\x02");
        let size = u32::from_le_bytes(zip[end + 12..end + 16].try_into().unwrap());
        assert_eq!((at + size) as usize, end);
    }
}
