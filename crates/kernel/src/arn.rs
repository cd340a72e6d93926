//! Amazon Resource Names: `arn:partition:service:region:account:resource`.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

/// Longest name accepted, bytes (IAM's limit for an ARN in a policy or parameter).
pub const MAX_ARN_BYTES: usize = 2_048;

/// A resource's name, checked for its form. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Arc<str>", into = "Arc<str>")]
pub struct Arn {
    text: Arc<str>,
    /// Where the fields behind `arn:` end: partition, service, region, account.
    ends: [u16; 4],
}

/// The text is not an ARN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadArn;

impl fmt::Display for BadArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an ARN: expected arn:partition:service:region:account-id:resource")
    }
}
impl std::error::Error for BadArn {}

impl Arn {
    /// The name of a resource in the partition `region` belongs to. `region` and `account` are empty for global
    /// resources. Fails when a part contains what it may not.
    pub fn new(service: &str, region: &str, account: &str, resource: &str) -> Result<Self, BadArn> {
        format!("arn:{}:{service}:{region}:{account}:{resource}", partition(region)).parse()
    }

    /// The whole name.
    pub fn as_str(&self) -> &str {
        &self.text
    }
    /// `aws`, `aws-cn`, `aws-us-gov`.
    pub fn partition(&self) -> &str {
        self.field(4, Some(self.ends[0]))
    }
    /// The service's prefix, such as `sqs`.
    pub fn service(&self) -> &str {
        self.field(self.ends[0] + 1, Some(self.ends[1]))
    }
    /// The region; empty for global resources.
    pub fn region(&self) -> &str {
        self.field(self.ends[1] + 1, Some(self.ends[2]))
    }
    /// The account's 12 digits; empty where the service leaves it out (S3 buckets), `aws` for what AWS itself owns.
    pub fn account(&self) -> &str {
        self.field(self.ends[2] + 1, Some(self.ends[3]))
    }
    /// All behind the account: `name`, `type/name` or `type:name`.
    pub fn resource(&self) -> &str {
        self.field(self.ends[3] + 1, None)
    }

    fn field(&self, start: u16, end: Option<u16>) -> &str {
        let end = end.map_or(self.text.len(), usize::from);
        self.text.get(usize::from(start)..end).unwrap_or_default()
    }
}

/// The partition a region lies in.
pub(crate) fn partition(region: &str) -> &'static str {
    if region.starts_with("cn-") {
        "aws-cn"
    } else if region.starts_with("us-gov-") {
        "aws-us-gov"
    } else {
        "aws"
    }
}

fn parse(text: &str) -> Option<[u16; 4]> {
    if text.len() > MAX_ARN_BYTES || text.chars().any(char::is_control) {
        return None;
    }
    let mut fields = text.splitn(6, ':');
    if fields.next()? != "arn" {
        return None;
    }
    let mut at = 3;
    let mut ends = [0; 4];
    for (index, end) in ends.iter_mut().enumerate() {
        let field = fields.next()?;
        let optional = index >= 2;
        let plain = field.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if !plain || (field.is_empty() && !optional) {
            return None;
        }
        at += 1 + field.len();
        *end = u16::try_from(at).ok()?;
    }
    let account = text.get(usize::from(ends[2]) + 1..usize::from(ends[3]))?;
    let account_fits =
        account.is_empty() || account == "aws" || crate::context::is_account_id(account.as_bytes());
    let resource = fields.next()?;
    (account_fits && !resource.is_empty()).then_some(ends)
}

impl TryFrom<Arc<str>> for Arn {
    type Error = BadArn;
    fn try_from(text: Arc<str>) -> Result<Self, BadArn> {
        let ends = parse(&text).ok_or(BadArn)?;
        Ok(Self { text, ends })
    }
}
impl FromStr for Arn {
    type Err = BadArn;
    fn from_str(text: &str) -> Result<Self, BadArn> {
        let ends = parse(text).ok_or(BadArn)?;
        Ok(Self { text: text.into(), ends })
    }
}
impl From<Arn> for Arc<str> {
    fn from(arn: Arn) -> Self {
        arn.text
    }
}
impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
impl fmt::Debug for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_come_back() {
        let arn: Arn = "arn:aws:lambda:eu-west-1:123456789012:function:a:PROD".parse().unwrap();
        assert_eq!(
            [arn.partition(), arn.service(), arn.region(), arn.account(), arn.resource()],
            ["aws", "lambda", "eu-west-1", "123456789012", "function:a:PROD"]
        );
        let bucket: Arn = "arn:aws:s3:::bucket/key".parse().unwrap();
        assert_eq!((bucket.region(), bucket.account(), bucket.resource()), ("", "", "bucket/key"));
        let built = Arn::new("sqs", "cn-north-1", "000000000000", "jobs").unwrap();
        assert_eq!(built.as_str(), "arn:aws-cn:sqs:cn-north-1:000000000000:jobs");
        assert_eq!("arn:aws:iam::aws:policy/ReadOnlyAccess".parse::<Arn>().unwrap().account(), "aws");
    }

    #[test]
    fn bad_ones_are_refused() {
        for bad in [
            "",
            "arn",
            "arn:aws:sqs:us-east-1:000000000000",
            "arn:aws:sqs:us-east-1:000000000000:",
            "arn::sqs:us-east-1:000000000000:q",
            "arn:aws::us-east-1:000000000000:q",
            "arn:aws:sqs:us east:000000000000:q",
            "arn:aws:sqs:us-east-1:12345:q",
            "arn:aws:sqs:us-east-1:00000000000\u{e4}:q",
            "urn:aws:sqs:us-east-1:000000000000:q",
            "arn:aws:sqs:us-east-1:000000000000:q\n",
        ] {
            assert_eq!(bad.parse::<Arn>(), Err(BadArn), "{bad:?}");
        }
        assert!(format!("arn:aws:sqs:::{}", "q".repeat(MAX_ARN_BYTES)).parse::<Arn>().is_err());
    }
}
