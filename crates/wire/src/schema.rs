//! What a shape looks like: names, members, traits. Generated as statics; built at run time only by the protocol tests.

use std::sync::OnceLock;

pub use crate::pattern::Pattern;

/// What kind of shape it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Named members.
    Structure,
    /// Exactly one member is set.
    Union,
    /// Same-shaped values; the first member is the element.
    List,
    /// Text keys; members are `key` and `value`.
    Map,
    /// UTF-8 text (enums too: unknown values pass the reader, validation judges them).
    String,
    /// Bytes.
    Blob,
    /// true or false.
    Boolean,
    /// 32 bits.
    Integer,
    /// 64 bits.
    Long,
    /// 32-bit floating point.
    Float,
    /// 64-bit floating point.
    Double,
    /// A moment; see [`Traits::timestamp_format`].
    Timestamp,
    /// Any JSON.
    Document,
}

/// How a moment is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampFormat {
    /// Seconds since the epoch as a number, with up to three decimals.
    EpochSeconds,
    /// `2015-01-25T08:00:00Z`
    DateTime,
    /// `Sun, 25 Jan 2015 08:00:00 GMT`
    HttpDate,
}

/// Where a member travels in the REST protocols.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Location {
    /// In the body (or, for the member named by [`Traits::payload`], as the body).
    #[default]
    Body,
    /// A header; [`Member::wire`] is its name.
    Header,
    /// All headers that begin with [`Member::wire`], as a map.
    Headers,
    /// A label of the path; [`Member::wire`] is its name.
    Uri,
    /// A query parameter; [`Member::wire`] is its name.
    Query,
    /// All query parameters, as a map.
    QueryMap,
    /// The HTTP status.
    Status,
}

impl Location {
    /// Whether a member of an output travels in the body: labels and query parameters exist in requests only.
    pub fn answers_in_body(self) -> bool {
        matches!(self, Self::Body | Self::Uri | Self::Query | Self::QueryMap)
    }
}

/// An XML namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Namespace {
    /// Its URI.
    pub uri: &'static str,
    /// The prefix it is declared for; `None`: the default namespace.
    pub prefix: Option<&'static str>,
}

/// How an error shape is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorTraits {
    /// The code of the query and REST-XML protocols; `None`: the shape's name.
    pub code: Option<&'static str>,
    /// HTTP status.
    pub status: u16,
    /// The caller's fault (`Sender`).
    pub sender: bool,
}

/// A shape. `'static`: schemas refer to each other.
pub struct Schema {
    /// Name in the model.
    pub name: &'static str,
    /// Its kind.
    pub kind: Kind,
    /// Members (structure, union), element (list), key and value (map).
    pub members: &'static [Member],
    /// What the model says about the shape.
    pub traits: Traits,
}

/// Traits of a shape, after the member's own.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::struct_excessive_bools)] // traits are there or not
pub struct Traits {
    /// XML and query: elements stand in the parent without a wrapper.
    pub flattened: bool,
    /// Lists and maps that may hold nulls.
    pub sparse: bool,
    /// XML: the element's name when the shape is the document's root.
    pub xml_name: Option<&'static str>,
    /// XML namespace of the element.
    pub xml_namespace: Option<Namespace>,
    /// How timestamps of this shape are written; `None`: as the protocol or the place demands.
    pub timestamp_format: Option<TimestampFormat>,
    /// REST: index of the member that is the whole body.
    pub payload: Option<usize>,
    /// Never shown in logs or messages.
    pub sensitive: bool,
    /// Blob: the body is a stream.
    pub streaming: bool,
    /// Union or structure: sent as an event stream.
    pub event_stream: bool,
    /// Structure: one event of an event stream.
    pub event: bool,
    /// Texts allowed; empty: all.
    pub enum_values: &'static [&'static str],
    /// What the text must match.
    pub pattern: Option<&'static Pattern>,
    /// Least length (characters, bytes, elements, entries) or value.
    pub min: Option<i64>,
    /// Greatest length or value.
    pub max: Option<i64>,
    /// Set on error shapes.
    pub error: Option<ErrorTraits>,
}

impl Traits {
    /// None at all.
    pub const NONE: Self = Self {
        flattened: false,
        sparse: false,
        xml_name: None,
        xml_namespace: None,
        timestamp_format: None,
        payload: None,
        sensitive: false,
        streaming: false,
        event_stream: false,
        event: false,
        enum_values: &[],
        pattern: None,
        min: None,
        max: None,
        error: None,
    };
}

impl std::fmt::Debug for Schema {
    /// The name alone: schemas may refer to themselves.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Schema({})", self.name)
    }
}

impl Schema {
    /// A shape without members and traits: the base of `Schema { members: …, ..Schema::new(…) }`.
    pub const fn new(name: &'static str, kind: Kind) -> Self {
        Self { name, kind, members: &[], traits: Traits::NONE }
    }

    /// The element of a list, or the value of a map.
    pub fn element(&self) -> Option<&'static Member> {
        match self.kind {
            Kind::List => self.members.first(),
            Kind::Map => self.members.get(1),
            _ => None,
        }
    }

    /// Index of the member whose [`Member::wire`] name this is. `hint`: where it stands if members come in order.
    pub fn wire_index(&self, wire: &str, hint: usize) -> Option<usize> {
        match self.members.get(hint) {
            Some(member) if member.wire == wire => Some(hint),
            _ => self.members.iter().position(|member| member.wire == wire),
        }
    }
}

