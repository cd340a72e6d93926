//! How shapes read and write themselves, whatever the protocol.

use crate::Schema;

/// Why an input could not be read; becomes the protocol's SerializationException / MalformedInput.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadError {
    /// AWS's words.
    pub message: String,
}

/// Reads one value. Each protocol implements it; generated code calls it. Object safe: one copy of the code for all shapes.
pub trait ShapeReader {
    /// Calls `member` with the index in `schema.members` of each member present, positioned on its value.
    /// Unknown members are skipped, nulls are absent.
    fn structure(
        &mut self,
        schema: &'static Schema,
        member: &mut dyn FnMut(usize, &mut dyn ShapeReader) -> Result<(), ReadError>,
    ) -> Result<(), ReadError>;
}

/// Writes one value.
pub trait ShapeWriter {}

/// A shape that can be read.
pub trait ReadShape: Sized {
    /// Its description.
    fn schema() -> &'static Schema;
    /// Reads itself.
    fn read(reader: &mut dyn ShapeReader) -> Result<Self, ReadError>;
}

/// A shape that can be written.
pub trait WriteShape {
    /// Writes itself.
    fn write(&self, writer: &mut dyn ShapeWriter);
}

/// An output whose type only the service knows.
pub type Opaque = Box<dyn WriteShape + Send>;
