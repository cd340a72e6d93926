//! Constraints of the model, checked while an input is read: [`Checked`] stands between generated code and the
//! protocol's reader, looks at every value that passes, and notes what breaks a constraint. All failures are told at
//! once, in AWS's words.

use std::fmt::{self, Write as _};

use bytes::Bytes;
use moln_kernel::{ApiError, Timestamp};

use crate::{
    Kind, Member, Schema,
    service::{Hooks, Operation},
    shape::{OnEntry, OnItem, OnMember, Read, ReadShape, ShapeReader},
};

/// At most this many failures are told; further ones are only counted as refused. Bounds an answer's size.
pub const FAILURES: usize = 100;
/// At most this many characters of a refused value are shown.
pub const SHOWN: usize = 2_048;

/// One value that breaks one constraint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidationFailure {
    /// Where, as AWS writes it: `entries.1.member.id`.
    pub path: String,
    /// The innermost named member, as in the model (`QueueUrl`).
    pub member: &'static str,
    /// What was sent; `None` when it was absent or is sensitive.
    pub value: Option<String>,
    /// What it breaks.
    pub constraint: Constraint,
}

/// What a value can break. Its `Display` is AWS's wording.
#[derive(Clone, Copy, Debug)]
pub enum Constraint {
    /// The member must be present.
    Required,
    /// Characters, bytes, elements or entries, at least.
    MinLength(i64),
    /// Characters, bytes, elements or entries, at most.
    MaxLength(i64),
    /// At least.
    MinValue(i64),
    /// At most.
    MaxValue(i64),
    /// One of these texts.
    Enum(&'static [&'static str]),
    /// The whole text must match.
    Pattern(&'static str),
    /// An element of a list breaks what this shape demands.
    Elements(&'static Schema),
    /// A key of a map breaks what this shape demands.
    Keys(&'static Schema),
    /// A value of a map breaks what this shape demands.
    Values(&'static Schema),
    /// A union must have exactly one member.
    OneMember,
}

impl PartialEq for Constraint {
    fn eq(&self, other: &Self) -> bool {
        self.to_string() == other.to_string()
    }
}
impl Eq for Constraint {}

impl fmt::Display for Constraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Required => f.write_str("Member must not be null"),
            Self::MinLength(n) => write!(f, "Member must have length greater than or equal to {n}"),
            Self::MaxLength(n) => write!(f, "Member must have length less than or equal to {n}"),
            Self::MinValue(n) => write!(f, "Member must have value greater than or equal to {n}"),
            Self::MaxValue(n) => write!(f, "Member must have value less than or equal to {n}"),
            Self::Enum(values) => write!(f, "Member must satisfy enum value set: [{}]", values.join(", ")),
            Self::Pattern(source) => write!(f, "Member must satisfy regular expression pattern: {source}"),
            Self::Elements(schema) => write!(f, "Member must satisfy constraint: [{}]", demands(schema)),
            Self::Keys(schema) => write!(f, "Map keys must satisfy constraint: [{}]", demands(schema)),
            Self::Values(schema) => write!(f, "Map value must satisfy constraint: [{}]", demands(schema)),
            Self::OneMember => f.write_str("Member must have exactly one member set"),
        }
    }
}

/// Everything a scalar shape demands, as AWS lists it for elements, keys and values.
fn demands(schema: &Schema) -> String {
    let traits = &schema.traits;
    let length = measures_length(schema.kind);
    let mut all: Vec<String> = Vec::new();
    all.extend(traits.max.map(|max| at_most(length, max).to_string()));
    all.extend(traits.min.map(|min| at_least(length, min).to_string()));
    all.extend(traits.pattern.map(|p| Constraint::Pattern(p.source).to_string()));
    if !traits.enum_values.is_empty() {
        all.push(Constraint::Enum(traits.enum_values).to_string());
    }
    all.push(Constraint::Required.to_string());
    all.join(", ")
}

fn at_least(length: bool, min: i64) -> Constraint {
    if length { Constraint::MinLength(min) } else { Constraint::MinValue(min) }
}

fn at_most(length: bool, max: i64) -> Constraint {
    if length { Constraint::MaxLength(max) } else { Constraint::MaxValue(max) }
}

fn measures_length(kind: Kind) -> bool {
    matches!(kind, Kind::String | Kind::Blob | Kind::List | Kind::Map)
}

