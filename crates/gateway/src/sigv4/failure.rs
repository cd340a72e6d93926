//! Why a signature was not accepted, and how AWS says so in each protocol.

use std::borrow::Cow;

use moln_kernel::ApiError;
use moln_wire::{Protocol, ServiceModel};

/// Why a signature was not accepted. The texts are AWS's and hold nothing secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// No signature, and one is needed.
    Missing,
    /// A signature that lacks something; says what.
    Incomplete(String),
    /// `X-Amz-Credential` of a presigned request has not the form of one.
    BadCredential,
    /// The access key id is not known.
    UnknownKey,
    /// The session token is absent or not the key's.
    BadToken,
    /// The session has ended.
    Expired,
    /// Not what the secret would have signed.
    Mismatch,
    /// The credential scope names another day, service or terminator; says which.
    Scope(String),
    /// Signed too long ago, or in the future; says when.
    Skew(String),
    /// A presigned request past its time.
    PresignedExpired,
    /// `X-Amz-Expires` is not a number of seconds that is allowed; says why.
    BadExpires(String),
    /// The body is not the one that was hashed.
    ContentMismatch,
    /// The body's chunks are malformed or badly signed.
    Chunks(String),
}

const BAD_CREDENTIAL: &str = "Error parsing the X-Amz-Credential parameter; the Credential is mal-formed; expecting \
                              \"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\".";

impl Failure {
    /// The error in the words and with the status of the protocol's services.
    pub fn to_error(&self, protocol: Protocol, model: Option<&ServiceModel>) -> ApiError {
        if model.is_some_and(|model| model.signing_name == "s3") {
            return self.s3();
        }
        let (query_code, code, message) = self.common();
        // AWS JSON services answer 400, except those that keep the query protocol's ways; everyone else 403.
        let json = matches!(protocol, Protocol::Json10 | Protocol::Json11 | Protocol::RpcV2Cbor);
        let compatible = model.is_some_and(|model| model.query_compatible);
        let status = match self {
            Self::PresignedExpired | Self::BadExpires(_) | Self::Chunks(_) => 400,
            _ if json && !compatible => 400,
            _ => 403,
        };
        ApiError::sender(code, message).with_query_code(query_code).with_status(status)
    }

    fn common(&self) -> (&'static str, &'static str, Cow<'_, str>) {
        const INVALID: &str = "The security token included in the request is invalid.";
        const MISMATCH: &str = "The request signature we calculated does not match the signature you provided. Check \
                                your AWS Secret Access Key and signing method. Consult the service documentation for \
                                details.";
        match self {
            Self::Missing => (
                "MissingAuthenticationToken",
                "MissingAuthenticationTokenException",
                "Request is missing Authentication Token".into(),
            ),
            Self::Incomplete(words) => ("IncompleteSignature", "IncompleteSignatureException", words.into()),
            Self::BadCredential => {
                ("IncompleteSignature", "IncompleteSignatureException", BAD_CREDENTIAL.into())
            }
            Self::UnknownKey | Self::BadToken => {
                ("InvalidClientTokenId", "UnrecognizedClientException", INVALID.into())
            }
            Self::Expired => (
                "ExpiredToken",
                "ExpiredTokenException",
                "The security token included in the request is expired".into(),
            ),
            Self::Mismatch | Self::ContentMismatch => {
                ("SignatureDoesNotMatch", "InvalidSignatureException", MISMATCH.into())
            }
            Self::Scope(words) | Self::Skew(words) => {
                ("SignatureDoesNotMatch", "InvalidSignatureException", words.into())
            }
            Self::PresignedExpired => ("RequestExpired", "RequestExpired", "Request has expired.".into()),
            Self::BadExpires(words) => ("InvalidParameterValue", "ValidationException", words.into()),
            Self::Chunks(words) => ("IncompleteBody", "IncompleteBody", words.into()),
        }
    }

    fn s3(&self) -> ApiError {
        let (code, status, message): (_, u16, Cow<'_, str>) = match self {
            Self::Missing => ("AccessDenied", 403, "Access Denied".into()),
            Self::BadCredential => ("AuthorizationQueryParametersError", 400, BAD_CREDENTIAL.into()),
            Self::Incomplete(words) | Self::Scope(words) => ("AuthorizationHeaderMalformed", 400, words.into()),
            Self::UnknownKey => (
                "InvalidAccessKeyId",
                403,
                "The AWS Access Key Id you provided does not exist in our records.".into(),
            ),
            Self::BadToken => ("InvalidToken", 400, "The provided token is malformed or otherwise invalid.".into()),
            Self::Expired => ("ExpiredToken", 400, "The provided token has expired.".into()),
            Self::Mismatch => (
                "SignatureDoesNotMatch",
                403,
                "The request signature we calculated does not match the signature you provided. Check your key and \
                 signing method."
                    .into(),
            ),
            Self::Skew(_) => (
                "RequestTimeTooSkewed",
                403,
                "The difference between the request time and the current time is too large.".into(),
            ),
            Self::PresignedExpired => ("AccessDenied", 403, "Request has expired".into()),
            Self::BadExpires(words) => ("AuthorizationQueryParametersError", 400, words.into()),
            Self::ContentMismatch => (
                "XAmzContentSHA256Mismatch",
                400,
                "The provided 'x-amz-content-sha256' header does not match what was computed.".into(),
            ),
            Self::Chunks(words) => ("IncompleteBody", 400, words.into()),
        };
        ApiError::sender(code, message).with_status(status)
    }
}
