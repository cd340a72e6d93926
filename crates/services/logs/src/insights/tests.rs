//! Queries over rows, as the documentation writes them.

use bytes::Bytes;

use super::{
    parse,
    pipeline::Pipeline,
    row::{Origin, Row},
};
use crate::{
    read::Direction,
    tables::chunk::{Event, Position},
};

fn rows(messages: &[&str], function: bool) -> Vec<Row> {
    let row = |(index, message): (u16, &&str)| {
        let at = Position { time: 1_700_000_000_000 + u64::from(index) * 60_000, stamp: 1, index };
        let message = Bytes::copy_from_slice(message.as_bytes());
        let event = Event { at, stream: 7, ingested: 1_700_000_000_500, message };
        Row::of(event, Origin { log: "123456789012:g".into(), stream: "s".into(), function })
    };
    (0..).zip(messages).map(row).collect()
}

/// The rows as `name=value` lists; newest first goes in, as it does for real.
fn run_on(query: &str, messages: &[&str], function: bool) -> Vec<String> {
    let commands = parse::query(query).unwrap_or_else(|why| panic!("{query}: {}", why.0));
    let mut pipeline = Pipeline::new(commands, None, 1_700_000_000_000.0);
    let mut rows = rows(messages, function);
    if pipeline.direction == Direction::Backward {
        rows.reverse();
    }
    for row in rows {
        pipeline.push(row).unwrap();
    }
    let cells = |(cells, _): super::pipeline::ShownRow| {
        cells.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
    };
    pipeline.finish().unwrap().into_iter().map(cells).collect()
}

fn run(query: &str, messages: &[&str]) -> Vec<String> {
    run_on(query, messages, false)
}

const JSON: &[&str] = &[
    r#"{"level":"INFO","ms":10,"user":{"id":"a","tags":["x","y"]},"path":"/a"}"#,
    r#"{"level":"ERROR","ms":200,"user":{"id":"b"},"path":"/b"}"#,
    r#"{"level":"INFO","ms":30.5,"user":{"id":"a"},"path":"/a","a.b":1}"#,
    "plain text, status: 404 of /c",
];

#[test]
fn fields_and_filters() {
    for (query, wanted) in [
        ("fields level, ms", vec!["", "level=INFO ms=30.5", "level=ERROR ms=200", "level=INFO ms=10"]),
        ("fields ms | filter level = \"ERROR\"", vec!["ms=200"]),
        ("fields ms | filter level != 'ERROR' and ms > 20", vec!["ms=30.5"]),
        ("fields ms | filter ms >= 30.5 or ms = 10", vec!["ms=30.5", "ms=200", "ms=10"]),
        ("fields ms | filter not (ms < 100) and ispresent(ms)", vec!["ms=200"]),
        ("fields ms | filter level in ['ERROR', 'WARN']", vec!["ms=200"]),
        ("fields ms | filter level not in [\"ERROR\"] and isPresent(level)", vec!["ms=30.5", "ms=10"]),
        ("fields ms | filter path like /^\\/a/", vec!["ms=30.5", "ms=10"]),
        ("fields ms | filter path =~ /b$/", vec!["ms=200"]),
        ("fields path | filter path not like 'a' and ms > 0", vec!["path=/b"]),
        ("fields ms | filter @message like /(?i)error/", vec!["ms=200"]),
        ("fields ms | filter @message like 'ERROR'", vec!["ms=200"]),
        ("fields user.id as id | filter user.tags.1 = 'y'", vec!["id=a"]),
        ("fields `a.b` | filter `a.b` = 1", vec!["a.b=1"]),
        ("fields ms * 2 + 1 as x, ms / 4 | filter ms = 30.5", vec!["x=62 ms / 4=7.625"]),
        ("fields ms % 7, 2 ^ 3, -ms | filter ms = 10", vec!["ms % 7=3 2 ^ 3=8 -ms=-10"]),
        (
            "filter ms = 10 | fields @timestamp, @logStream, @log",
            vec!["@timestamp=2023-11-14 22:13:20.000 @logStream=s @log=123456789012:g"],
        ),
        ("# a comment\nfields ms # more\n| filter ms=10", vec!["ms=10"]),
        ("fields ms, level | display level | filter ms = 200", vec!["level=ERROR"]),
        ("filter ms = 200 | display toupper(path), strlen(level) as n", vec!["toupper(path)=/B n=5"]),
        (
            "filter ms = 200",
            vec![
                "@timestamp=2023-11-14 22:14:20.000 @message={\"level\":\"ERROR\",\"ms\":200,\"user\":{\"id\":\"b\"},\"path\":\"/b\"}",
            ],
        ),
    ] {
        assert_eq!(run(query, JSON), wanted, "{query}");
    }
}

