//! What patterns want, and what is no pattern.

#![allow(clippy::unwrap_used)] // helpers of tests

use moln_event_pattern::{BadPattern, Pattern};
use serde_json::{Value, json};

fn wants(pattern: &Value, event: &Value) -> bool {
    Pattern::from_value(pattern).unwrap().matches(event)
}

fn refused(pattern: &Value) -> String {
    Pattern::from_value(pattern).unwrap_err().reason
}

#[test]
fn values_of_every_kind() {
    for (list, value, wanted) in [
        (json!(["a", "b"]), json!("b"), true),
        (json!(["a"]), json!("A"), false),
        (json!([5]), json!(5), true),
        (json!([5]), json!(5.0), true),
        (json!([5]), json!("5"), false),
        (json!(["5"]), json!(5), false),
        (json!([null]), json!(null), true),
        (json!([null]), json!("null"), false),
        (json!([true]), json!(true), true),
        (json!([true]), json!("true"), false),
        (json!([{"prefix": "ab"}]), json!("abc"), true),
        (json!([{"prefix": "ab"}]), json!("b"), false),
        (json!([{"prefix": {"equals-ignore-case": "AB"}}]), json!("abc"), true),
        (json!([{"suffix": ".png"}]), json!("a.png"), true),
        (json!([{"suffix": {"equals-ignore-case": ".PNG"}}]), json!("a.png"), true),
        (json!([{"suffix": ".png"}]), json!("a.PNG"), false),
        (json!([{"equals-ignore-case": "ABC"}]), json!("aBc"), true),
        (json!([{"wildcard": "a*c*"}]), json!("abcd"), true),
        (json!([{"wildcard": "a*c"}]), json!("abcd"), false),
        (json!([{"numeric": ["=", 5]}]), json!(5), true),
        (json!([{"numeric": [">", 0, "<=", 5]}]), json!(5), true),
        (json!([{"numeric": [">", 0, "<", 5]}]), json!(5), false),
        (json!([{"numeric": [">=", 1.5]}]), json!(1.5), true),
        (json!([{"numeric": ["<", 1.5]}]), json!("1"), false),
        (json!([{"cidr": "10.0.0.0/8"}]), json!("10.1.2.3"), true),
        (json!([{"cidr": "10.0.0.0/8"}]), json!("11.1.2.3"), false),
        (json!([{"prefix": "a"}]), json!(1), false),
    ] {
        assert_eq!(wants(&json!({"m": list}), &json!({"m": value})), wanted, "{list} {value}");
    }
}

#[test]
fn anything_but_in_all_its_forms() {
    for (but, value, wanted) in [
        (json!("a"), json!("b"), true),
        (json!("a"), json!("a"), false),
        (json!("a"), json!(1), true),
        (json!(["a", "b"]), json!("b"), false),
        (json!(5), json!(5.0), false),
        (json!([5, 6]), json!(7), true),
        (json!({"prefix": "a"}), json!("ab"), false),
        (json!({"prefix": ["a", "b"]}), json!("bc"), false),
        (json!({"prefix": {"equals-ignore-case": "A"}}), json!("ab"), false),
        (json!({"suffix": "b"}), json!("ab"), false),
        (json!({"suffix": ["x", "y"]}), json!("ab"), true),
        (json!({"equals-ignore-case": "AB"}), json!("ab"), false),
        (json!({"equals-ignore-case": ["AB", "c"]}), json!("C"), false),
        (json!({"wildcard": "a*"}), json!("ab"), false),
        (json!({"wildcard": ["x*", "*b"]}), json!("ab"), false),
        (json!({"wildcard": ["x*", "*c"]}), json!("ab"), true),
        (json!("a"), json!(["a", "b"]), true),
        (json!("a"), json!(["a"]), false),
    ] {
        let pattern = json!({"m": [{"anything-but": but}]});
        assert_eq!(wants(&pattern, &json!({"m": value})), wanted, "{but} {value}");
        assert!(!wants(&pattern, &json!({"other": 1})), "what is not there is not anything");
    }
}

#[test]
fn exists_asks_for_leaves() {
    let there = json!({"a": {"m": [{"exists": true}]}});
    let not_there = json!({"a": {"m": [{"exists": false}]}});
    for (event, is) in [
        (json!({"a": {"m": 1}}), true),
        (json!({"a": {"m": null}}), true),
        (json!({"a": {"m": ""}}), true),
        (json!({"a": {"m": {"deeper": 1}}}), false),
        (json!({"a": {"m": []}}), false),
        (json!({"a": {}}), false),
        (json!({"a": 1}), false),
        (json!({}), false),
    ] {
        assert_eq!(wants(&there, &event), is, "{event}");
        assert_eq!(wants(&not_there, &event), !is, "{event}");
    }
    assert!(wants(&json!({"m": [{"exists": false}, "x"]}), &json!({"m": "x"})));
}

