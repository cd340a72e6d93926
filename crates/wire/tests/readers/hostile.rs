//! Bytes of every kind into every reader.

use std::time::{Duration, Instant};

use bytes::BytesMut;
use moln_wire::{Operation, ServiceModel, eventstream::Message, rest::Codec, server::Routes};
use proptest::prelude::*;

use crate::shapes::{cbor, json, query, rest, xml};

/// Everything into everything; what comes of it does not matter here.
fn feed(bytes: &[u8]) {
    let _ = json(bytes);
    let _ = cbor(bytes);
    let _ = xml(bytes);
    let _ = query(bytes);
    let _ = rest(bytes, Codec::Json);
    let _ = rest(bytes, Codec::Xml);
    let _ = Message::decode(&mut BytesMut::from(bytes));
}

/// Valid documents, to be spoilt.
const SEEDS: [&[u8]; 6] = [
    br#"{"Text":"a\u00e9\ud83d\ude00\n","Blob":"AP8=","Flag":true,"Integer":-1,"Long":9007199254740993,"Float":1.5,
        "Double":"NaN","Moment":1400000000.123,"Document":{"a":[null,1e3]},"Self":{"Self":{}},"Choice":{"Left":1},
        "Texts":["a",null],"Selves":[{}],"ByName":{"x":{"Text":"y"}},"unknown":[{"z":[[]]}]}"#,
    b"<All Attribute=\"a\"><Text>a&amp;&#233;<![CDATA[<]]></Text><Blob>AP8=</Blob><Integer>1</Integer><Moment>\
      2015-01-25T08:00:00.123Z</Moment><Self><Self/></Self><Texts><member>a</member></Texts><FlatTexts>a</FlatTexts>\
      <FlatTexts>b</FlatTexts><ByName><entry><key>x</key><value><Text>y</Text></value></entry></ByName></All>",
    b"Text=a+%C3%A9&Blob=AP8%3D&Flag=true&Integer=1&Double=NaN&Moment=2015-01-25T08%3A00%3A00Z&Self.Self.Text=x&\
      Texts.member.1=a&Texts.member.2=b&FlatTexts.2=b&FlatTexts.1=a&ByName.entry.1.key=x&ByName.entry.1.value.Text=y&\
      FlatByName.1.key=k&FlatByName.1.value.Text=v&Renamed.member.1.Text=z&Alias.member.1.Text=q",
    b"\xbf\x64Text\x61a\x64Blob\x42\x00\xff\x64Flag\xf5\x67Integer\x20\x64Long\x1b\x00\x00\x00\x00\x00\x00\x00\x01\
      \x65Float\xf9\x3c\x00\x66Double\xfb\x3f\xf0\x00\x00\x00\x00\x00\x00\x66Moment\xc1\x1a\x53\x72\x4e\x00\
      \x65Texts\x9f\x61a\x7f\x61b\x61c\xff\xff\x64Self\xa0\x68Document\xa1\x61a\x81\xf6\xff",
    b"Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:38.5 GMT, \"quoted, \\\"text\\\"\", plain",
    b"\0\0\0\x10\0\0\0\0\x05\xc2\x48\xeb\x7d\x98\xc8\xff",
];

static ROUTES: ServiceModel = ServiceModel {
    operations: &[
        Operation { method: "GET", uri: "/{A}/b/{C+}/d", ..Operation::new("One") },
        Operation { method: "GET", uri: "/{A}?a=b", ..Operation::new("Two") },
        Operation { method: "GET", uri: "/a/", ..Operation::new("Three") },
    ],
    ..ServiceModel::NONE
};

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        feed(&bytes);
    }

    #[test]
    fn bytes_of_syntax(text in "[-{}\\[\\]\"':,.<>/&;=+%#!?a-fnrtu0-9 \\\\\n]{0,200}") {
        feed(text.as_bytes());
    }

    #[test]
    fn spoilt_documents(
        seed in 0..SEEDS.len(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4_u8), 1..8),
    ) {
        let mut bytes = SEEDS[seed].to_vec();
        for (at, byte, how) in edits {
            let at = at.index(bytes.len().max(1));
            match how {
                0 if at < bytes.len() => bytes[at] = byte,
                1 => bytes.insert(at.min(bytes.len()), byte),
                2 if at < bytes.len() => drop(bytes.remove(at)),
                _ => bytes.truncate(at),
            }
        }
        feed(&bytes);
    }

    #[test]
    fn any_path(path in "[a-c/%+{}.0-9é]{0,60}") {
        let _ = Routes::new(&ROUTES).find("GET", &path, Some(&path), &http::HeaderMap::new());
    }
}

