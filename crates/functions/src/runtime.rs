//! The runtimes that AWS Lambda names, the deprecated ones too, and what each means here.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What kind of program runs the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// Our bootstrap for Node.js.
    Node,
    /// Our bootstrap for Python.
    Python,
    /// The code brings its own `bootstrap`.
    Provided,
    /// Named by AWS, not run here.
    Java,
    /// Named by AWS, not run here.
    DotNet,
    /// Named by AWS, not run here.
    Ruby,
    /// Named by AWS, not run here (`go1.x`; Go programs use `provided.al2023`).
    Go,
}

/// The AWS SDK that comes with a runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sdk {
    /// `aws-sdk` for Node.js up to 16.
    JavaScriptV2,
    /// The `@aws-sdk/*` clients for Node.js from 18 on.
    JavaScriptV3,
    /// `boto3` and `botocore`.
    Boto3,
}

/// A runtime identifier such as `nodejs20.x`. Cheap to copy; equal by name.
#[derive(Clone, Copy)]
pub struct Runtime(&'static Row);

struct Row {
    name: &'static str,
    family: Family,
    major: u16,
    minor: u16,
    /// The runtime that AWS recommends where it refuses this one.
    refused: Option<&'static str>,
}

const fn row(name: &'static str, family: Family, major: u16, minor: u16) -> Row {
    Row { name, family, major, minor, refused: None }
}

const fn gone(name: &'static str, family: Family, major: u16, minor: u16, instead: &'static str) -> Row {
    Row { name, family, major, minor, refused: Some(instead) }
}

use Family::{DotNet, Go, Java, Node, Provided, Python, Ruby};

/// Every identifier of the API's model, but for those that no function can be created with anywhere (`custom`,
/// `nodejs4.3-edge` included: the model knows them). `nodejs14.x` is refused by AWS and accepted here: code of that age is
/// what people still have to carry.
#[rustfmt::skip]
static ROWS: &[Row] = &[
    gone("nodejs", Node, 0, 10, "nodejs24.x"),
    gone("nodejs4.3", Node, 4, 3, "nodejs24.x"),
    gone("nodejs4.3-edge", Node, 4, 3, "nodejs24.x"),
    gone("nodejs6.10", Node, 6, 10, "nodejs24.x"),
    gone("nodejs8.10", Node, 8, 10, "nodejs24.x"),
    gone("nodejs10.x", Node, 10, 0, "nodejs24.x"),
    gone("nodejs12.x", Node, 12, 0, "nodejs24.x"),
    row("nodejs14.x", Node, 14, 0),
    row("nodejs16.x", Node, 16, 0),
    row("nodejs18.x", Node, 18, 0),
    row("nodejs20.x", Node, 20, 0),
    row("nodejs22.x", Node, 22, 0),
    row("nodejs24.x", Node, 24, 0),
    gone("python2.7", Python, 2, 7, "python3.14"),
    gone("python3.6", Python, 3, 6, "python3.14"),
    gone("python3.7", Python, 3, 7, "python3.14"),
    row("python3.8", Python, 3, 8),
    row("python3.9", Python, 3, 9),
    row("python3.10", Python, 3, 10),
    row("python3.11", Python, 3, 11),
    row("python3.12", Python, 3, 12),
    row("python3.13", Python, 3, 13),
    row("python3.14", Python, 3, 14),
    gone("provided", Provided, 0, 0, "provided.al2023"),
    row("provided.al2", Provided, 2, 0),
    row("provided.al2023", Provided, 2023, 0),
    gone("java8", Java, 8, 0, "java25"),
    row("java8.al2", Java, 8, 0),
    row("java11", Java, 11, 0),
    row("java17", Java, 17, 0),
    row("java21", Java, 21, 0),
    row("java25", Java, 25, 0),
    gone("dotnetcore1.0", DotNet, 1, 0, "dotnet10"),
    gone("dotnetcore2.0", DotNet, 2, 0, "dotnet10"),
    gone("dotnetcore2.1", DotNet, 2, 1, "dotnet10"),
    gone("dotnetcore3.1", DotNet, 3, 1, "dotnet10"),
    row("dotnet6", DotNet, 6, 0),
    row("dotnet8", DotNet, 8, 0),
    row("dotnet10", DotNet, 10, 0),
    gone("ruby2.5", Ruby, 2, 5, "ruby3.4"),
    gone("ruby2.7", Ruby, 2, 7, "ruby3.4"),
    row("ruby3.2", Ruby, 3, 2),
    row("ruby3.3", Ruby, 3, 3),
    row("ruby3.4", Ruby, 3, 4),
    gone("go1.x", Go, 1, 0, "provided.al2023"),
];

impl Runtime {
    /// Every runtime that is known by name.
    pub fn all() -> impl Iterator<Item = Self> {
        ROWS.iter().map(Self)
    }
    /// Its identifier, such as `python3.12`.
    pub fn name(self) -> &'static str {
        self.0.name
    }
    /// What kind of program runs it.
    pub fn family(self) -> Family {
        self.0.family
    }
    /// The language's version: major and minor (Node.js: minor 0; `provided`: the year of Amazon Linux).
    pub fn version(self) -> (u16, u16) {
        (self.0.major, self.0.minor)
    }
    /// The runtime to recommend where creating or updating a function with this one is refused as too old; `None` where
    /// it is accepted.
    pub fn refused(self) -> Option<Self> {
        self.0.refused.and_then(|name| name.parse().ok())
    }
    /// Whether Moln runs it. The rest can be created, and invoking it says so.
    pub fn runnable(self) -> bool {
        self.0.refused.is_none() && matches!(self.0.family, Node | Python | Provided)
    }
    /// The SDK that AWS ships with it.
    pub fn sdk(self) -> Option<Sdk> {
        match self.0.family {
            Node if self.0.major <= 16 => Some(Sdk::JavaScriptV2),
            Node => Some(Sdk::JavaScriptV3),
            Python => Some(Sdk::Boto3),
            _ => None,
        }
    }
    /// The value of `AWS_EXECUTION_ENV`; `provided` runtimes have none.
    pub fn execution_env(self) -> Option<String> {
        (self.0.family != Provided).then(|| format!("AWS_Lambda_{}", self.0.name))
    }
}

