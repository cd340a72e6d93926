//! Zips made byte by byte, so that they can lie.

#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::decimal_bitwise_operands)] // each test uses some of it

/// An entry, stored unless said otherwise.
pub struct Entry {
    pub name: Vec<u8>,
    pub content: Vec<u8>,
    /// Unix mode with the file's kind; 0: made by a system without modes.
    pub mode: u32,
    pub flags: u16,
    pub method: u16,
    /// What the headers say instead of the truth.
    pub claimed_size: Option<u64>,
    pub claimed_crc: Option<u32>,
    /// Sizes in ZIP64 fields.
    pub zip64: bool,
}

pub fn file(name: &str, content: &[u8]) -> Entry {
    Entry {
        name: name.into(),
        content: content.to_vec(),
        mode: 0o100_644,
        flags: 0,
        method: 0,
        claimed_size: None,
        claimed_crc: None,
        zip64: false,
    }
}

pub fn program(name: &str, content: &[u8]) -> Entry {
    Entry { mode: 0o100_755, ..file(name, content) }
}

pub fn link(name: &str, target: &str) -> Entry {
    Entry { mode: 0o120_777, ..file(name, target.as_bytes()) }
}

pub fn with_mode(name: &str, mode: u32) -> Entry {
    Entry { mode, ..file(name, b"") }
}

pub fn zip(entries: &[Entry]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut directory = Vec::new();
    for entry in entries {
        let offset = u32::try_from(out.len()).unwrap();
        let crc = entry.claimed_crc.unwrap_or_else(|| crc32(&entry.content));
        let stored = entry.content.len() as u64;
        let size = entry.claimed_size.unwrap_or(stored);
        let (stored32, size32) = if entry.zip64 {
            (u32::MAX, u32::MAX)
        } else {
            (u32::try_from(stored).unwrap(), u32::try_from(size).unwrap())
        };
        let mut extra = Vec::new();
        if entry.zip64 {
            extra.extend_from_slice(&1_u16.to_le_bytes());
            extra.extend_from_slice(&16_u16.to_le_bytes());
            extra.extend_from_slice(&size.to_le_bytes());
            extra.extend_from_slice(&stored.to_le_bytes());
        }
        let mut common = Vec::new();
        common.extend_from_slice(&(if entry.zip64 { 45_u16 } else { 20 }).to_le_bytes());
        common.extend_from_slice(&entry.flags.to_le_bytes());
        common.extend_from_slice(&entry.method.to_le_bytes());
        common.extend_from_slice(&[0; 2]);
        common.extend_from_slice(&0x21_u16.to_le_bytes());
        common.extend_from_slice(&crc.to_le_bytes());
        common.extend_from_slice(&stored32.to_le_bytes());
        common.extend_from_slice(&size32.to_le_bytes());
        common.extend_from_slice(&u16::try_from(entry.name.len()).unwrap().to_le_bytes());
        common.extend_from_slice(&u16::try_from(extra.len()).unwrap().to_le_bytes());

        out.extend_from_slice(b"PK\x03\x04");
        out.extend_from_slice(&common);
        out.extend_from_slice(&entry.name);
        out.extend_from_slice(&extra);
        out.extend_from_slice(&entry.content);

        directory.extend_from_slice(b"PK\x01\x02");
        let made_by: u16 = if entry.mode == 0 { 20 } else { (3 << 8) | 20 };
        directory.extend_from_slice(&made_by.to_le_bytes());
        directory.extend_from_slice(&common);
        directory.extend_from_slice(&[0; 6]);
        directory.extend_from_slice(&(entry.mode << 16).to_le_bytes());
        directory.extend_from_slice(&offset.to_le_bytes());
        directory.extend_from_slice(&entry.name);
        directory.extend_from_slice(&extra);
    }
    let start = u32::try_from(out.len()).unwrap();
    let count = u16::try_from(entries.len()).unwrap();
    out.extend_from_slice(&directory);
    out.extend_from_slice(b"PK\x05\x06\0\0\0\0");
    out.extend_from_slice(&count.to_le_bytes());
    out.extend_from_slice(&count.to_le_bytes());
    out.extend_from_slice(&u32::try_from(directory.len()).unwrap().to_le_bytes());
    out.extend_from_slice(&start.to_le_bytes());
    out.extend_from_slice(&[0; 2]);
    out
}

pub fn crc32(data: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in data {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 };
        }
    }
    !crc
}