impl fmt::Display for ValidationFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.value, self.constraint) {
            (Some(value), _) => write!(f, "Value '{value}' at ")?,
            (None, Constraint::Required) => f.write_str("Value null at ")?,
            (None, _) => f.write_str("Value at ")?,
        }
        write!(f, "'{}' failed to satisfy constraint: {}", self.path, self.constraint)
    }
}

/// `N validation errors detected: …`, the answer of most services.
pub fn validation_exception(failures: &[ValidationFailure]) -> ApiError {
    let mut message = match failures.len() {
        1 => "1 validation error detected: ".to_owned(),
        n => format!("{n} validation errors detected: "),
    };
    for (n, failure) in failures.iter().enumerate() {
        let _ = write!(message, "{}{failure}", if n == 0 { "" } else { "; " });
    }
    ApiError::sender("ValidationException", message)
}

/// Reads and validates an input. What generated code calls.
///
/// Errors: `SerializationException` when it cannot be read, else what [`Hooks::translate`] makes of the failures.
pub fn accept<T: ReadShape>(
    hooks: &dyn Hooks,
    operation: &'static Operation,
    reader: &mut dyn ShapeReader,
) -> Result<T, ApiError> {
    let mut failures = Vec::new();
    let value = check(operation.input, reader, &mut failures, T::read)
        .map_err(|error| ApiError::sender("SerializationException", error.message))?;
    if failures.is_empty() {
        return Ok(value);
    }
    hooks.translate(operation, &failures).map_or(Ok(value), Err)
}

/// Calls `read` with a reader that notes what breaks `schema`'s constraints.
pub fn check<T>(
    schema: &'static Schema,
    reader: &mut dyn ShapeReader,
    failures: &mut Vec<ValidationFailure>,
    read: impl FnOnce(&mut dyn ShapeReader) -> Read<T>,
) -> Read<T> {
    let mut notes = Notes { failures, shown: Vec::new(), element_failed: false };
    let place = Place { parent: None, part: Part::Root };
    let (min, max) = (schema.traits.min, schema.traits.max);
    read(&mut Checked { inner: reader, schema, min, max, element: false, place: &place, notes: &mut notes })
}

/// What was noted so far.
struct Notes<'n> {
    failures: &'n mut Vec<ValidationFailure>,
    /// Scalars of the list being read, when its constraints may have to show them.
    shown: Vec<String>,
    element_failed: bool,
}

/// Where a value stands: a chain on the stack, so that only failures allocate.
#[derive(Clone, Copy)]
struct Place<'p> {
    parent: Option<&'p Place<'p>>,
    part: Part<'p>,
}

#[derive(Clone, Copy)]
enum Part<'p> {
    Root,
    Member(&'static str),
    Item(usize),
    Entry(&'p str),
}

impl Place<'_> {
    fn write(&self, out: &mut String) {
        if let Some(parent) = self.parent {
            parent.write(out);
        }
        if !out.is_empty() && !matches!(self.part, Part::Root) {
            out.push('.');
        }
        let _ = match self.part {
            Part::Root => Ok(()),
            Part::Member(name) => {
                let mut letters = name.chars();
                out.extend(letters.next().map(|first| first.to_ascii_lowercase()));
                out.write_str(letters.as_str())
            }
            Part::Item(n) => write!(out, "{n}.member"),
            Part::Entry(key) => write!(out, "{}.member", clip(key)),
        };
    }

    fn member(&self) -> &'static str {
        match (self.part, self.parent) {
            (Part::Member(name), _) => name,
            (_, Some(parent)) => parent.member(),
            (_, None) => "",
        }
    }
}

fn clip(text: &str) -> &str {
    text.char_indices().nth(SHOWN).map_or(text, |(end, _)| text.get(..end).unwrap_or(text))
}

/// The reader in between.
struct Checked<'r, 'n> {
    inner: &'r mut dyn ShapeReader,
    schema: &'static Schema,
    min: Option<i64>,
    max: Option<i64>,
    /// An element of a list, or a value of a map: its failures are told of the whole.
    element: bool,
    place: &'r Place<'r>,
    notes: &'r mut Notes<'n>,
}

impl Checked<'_, '_> {
    fn fail(&mut self, value: Option<String>, constraint: Constraint) {
        if self.element {
            self.notes.element_failed = true;
        } else {
            note(self.notes, self.place, value, constraint);
        }
    }

