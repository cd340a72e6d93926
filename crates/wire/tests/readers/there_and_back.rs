//! What a writer writes, its reader reads.

use std::collections::BTreeMap;

use bytes::Bytes;
use moln_kernel::Timestamp;
use moln_wire::{
    Kind, Member, ReadShape, Schema, ShapeReader, ShapeWriter, WriteShape,
    cbor::{CborReader, CborWriter},
    json::{JsonReader, JsonWriter},
    read,
    schema::{self, MemberTraits, Traits},
    shape::Read,
    xml::{self, Dialect, XmlReader, XmlWriter},
};
use proptest::prelude::*;

static NAMES: Schema =
    Schema { members: &[Member::new("member", &schema::STRING)], ..Schema::new("Names", Kind::List) };
static NOTES: Schema = Schema {
    members: &[Member::new("key", &schema::STRING), Member::new("value", &schema::LONG)],
    traits: Traits { flattened: true, ..Traits::NONE },
    ..Schema::new("Notes", Kind::Map)
};
const ATTRIBUTE: MemberTraits = MemberTraits { xml_attribute: true, ..MemberTraits::NONE };
static SAMPLE: Schema = Schema {
    members: &[
        Member::new("Names", &NAMES),
        Member::new("Notes", &NOTES),
        Member::new("Data", &schema::BLOB),
        Member::new("Flag", &schema::BOOLEAN),
        Member::new("Ratio", &schema::DOUBLE),
        Member::new("At", &schema::TIMESTAMP),
        Member { traits: &ATTRIBUTE, ..Member::new("Mark", &schema::STRING) },
        Member::new("Next", &SAMPLE),
    ],
    ..Schema::new("Sample", Kind::Structure)
};

/// As generated code would have it.
#[derive(Clone, Debug, Default, PartialEq)]
struct Sample {
    names: Option<Vec<String>>,
    notes: Option<BTreeMap<String, i64>>,
    data: Option<Bytes>,
    flag: Option<bool>,
    ratio: Option<f64>,
    at: Option<Timestamp>,
    mark: Option<String>,
    next: Option<Box<Sample>>,
}

impl ReadShape for Sample {
    fn read(reader: &mut dyn ShapeReader) -> Read<Self> {
        let mut value = Self::default();
        reader.structure(&SAMPLE, &mut |index, reader| {
            match index {
                0 => value.names = read(reader)?,
                1 => value.notes = read(reader)?,
                2 => value.data = read(reader)?,
                3 => value.flag = read(reader)?,
                4 => value.ratio = read(reader)?,
                5 => value.at = read(reader)?,
                6 => value.mark = read(reader)?,
                _ => value.next = read(reader)?,
            }
            Ok(())
        })?;
        Ok(value)
    }
}

impl WriteShape for Sample {
    fn write(&self, writer: &mut dyn ShapeWriter) {
        writer.structure(
            &SAMPLE,
            &[
                &self.names,
                &self.notes,
                &self.data,
                &self.flag,
                &self.ratio,
                &self.at,
                &self.mark,
                &self.next,
            ],
        );
    }
}

fn sample() -> impl Strategy<Value = Sample> {
    // XML has no way to say most control characters, and turns others into blanks in attributes.
    let text = || "[ -~é😀&<>\"']{0,8}";
    let flat = (
        prop::option::of(prop::collection::vec(text(), 1..4)),
        prop::option::of(prop::collection::btree_map(text(), any::<i64>(), 1..4)),
        prop::option::of(prop::collection::vec(any::<u8>(), 0..9).prop_map(Bytes::from)),
        prop::option::of(any::<bool>()),
        prop::option::of(any::<f64>().prop_filter("a number", |n| !n.is_nan())),
        prop::option::of((0..4_000_000_000_000_u64).prop_map(Timestamp)),
        prop::option::of(text()),
    )
        .prop_map(|(names, notes, data, flag, ratio, at, mark)| Sample {
            names,
            notes,
            data,
            flag,
            ratio,
            at,
            mark,
            next: None,
        });
    flat.prop_recursive(3, 4, 1, |inner| {
        (inner.clone(), prop::option::of(inner)).prop_map(|(mut outer, next)| {
            outer.next = next.map(Box::new);
            outer
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn in_every_form(value in sample()) {
        let mut body = Vec::new();
        value.write(&mut JsonWriter::new(&mut body));
        prop_assert_eq!(&Sample::read(&mut JsonReader::new(&body, &SAMPLE).unwrap()).unwrap(), &value);

        body.clear();
        value.write(&mut CborWriter::new(&mut body));
        prop_assert_eq!(&Sample::read(&mut CborReader::new(&body, &SAMPLE)).unwrap(), &value);
        prop_assert!(ciborium::from_reader::<ciborium::Value, _>(&body[..]).is_ok());

        body.clear();
        XmlWriter::new(&mut body, Dialect::Rest).root("Sample", None, &value);
        let document = xml::parse(&body).unwrap();
        prop_assert_eq!(&Sample::read(&mut XmlReader::new(&document, &SAMPLE)).unwrap(), &value);
    }
}
