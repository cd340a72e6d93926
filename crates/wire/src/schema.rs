//! What a shape looks like: names, members, traits. Generated as constants; built at run time only by the protocol tests.

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
    /// A moment; see [`Schema::timestamp_format`].
    Timestamp,
    /// Any JSON.
    Document,
}

/// A shape. `'static`: schemas refer to each other.
#[derive(Debug)]
pub struct Schema {
    /// Name in the model.
    pub name: &'static str,
    /// Its kind.
    pub kind: Kind,
    /// Members (structure, union), element (list), key and value (map).
    pub members: &'static [Member],
    // The author of this crate adds traits here: flattened, xml name and namespace, timestamp format, constraints
    // (enum, pattern, length, range), error code and status, payload …
}

/// A member of a structure, an element, a key or a value.
#[derive(Debug)]
pub struct Member {
    /// Name in the model.
    pub name: &'static str,
    /// Its shape. A function, so that recursive shapes can be constants.
    pub target: fn() -> &'static Schema,
    // … location (header, query, uri, payload, status), location name, required, xml attribute …
}