    /// Length or value against its bounds.
    fn bound(&mut self, n: i64, value: impl Fn() -> Option<String>) {
        let length = measures_length(self.schema.kind);
        if let Some(min) = self.min.filter(|min| n < *min) {
            self.fail(value(), at_least(length, min));
        }
        if let Some(max) = self.max.filter(|max| n > *max) {
            self.fail(value(), at_most(length, max));
        }
    }

    fn text(&mut self, text: &str) {
        let traits = &self.schema.traits;
        let shown = || (!traits.sensitive).then(|| clip(text).to_owned());
        if self.min.is_some() || self.max.is_some() {
            self.bound(length(text.chars().count()), shown);
        }
        if !traits.enum_values.is_empty() && !traits.enum_values.contains(&text) {
            self.fail(shown(), Constraint::Enum(traits.enum_values));
        }
        if let Some(pattern) = traits.pattern
            && !pattern.matches(text)
        {
            self.fail(shown(), Constraint::Pattern(pattern.source));
        }
        self.show(|| clip(text).to_owned());
    }

    fn number(&mut self, n: i64) {
        self.bound(n, || Some(n.to_string()));
        self.show(|| n.to_string());
    }

    #[allow(clippy::cast_precision_loss)] // bounds of floating-point members are small
    fn real(&mut self, n: f64) {
        if let Some(min) = self.min.filter(|min| n < *min as f64) {
            self.fail(Some(n.to_string()), Constraint::MinValue(min));
        }
        if let Some(max) = self.max.filter(|max| n > *max as f64) {
            self.fail(Some(n.to_string()), Constraint::MaxValue(max));
        }
        self.show(|| n.to_string());
    }

    fn show(&mut self, text: impl Fn() -> String) {
        if self.element && self.notes.shown.len() < FAILURES {
            self.notes.shown.push(text());
        }
    }

    fn bounds(member: &Member) -> (Option<i64>, Option<i64>) {
        let traits = &member.target().traits;
        (member.traits.min.or(traits.min), member.traits.max.or(traits.max))
    }
}

fn note(notes: &mut Notes<'_>, place: &Place<'_>, value: Option<String>, constraint: Constraint) {
    if notes.failures.len() < FAILURES {
        let mut path = String::new();
        place.write(&mut path);
        notes.failures.push(ValidationFailure { path, member: place.member(), value, constraint });
    }
}

