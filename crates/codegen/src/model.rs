//! An API model: the facts of AWS's published models that Moln builds on. Reading one and writing it again is what
//! trims it: everything not named here (documentation, examples, client endpoints, deprecation notes) falls away.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{MapAccess, Visitor},
    ser::SerializeMap,
};

/// A JSON object whose order counts.
#[derive(Clone, Debug)]
pub struct Ordered<T>(pub Vec<(String, T)>);

impl<T> Default for Ordered<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Ordered<T> {
    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&T> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }
    /// The value of a key, to change it.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut T> {
        self.0.iter_mut().find(|(name, _)| name == key).map(|(_, value)| value)
    }
    /// Keys and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &T)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<T: Serialize> Serialize for Ordered<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in &self.0 {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Ordered<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<T>(Vec<(String, T)>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Entries<T> {
            type Value = Ordered<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Self::Value, A::Error> {
                while let Some(entry) = map.next_entry()? {
                    self.0.push(entry);
                }
                Ok(Ordered(self.0))
            }
        }
        deserializer.deserialize_map(Entries(Vec::new()))
    }
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde demands it
fn is_false(flag: &bool) -> bool {
    !flag
}

/// A service's model.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Model {
    /// Names and protocols.
    pub metadata: Metadata,
    /// Operations by name.
    pub operations: Ordered<Operation>,
    /// Shapes by name.
    pub shapes: Ordered<Shape>,
}

/// Names and protocols of a service.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[allow(missing_docs)] // the fields are the model's own
pub struct Metadata {
    pub api_version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aws_query_compatible: Option<Marker>,
    pub endpoint_prefix: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub json_version: Option<String>,
    pub protocol: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub protocols: Vec<String>,
    pub service_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signing_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_prefix: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub xml_namespace: Option<Namespace>,
}

/// An object that only has to be there.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Marker {}

/// An XML namespace: its URI, or URI and prefix.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(untagged)]
#[allow(missing_docs)]
pub enum Namespace {
    Uri(String),
    Full {
        uri: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        prefix: Option<String>,
    },
}

impl Namespace {
    /// Its URI.
    pub fn uri(&self) -> &str {
        match self {
            Self::Uri(uri) | Self::Full { uri, .. } => uri,
        }
    }
    /// Its prefix.
    pub fn prefix(&self) -> Option<&str> {
        match self {
            Self::Uri(_) => None,
            Self::Full { prefix, .. } => prefix.as_deref(),
        }
    }
}

/// An operation.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[allow(missing_docs)]
pub struct Operation {
    pub http: Http,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<Member>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<Member>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Member>,
}

/// An operation's HTTP binding.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[allow(missing_docs)]
pub struct Http {
    pub method: String,
    pub request_uri: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_code: Option<u16>,
}

/// A shape.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[allow(missing_docs, clippy::struct_excessive_bools)] // the fields are the model's own
pub struct Shape {
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub required: Vec<String>,
    #[serde(skip_serializing_if = "Ordered::is_empty")]
    pub members: Ordered<Member>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub member: Option<Member>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<Member>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Member>,
    #[serde(skip_serializing_if = "is_false")]
    pub flattened: bool,
    #[serde(skip_serializing_if = "is_false")]
    pub sparse: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub xml_namespace: Option<Namespace>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp_format: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload: Option<String>,
    #[serde(skip_serializing_if = "is_false")]
    pub sensitive: bool,
    #[serde(skip_serializing_if = "is_false")]
    pub streaming: bool,
    #[serde(skip_serializing_if = "is_false")]
    pub eventstream: bool,
    #[serde(skip_serializing_if = "is_false")]
    pub event: bool,
    #[serde(skip_serializing_if = "is_false")]
    pub union: bool,
    #[serde(skip_serializing_if = "is_false")]
    pub document: bool,
    #[serde(rename = "enum", skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<serde_json::Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<serde_json::Number>,
    #[serde(skip_serializing_if = "is_false")]
    pub exception: bool,
    #[serde(skip_serializing_if = "is_false")]
    pub fault: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Error>,
}

/// How an error shape is answered.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[allow(missing_docs)]
pub struct Error {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http_status_code: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sender_fault: Option<bool>,
}

/// A member, element, key or value; also an operation's input, output or error.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[allow(missing_docs, clippy::struct_excessive_bools)] // the fields are the model's own
pub struct Member {
    pub shape: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location_name: Option<String>,
    /// Names in the query protocol: the first is written, all are read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub query: Vec<String>,
    #[serde(skip_serializing_if = "is_false")]
    pub flattened: bool,
    #[serde(skip_serializing_if = "is_false")]
    pub xml_attribute: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub xml_namespace: Option<Namespace>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp_format: Option<String>,
    #[serde(skip_serializing_if = "is_false")]
    pub jsonvalue: bool,
    #[serde(skip_serializing_if = "is_false")]
    pub host_label: bool,
    #[serde(skip_serializing_if = "is_false")]
    pub idempotency_token: bool,
    #[serde(skip_serializing_if = "is_false")]
    pub streaming: bool,
    #[serde(skip_serializing_if = "is_false")]
    pub eventheader: bool,
    #[serde(skip_serializing_if = "is_false")]
    pub eventpayload: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<serde_json::Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<serde_json::Number>,
}
