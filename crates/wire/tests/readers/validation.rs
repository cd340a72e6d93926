//! Constraints, in AWS's words.

use moln_wire::{
    Kind, Member, Schema,
    json::JsonReader,
    schema::{self, Pattern, Traits},
    validate::{ValidationFailure, check, validation_exception},
};

use crate::shapes::walk;

static LOWER: Pattern = Pattern::new("[a-z]+");
static NAME: Schema = Schema {
    traits: Traits { pattern: Some(&LOWER), min: Some(2), max: Some(4), ..Traits::NONE },
    ..Schema::new("Name", Kind::String)
};
static COLOR: Schema = Schema {
    traits: Traits { enum_values: &["Red", "Green"], ..Traits::NONE },
    ..Schema::new("Color", Kind::String)
};
static SECRET: Schema = Schema {
    traits: Traits { max: Some(1), sensitive: true, ..Traits::NONE },
    ..Schema::new("Secret", Kind::String)
};
static COUNT: Schema = Schema {
    traits: Traits { min: Some(1), max: Some(10), ..Traits::NONE },
    ..Schema::new("Count", Kind::Integer)
};
static COLORS: Schema = Schema {
    members: &[Member::new("member", &COLOR)],
    traits: Traits { max: Some(2), ..Traits::NONE },
    ..Schema::new("Colors", Kind::List)
};
static ENTRY: Schema = Schema {
    members: &[Member { required: true, ..Member::new("Id", &NAME) }],
    ..Schema::new("Entry", Kind::Structure)
};
static ENTRIES: Schema =
    Schema { members: &[Member::new("member", &ENTRY)], ..Schema::new("Entries", Kind::List) };
static LABELS: Schema = Schema {
    members: &[Member::new("key", &NAME), Member::new("value", &COLOR)],
    ..Schema::new("Labels", Kind::Map)
};
static BY_NAME: Schema = Schema {
    members: &[Member::new("key", &schema::STRING), Member::new("value", &ENTRY)],
    ..Schema::new("ByName", Kind::Map)
};
static CHOICE: Schema = Schema {
    members: &[Member::new("A", &schema::STRING), Member::new("B", &schema::STRING)],
    ..Schema::new("Choice", Kind::Union)
};
static INPUT: Schema = Schema {
    members: &[
        Member { required: true, ..Member::new("QueueName", &NAME) },
        Member::new("Color", &COLOR),
        Member::new("Secret", &SECRET),
        Member::new("Count", &COUNT),
        Member::new("Colors", &COLORS),
        Member::new("Entries", &ENTRIES),
        Member::new("Labels", &LABELS),
        Member::new("ByName", &BY_NAME),
        Member::new("Choice", &CHOICE),
    ],
    ..Schema::new("Input", Kind::Structure)
};

fn failures(body: &str) -> Vec<ValidationFailure> {
    let mut reader = JsonReader::new(body.as_bytes(), &INPUT).unwrap();
    let mut failures = Vec::new();
    check(&INPUT, &mut reader, &mut failures, |reader| walk(&INPUT, reader)).unwrap();
    failures
}

fn told(body: &str) -> Vec<String> {
    failures(body).iter().map(ToString::to_string).collect()
}

