//! The life of an environment: initialisation, invocations, failures, ends; with a runtime of a few lines.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // helpers of tests

mod common;

use std::{sync::Arc, time::Duration};

use common::{Bed, Plan, document, invocation};
use moln_functions::{FunctionError, Limits, Revision};
use serde_json::{Value, json};

const ECHO: &str = "
count = 0
def handler(event, headers):
    global count
    count += 1
    print('hello from', count, flush=True)
    return {'event': event, 'count': count, 'env': dict(os.environ), 'headers': headers, 'cwd': os.getcwd(), 'now': time.time()}
serve(handler)
";

#[tokio::test(flavor = "multi_thread")]
async fn an_environment_serves_again_and_says_so_in_its_log() {
    let bed = Bed::new();
    let mut revision = bed.script(ECHO);
    revision.environment.insert("MINE".into(), "1".into());
    revision.environment.insert("TZ".into(), "Europe/Stockholm".into());
    let revision = Arc::new(revision);
    let first = bed.invoke(&revision, json!({ "a": 1 })).await;
    let answer = document(&first);
    assert_eq!(
        (&answer["event"], &answer["count"], &answer["cwd"]),
        (&json!({ "a": 1 }), &json!(1), &json!("/var/task"))
    );
    let init = first.init_duration.expect("the first invocation initialised");
    assert!(first.billed >= init, "initialisation is billed: {first:?}");
    assert!(first.memory_used > 1 << 20);
    let second = bed.invoke(&revision, json!(2)).await;
    assert_eq!((document(&second)["count"].clone(), second.init_duration), (json!(2), None));

    let env = &answer["env"];
    for (name, value) in [
        ("_HANDLER", "index.handler"),
        ("AWS_REGION", "eu-north-1"),
        ("AWS_DEFAULT_REGION", "eu-north-1"),
        ("AWS_LAMBDA_FUNCTION_NAME", "f"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/f"),
        ("AWS_ACCESS_KEY_ID", "ASIA0"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_SESSION_TOKEN", "arn:aws:iam::000000000000:role/r"),
        ("LAMBDA_TASK_ROOT", "/var/task"),
        ("LAMBDA_RUNTIME_DIR", "/var/runtime"),
        ("LANG", "en_US.UTF-8"),
        ("TZ", "Europe/Stockholm"),
        ("MINE", "1"),
        ("AWS_XRAY_CONTEXT_MISSING", "LOG_ERROR"),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:4566"),
    ] {
        assert_eq!(env[name], value, "{name}");
    }
    for name in ["PATH", "LD_LIBRARY_PATH", "AWS_XRAY_DAEMON_ADDRESS", "AWS_LAMBDA_RUNTIME_API"] {
        assert!(env[name].is_string(), "{name}");
    }
    assert!(env.get("AWS_EXECUTION_ENV").is_none(), "not for provided runtimes");
    let stream = env["AWS_LAMBDA_LOG_STREAM_NAME"].as_str().unwrap();
    let (day, id) = stream.split_once("[$LATEST]").unwrap();
    assert_eq!(
        (day, id.len(), bed.lines.streams().as_slice()),
        ("2023/11/14/", 32, &[stream.to_owned()][..])
    );

    let lines = bed.lines.all();
    let shape: Vec<&str> = lines.iter().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(shape, ["START", "hello", "END", "REPORT", "START", "hello", "END", "REPORT"]);
    assert!(lines[0].ends_with(" Version: $LATEST"), "{}", lines[0]);
    let report: Vec<&str> = lines[3].split('\t').collect();
    assert!(report[1].starts_with("Duration: ") && report[1].ends_with(" ms"), "{}", lines[3]);
    assert!(report[2].starts_with("Billed Duration: "));
    assert_eq!(report[3], "Memory Size: 128 MB");
    assert!(report[4].starts_with("Max Memory Used: ") && report[5].starts_with("Init Duration: "));
    assert!(!lines[7].contains("Init Duration"));
    assert_eq!(bed.functions.environments(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_event_comes_with_its_headers() {
    let bed = Bed::new();
    let revision = Arc::new(bed.script(ECHO));
    let mut call = invocation(json!({}));
    call.client_context = Some(r#"{"custom":{"a":"ü"}}"#.into());
    call.cognito_identity = Some(r#"{"cognitoIdentityId":"x"}"#.into());
    call.trace = Some("Root=1-67891233-abcdef012345678912345678;Parent=53995c3f42cd8ad8;Sampled=1".into());
    call.lineage
        .push("arn:aws:sqs:eu-north-1:000000000000:q", moln_kernel::RecursiveLoop::Terminate)
        .unwrap();
    call.tail = true;
    let id = call.request_id.to_string();
    let finished = bed.functions.invoke(&revision, call).await.unwrap();
    let answer = document(&finished);
    let header = |name: &str| answer["headers"][name].as_str().unwrap().to_owned();
    assert_eq!(header("Lambda-Runtime-Aws-Request-Id"), id);
    assert!(
        header("Lambda-Runtime-Invoked-Function-Arn").ends_with(":f:live"),
        "the qualifier that was used"
    );
    let trace = header("Lambda-Runtime-Trace-Id");
    assert!(trace.starts_with("Root=1-67891233-abcdef012345678912345678;Parent="), "{trace}");
    assert!(trace.ends_with(";Sampled=1;Lineage=arn:aws:sqs:eu-north-1:000000000000:q"), "{trace}");
    assert!(header("Lambda-Runtime-Client-Context").starts_with(r#"{"custom":"#));
    assert_eq!(header("Lambda-Runtime-Cognito-Identity"), r#"{"cognitoIdentityId":"x"}"#);
    let left =
        header("Lambda-Runtime-Deadline-Ms").parse::<f64>().unwrap() / 1e3 - answer["now"].as_f64().unwrap();
    assert!((15.0..=20.0).contains(&left), "against the function's own clock: {left}");
    let tail = String::from_utf8(finished.log_tail.unwrap().to_vec()).unwrap();
    assert!(
        tail.starts_with(&format!("START RequestId: {id}")) && tail.contains("\nhello from 1\n"),
        "{tail}"
    );
    assert!(tail.contains("\nREPORT RequestId: ") && tail.contains("\nXRAY TraceId: 1-67891233-"), "{tail}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_limit_kills_everything_and_the_next_call_begins_anew() {
    let bed = Bed::new();
    let mut revision = bed.script(
        "
def handler(event, headers):
    if event == 'hang':
        open('/tmp/left', 'w').close()
        time.sleep(60)
    return {'left': os.path.exists('/tmp/left'), 'pid': os.getpid()}
serve(handler)
",
    );
    revision.timeout = Duration::from_millis(1_500);
    let revision = Arc::new(revision);
    bed.value(&revision, json!("")).await;
    let call = invocation(json!("hang"));
    let id = call.request_id.to_string();
    let hung = bed.functions.invoke(&revision, call).await.unwrap();
    assert_eq!(hung.error, Some(FunctionError::Timeout));
    assert_eq!(
        document(&hung),
        json!({ "errorType": "Sandbox.Timedout", "errorMessage": format!("RequestId: {id} Error: Task timed out after 1.50 seconds") })
    );
    assert_eq!(
        bed.lines.with("Task timed out"),
        [format!("2023-11-14T22:13:20.000Z {id} Task timed out after 1.50 seconds")]
    );
    let report = bed.lines.with("REPORT").pop().unwrap();
    assert!(report.ends_with("\tStatus: timeout"), "{report}");
    let next = bed.invoke(&revision, json!("")).await;
    assert!(next.init_duration.is_some());
    assert_eq!(document(&next)["left"], false);
    bed.settle(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_ends_says_how() {
    let bed = Bed::new();
    let revision = Arc::new(bed.script(
        "
def handler(event, headers):
    if isinstance(event, str):
        data = []
        while True: data.append(bytearray(4 << 20))
    if event < 0: os.kill(os.getpid(), -event)
    os._exit(event)
serve(handler)
",
    ));
    for (event, kind, text, error) in [
        (json!(1), "Runtime.ExitError", "Runtime exited with error: exit status 1", FunctionError::Exit),
        (json!(0), "Runtime.ExitError", "Runtime exited without providing a reason", FunctionError::Exit),
        (json!(-9), "Runtime.ExitError", "Runtime exited with error: signal: killed", FunctionError::Exit),
        (
            json!(-11),
            "Runtime.ExitError",
            "Runtime exited with error: signal: segmentation fault",
            FunctionError::Exit,
        ),
        (
            json!("oom"),
            "Runtime.OutOfMemory",
            "Runtime exited with error: signal: killed",
            FunctionError::OutOfMemory,
        ),
    ] {
        let call = invocation(event.clone());
        let id = call.request_id.to_string();
        let finished = bed.functions.invoke(&revision, call).await.unwrap();
        assert!(finished.init_duration.is_some(), "each in a new environment");
        assert_eq!(finished.error, Some(error), "{event}");
        assert_eq!(
            document(&finished),
            json!({ "errorType": kind, "errorMessage": format!("RequestId: {id} Error: {text}") }),
            "{event}"
        );
        let line = bed.lines.with(&format!("RequestId: {id} Error: ")).pop().unwrap();
        assert_eq!(line, format!("RequestId: {id} Error: {text}\n{kind}"));
        let report = bed.lines.with("REPORT").pop().unwrap();
        assert!(report.ends_with(&format!("\tStatus: error\tError Type: {kind}")), "{report}");
    }
    bed.settle(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reported_error_leaves_the_environment_alone() {
    let bed = Bed::new();
    let revision = Arc::new(bed.script(
        "
while True:
    id, headers, event = next()
    if event: respond(id, {'errorType': 'ValueError', 'errorMessage': 'bad', 'stackTrace': []}, 'error')
    else: respond(id, os.getpid())
",
    ));
    let before = bed.value(&revision, json!(false)).await;
    let failed = bed.invoke(&revision, json!(true)).await;
    assert_eq!(failed.error, Some(FunctionError::Handled));
    assert_eq!(document(&failed)["errorType"], "ValueError");
    assert_eq!(bed.value(&revision, json!(false)).await, before);
    assert_eq!(bed.lines.with("INIT_REPORT"), Vec::<String>::new());
    assert_eq!(bed.lines.with("Status: error"), Vec::<String>::new());
}

fn quick_init() -> Plan {
    let mut plan = Plan::default();
    plan.limits = Limits { init: Duration::from_millis(300), ..plan.limits };
    plan
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_initialisation_runs_again_within_the_invocation() {
    let bed = Bed::with(quick_init());
    let revision = Arc::new(
        bed.script("print('begins', flush=True)\ntime.sleep(1)\nserve(lambda event, headers: event)\n"),
    );
    let finished = bed.invoke(&revision, json!(7)).await;
    assert_eq!((document(&finished), finished.init_duration), (json!(7), None));
    assert!(finished.duration >= Duration::from_secs(1), "it counts: {:?}", finished.duration);
    let lines = bed.lines.all();
    assert!(
        lines[1].starts_with("INIT_REPORT Init Duration: 3")
            && lines[1].ends_with(" ms\tPhase: init\tStatus: timeout"),
        "{lines:#?}"
    );
    assert_eq!(bed.lines.with("begins").len(), 2);

    let mut hopeless = bed.script("time.sleep(60)\n");
    hopeless.timeout = Duration::from_secs(1);
    let finished = bed.invoke(&Arc::new(hopeless), json!(7)).await;
    assert_eq!(finished.error, Some(FunctionError::Timeout));
    assert_eq!(document(&finished)["errorType"], "Sandbox.Timedout");
    let reports = bed.lines.with("INIT_REPORT");
    assert!(reports.last().unwrap().ends_with("Phase: invoke\tStatus: timeout"), "{reports:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn failing_initialisation_is_tried_twice_and_reported() {
    let bed = Bed::new();
    let revision = Arc::new(bed.script(
        "
print('starts', flush=True)
call('POST', '/2018-06-01/runtime/init/error', json.dumps({'errorType': 'Runtime.ImportModuleError', 'errorMessage': 'no module'}), {'Lambda-Runtime-Function-Error-Type': 'Runtime.ImportModuleError'})
sys.exit(1)
",
    ));
    let call = invocation(json!(1));
    let id = call.request_id.to_string();
    let finished = bed.functions.invoke(&revision, call).await.unwrap();
    assert_eq!(finished.error, Some(FunctionError::Init));
    assert_eq!(
        document(&finished),
        json!({ "errorType": "Runtime.ImportModuleError", "errorMessage": "no module" })
    );
    let shape: Vec<String> = bed
        .lines
        .all()
        .iter()
        .map(|line| match line.split_once("\tPhase: ") {
            Some((_, phase)) => phase.to_owned(),
            None => line.split(' ').next().unwrap().to_owned(),
        })
        .collect();
    let error = |phase: &str| format!("{phase}\tStatus: error\tError Type: Runtime.ImportModuleError");
    assert_eq!(shape, ["starts", &error("init"), "starts", &error("invoke"), "START", "END", "REPORT"]);

    let crash = Arc::new(bed.script("sys.exit(3)\n"));
    let finished = bed.invoke(&crash, json!(1)).await;
    assert_eq!(finished.error, Some(FunctionError::Exit));
    assert!(document(&finished)["errorMessage"].as_str().unwrap().ends_with("exit status 3"), "{id}");
    bed.settle(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runtime_that_is_not_there_is_the_functions_fault() {
    let bed = Bed::new();
    let missing = bed.invoke(&Arc::new(bed.function("provided.al2", &[("x", "y")])), json!(1)).await;
    let answer = document(&missing);
    assert_eq!(answer["errorType"], "Runtime.InvalidEntrypoint");
    assert!(answer["errorMessage"].as_str().unwrap().contains("/opt/bootstrap"), "{answer}");
    let no_program =
        bed.invoke(&Arc::new(bed.function("provided.al2", &[("bootstrap", "text")])), json!(1)).await;
    let answer = document(&no_program);
    assert_eq!(answer["errorType"], "Runtime.InvalidEntrypoint", "{answer}");
    assert!(answer["errorMessage"].as_str().unwrap().contains("permission denied"), "{answer}");
    bed.settle(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_answers_hurt_nobody_else() {
    let bed = Bed::new();
    let revision = Arc::new(bed.script(
        "
seen = []
while True:
    id, headers, event = next()
    if event == 'large':
        seen.append(call('POST', f'/2018-06-01/runtime/invocation/{id}/response', 'x' * (7 << 20))[0])
    elif event == 'twice':
        respond(id, 1)
        seen.append(respond(id, 2))
        seen.append(respond('00000000-0000-0000-0000-000000000000', 2))
    elif event == 'wrong':
        seen.append(respond('nobody', 1))
        respond(id, 'right')
    elif event == 'binary':
        call('POST', f'/2018-06-01/runtime/invocation/{id}/response', b'\\xff\\x00')
    else:
        respond(id, {'seen': seen, 'pid': os.getpid()})
",
    ));
    let pid = bed.value(&revision, json!("")).await["pid"].clone();
    let large = bed.invoke(&revision, json!("large")).await;
    assert_eq!(large.error, Some(FunctionError::ResponseTooLarge));
    assert_eq!(
        document(&large),
        json!({ "errorType": "Function.ResponseSizeTooLarge", "errorMessage": "Response payload size exceeded maximum allowed payload size (6291556 bytes)." })
    );
    assert_eq!(bed.value(&revision, json!("twice")).await, 1);
    assert_eq!(bed.value(&revision, json!("wrong")).await, "right");
    assert_eq!(&*bed.invoke(&revision, json!("binary")).await.payload, b"\xff\x00");
    let after = bed.value(&revision, json!("")).await;
    assert_eq!(after, json!({ "seen": [413, 403, 400, 400], "pid": pid }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runtime_that_closes_its_socket_runs_out_of_time() {
    let bed = Bed::new();
    let mut revision = bed.script("id, headers, event = next()\napi.close()\ntime.sleep(60)\n");
    revision.timeout = Duration::from_millis(800);
    let finished = bed.invoke(&Arc::new(revision), json!(1)).await;
    assert_eq!(finished.error, Some(FunctionError::Timeout));
    bed.settle(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn background_work_rests_between_invocations() {
    let bed = Bed::new();
    let revision = Arc::new(bed.script(
        "
ticks = 0
def work():
    global ticks
    while True:
        ticks += 1
        time.sleep(0.002)
threading.Thread(target=work, daemon=True).start()
def handler(event, headers):
    time.sleep(event)
    return ticks
serve(handler)
",
    ));
    let ticks = async |seconds: f64| bed.value(&revision, json!(seconds)).await.as_u64().unwrap();
    let first = ticks(0.1).await;
    tokio::time::sleep(Duration::from_millis(600)).await;
    let second = ticks(0.0).await;
    assert!(second - first < 100, "it was frozen: {first} → {second}");
    let third = ticks(0.3).await;
    assert!(third > second + 20, "and goes on: {second} → {third}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_streamed_answer_comes_as_it_is_written() {
    let bed = Bed::new();
    let revision = Arc::new(bed.script(
        "
import socket
while True:
    id, headers, event = next()
    if event == 'plain':
        respond(id, 'whole')
        continue
    if event == 'exit': os._exit(2)
    host, port = os.environ['AWS_LAMBDA_RUNTIME_API'].split(':')
    s = socket.create_connection((host, int(port)))
    s.sendall(f'POST /2018-06-01/runtime/invocation/{id}/response HTTP/1.1\\r\\nHost: x\\r\\nTransfer-Encoding: chunked\\r\\nLambda-Runtime-Function-Response-Mode: streaming\\r\\nContent-Type: text/event\\r\\n\\r\\n4\\r\\none \\r\\n'.encode())
    if event == 'break':
        s.close()
        continue
    if event == 'hang': time.sleep(60)
    time.sleep(0.2)
    s.sendall(b'3\\r\\ntwo\\r\\n0\\r\\n\\r\\n')
    s.recv(1000)
",
    ));
    let stream = async |event: &str| {
        let mut streamed = bed.functions.invoke_streaming(&revision, invocation(json!(event))).await.unwrap();
        let mut pieces = Vec::new();
        while let Some(piece) = streamed.body.next().await {
            pieces.push(String::from_utf8(piece.to_vec()).unwrap());
        }
        (streamed.head, pieces, streamed.end.finished().await.unwrap())
    };
    let (head, pieces, end) = stream("two").await;
    assert_eq!((head.content_type.as_deref(), head.streaming), (Some("text/event"), true));
    assert_eq!((pieces, end.error), (vec!["one ".to_owned(), "two".to_owned()], None));
    let (head, pieces, _) = stream("plain").await;
    assert_eq!((head.streaming, pieces.concat().as_str()), (false, "\"whole\""));
    let (_, pieces, end) = stream("break").await;
    assert_eq!(pieces, ["one "]);
    assert!(end.error.is_some() && document(&end)["errorType"] == "Runtime.TruncatedResponse", "{end:?}");
    let (_, pieces, end) = stream("exit").await;
    assert_eq!((pieces.len(), end.error), (0, Some(FunctionError::Exit)));
    // The same answer for somebody who wants it whole.
    assert_eq!(&*bed.invoke(&revision, json!("two")).await.payload, b"one two");
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_are_the_roles_and_are_renewed() {
    let show =
        "serve(lambda event, headers: [os.environ['AWS_ACCESS_KEY_ID'], os.environ['AWS_SESSION_TOKEN']])\n";
    let bed = Bed::with(Plan { lasting: Duration::from_hours(1), ..Plan::default() });
    let revision = Arc::new(bed.script(show));
    let key =
        async |revision: &Arc<Revision>| bed.value(revision, json!(1)).await[0].as_str().unwrap().to_owned();
    assert_eq!(key(&revision).await, "ASIA0");
    assert_eq!(key(&revision).await, "ASIA0");
    moln_kernel::MovableClock::advance(&bed.clock, Duration::from_secs(3_500));
    assert_eq!(key(&revision).await, "ASIA1", "they would have ended soon");

    let without = Bed::with(Plan { refuse: Some("NoSuchEntity"), ..Plan::default() });
    let value = without.value(&Arc::new(without.script(show)), json!(1)).await;
    assert_eq!(value, json!(["000000000000", "test"]), "development credentials of the account");

    let broken = Bed::with(Plan { refuse: Some("InternalFailure"), ..Plan::default() });
    let refused = broken.functions.invoke(&Arc::new(broken.script(show)), invocation(Value::Null)).await;
    assert!(matches!(refused, Err(moln_functions::Unavailable::Role(_))), "{refused:?}");
    assert_eq!(broken.functions.environments(), 0);
}