impl FromStr for Runtime {
    type Err = Unknown;
    fn from_str(name: &str) -> Result<Self, Unknown> {
        ROWS.iter().find(|row| row.name == name).map(Self).ok_or(Unknown)
    }
}

/// No runtime has this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unknown;

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no runtime has this name")
    }
}

impl std::error::Error for Unknown {}

impl fmt::Display for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name)
    }
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name)
    }
}

impl PartialEq for Runtime {
    fn eq(&self, other: &Self) -> bool {
        self.0.name == other.0.name
    }
}

impl Eq for Runtime {}

impl std::hash::Hash for Runtime {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.name.hash(state);
    }
}

impl Serialize for Runtime {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.0.name)
    }
}

impl<'de> Deserialize<'de> for Runtime {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_found() {
        for runtime in Runtime::all() {
            assert_eq!(runtime.name().parse(), Ok(runtime));
            assert_eq!(Runtime::all().filter(|other| *other == runtime).count(), 1, "{runtime}");
        }
        assert_eq!("nodejs21.x".parse::<Runtime>(), Err(Unknown));
    }

    #[test]
    fn what_is_recommended_is_accepted() {
        for runtime in Runtime::all() {
            if runtime.0.refused.is_some() {
                let instead = runtime.refused().expect("the recommended name is in the table");
                assert!(instead.refused().is_none(), "{runtime} → {instead}");
                assert!(!runtime.runnable());
            }
        }
    }

    #[test]
    fn sdk_and_environment_follow_the_runtime() {
        let of = |name: &str| name.parse::<Runtime>().unwrap();
        assert_eq!(of("nodejs16.x").sdk(), Some(Sdk::JavaScriptV2));
        assert_eq!(of("nodejs18.x").sdk(), Some(Sdk::JavaScriptV3));
        assert_eq!(of("python3.8").sdk(), Some(Sdk::Boto3));
        assert_eq!(of("provided.al2").sdk(), None);
        assert_eq!(of("provided.al2023").execution_env(), None);
        assert_eq!(of("python3.12").execution_env().as_deref(), Some("AWS_Lambda_python3.12"));
        assert_eq!(of("python3.12").version(), (3, 12));
    }
}
