//! The managed policies of AWS: those that templates attach, with their documents as AWS publishes them
//! (<https://docs.aws.amazon.com/aws-managed-policy/latest/reference/policy-list.html>). One that is not among them does
//! not exist here.

use std::{collections::BTreeMap, sync::LazyLock};

use serde_json::{Map, Value};

/// A policy of AWS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Managed {
    /// `AWSLambdaBasicExecutionRole`
    pub name: String,
    /// `/service-role/`
    pub path: String,
    /// Its unique id here; AWS's own is not published.
    pub id: String,
    /// The number of its present version.
    pub version: u32,
    /// When that version was made, milliseconds since the epoch.
    pub created: u64,
    /// Its document, JSON.
    pub document: String,
}

static POLICIES: LazyLock<BTreeMap<String, Managed>> = LazyLock::new(|| read(include_str!("policies.txt")));

/// All, by path and name (`service-role/AWSLambdaBasicExecutionRole`).
pub fn all() -> &'static BTreeMap<String, Managed> {
    &POLICIES
}

/// The one of this ARN (`arn:aws:iam::aws:policy/service-role/…`).
pub fn find(arn: &str) -> Option<&'static Managed> {
    let (partition, name) = arn.strip_prefix("arn:")?.split_once(":iam::aws:policy/")?;
    partition.starts_with("aws").then(|| POLICIES.get(name))?
}

impl Managed {
    /// Its ARN, in a partition.
    pub fn arn(&self, partition: &str) -> String {
        format!("arn:{partition}:iam::aws:policy{}{}", self.path, self.name)
    }
}

fn read(text: &str) -> BTreeMap<String, Managed> {
    let mut policies = BTreeMap::new();
    let mut head: Option<Managed> = None;
    let mut statements: Vec<Value> = Vec::new();
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    for line in lines.chain(["end"]) {
        if let Some(statement) = line.strip_prefix("  ") {
            statements.extend(read_statement(statement));
            continue;
        }
        if let Some(mut done) = head.take() {
            let document = [
                ("Version".to_owned(), Value::from("2012-10-17")),
                ("Statement".to_owned(), Value::Array(std::mem::take(&mut statements))),
            ];
            done.document = Value::Object(Map::from_iter(document)).to_string();
            policies.insert(format!("{}{}", done.path, done.name).trim_start_matches('/').to_owned(), done);
        }
        head = read_head(line);
    }
    policies
}

fn read_head(line: &str) -> Option<Managed> {
    let mut parts = line.split(' ');
    let (whole, version, date) = (parts.next()?, parts.next()?, parts.next()?);
    let at = whole.rfind('/')? + 1;
    let (path, name) = whole.split_at_checked(at)?;
    let created = moln_wire::time::parse(date, moln_wire::schema::TimestampFormat::DateTime).ok()?;
    Some(Managed {
        name: name.to_owned(),
        path: path.to_owned(),
        id: id(whole),
        version: version.strip_prefix('v')?.parse().ok()?,
        created: created.millis(),
        document: String::new(),
    })
}

/// The same at every start: `ANPA` and a hash (FNV-1a, twice) in base 32.
fn id(name: &str) -> String {
    let hash = |start: u64| {
        name.bytes().fold(start, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
    };
    let bits = u128::from(hash(0xcbf2_9ce4_8422_2325)) << 64 | u128::from(hash(0x8422_2325_cbf2_9ce4));
    let letter =
        |at: u32| b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".get(usize::try_from(bits >> (5 * at) & 31).ok()?);
    "ANPA".chars().chain((0..17).filter_map(letter).map(|letter| char::from(*letter))).collect()
}

fn read_statement(line: &str) -> Option<Value> {
    let mut parts = line.splitn(5, ' ');
    let effect = if parts.next()? == "allow" { "Allow" } else { "Deny" };
    let (sid, actions, resources) = (parts.next()?, parts.next()?, parts.next()?);
    let mut members = Map::new();
    if sid != "-" {
        members.insert("Sid".into(), sid.into());
    }
    members.insert("Effect".into(), effect.into());
    for (name, negated, list) in [("Action", "NotAction", actions), ("Resource", "NotResource", resources)] {
        let (name, list) = list.strip_prefix('!').map_or((name, list), |list| (negated, list));
        let values: Vec<Value> = list.split(',').map(Value::from).collect();
        let value = match <[Value; 1]>::try_from(values) {
            Ok([one]) => one,
            Err(many) => many.into(),
        };
        members.insert(name.into(), value);
    }
    if let Some(condition) = parts.next() {
        members.insert("Condition".into(), serde_json::from_str(condition).ok()?);
    }
    Some(members.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::documents::check_identity;

    #[test]
    fn every_policy_is_read_and_valid() {
        let lines = include_str!("policies.txt").lines();
        let heads = lines.clone().filter(|line| line.starts_with('/')).count();
        assert_eq!(all().len(), heads);
        let statements = lines.filter(|line| line.starts_with("  ")).count();
        let read: usize = all()
            .values()
            .map(|policy| moln_policy::Document::parse(&policy.document).unwrap().statements.len())
            .sum();
        assert_eq!(read, statements);
        for policy in all().values() {
            check_identity(&policy.document, true).unwrap_or_else(|error| panic!("{}: {error}", policy.name));
        }
    }

    #[test]
    fn they_are_found_by_arn() {
        let policy = find("arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole").unwrap();
        assert_eq!((policy.version, policy.path.as_str()), (1, "/service-role/"));
        assert!(policy.document.contains("logs:PutLogEvents"));
        assert_eq!(policy.arn("aws"), "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole");
        assert_eq!(
            (policy.id.len(), policy.id.clone()),
            (21, id("/service-role/AWSLambdaBasicExecutionRole"))
        );
        assert!(find("arn:aws:iam::aws:policy/AWSLambdaBasicExecutionRole").is_none());
        assert!(find("arn:aws:iam::123456789012:policy/AdministratorAccess").is_none());
    }
}