#[test]
fn seeds_are_valid() {
    assert!(json(SEEDS[0]).unwrap() > 20);
    assert!(xml(SEEDS[1]).unwrap() > 10);
    assert!(query(SEEDS[2]).unwrap() > 15);
    assert!(cbor(SEEDS[3]).unwrap() > 10);
}

/// Runs on a stack no larger than a worker thread's, and within a time that only endless work takes.
fn bounded(
    name: &str,
    bytes: Vec<u8>,
    read: fn(&[u8]) -> Result<usize, moln_wire::ReadError>,
) -> Option<usize> {
    let started = Instant::now();
    let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(move || read(&bytes).ok()).unwrap();
    let result = thread.join().expect(name);
    assert!(started.elapsed() < Duration::from_secs(20), "{name} took {:?}", started.elapsed());
    result
}

#[test]
fn bombs() {
    const MANY: usize = 1 << 20;
    let nested =
        |open: &str, close: &str, times: usize| format!("{}{}", open.repeat(times), close.repeat(times));
    for (name, bytes) in [
        ("self in self", nested("{\"Self\":", "}", MANY / 8)),
        ("unknown lists", format!("{{\"u\":{}", "[".repeat(MANY))),
        ("documents", format!("{{\"Document\":{}", "[".repeat(MANY))),
        ("a long number", format!("{{\"Double\":{}", "9".repeat(MANY))),
        ("escapes without end", format!("{{\"Text\":\"{}", "\\u00".repeat(MANY / 4))),
    ] {
        assert_eq!(bounded(name, bytes.into_bytes(), json), None, "{name}");
    }
    let deepest = |depth: usize| {
        format!("{{\"Self\":{}{{}}{}}}", "{\"Self\":".repeat(depth - 2), "}".repeat(depth - 2))
    };
    assert_eq!(bounded("the deepest allowed", deepest(100).into_bytes(), json), Some(100));
    assert_eq!(bounded("one deeper", deepest(101).into_bytes(), json), None);

    assert_eq!(bounded("xml self in self", nested("<Self>", "</Self>", MANY / 6).into_bytes(), xml), None);
    let entities =
        "<!DOCTYPE a [<!ENTITY b \"bbbb\"><!ENTITY c \"&b;&b;&b;&b;\">]><All><Text>&c;</Text></All>";
    assert_eq!(bounded("entities", entities.as_bytes().to_vec(), xml), None);
    bounded("xml siblings", format!("<All>{}</All>", "<FlatTexts/>".repeat(60_000)).into_bytes(), xml);

    assert_eq!(bounded("query self in self", "Self.".repeat(MANY / 5).into_bytes(), query), None);
    assert_eq!(bounded("many parameters", "a=1&".repeat(MANY / 4).into_bytes(), query), None);
    let joined = |pairs: Vec<String>| pairs.join("&").into_bytes();
    let prefix = "x".repeat(500);
    bounded("long prefixes", joined((0..2_000).map(|n| format!("{prefix}.{n}=1")).collect()), query);
    let items = joined((0..15_000).rev().map(|n| format!("Texts.member.{n}=1")).collect());
    assert_eq!(bounded("a long list", items, query), Some(15_002));

    assert_eq!(bounded("cbor tags", vec![0xc1; MANY], cbor), None);
    assert_eq!(bounded("cbor lists", [b"\xa1\x61u".to_vec(), vec![0x81; MANY]].concat(), cbor), None);
    assert_eq!(
        bounded("cbor lengths", b"\xa1\x64Text\x7b\xff\xff\xff\xff\xff\xff\xff\xff".to_vec(), cbor),
        None
    );
    assert_eq!(bounded("cbor counts", b"\xbb\xff\xff\xff\xff\xff\xff\xff\xff".to_vec(), cbor), None);
}
