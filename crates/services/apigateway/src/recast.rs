//! Shapes that share members: `CreateRouteRequest`, `Route`, `GetRouteResult` and `UpdateRouteRequest` are the same thing
//! asked for, kept, told and changed. What they share goes from one to the other as JSON, by the members' own names; so it
//! is stored, too.

use moln_kernel::ApiError;
use moln_wire::{
    ReadShape, Shape, WriteShape,
    json::{JsonReader, JsonWriter},
};
use serde_json::{Map, Value};

/// A shape as JSON.
pub(crate) fn json(shape: &impl WriteShape) -> String {
    let mut bytes = Vec::new();
    shape.write(&mut JsonWriter::new(&mut bytes));
    String::from_utf8(bytes).unwrap_or_default()
}

/// A shape out of JSON; members it does not have are passed over.
pub(crate) fn parse<T: Shape>(json: &str) -> Result<T, ApiError> {
    let read = JsonReader::new(json.as_bytes(), T::schema()).and_then(|mut reader| T::read(&mut reader));
    read.map_err(|error| ApiError::sender("SerializationException", error.message))
}

/// A shape with the members another one shares with it.
pub(crate) fn recast<T: Shape>(from: &impl WriteShape) -> Result<T, ApiError> {
    parse(&json(from))
}

/// A shape after a change: members that the change has count, all others stay.
pub(crate) fn amended<T: Shape>(before: &T, change: &impl WriteShape) -> Result<T, ApiError> {
    let mut members = members(before);
    members.extend(self::members(change));
    parse(&Value::Object(members).to_string())
}

fn members(shape: &impl WriteShape) -> Map<String, Value> {
    serde_json::from_str(&json(shape)).unwrap_or_default()
}

/// Sets a member of an object.
pub(crate) fn set(object: &mut Value, name: &str, value: impl Into<Value>) {
    if let Some(members) = object.as_object_mut() {
        members.insert(name.to_owned(), value.into());
    }
}

/// A shape of a value: what documents and templates hold.
pub(crate) fn of_value<T: ReadShape + Shape>(value: &Value) -> Result<T, ApiError> {
    parse(&value.to_string())
}
