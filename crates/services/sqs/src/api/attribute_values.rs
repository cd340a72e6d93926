//! Message attributes as clients send and get them.

use std::collections::BTreeMap;

use moln_kernel::ApiError;

use crate::{
    errors,
    limits::{ATTRIBUTE_NAME_CHARS, MESSAGE_ATTRIBUTES, TRACE_BYTES},
    model::{MessageAttributeValue, MessageSystemAttributeValue},
    tables::{Attribute, AttributeValue},
};

/// The first character SQS does not carry.
pub(crate) fn bad_character(text: &str) -> Option<char> {
    // Nearly all text is plain ASCII: one pass over the bytes settles it.
    if text.bytes().all(|byte| (0x20..0x80).contains(&byte)) {
        return None;
    }
    text.chars().find(|c| {
        !matches!(c, '\u{9}' | '\u{A}' | '\u{D}' | '\u{20}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
    })
}

/// How a refused character is told.
pub(crate) fn refused_character(c: char, place: &str) -> String {
    format!(
        "Invalid binary character '#x{:X}' was found in the {place}, the set of allowed characters is #x9 | #xA | \
         #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF",
        u32::from(c)
    )
}

fn check_name(name: &str) -> Result<(), ApiError> {
    let refuse = |why: String| Err(errors::invalid_parameter(why));
    if name.is_empty() || name.chars().count() > ATTRIBUTE_NAME_CHARS {
        return refuse(format!(
            "Invalid length of message attribute name '{name}': it must be 1 to {ATTRIBUTE_NAME_CHARS} characters long."
        ));
    }
    let lower = name.to_ascii_lowercase();
    if lower.starts_with("aws.") || lower.starts_with("amazon.") {
        return refuse(
            "Invalid message attribute name: you can't use names beginning with 'AWS.' or 'Amazon.'. These strings \
             are reserved for internal use."
                .into(),
        );
    }
    if name.starts_with('.') || name.ends_with('.') || name.contains("..") {
        return refuse(format!(
            "Invalid message attribute name '{name}': it can't start or end with a period, nor have periods in succession."
        ));
    }
    // Letters of any script: AWS takes them, whatever its message says.
    if !name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.')) {
        return refuse(format!(
            "Invalid message attribute name '{name}': it can contain A-Z, a-z, 0-9, underscore (_), hyphen (-), and \
             period (.) characters."
        ));
    }
    Ok(())
}

fn is_number(text: &str) -> bool {
    // Up to 38 digits of precision, as AWS says; any decimal form.
    text.trim().parse::<f64>().is_ok_and(f64::is_finite) && text.bytes().any(|byte| byte.is_ascii_digit())
}

/// Checks a message's attributes and gives them as they are stored, with their size in bytes.
pub(crate) fn checked(
    attributes: Option<&BTreeMap<String, MessageAttributeValue>>,
) -> Result<(Vec<Attribute<'_>>, usize), ApiError> {
    let mut checked = Vec::new();
    let mut size = 0;
    let Some(attributes) = attributes else { return Ok((checked, 0)) };
    if attributes.len() > MESSAGE_ATTRIBUTES {
        return Err(errors::invalid_parameter(format!(
            "Number of message attributes [{}] exceeds the allowed maximum [{MESSAGE_ATTRIBUTES}].",
            attributes.len()
        )));
    }
    for (name, attribute) in attributes {
        check_name(name)?;
        let data_type = attribute.data_type.as_str();
        if data_type.is_empty() {
            return Err(errors::invalid_parameter(format!(
                "The message attribute '{name}' must contain a non-empty message attribute type."
            )));
        }
        let kind = data_type.split('.').next().unwrap_or(data_type);
        if !matches!(kind, "String" | "Number" | "Binary") {
            return Err(errors::invalid_parameter(format!(
                "Invalid type: the message attribute '{name}' has an invalid message attribute type, the set of \
                 supported type prefixes is Binary, Number, and String."
            )));
        }
        if data_type.chars().count() > ATTRIBUTE_NAME_CHARS {
            return Err(errors::invalid_parameter(format!(
                "Invalid length of the type of message attribute '{name}': it can be at most {ATTRIBUTE_NAME_CHARS} \
                 characters long."
            )));
        }
        let listed = attribute.string_list_values.as_ref().is_some_and(|list| !list.is_empty())
            || attribute.binary_list_values.as_ref().is_some_and(|list| !list.is_empty());
        if listed {
            return Err(errors::unsupported(
                "Message attribute list values in SendMessage operation are not supported.",
            ));
        }
        let empty = || {
            errors::invalid_parameter(format!(
                "Message (user) attribute '{name}' must contain a non-empty value of type '{kind}'."
            ))
        };
        let value = if kind == "Binary" {
            let bytes =
                attribute.binary_value.as_deref().filter(|bytes| !bytes.is_empty()).ok_or_else(empty)?;
            size += bytes.len();
            AttributeValue::Binary(bytes)
        } else {
            let text = attribute.string_value.as_deref().filter(|text| !text.is_empty()).ok_or_else(empty)?;
            if let Some(bad) = bad_character(text) {
                return Err(errors::invalid_parameter(refused_character(
                    bad,
                    &format!("message attribute '{name}' value"),
                )));
            }
            if kind == "Number" && !is_number(text) {
                return Err(errors::invalid_parameter(format!(
                    "Can't cast the value of message (user) attribute '{name}' to a number."
                )));
            }
            size += text.len();
            AttributeValue::Text(text)
        };
        size += name.len() + data_type.len();
        checked.push(Attribute { name, data_type, value });
    }
    Ok((checked, size))
}