/// The shape a member points to.
#[derive(Clone, Copy, Debug)]
pub enum Target {
    /// Known when written.
    Fixed(&'static Schema),
    /// Filled in later: recursive shapes that are built at run time.
    Late(&'static OnceLock<&'static Schema>),
}

/// A member of a structure, an element, a key or a value.
#[derive(Clone, Copy, Debug)]
pub struct Member {
    /// Name in the model (`QueueUrl`).
    pub name: &'static str,
    /// Name on the wire (JSON key, XML element, header, label, parameter), unless [`MemberTraits::query`] says
    /// otherwise.
    pub wire: &'static str,
    /// Its shape; see [`Member::target`].
    pub target: Target,
    /// Must be present.
    pub required: bool,
    /// Where it travels in REST protocols.
    pub location: Location,
    /// Everything rarer.
    pub traits: &'static MemberTraits,
}

/// Rarer traits of a member.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::struct_excessive_bools)] // traits are there or not
pub struct MemberTraits {
    /// Name in the query protocol (input and answer) where it differs from [`Member::wire`].
    pub query: Option<&'static str>,
    /// Further names the query protocol accepts.
    pub query_aliases: &'static [&'static str],
    /// XML and query: elements stand in the parent without a wrapper.
    pub flattened: bool,
    /// XML: written as an attribute of the parent.
    pub xml_attribute: bool,
    /// XML namespace of the element.
    pub xml_namespace: Option<Namespace>,
    /// Overrides the shape's.
    pub timestamp_format: Option<TimestampFormat>,
    /// A JSON value inside of text (base64 in headers).
    pub json_value: bool,
    /// Goes into the host name.
    pub host_label: bool,
    /// Filled in by clients.
    pub idempotency_token: bool,
    /// The body is a stream.
    pub streaming: bool,
    /// Event stream: travels as a header of the event.
    pub event_header: bool,
    /// Event stream: is the payload of the event.
    pub event_payload: bool,
    /// Least length or value, in place of the shape's.
    pub min: Option<i64>,
    /// Greatest length or value, in place of the shape's.
    pub max: Option<i64>,
}

impl MemberTraits {
    /// None at all.
    pub const NONE: Self = Self {
        query: None,
        query_aliases: &[],
        flattened: false,
        xml_attribute: false,
        xml_namespace: None,
        timestamp_format: None,
        json_value: false,
        host_label: false,
        idempotency_token: false,
        streaming: false,
        event_header: false,
        event_payload: false,
        min: None,
        max: None,
    };
}

impl Member {
    /// An optional member without traits.
    pub const fn new(name: &'static str, target: &'static Schema) -> Self {
        Self {
            name,
            wire: name,
            target: Target::Fixed(target),
            required: false,
            location: Location::Body,
            traits: &MemberTraits::NONE,
        }
    }

    /// Its shape.
    pub fn target(&self) -> &'static Schema {
        match self.target {
            Target::Fixed(schema) => schema,
            Target::Late(cell) => cell.get().copied().unwrap_or(&DOCUMENT),
        }
    }

    /// Name in the query protocol.
    pub fn query_name(&self) -> &'static str {
        self.traits.query.unwrap_or(self.wire)
    }

    /// Whether its elements stand in the parent without a wrapper.
    pub fn flattened(&self) -> bool {
        self.traits.flattened || self.target().traits.flattened
    }

    /// XML and query: the element that is repeated when it is flattened. Where the list's own shape is flattened (models
    /// older than Smithy), its element may bring a name; else the name is this member's.
    pub fn repeated(&self, name: impl Fn(&Member) -> &'static str) -> &'static str {
        let target = self.target();
        let element = target.element().filter(|_| target.kind == Kind::List && target.traits.flattened);
        element.map(&name).filter(|element| *element != "member").unwrap_or_else(|| name(self))
    }

    /// How it is written when it is a moment; `default` is the protocol's.
    pub fn timestamp_format(&self, default: TimestampFormat) -> TimestampFormat {
        self.traits.timestamp_format.or(self.target().traits.timestamp_format).unwrap_or(default)
    }
}

macro_rules! plain {
    ($($(#[$doc:meta])* $name:ident: $kind:ident),* $(,)?) => {
        $($(#[$doc])* pub static $name: Schema = Schema::new(stringify!($kind), Kind::$kind);)*
    };
}

plain!(
    /// Text without constraints.
    STRING: String,
    /// Bytes without constraints.
    BLOB: Blob,
    /// true or false.
    BOOLEAN: Boolean,
    /// 32 bits without constraints.
    INTEGER: Integer,
    /// 64 bits without constraints.
    LONG: Long,
    /// 32-bit floating point without constraints.
    FLOAT: Float,
    /// 64-bit floating point without constraints.
    DOUBLE: Double,
    /// A moment in the protocol's own format.
    TIMESTAMP: Timestamp,
    /// Any JSON.
    DOCUMENT: Document,
    /// A structure without members: inputs and outputs that are not modelled.
    UNIT: Structure,
);
