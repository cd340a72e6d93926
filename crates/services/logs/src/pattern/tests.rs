//! The documented examples, and what lies beside them.

use super::*;

fn check(table: &[(&str, &str, bool)]) {
    for (pattern, message, matches) in table {
        let read = Pattern::parse(pattern).unwrap_or_else(|_| panic!("{pattern} is not read"));
        assert_eq!(read.matches(&Subject::new(message)), *matches, "{pattern}\n{message}");
    }
}

#[test]
fn terms() {
    check(&[
        ("", "whatever", true),
        ("ERROR", "[ERROR 400] BAD REQUEST", true),
        ("ERROR", "[INFO 200] fine", false),
        ("ERROR", "error", false),
        ("ERROR ARGUMENTS", "[ERROR 419] MISSING ARGUMENTS", true),
        ("ERROR ARGUMENTS", "[ERROR 401] UNAUTHORIZED REQUEST", false),
        ("?ERROR ?ARGUMENTS", "[ERROR 401] UNAUTHORIZED REQUEST", true),
        ("?ERROR ?ARGUMENTS", "[INFO 420] INVALID ARGUMENTS", true),
        ("?ERROR ?ARGUMENTS", "[WARN] nothing", false),
        ("\"INTERNAL SERVER ERROR\"", "[ERROR 500] INTERNAL SERVER ERROR", true),
        ("\"INTERNAL SERVER ERROR\"", "SERVER INTERNAL ERROR", false),
        ("ERROR -ARGUMENTS", "[ERROR 400] BAD REQUEST", true),
        ("ERROR -ARGUMENTS", "[ERROR 419] MISSING ARGUMENTS", false),
        ("-\"two words\"", "one two words three", false),
        ("-DEBUG", "INFO", true),
        ("?INFO ERROR", "INFO only", false),
        ("?INFO ERROR", "ERROR only", true),
        (r#""say \"hi\"""#, r#"they say "hi" twice"#, true),
        (r"%ERROR\s\d{3}%", "[ERROR 404] x", true),
        (r"%ERROR\s\d{3}%", "[ERROR abc] x", false),
        (r"-%ERROR\s\d{3}%", "[ERROR abc] x", true),
        (r"?%^a% ?%z$%", "xyz", true),
        ("%AUTHORIZED%", "401 UNAUTHORIZED REQUEST", true),
    ]);
    for bad in ["\"open", "%open", "%(%", "-", "? x", "%a% %b% %c%", "{ $.a = 1", "[a, b"] {
        assert_eq!(Pattern::parse(bad).err(), Some(BadPattern), "{bad}");
    }
}

const TRAIL: &str = r#"{
    "eventType": "UpdateTrail", "sourceIPAddress": "111.111.111.111",
    "arrayKey": ["value", "another value"],
    "objectList": [{"name": "a", "id": 1}, {"name": "b", "id": 2}],
    "SomeObject": null, "cluster.name": "c", "errorCode": "400", "errorMessage": "Access denied",
    "latency": 50.5, "cpu": 80, "ok": true, "bad": false, "user": {"email": "john@example.com", "id": "AMI"}
}"#;

