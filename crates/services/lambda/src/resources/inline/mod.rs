//! Code that stands in a template (`Code.ZipFile`): a file `index` in the language of the runtime, and beside it the module
//! by which custom resources answer (`cfn-response`, `cfnresponse`), as `CloudFormation` packs them.
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cfn-lambda-function-code-cfnresponsemodule.html>

use moln_kernel::ApiError;

use crate::errors;

/// The zip of such code. The same code is the same zip.
pub(super) fn zip(runtime: &str, code: &str) -> Result<Vec<u8>, ApiError> {
    let (index, name, module) = if runtime.starts_with("nodejs") {
        ("index.js", "cfn-response.js", include_str!("cfn-response.js"))
    } else if runtime.starts_with("python") {
        ("index.py", "cfnresponse.py", include_str!("cfnresponse.py"))
    } else {
        return Err(errors::invalid_parameter(
            "ZipFile can only be used when Runtime is set to either of nodejs, python.",
        ));
    };
    Ok(stored(&[(index, code.as_bytes()), (name, module.as_bytes())]))
}

/// A zip whose files are not compressed. Form: APPNOTE 4.3 and 4.4 of PKWARE.
fn stored(files: &[(&str, &[u8])]) -> Vec<u8> {
    // Needs version 1.0; names in UTF-8; stored; 1980-01-01 00:00.
    const COMMON: [u8; 10] = [10, 0, 0, 8, 0, 0, 0, 0, 0x21, 0];
    let length = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX).to_le_bytes();
    let short = |count: usize| u16::try_from(count).unwrap_or(u16::MAX).to_le_bytes();
    let (mut zip, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in files {
        let mut facts = COMMON.to_vec();
        facts.extend(crc32(content).to_le_bytes());
        facts.extend(length(content.len()));
        facts.extend(length(content.len()));
        facts.extend(short(name.len()));
        // No extra field.
        facts.extend([0, 0]);
        directory.extend(b"PK\x01\x02");
        // Made under Unix, so that the mode counts.
        directory.extend([10, 3]);
        directory.extend(&facts);
        // No comment, disk 0, no internal attributes, mode 0644 of a plain file.
        directory.extend([0; 6]);
        directory.extend(0o100_644_u32.wrapping_shl(16).to_le_bytes());
        directory.extend(length(zip.len()));
        directory.extend(name.as_bytes());
        zip.extend(b"PK\x03\x04");
        zip.extend(facts);
        zip.extend(name.as_bytes());
        zip.extend(*content);
    }
    let at = zip.len();
    zip.extend(&directory);
    zip.extend(b"PK\x05\x06\0\0\0\0");
    zip.extend(short(files.len()));
    zip.extend(short(files.len()));
    zip.extend(length(directory.len()));
    zip.extend(length(at));
    zip.extend([0, 0]);
    zip
}

/// CRC-32 of ISO 3309, bit by bit: code in templates is short.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(
            crc ^ u32::from(*byte),
            |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 },
        )
    })
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn the_sum_is_the_known_one() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn the_zip_is_one() {
        let zip = zip("python3.13", "def handler(event, context):\n    return 1\n").unwrap();
        let facts = moln_functions::code::inspect(Cursor::new(zip)).unwrap();
        assert_eq!(facts.entries, 2);
        assert!(super::zip("java21", "x").is_err());
    }
}
