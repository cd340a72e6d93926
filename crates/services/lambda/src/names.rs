//! How a function is named: by its name, a part of its ARN, or the whole of it, each with or without a qualifier.
//! <https://docs.aws.amazon.com/lambda/latest/api/API_GetFunction.html>

use moln_kernel::{AccountId, ApiError, Region};

use crate::{errors, state::Address};

/// `$LATEST`
pub(crate) const LATEST: &str = "$LATEST";

/// A name taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    /// Which function.
    pub(crate) address: Address,
    /// Which version or alias, as it was asked for.
    pub(crate) qualifier: Option<String>,
}

/// Reads a name, with the qualifier that was given beside it. What the name does not say is the caller's. The name has
/// passed the model's pattern.
pub(crate) fn read(
    account: &AccountId,
    region: &Region,
    name: &str,
    qualifier: Option<&str>,
) -> Result<Named, ApiError> {
    let parts = split(name);
    if let (Some(derived), Some(given)) = (parts.qualifier, qualifier)
        && derived != given
    {
        return Err(errors::invalid_parameter(
            "The derived qualifier from the function name does not match the specified qualifier.",
        ));
    }
    if let Some(other) = parts.region.filter(|other| *other != region.as_str()) {
        return Err(errors::other_region(other, region.as_str()));
    }
    let account = parts.account.and_then(AccountId::parse).unwrap_or_else(|| account.clone());
    Ok(Named {
        address: Address { account, region: region.clone(), name: parts.name.into() },
        qualifier: qualifier.or(parts.qualifier).map(str::to_owned),
    })
}

/// The parts of a name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Parts<'n> {
    pub(crate) region: Option<&'n str>,
    pub(crate) account: Option<&'n str>,
    pub(crate) name: &'n str,
    pub(crate) qualifier: Option<&'n str>,
}

/// Takes a name apart.
pub(crate) fn split(name: &str) -> Parts<'_> {
    let mut parts: Vec<&str> = name.split(':').collect();
    let mut found = Parts::default();
    if let ["arn", _, "lambda", ..] = parts.as_slice() {
        parts.drain(..3);
    }
    let is_account = |part: &str| part.len() == 12 && part.bytes().all(|b| b.is_ascii_digit());
    if parts.len() > 1 && parts.first().is_some_and(|part| is_region(part)) {
        found.region = Some(parts.remove(0));
    }
    if parts.len() > 1 && parts.first().is_some_and(|part| is_account(part)) {
        found.account = Some(parts.remove(0));
    }
    if parts.len() > 1 && parts.first() == Some(&"function") {
        parts.remove(0);
    }
    let mut rest = parts.into_iter();
    found.name = rest.next().unwrap_or_default();
    found.qualifier = rest.next();
    found
}

/// `us-east-1`, `us-gov-west-1`: words and a digit. A function may be called like a word, but hardly like this with
/// something behind it.
fn is_region(text: &str) -> bool {
    let mut words = text.rsplit('-');
    let digit = words.next().is_some_and(|last| last.len() == 1 && last.bytes().all(|b| b.is_ascii_digit()));
    let mut count = 0;
    let plain = words.all(|word| {
        count += 1;
        !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase())
    });
    digit && plain && count >= 2
}

/// What a name means where it is created: without a qualifier other than `$LATEST`.
pub(crate) fn bare(account: &AccountId, region: &Region, name: &str) -> Result<Address, ApiError> {
    Ok(read(account, region, name, None)?.address)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts<'n>(
        region: Option<&'n str>,
        account: Option<&'n str>,
        name: &'n str,
        qualifier: Option<&'n str>,
    ) -> Parts<'n> {
        Parts { region, account, name, qualifier }
    }

    #[test]
    fn every_form_of_a_name() {
        let all = "arn:aws:lambda:eu-west-1:123456789012:function:f";
        let (region, account) = (Some("eu-west-1"), Some("123456789012"));
        for (text, expected) in [
            ("f", parts(None, None, "f", None)),
            ("f:PROD", parts(None, None, "f", Some("PROD"))),
            ("f:$LATEST", parts(None, None, "f", Some("$LATEST"))),
            ("function:f", parts(None, None, "f", None)),
            ("123456789012:function:f", parts(None, account, "f", None)),
            ("123456789012:f:1", parts(None, account, "f", Some("1"))),
            (all, parts(region, account, "f", None)),
            ("arn:aws:lambda:eu-west-1:123456789012:function:f:7", parts(region, account, "f", Some("7"))),
            ("arn:aws:lambda:eu-west-1:123456789012:function", parts(region, account, "function", None)),
            (
                "arn:aws-us-gov:lambda:us-gov-west-1:123456789012:function:f",
                parts(Some("us-gov-west-1"), account, "f", None),
            ),
        ] {
            assert_eq!(split(text), expected, "{text}");
        }
    }

    #[test]
    fn qualifiers_must_agree() {
        let (account, region) = (AccountId::from("000000000000"), Region::from("us-east-1"));
        let named = read(&account, &region, "f:1", Some("1")).unwrap();
        assert_eq!(named.qualifier.as_deref(), Some("1"));
        assert_eq!(
            read(&account, &region, "f:1", Some("2")).unwrap_err().code,
            "InvalidParameterValueException"
        );
        let other = "arn:aws:lambda:eu-west-1:000000000000:function:f";
        assert_eq!(read(&account, &region, other, None).unwrap_err().code, "ResourceNotFoundException");
    }
}