#[test]
fn json() {
    for (pattern, matches) in [
        (r#"{ $.eventType = "UpdateTrail" }"#, true),
        (r"{ $.eventType = UpdateTrail }", true),
        (r#"{$.eventType="UpdateTrail"}"#, true),
        (r#"{ $.eventType != "UpdateTrail" }"#, false),
        (r"{ $.sourceIPAddress != 123.123.* }", true),
        (r"{ $.sourceIPAddress = 111.111.* }", true),
        (r#"{ $.arrayKey[0] = "value" }"#, true),
        (r#"{ $.arrayKey[1] = "value" }"#, false),
        (r"{ $.arrayKey[5] = x }", false),
        (r#"{ $.arrayKey[*] = "another value" }"#, true),
        (r"{ $.objectList[1].id = 2 }", true),
        (r"{ $.objectList[*].id = 2 }", true),
        (r"{ $.objectList[*].id = 3 }", false),
        (r"{ $.SomeObject IS NULL }", true),
        (r"{ $.eventType IS NULL }", false),
        (r"{ $.eventType IS NOT NULL }", true),
        (r"{ $.SomeOtherObject NOT EXISTS }", true),
        (r"{ $.eventType NOT EXISTS }", false),
        (r"{ $.eventType EXISTS }", true),
        (r"{ $.ok IS TRUE }", true),
        (r"{ $.ok IS FALSE }", false),
        (r"{ $.bad IS FALSE }", true),
        (r"{ $.eventType IS TRUE }", false),
        (r"{ $.latency > 50 }", true),
        (r"{ $.latency >= 50.5 && $.latency <= 50.5 }", true),
        (r"{ $.latency < 5e1 }", false),
        (r"{ $.cpu = 80 }", true),
        (r"{ $.cpu = 8* }", true),
        (r"{ $.errorCode = 400 }", true),
        (r"{ $.errorCode = 4* }", true),
        (r#"{ ($.errorMessage = "*denied") && ($.user.id = "AMI" || $.missing = 1) }"#, true),
        (r#"{ $.errorMessage = "*nothing*" || $.cpu > 90 || $.ok IS FALSE }"#, false),
        (r#"{ $.user.email = "John@example.com" || ($.cpu = 80 && $.latency > 1) }"#, true),
        (r"{ $.eventType = * }", true),
        (r"{ $.user = * }", true),
        (r"{ $.nothing = * }", false),
        (r"{ $.nothing != a }", false),
        (r"{ $.['cluster.name'] = c }", true),
        (r"{ $['cluster.name'] = c }", true),
        (r"{ $.eventType = %Trail% }", true),
        (r"{ $.eventType = %^Trail% }", false),
        (r"{ $.eventType != %^Trail% }", true),
        (r"{ $.sourceIPAddress = %^111\.111\.\d+\.\d+$% }", true),
        (r"{ $.user.* = AMI }", true),
    ] {
        check(&[(pattern, TRAIL, matches)]);
    }
    check(&[
        ("{ $.a = 1 }", "not json", false),
        ("{ $.a = 1 }", "", false),
        ("{ $.a = 1 }", "{\"a\":", false),
    ]);
    for bad in [
        "{ }",
        "{ a = 1 }",
        "{ $. = 1 }",
        "{ $.a = }",
        "{ $.a }",
        "{ $.a > x }",
        "{ ($.a = 1 }",
        "{ $.a[x] = 1 }",
        "{ $.a IS }",
        "{ $.a = 1 && }",
        "{ $.a = %a% && $.b = %b% && $.c = %c% }",
        "{ $.a = 1 $.b = 2 }",
    ] {
        assert!(Pattern::parse(bad).is_err(), "{bad}");
    }
    let deep = format!("{{ {}$.a = 1{} }}", "(".repeat(100_000), ")".repeat(100_000));
    assert!(Pattern::parse(&deep).is_err(), "deep nesting is refused, not recursed into");
}

const ACCESS: &str =
    r#"127.0.0.1 Prod frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534"#;

#[test]
fn words() {
    for (pattern, matches) in [
        ("[ip, server, username, timestamp, request, status_code, bytes]", true),
        ("[ip, server, username, timestamp, request, status_code = 4*, bytes > 1000]", true),
        ("[ip, server, username, timestamp, request =*.html*, status_code = 4*,]", true),
        ("[ip, server, username, timestamp, request, status_code = 404, bytes]", true),
        ("[ip, server, username, timestamp, request, status_code = 5*, bytes]", false),
        ("[ip, server, username, timestamp, request, status_code]", false),
        ("[..., request =*.html*, status_code = 4*, bytes]", true),
        ("[ip, ..., bytes]", true),
        ("[ip, ...]", true),
        ("[...]", true),
        ("[..., status_code = 404 || status_code = 410, bytes]", true),
        ("[..., (status_code = 403 || status_code = 410) && status_code < 500, bytes]", false),
        ("[..., status_code != 404, bytes]", false),
        ("[ip = %127\\.0\\.0\\.[1-9]%, ...]", true),
        ("[ip != %127\\.0\\.0\\.[1-9]%, ...]", false),
        ("[w1 = \"127.0.0.1\", w2, w3 = frank, ...]", true),
        ("[timestamp = 127*, ...]", true),
        ("[a, b, c, d, e, f, g, h, ...]", false),
        ("[]", true),
    ] {
        check(&[(pattern, ACCESS, matches)]);
    }
    for bad in ["[a b]", "[..., ...]", "[a = ]", "[a = 1 || b = 2]", "[a > x]", "[(a = 1]"] {
        assert!(Pattern::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn values_are_taken_out() {
    let extract = |pattern: &str, message: &str| {
        Pattern::parse(pattern).unwrap().extract(&Subject::new(message)).into_iter().collect::<Vec<_>>()
    };
    let pairs = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect::<Vec<_>>()
    };
    assert_eq!(extract("ERROR", "ERROR"), []);
    assert_eq!(
        extract("{ $.latency = * && $.user.id = * }", TRAIL),
        pairs(&[("$.latency", "50.5"), ("$.user.id", "AMI")])
    );
    assert_eq!(
        extract("[ip, ..., request, status, size]", ACCESS),
        pairs(&[
            ("$2", "Prod"),
            ("$3", "frank"),
            ("$4", "10/Oct/2000:13:25:15 -0700"),
            ("$ip", "127.0.0.1"),
            ("$request", "GET /index.html HTTP/1.0"),
            ("$size", "1534"),
            ("$status", "404"),
        ])
    );
    let value = |pattern: &str, message: &str, selector: &str| {
        Pattern::parse(pattern).unwrap().value(&Subject::new(message), selector)
    };
    assert_eq!(value("{ $.latency = * }", TRAIL, "$.latency").as_deref(), Some("50.5"));
    assert_eq!(value("{ $.latency = * }", TRAIL, "$.nothing"), None);
    assert_eq!(value("[ip, ..., size]", ACCESS, "$size").as_deref(), Some("1534"));
    assert_eq!(value("[ip, ..., size]", ACCESS, "$6").as_deref(), Some("404"));
}