#[test]
fn nested_members_all_hold_and_lists_hold_in_one() {
    let pattern = json!({"detail": {"state": ["run", "stop"], "who": {"id": [1]}}, "source": ["aws.ec2"]});
    let event = json!({"source": "aws.ec2", "detail": {"state": "stop", "who": {"id": 1}, "more": true}});
    assert!(wants(&pattern, &event));
    assert!(!wants(&pattern, &json!({"source": "aws.ec2", "detail": {"state": "stop"}})));
    assert!(wants(&json!({"tags": ["b"]}), &json!({"tags": ["a", "b"]})));
    assert!(wants(&json!({"tags": ["b"]}), &json!({"tags": [["a"], ["b"]]})));
    let both = json!({"people": {"first": ["a"], "last": ["b"]}});
    assert!(wants(&both, &json!({"people": [{"first": "x"}, {"first": "a", "last": "b"}]})));
    assert!(!wants(&both, &json!({"people": [{"first": "a", "last": "x"}, {"first": "x", "last": "b"}]})));
}

#[test]
fn either_of_several_branches() {
    let pattern = json!({"source": ["s"], "$or": [{"a": [1]}, {"b": {"c": [2]}}]});
    assert!(wants(&pattern, &json!({"source": "s", "a": 1})));
    assert!(wants(&pattern, &json!({"source": "s", "b": {"c": 2}})));
    assert!(!wants(&pattern, &json!({"source": "s", "a": 2})));
    assert!(!wants(&pattern, &json!({"a": 1})));
    let deep = json!({"detail": {"$or": [{"a": [1]}, {"$or": [{"b": [2]}, {"c": [3]}]}]}});
    assert!(wants(&deep, &json!({"detail": {"c": 3}})));
    assert!(!wants(&deep, &json!({"detail": {"c": 4}})));
    // With an operator's name within, or one branch only, it is a member's name.
    assert!(wants(&json!({"$or": [{"prefix": "a"}, {"suffix": "b"}]}), &json!({"$or": "ax"})));
}

#[test]
fn what_is_no_pattern_is_told_in_the_services_words() {
    for (pattern, reason) in [
        (json!([]), "Filter is not an object"),
        (json!("x"), "Filter is not an object"),
        (json!({}), "Empty objects are not allowed"),
        (json!({"a": {}}), "Empty objects are not allowed"),
        (json!({"a": []}), "Empty arrays are not allowed"),
        (json!({"a": "b"}), "\"a\" must be an object or an array"),
        (json!({"a": [["b"]]}), "Match value must be String, number, true, false, or null"),
        (json!({"a": [{"prefix": "a", "suffix": "b"}]}), "Only one key allowed in match expression"),
        (json!({"a": [{"nonsense": 1}]}), "Unrecognized match type nonsense"),
        (json!({"a": [{"prefix": 1}]}), "prefix match pattern must be a string"),
        (json!({"a": [{"suffix": null}]}), "suffix match pattern must be a string"),
        (json!({"a": [{"equals-ignore-case": 1}]}), "equals-ignore-case match pattern must be a string"),
        (json!({"a": [{"wildcard": "**"}]}), "Consecutive wildcard characters at pos 0"),
        (json!({"a": [{"exists": "yes"}]}), "exists match pattern must be either true or false."),
        (json!({"a": [{"numeric": 1}]}), "Value of numeric must be an array."),
        (json!({"a": [{"numeric": [">", "5"]}]}), "Value of > must be numeric"),
        (json!({"a": [{"numeric": ["=", 5, "<", 6]}]}), "Too many elements in numeric expression"),
        (json!({"a": [{"numeric": [">", 5, "<", 5]}]}), "Bottom must be less than top"),
        (json!({"a": [{"numeric": [">", 5, ">", 6]}]}), "Bad numeric range operator: >"),
        (json!({"a": [{"numeric": ["!", 5]}]}), "Unrecognized numeric range operator: !"),
        (json!({"a": [{"cidr": "10.0.0.0"}]}), "Malformed CIDR, one '/' required"),
        (json!({"a": [{"anything-but": []}]}), "Empty arrays are not allowed"),
        (
            json!({"a": [{"anything-but": null}]}),
            "Value of anything-but must be an array or single string/number value.",
        ),
        (
            json!({"a": [{"anything-but": ["a", 1]}]}),
            "Inside anything but list, either all values are number or string, mixed type is not supported",
        ),
        (
            json!({"a": [{"anything-but": [true]}]}),
            "Inside anything but list, start|null|boolean is not supported.",
        ),
        (json!({"a": [{"anything-but": {"exists": true}}]}), "Unsupported anything-but pattern: exists"),
    ] {
        assert_eq!(refused(&pattern), reason, "{pattern}");
    }
    let BadPattern { reason } = Pattern::parse("{").unwrap_err();
    assert!(reason.starts_with("Filter is not valid JSON: "), "{reason}");
}

#[test]
fn bounds_hold() {
    let mut deep = json!(["x"]);
    for _ in 0..110 {
        deep = json!({"a": deep});
    }
    assert!(refused(&deep).contains("nested deeper"));
    let branch = json!([{"a": [1]}, {"a": [2]}, {"a": [3]}, {"a": [4]}]);
    let mut many = json!({"a": [0]});
    for n in 0..5 {
        many = json!({format!("m{n}"): {"$or": branch, "x": many}});
    }
    assert!(refused(&many).contains("too complex"));
}

#[test]
fn it_says_where_it_looks() {
    let pattern = Pattern::from_value(&json!({"body": {"a": [1]}, "id": ["x"]})).unwrap();
    assert_eq!(
        (pattern.looks_into("body"), pattern.looks_into("id"), pattern.looks_into("no")),
        (Some(true), Some(false), None)
    );
}
