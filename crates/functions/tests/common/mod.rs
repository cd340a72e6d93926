//! What the tests share: functions in directories, run for real in sandboxes by a runtime of a few lines.
#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::needless_pass_by_value,
    clippy::new_without_default
)] // each test file uses its part

use std::{
    collections::BTreeMap,
    fs, io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, RwLock,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use moln_functions::{
    Code, Finished, Functions, Invocation, Limits, LogFormat, Logging, Revision, Settings,
    code::{CodeCache, ReadSeek, ZipSource},
    provision::{self, Runtimes},
};
use moln_kernel::{
    AccountId, ApiError, Context, Lineage, ManualClock, Region, RequestId, SharedClock, SystemClock,
    Timestamp,
    clock::BoxFuture,
    ports::{AssumeRole, LogLine, LogTarget, RoleSession, WriteLogs},
};
use moln_sandbox::{LauncherProcess, Mode};
use serde_json::Value;

/// A runtime for `provided`, which a test's own lines follow.
const RUNTIME: &str = r"#!/usr/bin/python3
import http.client, json, os, signal, sys, threading, time
api = http.client.HTTPConnection(os.environ['AWS_LAMBDA_RUNTIME_API'])
def call(method, path, body=None, headers={}):
    api.request(method, path, body, headers)
    answer = api.getresponse()
    return answer.status, dict(answer.getheaders()), answer.read()
def next():
    _, headers, body = call('GET', '/2018-06-01/runtime/invocation/next')
    return headers['Lambda-Runtime-Aws-Request-Id'], headers, json.loads(body)
def respond(id, value, kind='response', headers={}):
    return call('POST', f'/2018-06-01/runtime/invocation/{id}/{kind}', json.dumps(value), headers)[0]
def serve(handler):
    while True:
        id, headers, event = next()
        respond(id, handler(event, headers))
";

/// An extension, which a test's own lines follow.
const EXTENSION: &str = r"#!/usr/bin/python3
import http.client, json, os, sys, threading, time
api = http.client.HTTPConnection(os.environ['AWS_LAMBDA_RUNTIME_API'])
def call(method, path, body=None, headers={}):
    api.request(method, '/2020-01-01/extension/' + path, body, headers)
    answer = api.getresponse()
    return answer.status, dict(answer.getheaders()), answer.read()
def register(*events):
    name = os.path.basename(sys.argv[0])
    status, headers, _ = call('POST', 'register', json.dumps({'events': events}), {'Lambda-Extension-Name': name})
    assert status == 200, status
    return {k.lower(): v for k, v in headers.items()}['lambda-extension-identifier']
def next(id):
    return json.loads(call('GET', 'event/next', headers={'Lambda-Extension-Identifier': id})[2])
def say(text):
    print(text, flush=True)
";

/// Nobody forks while a program is written: the child would hold it open for writing, and it could not be started.
static FORKING: RwLock<()> = RwLock::new(());

/// 2023-11-14T22:13:20Z
pub const NOW: Timestamp = Timestamp(1_700_000_000_000);

/// Lines by stream, in order.
#[derive(Default)]
pub struct Lines(Mutex<Vec<(LogTarget, LogLine)>>);

impl Lines {
    pub fn all(&self) -> Vec<String> {
        let lines = self.0.lock().unwrap();
        // Every message has its line end.
        let texts = lines.iter().map(|(_, line)| line.message.strip_suffix(b"\n").unwrap());
        texts.map(|text| String::from_utf8_lossy(text).into_owned()).collect()
    }

    pub fn streams(&self) -> Vec<String> {
        let mut streams: Vec<String> =
            self.0.lock().unwrap().iter().map(|(target, _)| target.stream.to_string()).collect();
        streams.dedup();
        streams
    }

    pub fn with(&self, part: &str) -> Vec<String> {
        self.all().into_iter().filter(|line| line.contains(part)).collect()
    }

    /// The line that has this part, as soon as it is there.
    pub async fn wait(&self, part: &str) -> String {
        for _ in 0..2_000 {
            if let Some(line) = self.with(part).pop() {
                return line;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("no line with {part}: {:#?}", self.all());
    }
}

impl WriteLogs for Lines {
    fn write(&self, target: &LogTarget, lines: Vec<LogLine>) -> bool {
        self.0.lock().unwrap().extend(lines.into_iter().map(|line| (target.clone(), line)));
        true
    }
}

/// Gives sessions, or refuses.
pub struct Roles {
    pub refuse: Option<&'static str>,
    pub lasting: Duration,
    pub clock: SharedClock,
    pub given: AtomicU32,
}

impl AssumeRole for Roles {
    fn assume<'a>(
        &'a self,
        _: &'a Context,
        role: &'a str,
        session: &'a str,
        service: &'a str,
        _: Duration,
    ) -> BoxFuture<'a, Result<RoleSession, ApiError>> {
        assert_eq!((session, service), ("f@lambda_function", "lambda.amazonaws.com"));
        let number = self.given.fetch_add(1, Ordering::Relaxed);
        Box::pin(async move {
            if let Some(code) = self.refuse {
                return Err(ApiError::sender(code, "no"));
            }
            Ok(RoleSession {
                access_key_id: format!("ASIA{number}").into(),
                secret: "secret".into(),
                session_token: role.into(),
                expires: self.clock.now().after(self.lasting),
            })
        })
    }
}

struct NoZips;
impl ZipSource for NoZips {
    fn open(&self, _: &str) -> io::Result<Box<dyn ReadSeek + Send>> {
        Err(io::ErrorKind::NotFound.into())
    }
}

/// Functions, where they live and what they logged.
pub struct Bed {
    pub functions: Functions,
    pub lines: Arc<Lines>,
    pub clock: ManualClock,
    pub directory: PathBuf,
    numbers: AtomicU32,
}

/// What may differ.
pub struct Plan {
    pub limits: Limits,
    pub refuse: Option<&'static str>,
    pub lasting: Duration,
    pub real_clock: bool,
    pub isolated: bool,
    pub mode: Mode,
    pub platform: std::net::SocketAddr,
}

impl Default for Plan {
    fn default() -> Self {
        let limits = Limits { warm: 0, freeze_after: Duration::from_millis(1), ..Limits::default() };
        let platform = "127.0.0.1:4566".parse().unwrap();
        let (lasting, mode) = (Duration::from_hours(12), Mode::Best);
        Self { limits, refuse: None, lasting, real_clock: false, isolated: false, mode, platform }
    }
}

impl Bed {
    pub fn new() -> Self {
        Self::with(Plan::default())
    }

    pub fn with(plan: Plan) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let directory = std::env::temp_dir().join(format!("moln-functions-{}-{number}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).unwrap();
        let sandboxes = moln_sandbox::Settings { mode: plan.mode, run: directory.join("run") };
        let launcher = {
            let _alone = FORKING.write().unwrap();
            // Attached, it holds nothing of ours open any more.
            LauncherProcess::fork(sandboxes).unwrap().attach().unwrap()
        };
        let lines = Arc::new(Lines::default());
        let clock = ManualClock::new(NOW);
        let shared: SharedClock = if plan.real_clock {
            Arc::new(SystemClock::new(Duration::ZERO))
        } else {
            Arc::new(clock.clone())
        };
        let cache = provision::Settings::default_directory().unwrap_or_else(|| directory.join("cache"));
        let roles = Roles {
            refuse: plan.refuse,
            lasting: plan.lasting,
            clock: Arc::clone(&shared),
            given: AtomicU32::new(0),
        };
        let functions = Functions::new(Settings {
            launcher,
            clock: shared,
            logs: Arc::clone(&lines) as Arc<dyn WriteLogs>,
            credentials: Arc::new(roles),
            runtimes: Runtimes::new(provision::Settings {
                directory: cache,
                python: Vec::new(),
                fetch: true,
            }),
            code: CodeCache::new(directory.join("code"), Arc::new(NoZips)),
            isolated: plan.isolated,
            platform: plan.platform,
            endpoint: format!("http://{}", plan.platform).into(),
            limits: plan.limits,
        });
        Self { functions, lines, clock, directory, numbers: AtomicU32::new(0) }
    }

    /// A directory with these files; programs where they begin so.
    pub fn files(&self, files: &[(&str, &str)]) -> PathBuf {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let directory = self.directory.join(format!("files-{number}"));
        let _whole = FORKING.read().unwrap();
        for (name, text) in files {
            write(&directory.join(name), text);
        }
        directory
    }

    /// A function of the given runtime and files.
    pub fn function(&self, runtime: &str, files: &[(&str, &str)]) -> Revision {
        let path = self.files(files);
        Revision {
            id: format!("f:{}", path.display()).into(),
            account: AccountId::new("000000000000"),
            region: Region::new("eu-north-1"),
            function: "f".into(),
            version: "$LATEST".into(),
            role: "arn:aws:iam::000000000000:role/r".into(),
            runtime: runtime.parse().unwrap(),
            runtime_version: "arn:aws:lambda:eu-north-1::runtime:0f".into(),
            handler: "index.handler".into(),
            code: Code::Directory(path),
            layers: Vec::new(),
            environment: BTreeMap::new(),
            memory_mb: 128,
            timeout: Duration::from_secs(20),
            tmp_mb: 512,
            logging: Logging {
                format: LogFormat::Text,
                application_level: None,
                system_level: None,
                group: "/aws/lambda/f".into(),
            },
            tracing: false,
            provisioned: false,
        }
    }

    /// A function of a runtime of its own: these lines of Python after the runtime's.
    pub fn script(&self, lines: &str) -> Revision {
        self.function("provided.al2023", &[("bootstrap", &format!("{RUNTIME}{lines}"))])
    }

    /// A layer with an extension of these lines of Python.
    pub fn extension(&self, name: &str, lines: &str) -> Code {
        Code::Directory(self.files(&[(&format!("extensions/{name}"), &format!("{EXTENSION}{lines}"))]))
    }

    /// An invocation, and what the log is told of it, which may come after the answer.
    pub async fn invoke(&self, revision: &Arc<Revision>, payload: Value) -> Finished {
        let call = invocation(payload);
        let end = format!("END RequestId: {}", call.request_id);
        let finished = self.functions.invoke(revision, call).await.unwrap();
        // Extensions keep an invocation from ending.
        if revision.logging.format == LogFormat::Text && revision.layers.is_empty() {
            self.lines.wait(&end).await;
        }
        finished
    }

    /// The value that a successful invocation answers.
    pub async fn value(&self, revision: &Arc<Revision>, payload: Value) -> Value {
        let finished = self.invoke(revision, payload).await;
        assert_eq!(finished.error, None, "{:?} {:#?}", finished.payload, self.lines.all());
        serde_json::from_slice(&finished.payload).unwrap()
    }

    /// Waits until there are no more environments than that.
    pub async fn settle(&self, environments: usize) {
        for _ in 0..2_000 {
            if self.functions.environments() <= environments {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("{} environments", self.functions.environments());
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

pub fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
    let mode = if text.starts_with("#!") { 0o755 } else { 0o644 };
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

pub fn invocation(payload: Value) -> Invocation {
    Invocation {
        request_id: RequestId::random(),
        payload: Bytes::from(payload.to_string()),
        client_context: None,
        cognito_identity: None,
        function_arn: "arn:aws:lambda:eu-north-1:000000000000:function:f:live".into(),
        trace: None,
        lineage: Lineage::default(),
        tail: false,
    }
}

pub fn document(finished: &Finished) -> Value {
    serde_json::from_slice(&finished.payload).unwrap()
}
