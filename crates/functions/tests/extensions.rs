//! Extensions and telemetry, in real environments.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // helpers of tests

mod common;

use std::{sync::Arc, time::Duration};

use common::{Bed, Plan, document};
use moln_functions::{FunctionError, LogFormat, LogLevel};
use serde_json::{Value, json};

const WATCHER: &str = "
say(f'extension {seen}')
id = register('INVOKE', 'SHUTDOWN')
while True:
    event = next(id)
    say('heard ' + json.dumps(event))
    if event['eventType'] == 'SHUTDOWN': break
";
const ECHO: &str = "serve(lambda event, headers: event)\n";

#[tokio::test(flavor = "multi_thread")]
async fn an_extension_starts_first_hears_of_invocations_and_of_the_end() {
    let bed = Bed::new();
    let mut revision = bed.script(&format!("print('runtime', flush=True)\n{ECHO}"));
    let variables = "sorted(n for n in ('_HANDLER', 'AWS_LAMBDA_LOG_STREAM_NAME', 'AWS_REGION', 'MINE') if n in os.environ)";
    let watcher = format!("seen = {variables}{WATCHER}");
    revision.environment.insert("MINE".into(), "1".into());
    revision.layers = vec![bed.extension("watcher", &watcher)];
    let revision = Arc::new(revision);
    assert_eq!(bed.value(&revision, json!(1)).await, 1);
    assert_eq!(bed.value(&revision, json!(2)).await, 2);
    bed.lines.wait("heard {").await;
    bed.functions.retire(&revision.id);
    bed.settle(0).await;
    let lines = bed.lines.all();
    let at = |part: &str| {
        lines.iter().position(|line| line.contains(part)).unwrap_or_else(|| panic!("{part}: {lines:#?}"))
    };
    assert_eq!(
        lines[at("extension [")],
        "extension ['AWS_REGION', 'MINE']",
        "not what is the runtime's alone"
    );
    assert!(at("extension [") < at("runtime"), "{lines:#?}");
    assert_eq!(lines[at("EXTENSION")], "EXTENSION\tName: watcher\tState: Ready\tEvents: [INVOKE, SHUTDOWN]");
    let heard: Vec<Value> =
        lines.iter().filter_map(|line| serde_json::from_str(line.strip_prefix("heard ")?).ok()).collect();
    let kinds: Vec<&str> = heard.iter().map(|event| event["eventType"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["INVOKE", "INVOKE", "SHUTDOWN"]);
    assert!(lines[at("START")].contains(heard[0]["requestId"].as_str().unwrap()));
    assert_eq!(heard[0]["tracing"]["type"], "X-Amzn-Trace-Id");
    assert_eq!(heard[2]["shutdownReason"], "spindown");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_gives_time_to_extensions_only() {
    let mut plan = Plan::default();
    plan.limits.shutdown_external = Duration::from_millis(700);
    plan.limits.shutdown_internal = Duration::from_millis(300);
    let bed = Bed::with(plan);
    let term = "signal.signal(signal.SIGTERM, lambda *_: (print('terminated', flush=True), os._exit(0)))\n";
    // Without extensions the runtime is killed without a word, at once.
    let plain = Arc::new(bed.script(&format!("{term}{ECHO}")));
    bed.value(&plain, json!(1)).await;
    bed.functions.retire(&plain.id);
    bed.settle(0).await;
    assert_eq!(bed.lines.with("terminated").len(), 0);
    // With one that does not end by itself the runtime is asked first; then it takes its whole time.
    let mut stubborn = bed.script(&format!("{term}{ECHO}"));
    stubborn.layers =
        vec![bed.extension("stubborn", "id = register('SHUTDOWN')\nsay(str(next(id)))\ntime.sleep(60)\n")];
    let stubborn = Arc::new(stubborn);
    bed.value(&stubborn, json!(1)).await;
    let begun = std::time::Instant::now();
    bed.functions.retire(&stubborn.id);
    bed.settle(0).await;
    let took = begun.elapsed();
    assert!(took >= Duration::from_millis(700) && took < Duration::from_secs(5), "{took:?}");
    assert_eq!(bed.lines.with("terminated").len(), 1, "{:#?}", bed.lines.all());
    assert_eq!(bed.lines.with("spindown").len(), 1, "{:#?}", bed.lines.all());
    // An internal one: a `SIGTERM` too, and no event.
    let inner = Arc::new(bed.script(&format!(
        "{term}
def listen():
    c = http.client.HTTPConnection(os.environ['AWS_LAMBDA_RUNTIME_API'])
    c.request('POST', '/2020-01-01/extension/register', json.dumps({{'events': ['INVOKE']}}), {{'Lambda-Extension-Name': 'inner'}})
    answer = c.getresponse()
    answer.read()
    id = answer.getheader('Lambda-Extension-Identifier')
    registered.set()
    while True:
        c.request('GET', '/2020-01-01/extension/event/next', headers={{'Lambda-Extension-Identifier': id}})
        print('inner heard', json.loads(c.getresponse().read())['eventType'], flush=True)
registered = threading.Event()
threading.Thread(target=listen, daemon=True).start()
registered.wait()
{ECHO}"
    )));
    bed.value(&inner, json!(1)).await;
    bed.functions.retire(&inner.id);
    bed.settle(0).await;
    assert_eq!(bed.lines.with("inner heard"), ["inner heard INVOKE"]);
    assert_eq!(bed.lines.with("terminated").len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_extension_that_fails_takes_the_environment_along() {
    let bed = Bed::new();
    let mut crash = bed.script(ECHO);
    crash.layers = vec![bed.extension("crash", "sys.exit(1)\n")];
    let finished = bed.invoke(&Arc::new(crash), json!(1)).await;
    assert_eq!(finished.error, Some(FunctionError::Init));
    assert_eq!(document(&finished)["errorType"], "Extension.Crash");
    let mut fails = bed.script(ECHO);
    fails.layers = vec![bed.extension(
        "fails",
        "id = register('INVOKE')\ncall('POST', 'init/error', '{}', {'Lambda-Extension-Identifier': id, 'Lambda-Extension-Function-Error-Type': 'Extension.Mine'})\n",
    )];
    let finished = bed.invoke(&Arc::new(fails), json!(1)).await;
    assert_eq!(document(&finished)["errorType"], "Extension.Mine");
    assert!(
        bed.lines
            .with("INIT_REPORT")
            .last()
            .unwrap()
            .ends_with("Phase: invoke\tStatus: error\tError Type: Extension.Mine")
    );
    bed.settle(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_limit_is_told_to_extensions() {
    let bed = Bed::new();
    let mut revision = bed.script("serve(lambda event, headers: time.sleep(60))\n");
    revision.timeout = Duration::from_millis(800);
    revision.layers = vec![
        bed.extension("watcher", "id = register('SHUTDOWN')\nsay('told ' + next(id)['shutdownReason'])\n"),
    ];
    let finished = bed.invoke(&Arc::new(revision), json!(1)).await;
    assert_eq!(finished.error, Some(FunctionError::Timeout));
    bed.lines.wait("told timeout").await;
    bed.settle(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn telemetry_reaches_a_listener_in_the_sandbox() {
    let bed = Bed::new();
    let mut revision = bed.script(
        "def handler(event, headers):\n    print('a line', flush=True)\n    return event\nserve(handler)\n",
    );
    revision.layers = vec![bed.extension(
        "listener",
        "
from http.server import BaseHTTPRequestHandler, HTTPServer
events = []
class Sink(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def do_POST(self):
        events.extend(json.loads(self.rfile.read(int(self.headers['Content-Length']))))
        self.send_response(200)
        self.send_header('Content-Length', '0')
        self.end_headers()
    def log_message(self, *a): pass
server = HTTPServer(('127.0.0.1', 0), Sink)
threading.Thread(target=server.serve_forever, daemon=True).start()
id = register('INVOKE', 'SHUTDOWN')
api.request('PUT', '/2022-07-01/telemetry', json.dumps({'schemaVersion': '2022-12-13', 'types': ['platform', 'function'],
    'buffering': {'maxItems': 1000, 'maxBytes': 262144, 'timeoutMs': 25},
    'destination': {'protocol': 'HTTP', 'URI': f'http://sandbox.localdomain:{server.server_port}'}}), {'Lambda-Extension-Identifier': id})
answer = api.getresponse()
say(f'subscribed {answer.status} {answer.read()}')
while True:
    event = next(id)
    if event['eventType'] == 'INVOKE':
        for _ in range(2000):
            if any(e['type'] == 'platform.runtimeDone' for e in events): break
            time.sleep(0.005)
        say('events ' + json.dumps(events))
    else: break
",
    )];
    let revision = Arc::new(revision);
    assert_eq!(bed.value(&revision, json!(1)).await, 1);
    bed.lines.wait("subscribed 200").await;
    let line = bed.lines.wait("events [").await;
    let events: Vec<Value> = serde_json::from_str(line.strip_prefix("events ").unwrap()).unwrap();
    let kinds: Vec<&str> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    for kind in [
        "platform.initStart",
        "platform.telemetrySubscription",
        "platform.start",
        "function",
        "platform.runtimeDone",
    ] {
        assert!(kinds.contains(&kind), "{kind}: {kinds:?}");
    }
    let done = events.iter().find(|event| event["type"] == "platform.runtimeDone").unwrap();
    assert_eq!(
        (&done["record"]["status"], &done["record"]["metrics"]["producedBytes"]),
        (&json!("success"), &json!(1))
    );
    assert!(
        bed.lines.with("TELEMETRY\tName: listener\tState: Subscribed\tTypes: [platform, function]").len()
            == 1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn json_logs_have_records_and_levels() {
    let bed = Bed::new();
    let mut revision = bed.script(
        "
def handler(event, headers):
    print(json.dumps({'level': 'debug', 'm': 'hidden'}))
    print(json.dumps({'level': 'error', 'm': 'shown'}), flush=True)
    return os.environ['AWS_LAMBDA_LOG_LEVEL']
serve(handler)
",
    );
    revision.logging.format = LogFormat::Json;
    revision.logging.application_level = Some(LogLevel::Warn);
    revision.logging.system_level = Some(LogLevel::Debug);
    let revision = Arc::new(revision);
    assert_eq!(bed.value(&revision, json!(1)).await, "WARN");
    bed.lines.wait("platform.report").await;
    let lines: Vec<Value> = bed.lines.all().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let kinds: Vec<&str> =
        lines.iter().map(|line| line["type"].as_str().or(line["m"].as_str()).unwrap()).collect();
    assert_eq!(
        kinds,
        [
            "platform.initStart",
            "platform.initRuntimeDone",
            "platform.initReport",
            "platform.start",
            "shown",
            "platform.runtimeDone",
            "platform.report"
        ]
    );
    let report = &lines[6]["record"];
    assert_eq!((&report["status"], &report["metrics"]["memorySizeMB"]), (&json!("success"), &json!(128)));
    assert!(report["metrics"]["initDurationMs"].as_f64().unwrap() > 0.0);
}