#[test]
fn words() {
    let enums = "Member must satisfy enum value set: [Red, Green]";
    for (body, expected) in [
        (r#"{"QueueName":"abc"}"#, vec![]),
        ("{}", vec!["Value null at 'queueName' failed to satisfy constraint: Member must not be null".to_owned()]),
        (r#"{"QueueName":null}"#, vec![
            "Value null at 'queueName' failed to satisfy constraint: Member must not be null".to_owned(),
        ]),
        (r#"{"QueueName":"a"}"#, vec![
            "Value 'a' at 'queueName' failed to satisfy constraint: Member must have length greater than or equal to 2"
                .to_owned(),
        ]),
        (r#"{"QueueName":"ABCDE"}"#, vec![
            "Value 'ABCDE' at 'queueName' failed to satisfy constraint: Member must have length less than or equal to 4"
                .to_owned(),
            "Value 'ABCDE' at 'queueName' failed to satisfy constraint: Member must satisfy regular expression pattern: \
             [a-z]+"
                .to_owned(),
        ]),
        (r#"{"QueueName":"éé","Color":"Blue"}"#, vec![
            "Value 'éé' at 'queueName' failed to satisfy constraint: Member must satisfy regular expression pattern: \
             [a-z]+"
                .to_owned(),
            format!("Value 'Blue' at 'color' failed to satisfy constraint: {enums}"),
        ]),
        (r#"{"QueueName":"abc","Secret":"xyz"}"#, vec![
            "Value at 'secret' failed to satisfy constraint: Member must have length less than or equal to 1".to_owned(),
        ]),
        (r#"{"QueueName":"abc","Count":11}"#, vec![
            "Value '11' at 'count' failed to satisfy constraint: Member must have value less than or equal to 10"
                .to_owned(),
        ]),
        (r#"{"QueueName":"abc","Colors":["Red","Blue","Pink"]}"#, vec![
            format!(
                "Value '[Red, Blue, Pink]' at 'colors' failed to satisfy constraint: Member must satisfy constraint: \
                 [{enums}, Member must not be null]"
            ),
            "Value '[Red, Blue, Pink]' at 'colors' failed to satisfy constraint: Member must have length less than or \
             equal to 2"
                .to_owned(),
        ]),
        (r#"{"QueueName":"abc","Entries":[{"Id":"ab"},{},{"Id":"x"}]}"#, vec![
            "Value null at 'entries.2.member.id' failed to satisfy constraint: Member must not be null".to_owned(),
            "Value 'x' at 'entries.3.member.id' failed to satisfy constraint: Member must have length greater than or \
             equal to 2"
                .to_owned(),
        ]),
        (r#"{"QueueName":"abc","Labels":{"ab":"Red","TOO LONG":"Blue"}}"#, vec![
            "Value 'TOO LONG' at 'labels' failed to satisfy constraint: Map keys must satisfy constraint: [Member must \
             have length less than or equal to 4, Member must have length greater than or equal to 2, Member must \
             satisfy regular expression pattern: [a-z]+, Member must not be null]"
                .to_owned(),
            format!(
                "Value 'Red, Blue' at 'labels' failed to satisfy constraint: Map value must satisfy constraint: \
                 [{enums}, Member must not be null]"
            ),
        ]),
        (r#"{"QueueName":"abc","ByName":{"k":{}}}"#, vec![
            "Value null at 'byName.k.member.id' failed to satisfy constraint: Member must not be null".to_owned(),
        ]),
        (r#"{"QueueName":"abc","Choice":{"A":"a","B":"b"}}"#, vec![
            "Value at 'choice' failed to satisfy constraint: Member must have exactly one member set".to_owned(),
        ]),
    ] {
        assert_eq!(told(body), expected, "{body}");
    }
}

#[test]
fn all_at_once_and_bounded() {
    let error = validation_exception(&failures(r#"{"Count":0}"#));
    assert_eq!(error.code, "ValidationException");
    assert_eq!(
        error.message,
        "2 validation errors detected: Value '0' at 'count' failed to satisfy constraint: Member must have value \
         greater than or equal to 1; Value null at 'queueName' failed to satisfy constraint: Member must not be null"
    );
    let many = format!(r#"{{"QueueName":"abc","Entries":[{}]}}"#, vec!["{}"; 5_000].join(","));
    assert_eq!(failures(&many).len(), 100);
    let long = format!(r#"{{"QueueName":"{}"}}"#, "é".repeat(1_000_000));
    assert!(failures(&long)[0].value.as_ref().unwrap().chars().count() == 2_048);
}