#[test]
fn functions() {
    let one = &[r#"{"s":"  Hello World  ","n":-4.5,"ip":"10.1.2.3","six":"2001:db8::1","t":1700000000000}"#];
    for (expression, wanted) in [
        ("abs(n)", "4.5"),
        ("ceil(n)", "-4"),
        ("floor(n)", "-5"),
        ("greatest(1, n, 3)", "3"),
        ("least(1, n, 3)", "-4.5"),
        ("sqrt(16)", "4"),
        ("log(1)", "0"),
        ("trim(s)", "Hello World"),
        ("ltrim(s)", "Hello World  "),
        ("rtrim(s)", "  Hello World"),
        ("trim('xxaxx', 'x')", "a"),
        ("strlen(s)", "15"),
        ("tolower(trim(s))", "hello world"),
        ("substr(trim(s), 6)", "World"),
        ("substr(trim(s), 0, 5)", "Hello"),
        ("replace(trim(s), 'o', '0')", "Hell0 W0rld"),
        ("strcontains(s, 'World')", "1"),
        ("concat('a', 1, 'b')", "a1b"),
        ("coalesce(nothing, alsoNothing, n)", "-4.5"),
        ("isempty(nothing)", "1"),
        ("isblank('  ')", "1"),
        ("ispresent(nothing)", "0"),
        ("isValidIp(ip)", "1"),
        ("isValidIpv6(ip)", "0"),
        ("isIpInSubnet(ip, '10.0.0.0/8')", "1"),
        ("isIpv4InSubnet(ip, '10.2.0.0/16')", "0"),
        ("isIpv6InSubnet(six, '2001:db8::/32')", "1"),
        ("fromMillis(t)", "2023-11-14 22:13:20.000"),
        ("toMillis(@timestamp)", "1700000000000"),
        ("datefloor(@timestamp, 1h)", "2023-11-14 22:00:00.000"),
        ("dateceil(@timestamp, 1d)", "2023-11-15 00:00:00.000"),
        ("bin(30s)", "2023-11-14 22:13:00.000"),
        ("now()", "1700000000"),
    ] {
        let got = run(&format!("fields {expression} as x"), one);
        assert_eq!(got, [format!("x={wanted}")], "{expression}");
    }
}

#[test]
fn parse_command() {
    for (query, wanted) in [
        (
            "parse @message '*, status: * of *' as a, b, c | filter b = 404 | display a, b, c",
            vec!["a=plain text b=404 c=/c"],
        ),
        ("parse 'status: * ' as b | filter ispresent(b) | display b", vec!["b=404"]),
        (
            "parse @message /status: (?<code>\\d+) of (?<where>\\S+)/ | filter code > 400 | display code, where",
            vec!["code=404 where=/c"],
        ),
        ("parse path '/*' as rest | filter ms = 10 | fields rest", vec!["rest=a"]),
    ] {
        assert_eq!(run(query, JSON), wanted, "{query}");
    }
}

#[test]
fn stats_sort_limit_dedup() {
    for (query, wanted) in [
        ("stats count(*)", vec!["count(*)=4"]),
        (
            "stats count() as n, count(ms), sum(ms), avg(ms) by level | sort level",
            vec![
                "n=1 count(ms)=0",
                "level=ERROR n=1 count(ms)=1 sum(ms)=200 avg(ms)=200",
                "level=INFO n=2 count(ms)=2 sum(ms)=40.5 avg(ms)=20.25",
            ],
        ),
        (
            "stats min(ms), max(ms), pct(ms, 50), stddev(ms) by 1 | limit 1",
            vec!["1=1 min(ms)=10 max(ms)=200 pct(ms, 50)=30.5 stddev(ms)=85.1473"],
        ),
        ("stats count_distinct(user.id) as users", vec!["users=2"]),
        ("stats sum(ms) / count(*) as mean | fields mean * 2 as twice", vec!["mean=60.125 twice=120.25"]),
        (
            "stats earliest(level), latest(level), sortsFirst(path), sortsLast(path)",
            vec!["earliest(level)=INFO latest(level)=INFO sortsFirst(path)=/a sortsLast(path)=/b"],
        ),
        (
            "stats count(*) as n by bin(2m) | sort n desc",
            vec![
                "bin(2m)=2023-11-14 22:14:00.000 n=2",
                "bin(2m)=2023-11-14 22:16:00.000 n=1",
                "bin(2m)=2023-11-14 22:12:00.000 n=1",
            ],
        ),
        ("stats count(*) as n by level | stats max(n) as most", vec!["most=2"]),
        ("filter ispresent(ms) | fields ms | sort ms desc | limit 2", vec!["ms=200", "ms=30.5"]),
        ("filter ispresent(ms) | fields ms | sort @timestamp asc | limit 1", vec!["ms=10"]),
        ("filter ispresent(ms) | fields ms | sort level asc, ms desc", vec!["ms=200", "ms=30.5", "ms=10"]),
        ("fields ms | limit 2", vec!["", "ms=30.5"]),
        ("filter ispresent(ms) | fields path | dedup path", vec!["path=/a", "path=/b"]),
        ("filter ispresent(ms) | fields ms | sort @timestamp asc | dedup path", vec!["ms=10", "ms=200"]),
    ] {
        assert_eq!(run(query, JSON), wanted, "{query}");
    }
    assert_eq!(run("stats count(*), sum(ms)", &[]), ["count(*)=0"]);
    assert_eq!(run("stats count(*) by level", &[]), [""; 0]);
}

#[test]
fn functions_logs() {
    let report = "REPORT RequestId: 11111111-2222-3333-4444-555555555555\tDuration: 12.50 ms\tBilled Duration: 13 ms\t\
                  Memory Size: 128 MB\tMax Memory Used: 64 MB\tInit Duration: 100.1 ms";
    let line = "2023-11-14T22:13:20.000Z\t11111111-2222-3333-4444-555555555555\tINFO\t{\"order\": 5}";
    let query = "filter @type = 'REPORT' | fields @duration, @billedDuration, @memorySize / 1000 / 1000 as mb, @requestId";
    assert_eq!(
        run_on(query, &[report, line], true),
        ["@duration=12.5 @billedDuration=13 mb=128 @requestId=11111111-2222-3333-4444-555555555555"]
    );
    assert_eq!(
        run_on("filter order = 5 | fields @requestId", &[report, line], true),
        ["@requestId=11111111-2222-3333-4444-555555555555"]
    );
}

#[test]
fn malformed() {
    for bad in [
        "",
        "|",
        "fields",
        "nonsense x",
        "fields a |||| b",
        "filter",
        "filter a =",
        "filter a = 'x",
        "filter a like /(/",
        "fields unknownFunction(a)",
        "fields abs(a, b)",
        "stats a by b",
        "limit 0",
        "limit x",
        "parse 'a * b *' as x",
        "parse /no names/",
        "fields bin(5)",
        "fields a b",
        "pattern @message",
        "fields a ~ b",
    ] {
        assert!(parse::query(bad).is_err(), "{bad}");
    }
    let deep = format!("filter {}a{}", "(".repeat(5_000), ")".repeat(5_000));
    assert!(parse::query(&deep).is_err());
    let long = format!("filter a{}", " or a".repeat(5_000));
    assert!(parse::query(&long).is_err());
}