fn length(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn scalar(kind: Kind) -> bool {
    !matches!(kind, Kind::Structure | Kind::Union | Kind::List | Kind::Map | Kind::Document)
}

fn constrained(schema: &Schema) -> bool {
    let traits = &schema.traits;
    traits.min.is_some() || traits.max.is_some() || traits.pattern.is_some() || !traits.enum_values.is_empty()
}

impl ShapeReader for Checked<'_, '_> {
    fn structure(&mut self, schema: &'static Schema, member: &mut OnMember<'_>) -> Read<()> {
        // One bit a member; members beyond the 128th are taken as present (no modelled input has required ones there).
        let mut seen = 0_u128;
        let mut count = 0_usize;
        let (place, notes) = (self.place, &mut *self.notes);
        self.inner.structure(schema, &mut |index, reader| {
            let Some(of) = schema.members.get(index) else { return Ok(()) };
            seen |= 1_u128.checked_shl(u32::try_from(index).unwrap_or(u32::MAX)).unwrap_or(0);
            count += 1;
            let (min, max) = Checked::bounds(of);
            let place = Place { parent: Some(place), part: Part::Member(of.name) };
            member(
                index,
                &mut Checked {
                    inner: reader,
                    schema: of.target(),
                    min,
                    max,
                    element: false,
                    place: &place,
                    notes,
                },
            )
        })?;
        for (index, of) in schema.members.iter().enumerate().take(128) {
            if of.required && seen & (1 << index) == 0 {
                let place = Place { parent: Some(self.place), part: Part::Member(of.name) };
                note(self.notes, &place, None, Constraint::Required);
            }
        }
        if schema.kind == Kind::Union && count != 1 {
            note(self.notes, self.place, None, Constraint::OneMember);
        }
        Ok(())
    }

    fn list(&mut self, item: &mut OnItem<'_>) -> Read<()> {
        let Some(of) = self.schema.element() else { return self.inner.list(item) };
        let (min, max) = Checked::bounds(of);
        let target = of.target();
        // Scalars are told of in the name of the whole list, structures each at their own place.
        let whole = scalar(target.kind) && (constrained(self.schema) || constrained(target));
        let mut count = 0;
        let mark = self.notes.shown.len();
        let (place, notes) = (self.place, &mut *self.notes);
        notes.element_failed = false;
        self.inner.list(&mut |reader| {
            count += 1;
            let place = Place { parent: Some(place), part: Part::Item(count) };
            item(&mut Checked {
                inner: reader,
                schema: target,
                min,
                max,
                element: whole,
                place: &place,
                notes,
            })
        })?;
        let failed = std::mem::take(&mut self.notes.element_failed) && whole;
        let sensitive = self.schema.traits.sensitive || target.traits.sensitive;
        let shown = self.notes.shown.split_off(mark.min(self.notes.shown.len()));
        let value = || (!sensitive).then(|| clip(&format!("[{}]", shown.join(", "))).to_owned());
        if failed {
            self.fail(value(), Constraint::Elements(target));
        }
        self.bound(length(count), value);
        Ok(())
    }

    fn map(&mut self, entry: &mut OnEntry<'_>) -> Read<()> {
        let &[key_of, of] = self.schema.members else { return self.inner.map(entry) };
        let (min, max) = Checked::bounds(&of);
        let (key_min, key_max) = Checked::bounds(&key_of);
        let (key_target, target) = (key_of.target(), of.target());
        let whole = scalar(target.kind) && constrained(target);
        let check_keys = constrained(key_target);
        let (mut count, mut bad_key, mut bad_value) = (0, None, false);
        let mark = self.notes.shown.len();
        let (place, notes) = (self.place, &mut *self.notes);
        self.inner.map(&mut |key, reader| {
            count += 1;
            if check_keys && bad_key.is_none() {
                let traits = &key_target.traits;
                let n = length(key.chars().count());
                let fits = key_min.is_none_or(|min| n >= min)
                    && key_max.is_none_or(|max| n <= max)
                    && (traits.enum_values.is_empty() || traits.enum_values.contains(&key.as_str()))
                    && traits.pattern.is_none_or(|pattern| pattern.matches(&key));
                if !fits {
                    bad_key = Some(clip(&key).to_owned());
                }
            }
            notes.element_failed = false;
            let name = if whole { String::new() } else { key.clone() };
            let place = Place { parent: Some(place), part: Part::Entry(&name) };
            entry(
                key,
                &mut Checked {
                    inner: reader,
                    schema: target,
                    min,
                    max,
                    element: whole,
                    place: &place,
                    notes,
                },
            )?;
            bad_value |= whole && notes.element_failed;
            Ok(())
        })?;
        self.notes.element_failed = false;
        let shown = self.notes.shown.split_off(mark.min(self.notes.shown.len()));
        if let Some(key) = bad_key {
            self.fail(Some(key), Constraint::Keys(key_target));
        }
        if bad_value {
            let value = (!target.traits.sensitive).then(|| clip(&shown.join(", ")).to_owned());
            self.fail(value, Constraint::Values(target));
        }
        self.bound(length(count), || None);
        Ok(())
    }

    fn string(&mut self) -> Read<String> {
        let text = self.inner.string()?;
        self.text(&text);
        Ok(text)
    }

    fn blob(&mut self) -> Read<Bytes> {
        let bytes = self.inner.blob()?;
        self.bound(length(bytes.len()), || None);
        self.show(|| "java.nio.HeapByteBuffer".to_owned());
        Ok(bytes)
    }

    fn boolean(&mut self) -> Read<bool> {
        self.inner.boolean()
    }

    fn integer(&mut self) -> Read<i32> {
        let n = self.inner.integer()?;
        self.number(i64::from(n));
        Ok(n)
    }

    fn long(&mut self) -> Read<i64> {
        let n = self.inner.long()?;
        self.number(n);
        Ok(n)
    }

    fn float(&mut self) -> Read<f32> {
        let n = self.inner.float()?;
        self.real(f64::from(n));
        Ok(n)
    }

    fn double(&mut self) -> Read<f64> {
        let n = self.inner.double()?;
        self.real(n);
        Ok(n)
    }

    fn timestamp(&mut self) -> Read<Timestamp> {
        self.inner.timestamp()
    }

    fn document(&mut self) -> Read<serde_json::Value> {
        self.inner.document()
    }

    fn stream(&mut self) -> Read<crate::ByteStream> {
        self.inner.stream()
    }
}
