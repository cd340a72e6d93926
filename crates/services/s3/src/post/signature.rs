//! Who signed a form: the signature is over its policy, by signature version 4 or by the old one.
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-UsingHTTPPOST.html>

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use moln_kernel::ApiError;
use sha1::Sha1;
use sha2::Sha256;

use super::form::Form;
use crate::errors;

/// The signature of a form.
pub(crate) enum Signed<'a> {
    /// `AWSAccessKeyId`, `signature`
    V2 { access_key: &'a str, signature: &'a str },
    /// `x-amz-credential`, `x-amz-signature`
    V4 { access_key: &'a str, date: &'a str, region: &'a str, service: &'a str, signature: &'a str },
}

fn missing(field: &str) -> ApiError {
    let words = format!(
        "Bucket POST must contain a field named '{field}'.  If it is specified, please check the order of the fields."
    );
    errors::invalid_argument(words, field, "")
}

impl<'a> Signed<'a> {
    /// Reads the fields of either version.
    pub(crate) fn read(form: &'a Form) -> Result<Self, ApiError> {
        if let Some(access_key) = form.field("awsaccesskeyid") {
            let signature = form.field("signature").ok_or_else(|| missing("signature"))?;
            return Ok(Self::V2 { access_key, signature });
        }
        let credential = form.field("x-amz-credential").ok_or_else(|| missing("X-Amz-Credential"))?;
        let signature = form.field("x-amz-signature").ok_or_else(|| missing("X-Amz-Signature"))?;
        let date = form.field("x-amz-date").ok_or_else(|| missing("X-Amz-Date"))?;
        if form.field("x-amz-algorithm") != Some("AWS4-HMAC-SHA256") {
            return Err(missing("X-Amz-Algorithm"));
        }
        let mut parts = credential.rsplitn(5, '/');
        match (parts.next(), parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some("aws4_request"), Some(service), Some(region), Some(day), Some(access_key))
                if date.starts_with(day) =>
            {
                Ok(Self::V4 { access_key, date: day, region, service, signature })
            }
            _ => Err(errors::invalid_argument(
                "The credential is malformed; expecting \"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\".",
                "X-Amz-Credential",
                credential,
            )),
        }
    }

    /// The key it is said to be made with.
    pub(crate) fn access_key(&self) -> &str {
        match self {
            Self::V2 { access_key, .. } | Self::V4 { access_key, .. } => access_key,
        }
    }

    /// Refuses a signature that is not of this policy by this secret. In constant time.
    pub(crate) fn verify(&self, secret: &str, policy: &str) -> Result<(), ApiError> {
        let good = match self {
            Self::V2 { signature, .. } => {
                let mac = Hmac::<Sha1>::new_from_slice(secret.as_bytes()).map(|mac| mac.chain_update(policy));
                let given = STANDARD.decode(signature).unwrap_or_default();
                mac.is_ok_and(|mac| mac.verify_slice(&given).is_ok())
            }
            Self::V4 { date, region, service, signature, .. } => {
                let mut key = format!("AWS4{secret}").into_bytes();
                for part in [date, region, service, &"aws4_request"] {
                    key = sign(&key, part.as_bytes());
                }
                let given: Vec<u8> = signature
                    .as_bytes()
                    .chunks(2)
                    .filter_map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
                    .collect();
                let mac = Hmac::<Sha256>::new_from_slice(&key).map(|mac| mac.chain_update(policy));
                mac.is_ok_and(|mac| mac.verify_slice(&given).is_ok())
            }
        };
        if good {
            return Ok(());
        }
        let words = "The request signature we calculated does not match the signature you provided. Check your key and \
                     signing method.";
        Err(errors::other(403, "SignatureDoesNotMatch", words))
    }
}

fn sign(key: &[u8], text: &[u8]) -> Vec<u8> {
    // A key of any length is taken.
    Hmac::<Sha256>::new_from_slice(key)
        .map(|mac| mac.chain_update(text).finalize().into_bytes().to_vec())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of AWS's own documentation.
    #[test]
    fn the_documented_example_holds() {
        let policy = "eyAiZXhwaXJhdGlvbiI6ICIyMDE1LTEyLTMwVDEyOjAwOjAwLjAwMFoiLA0KICAiY29uZGl0aW9ucyI6IFsNCiAgICB7ImJ1Y2tldCI6ICJzaWd2NGV4YW1wbGVidWNrZXQifSwNCiAgICBbInN0YXJ0cy13aXRoIiwgIiRrZXkiLCAidXNlci91c2VyMS8iXSwNCiAgICB7ImFjbCI6ICJwdWJsaWMtcmVhZCJ9LA0KICAgIHsic3VjY2Vzc19hY3Rpb25fcmVkaXJlY3QiOiAiaHR0cDovL3NpZ3Y0ZXhhbXBsZWJ1Y2tldC5zMy5hbWF6b25hd3MuY29tL3N1Y2Nlc3NmdWxfdXBsb2FkLmh0bWwifSwNCiAgICBbInN0YXJ0cy13aXRoIiwgIiRDb250ZW50LVR5cGUiLCAiaW1hZ2UvIl0sDQogICAgeyJ4LWFtei1tZXRhLXV1aWQiOiAiMTQzNjUxMjM2NTEyNzQifSwNCiAgICB7IngtYW16LXNlcnZlci1zaWRlLWVuY3J5cHRpb24iOiAiQUVTMjU2In0sDQogICAgWyJzdGFydHMtd2l0aCIsICIkeC1hbXotbWV0YS10YWciLCAiIl0sDQoNCiAgICB7IngtYW16LWNyZWRlbnRpYWwiOiAiQUtJQUlPU0ZPRE5ON0VYQU1QTEUvMjAxNTEyMjkvdXMtZWFzdC0xL3MzL2F3czRfcmVxdWVzdCJ9LA0KICAgIHsieC1hbXotYWxnb3JpdGhtIjogIkFXUzQtSE1BQy1TSEEyNTYifSwNCiAgICB7IngtYW16LWRhdGUiOiAiMjAxNTEyMjlUMDAwMDAwWiIgfQ0KICBdDQp9";
        let signed = Signed::V4 {
            access_key: "AKIAIOSFODNN7EXAMPLE",
            date: "20151229",
            region: "us-east-1",
            service: "s3",
            signature: "8afdbf4008c03f22c2cd3cdb72e4afbb1f6a588f3255ac628749a66d7f09699e",
        };
        signed.verify("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", policy).unwrap();
        let other = signed.verify("another", policy).unwrap_err();
        assert_eq!(other.code, "SignatureDoesNotMatch");
    }
}