/// The trace header among the system attributes; nothing else may be there.
pub(crate) fn trace_header(
    attributes: Option<&BTreeMap<String, MessageSystemAttributeValue>>,
) -> Result<Option<&str>, ApiError> {
    let Some(attributes) = attributes else { return Ok(None) };
    if let Some(name) = attributes.keys().find(|name| *name != "AWSTraceHeader") {
        return Err(errors::invalid_parameter(format!(
            "Message (system) attribute '{name}' is invalid: only AWSTraceHeader is supported."
        )));
    }
    let Some(attribute) = attributes.get("AWSTraceHeader") else { return Ok(None) };
    let text = attribute.string_value.as_deref().filter(|text| !text.is_empty());
    let (Some(text), "String") = (text, attribute.data_type.as_str()) else {
        return Err(errors::invalid_parameter(
            "Message (system) attribute 'AWSTraceHeader' must contain a non-empty value of type 'String'.",
        ));
    };
    match bad_character(text) {
        _ if text.len() > TRACE_BYTES => Err(errors::invalid_parameter(format!(
            "Message (system) attribute 'AWSTraceHeader' must be at most {TRACE_BYTES} bytes long."
        ))),
        Some(bad) => {
            Err(errors::invalid_parameter(refused_character(bad, "message attribute 'AWSTraceHeader' value")))
        }
        None => Ok(Some(text)),
    }
}

/// Whether a receive asks for this attribute: by name, `All`, `.*`, or a prefix `name.*`.
pub(crate) fn asked(names: &[String], name: &str) -> bool {
    names.iter().any(|asked| {
        asked == "All"
            || asked == name
            || asked.strip_suffix(".*").is_some_and(|prefix| name.starts_with(prefix))
    })
}

/// An attribute as clients get it.
pub(crate) fn told(attribute: &Attribute<'_>) -> MessageAttributeValue {
    let mut value = MessageAttributeValue { data_type: attribute.data_type.to_owned(), ..Default::default() };
    match attribute.value {
        AttributeValue::Text(text) => value.string_value = Some(text.to_owned()),
        AttributeValue::Binary(bytes) => value.binary_value = Some(bytes::Bytes::copy_from_slice(bytes)),
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_prefixes_choose_attributes() {
        let names = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        for (asked_for, yes) in [
            (vec!["All"], true),
            (vec![".*"], true),
            (vec!["bar.*"], true),
            (vec!["bar.x"], true),
            (vec!["bar"], false),
            (vec!["foo.*"], false),
            (vec![], false),
        ] {
            assert_eq!(asked(&names(&asked_for), "bar.x"), yes, "{asked_for:?}");
        }
    }

    #[test]
    fn characters_outside_the_set_are_found() {
        assert_eq!(bad_character("a\tb\r\n\u{20}\u{D7FF}\u{E000}\u{FFFD}\u{10FFFF}"), None);
        for bad in ['\0', '\u{8}', '\u{B}', '\u{1F}', '\u{FFFE}', '\u{FFFF}'] {
            assert_eq!(bad_character(&format!("x{bad}")), Some(bad));
        }
        assert_eq!(bad_character("\u{7f}\u{85}"), None);
    }

    #[test]
    fn numbers_are_numbers() {
        for good in ["1", "-1.5", "1e5", "1493147359900", " 7 "] {
            assert!(is_number(good), "{good}");
        }
        for bad in ["", "x", "NaN", "inf", "0x10", "1 2"] {
            assert!(!is_number(bad), "{bad}");
        }
    }
}
