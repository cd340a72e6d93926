//! What a client claims of the bytes it sends, and whether it is true.

use base64::{Engine, engine::general_purpose::STANDARD};
use moln_kernel::ApiError;

use super::checksum::Algorithm;
use crate::errors;

/// The claims of a request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Claims {
    /// `Content-MD5`
    pub(crate) md5: Option<[u8; 16]>,
    /// The algorithm the client chose, and the value when it stands in a header.
    pub(crate) checksum: Option<(Algorithm, Option<Vec<u8>>)>,
    /// Bytes, when they were announced.
    pub(crate) length: Option<u64>,
}

/// The checksum headers of a request as they stand in its input, in the order of [`Algorithm::ALL`].
pub(crate) type Given<'a> = [Option<&'a str>; 5];

impl Claims {
    /// Reads them. `algorithm` is `x-amz-sdk-checksum-algorithm`, `trailing` that of the checksum that was announced to stand
    /// behind the body.
    pub(crate) fn read(
        md5: Option<&str>,
        algorithm: Option<&str>,
        given: Given<'_>,
        trailing: Option<Algorithm>,
    ) -> Result<Self, ApiError> {
        let md5 = match md5 {
            None => None,
            Some(text) => {
                let bytes = STANDARD.decode(text).ok().and_then(|bytes| bytes.try_into().ok());
                Some(bytes.ok_or_else(|| {
                    let words = "The Content-MD5 you specified was invalid.";
                    errors::with(errors::other(400, "InvalidDigest", words), "Content-MD5", text)
                })?)
            }
        };
        let mut values = Algorithm::ALL
            .into_iter()
            .zip(given)
            .filter_map(|(algorithm, value)| value.map(|value| (algorithm, value)));
        let first = values.next();
        if values.next().is_some() || first.is_some() && trailing.is_some() {
            return Err(errors::invalid_request(
                "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.",
            ));
        }
        let chosen = algorithm.map(|text| Algorithm::parse(text).ok_or_else(unsupported)).transpose()?;
        let checksum = match (first, chosen) {
            (Some((algorithm, value)), chosen) => {
                let decoded = STANDARD.decode(value).ok().filter(|bytes| bytes.len() == algorithm.len());
                let decoded = decoded.ok_or_else(|| invalid_value(algorithm))?;
                // Another algorithm's value than the one that is named is none of the named one's.
                if chosen.is_some_and(|chosen| chosen != algorithm) {
                    return Err(errors::invalid_request(
                        "Value for x-amz-sdk-checksum-algorithm header is invalid.",
                    ));
                }
                Some((algorithm, Some(decoded)))
            }
            (None, chosen) if trailing.is_some() => {
                if chosen.is_some_and(|chosen| Some(chosen) != trailing) {
                    return Err(errors::invalid_request(
                        "Value for x-amz-sdk-checksum-algorithm header is invalid.",
                    ));
                }
                trailing.map(|trailing| (trailing, None))
            }
            (None, Some(_)) => {
                return Err(errors::invalid_request(
                    "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer \
                     headers were found.",
                ));
            }
            (None, None) => None,
        };
        Ok(Self { md5, checksum, length: None })
    }
}

/// The client names an algorithm nobody knows.
pub(crate) fn unsupported() -> ApiError {
    errors::invalid_request(
        "Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, \
         CRC64NVME, SHA1, SHA256]",
    )
}

/// The value is no checksum of this algorithm.
pub(crate) fn invalid_value(algorithm: Algorithm) -> ApiError {
    errors::invalid_request(format!("Value for {} header is invalid.", algorithm.header()))
}

/// The bytes have another checksum.
pub(crate) fn wrong_checksum(algorithm: Algorithm) -> ApiError {
    errors::other(
        400,
        "BadDigest",
        format!("The {} you specified did not match the calculated checksum.", algorithm.name()),
    )
}

/// The bytes have another MD5.
pub(crate) fn wrong_md5(expected: [u8; 16], calculated: [u8; 16]) -> ApiError {
    let error =
        errors::other(400, "BadDigest", "The Content-MD5 you specified did not match what we received.");
    let hex = super::hex(&expected);
    let error = errors::with(error, "ExpectedDigest", hex);
    errors::with(error, "CalculatedDigest", STANDARD.encode(calculated))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_are_read() {
        let read = |md5, algorithm, given, trailing| Claims::read(md5, algorithm, given, trailing);
        let trailing = Some(Algorithm::Crc32);
        let none: Given<'_> = [None; 5];
        let crc32: Given<'_> = [Some("AAAAAA=="), None, None, None, None];
        assert!(read(None, None, none, None).unwrap().checksum.is_none());
        for named in [None, Some("crc32")] {
            let claimed = read(None, named, none, trailing).unwrap().checksum;
            assert_eq!(claimed, Some((Algorithm::Crc32, None)));
        }
        let value = Some((Algorithm::Crc32, Some(vec![0; 4])));
        assert_eq!(read(None, Some("CRC32"), crc32, None).unwrap().checksum, value);
        for (bad, code) in [
            (read(Some("x"), None, none, None), "InvalidDigest"),
            (read(None, Some("CRC32"), none, None), "InvalidRequest"),
            (read(None, Some("MD4"), crc32, None), "InvalidRequest"),
            (read(None, Some("SHA1"), none, trailing), "InvalidRequest"),
            (read(None, None, crc32, trailing), "InvalidRequest"),
            (read(None, Some("SHA1"), crc32, None), "InvalidRequest"),
            (
                read(None, None, [Some("AAAAAA=="), Some("AAAAAA=="), None, None, None], None),
                "InvalidRequest",
            ),
            (read(None, None, [Some("AAAA"), None, None, None, None], None), "InvalidRequest"),
        ] {
            assert_eq!(bad.unwrap_err().code, code);
        }
    }
}
