//! Names of headers that most requests are asked for: looked up by text, each would be parsed every time.

use http::HeaderName;

pub(crate) static CONTENT_SHA256: HeaderName = HeaderName::from_static("x-amz-content-sha256");
pub(crate) static DATE: HeaderName = HeaderName::from_static("x-amz-date");
pub(crate) static DECODED_LENGTH: HeaderName = HeaderName::from_static("x-amz-decoded-content-length");
pub(crate) static PROTOCOL: HeaderName = HeaderName::from_static("smithy-protocol");
pub(crate) static SECURITY_TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");
pub(crate) static TARGET: HeaderName = HeaderName::from_static("x-amz-target");
pub(crate) static TRACE: HeaderName = HeaderName::from_static("x-amzn-trace-id");
pub(crate) static TRAILER: HeaderName = HeaderName::from_static("x-amz-trailer");
