//! Metadata that is not ASCII, as encoded words.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html>, RFC 2047

use std::fmt::Write as _;

use base64::{Engine, engine::general_purpose::STANDARD};

fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~' | b'\t' | b'\r' | b'\n')
}

/// A value as a header carries it: ASCII as it is, anything else as one encoded word, in the form that reads better.
pub(super) fn encoded(value: &str) -> String {
    let plain = value.chars().filter(|c| u8::try_from(*c).is_ok_and(is_plain)).count();
    let others = value.chars().count() - plain;
    if others == 0 {
        return value.to_owned();
    }
    if others >= plain {
        return format!("=?UTF-8?B?{}?=", STANDARD.encode(value));
    }
    let mut out = String::from("=?UTF-8?Q?");
    for byte in value.bytes() {
        match byte {
            b' ' => out.push('_'),
            b'!'..=b'~' if !b"=_?".contains(&byte) => out.push(char::from(byte)),
            _ => {
                // Writing to a string does not fail.
                let _ = write!(out, "={byte:02X}");
            }
        }
    }
    out + "?="
}

#[cfg(test)]
mod tests {
    use super::encoded;

    #[test]
    fn only_what_is_not_ascii_is_encoded() {
        for (value, header) in [
            ("plain \t~", "plain \t~"),
            ("=?UTF-8?Q?ascii?=", "=?UTF-8?Q?ascii?="),
            ("ÄMÄZÕÑ S3", "=?UTF-8?Q?=C3=84M=C3=84Z=C3=95=C3=91_S3?="),
            ("a_b=c?—", "=?UTF-8?Q?a=5Fb=3Dc=3F=E2=80=94?="),
            ("\u{0}\u{1}\u{2}\u{3}\u{4}", "=?UTF-8?B?AAECAwQ=?="),
            // As AWS's documentation has it: UTF-8 in a header is taken for ISO 8859-1.
            ("Ã\u{84}MÃ\u{84}ZÃ\u{95}Ã\u{91} S3", "=?UTF-8?B?w4PChE3Dg8KEWsODwpXDg8KRIFMz?="),
        ] {
            assert_eq!(encoded(value), header, "{value:?}");
        }
    }
}
