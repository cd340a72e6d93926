//! The MD5 digests SQS answers with: of bodies, and of attributes in the form the SDKs check
//! (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html>).

use md5::{Digest, Md5};

use crate::tables::{Attribute, AttributeValue};

/// Of a body.
pub fn of(bytes: &[u8]) -> [u8; 16] {
    Md5::digest(bytes).into()
}

/// Of attributes sorted by name: length and bytes of name, of type, the kind, length and bytes of the value.
pub fn of_attributes(attributes: &[Attribute<'_>]) -> Option<[u8; 16]> {
    if attributes.is_empty() {
        return None;
    }
    let mut sorted: Vec<_> = attributes.iter().collect();
    sorted.sort_by_key(|attribute| attribute.name);
    let mut digest = Md5::new();
    let mut part = |kind: Option<u8>, bytes: &[u8]| {
        if let Some(kind) = kind {
            digest.update([kind]);
        }
        digest.update(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
        digest.update(bytes);
    };
    for attribute in sorted {
        part(None, attribute.name.as_bytes());
        part(None, attribute.data_type.as_bytes());
        match attribute.value {
            AttributeValue::Text(text) => part(Some(1), text.as_bytes()),
            AttributeValue::Binary(bytes) => part(Some(2), bytes),
        }
    }
    Some(digest.finalize().into())
}

#[cfg(test)]
mod tests {
    use moln_kernel::encoding::hex;

    use super::*;

    #[test]
    fn digests_are_those_aws_answers() {
        assert_eq!(hex(&of(b"test")), "098f6bcd4621d373cade4e832627b4f6");
        let text =
            Attribute { name: "MyAttribute", data_type: "String", value: AttributeValue::Text("foobar") };
        assert_eq!(hex(&of_attributes(&[text]).unwrap()), "adb59cd4678ea5a855436b949cd07ab6");
        let bytes = b"traceparent\x1e00-774062d6c37081a5a0b9b5b88e30627c-2d2482211f6489da-01";
        let binary = Attribute { name: "attr1", data_type: "Binary", value: AttributeValue::Binary(bytes) };
        assert_eq!(hex(&of_attributes(&[binary]).unwrap()), "8cbe4db156db8a94db8b801b7addb984");
        assert_eq!(of_attributes(&[]), None);
    }
}
