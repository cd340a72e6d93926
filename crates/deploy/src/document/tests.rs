use serde_json::json;

use super::{Dialect, Place, read, read_as};

fn aws(text: &str) -> serde_json::Value {
    read(text).unwrap().to_json()
}

#[test]
fn scalars_of_yaml_1_1() {
    let text = "a: yes\nb: Off\nc: 0644\nd: 012345678901\ne: 2012-10-17\nf: 1_000\ng: 1e3\nh: 1.5e3\ni: ~\nj:\nk: 0x1F\nl: '1'\nm: 1.2.3\nn: -7\no: y\np: 20:30\nq: .inf\n";
    assert_eq!(
        aws(text),
        json!({"a": true, "b": false, "c": 420, "d": "012345678901", "e": "2012-10-17", "f": 1000, "g": "1e3", "h": 1500.0,
               "i": null, "j": null, "k": 31, "l": "1", "m": "1.2.3", "n": -7, "o": "y", "p": "20:30", "q": ".inf"})
    );
}

#[test]
fn scalars_of_js_yaml() {
    let text = "a: yes\nb: 0644\nc: 0o644\nd: 012345678901\ne: 1e3\nf: 2012-10-17\non: x\n1: y\ntrue: z\n";
    assert_eq!(
        read_as(text, Dialect::Js).unwrap().to_json(),
        json!({"a": "yes", "b": 644, "c": 420, "d": 12_345_678_901_u64, "e": 1000.0, "f": "2012-10-17", "on": "x", "1": "y",
               "true": "z"})
    );
}

#[test]
fn keys_are_what_is_written() {
    assert_eq!(
        aws("yes: 1\n012345670123: 2\n1.0: 3\n~: 4\n'a': 5\n!!str b: 6\n"),
        json!({"yes": 1, "012345670123": 2, "1.0": 3, "~": 4, "a": 5, "b": 6})
    );
}

#[test]
fn short_tags_are_written_out() {
    let text = "a: !Ref X\nb: !GetAtt A.B.C\nc: !Sub 'x${Y}'\nd: !If [C, !Ref A, !Ref AWS::NoValue]\ne: !Join\n  - ''\n  - [a, !Select [0, !GetAZs '']]\nf: !FindInMap [A, B, C]\ng: !Condition Z\nh: !Transform {Name: AWS::Include}\ni: !GetAtt [A, B]\nj: !Ref 12\n";
    assert_eq!(
        aws(text),
        json!({
            "a": {"Ref": "X"}, "b": {"Fn::GetAtt": ["A", "B.C"]}, "c": {"Fn::Sub": "x${Y}"},
            "d": {"Fn::If": ["C", {"Ref": "A"}, {"Ref": "AWS::NoValue"}]},
            "e": {"Fn::Join": ["", ["a", {"Fn::Select": [0, {"Fn::GetAZs": ""}]}]]},
            "f": {"Fn::FindInMap": ["A", "B", "C"]}, "g": {"Condition": "Z"},
            "h": {"Fn::Transform": {"Name": "AWS::Include"}}, "i": {"Fn::GetAtt": ["A", "B"]}, "j": {"Ref": "12"},
        })
    );
}

#[test]
fn places_of_keys_and_values() {
    for text in ["a:\n  b: 1\n  c: [x, y]\n", "{\"a\":\n  {\"b\": 1,\n  \"c\": [\"x\", \"y\"]}}"] {
        let node = read(text).unwrap();
        let a = node.get("a").unwrap().as_mapping().unwrap();
        assert_eq!(a.entry("c").unwrap().place, Place { line: 3, column: 3 });
        assert_eq!(node.pointer("/a/c/1").unwrap().as_str(), Some("y"));
        assert_eq!(node.pointer("/a/c/1").unwrap().place.line, 3);
    }
}

#[test]
fn anchors_and_merge_keys() {
    let text = "x: &x {a: 1, b: 2}\ny: &y {a: 3, d: 4}\nz:\n  b: 5\n  <<: *x\nw:\n  <<: [*y, *x]\nv: *x\n\"<<\": q\n";
    assert_eq!(
        aws(text),
        json!({"x": {"a": 1, "b": 2}, "y": {"a": 3, "d": 4}, "z": {"b": 5, "a": 1}, "w": {"a": 3, "d": 4, "b": 2},
               "v": {"a": 1, "b": 2}, "<<": "q"})
    );
}

#[test]
fn what_is_not_well_formed() {
    let text = |text: &str| read(text).unwrap_err().text;
    let not_a_colon = r#"{"this is invalid JSON"="bobbins"}"#;
    assert_eq!(text(not_a_colon), "Template format error: JSON not well-formed. (line 1, column 25)");
    assert_eq!(text("{\"a\": 1,}"), "Template format error: JSON not well-formed. (line 1, column 10)");
    assert!(text("a: [1\nb: 2").starts_with("Template format error: YAML not well-formed. (line "));
    assert!(text("a: !Foo x").starts_with("Template format error: YAML not well-formed. (line 1, column "));
    assert!(read_as("a: !Foo x", Dialect::Js).unwrap_err().text.contains("!Foo"));
    let twice = read("a: 1\nb: 2\na: 3\n").unwrap_err();
    assert_eq!(twice.place, Some(Place { line: 3, column: 1 }));
    assert!(twice.text.contains("'a' is there twice"));
    assert!(text("{\"a\": 1, \"a\": 2}").contains("twice"));
    assert!(text("a: 1\n---\nb: 2\n").contains("not well-formed"));
    assert!(read("a: *x\n").is_err());
    assert!(read("a: &x [*x]\n").is_err());
}

#[test]
fn limits_hold() {
    let mut bomb = "a: &a [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for pair in ["a", "b", "c", "d", "e", "f", "g", "h"].windows(2) {
        let aliases = vec![format!("*{}", pair[0]); 10].join(", ");
        bomb += [pair[1], ": &", pair[1], " [", &aliases, "]\n"].concat().as_str();
    }
    assert!(read(&bomb).unwrap_err().text.contains("values"));
    let deep = format!("a: {}{}", "[".repeat(150), "]".repeat(150));
    assert!(read(&deep).is_err());
    let deep = format!("{{\"a\": {}{}}}", "[".repeat(150), "]".repeat(150));
    assert!(read(&deep).is_err());
    assert!(read(&" ".repeat(5 * 1024 * 1024)).is_err());
    let deep: String = (0..2000).map(|n| format!("{}a:\n", " ".repeat(n))).collect::<Vec<_>>().concat();
    assert!(read(&deep).is_err());
}

#[test]
fn json_with_all_its_escapes() {
    assert_eq!(
        aws("{\"a\\u0041\": \"\\ud83d\\ude00\\n\\/\", \"b\": [1, -2.5e3, true, null, {}]}"),
        json!({"aA": "\u{1F600}\n/", "b": [1, -2500.0, true, null, {}]})
    );
}

#[test]
fn flow_mappings_that_are_not_json_are_yaml_in_the_js_dialect() {
    assert_eq!(read_as("{a: 1}", Dialect::Js).unwrap().to_json(), json!({"a": 1}));
    assert!(read("{a: 1}").is_err());
}

#[test]
fn problems_say_where() {
    let problem =
        read("a: 1\na: 2\n").unwrap_err().path("functions.jobs").in_file("dir/serverless.yml".as_ref());
    let expected = "dir/serverless.yml:2:1: functions.jobs: the key 'a' is there twice";
    assert!(problem.to_string().starts_with(expected), "{problem}");
}
