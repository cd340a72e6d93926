"""Our bootstrap for Node.js, against a scripted Runtime API. Texts are AWS's."""

import http.server
import json
import re
import socket
import threading
import time

import pytest

from harness.scripted import stream_error

ISO = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


def test_promises_values_and_reuse(node):
    node.write(
        index_js="""
        let calls = 0;
        exports.promise = async (event) => ({ event, calls: ++calls });
        exports.nothing = async () => {};
        """
    )
    function = node.start("index.promise")
    for call in range(1, 4):
        answer = function.invoke({"n": call, "text": "åäö"})
        assert not answer.is_error
        assert answer.json == {"event": {"n": call, "text": "åäö"}, "calls": call}
    function.api.next_asked.acquire(timeout=5)
    # One connection; every answer brought the request for the next invocation along.
    assert function.api.connections == 1
    assert function.api.pipelined == 3
    assert node.start("index.nothing").invoke({}).body == b"null"


def test_context(node):
    node.write(
        index_js="""
        exports.handler = async (event, context) => ({
          ...context, left: context.getRemainingTimeInMillis(), trace: process.env._X_AMZN_TRACE_ID, cwd: process.cwd(),
          keys: Object.keys(context).sort(),
        });
        """
    )
    function = node.start("index.handler")
    answer = function.invoke(
        {},
        request_id="8476a536-e9f4-11e8-9739-2dfe598c3fcd",
        headers={
            "Lambda-Runtime-Client-Context": json.dumps({"custom": {"a": "b"}, "client": {"app_title": "t"}}),
            "Lambda-Runtime-Cognito-Identity": json.dumps({"cognitoIdentityId": "i", "cognitoIdentityPoolId": "p"}),
        },
    ).json
    assert 0 < answer.pop("left") <= 3000
    keys = set(answer.pop("keys"))
    legacy = {"callbackWaitsForEmptyEventLoop", "succeed", "fail", "done"}
    assert (legacy <= keys) == (node.major < 24), keys
    answer.pop("callbackWaitsForEmptyEventLoop", None)
    assert answer == {
        "functionVersion": "$LATEST",
        "functionName": "fn",
        "memoryLimitInMB": "128",
        "logGroupName": "/aws/lambda/fn",
        "logStreamName": "2026/11/21/[$LATEST]0123",
        "clientContext": {"custom": {"a": "b"}, "client": {"app_title": "t"}},
        "identity": {"cognitoIdentityId": "i", "cognitoIdentityPoolId": "p"},
        "invokedFunctionArn": "arn:aws:lambda:eu-north-1:000000000000:function:fn",
        "awsRequestId": "8476a536-e9f4-11e8-9739-2dfe598c3fcd",
        "trace": "Root=1-5759e988-bd862e3fe1be46a994272793",
        "cwd": str(node.code),
    }


def test_headers_have_names_without_case(one_node):
    one_node.write(index_js="exports.handler = async (event, context) => context.clientContext")
    function = one_node.start("index.handler")
    sent = json.dumps({"custom": {"ä": "ö"}}, ensure_ascii=False).encode().decode("latin-1")
    for name in ("lambda-runtime-client-context", "LAMBDA-RUNTIME-CLIENT-CONTEXT"):
        assert function.invoke({}, headers={name: f"  {sent} "}).json == {"custom": {"ä": "ö"}}
    # As long as a name that says something.
    assert function.invoke({}, headers={"X" * len("Lambda-Runtime-Client-Context"): sent}).body in (b"", b"null")


@pytest.mark.parametrize("one_node", ["nodejs14.x", "nodejs20.x", "nodejs22.x"], indirect=True)
def test_every_invocation_waits_for_the_event_loop_until_it_says_otherwise(one_node):
    one_node.write(
        index_js="""
        const { inspect } = require("util");
        exports.handler = async (event, context) => {
          const first = context.callbackWaitsForEmptyEventLoop;
          context.callbackWaitsForEmptyEventLoop = false;
          return [first, context.callbackWaitsForEmptyEventLoop, inspect(context).slice(0, 51)];
        };
        """
    )
    function = one_node.start("index.handler")
    for _ in range(2):
        shown = "{\n  callbackWaitsForEmptyEventLoop: [Getter/Setter],"
        assert function.invoke({}).json == [True, False, shown[:51]]


def test_callbacks(node):
    node.write(
        index_js="""
        exports.waits = (event, context, callback) => {
          callback(null, "first");
          setTimeout(() => { globalThis.later = true; }, 200);
        };
        exports.hurries = (event, context, callback) => {
          context.callbackWaitsForEmptyEventLoop = false;
          setInterval(() => {}, 1000);
          callback(null, { later: globalThis.later });
        };
        exports.refuses = (event, context, callback) => callback(new RangeError("no"));
        exports.text = (event, context, callback) => callback("just text");
        exports.succeeds = (event, context) => { setTimeout(() => context.succeed("yes"), 10); setInterval(() => {}, 1000); };
        exports.fails = (event, context) => context.fail(new Error("failed"));
        exports.idle = (event, context) => {};
        exports.twice = (event, context, callback) => { callback(null, 1); callback(null, 2); };
        """
    )
    if node.major >= 24:
        answer = node.start("index.waits").invoke({})
        assert answer.path.endswith("/init/error")
        assert answer.json["errorType"] == "Runtime.CallbackHandlerDeprecated"
        assert (
            "removed support for callback-based function handlers starting with Node.js 24"
            in answer.json["errorMessage"]
        )
        return
    begun = time.monotonic()
    assert node.start("index.waits").invoke({}).json == "first"
    assert time.monotonic() - begun > 0.2, "the answer waits for an empty event loop"
    assert node.start("index.hurries").invoke({}).json == {}
    refused = node.start("index.refuses").invoke({})
    assert (refused.json["errorType"], refused.json["errorMessage"]) == ("RangeError", "no")
    assert node.start("index.text").invoke({}).json == {
        "errorType": "string",
        "errorMessage": "just text",
        "trace": [],
    }
    assert node.start("index.succeeds").invoke({}).json == "yes"
    assert node.start("index.fails").invoke({}).json["errorMessage"] == "failed"
    assert node.start("index.idle").invoke({}).body == b"null"
    twice = node.start("index.twice")
    assert [twice.invoke({}).json for _ in range(2)] == [1, 1]


@pytest.mark.parametrize("one_node", ["nodejs14.x", "nodejs20.x", "nodejs24.x"], indirect=True)
@pytest.mark.parametrize(
    "files",
    [
        {"index_mjs": "export const handler = async () => import.meta.url.slice(-9);"},
        {
            "index_js": "export const handler = async () => import.meta.url.slice(-9);",
            "package_json": '{"type": "module"}',
        },
        {"index_cjs": "exports.handler = async () => __filename.slice(-9);", "package_json": '{"type": "module"}'},
        {"index_mjs": "await 1; export const handler = async () => 'index.mjs';"},
    ],
    ids=["mjs", "type-module", "cjs", "top-level-await"],
)
def test_kinds_of_modules(one_node, files):
    answer = one_node.write(**files).start("index.handler").invoke({})
    assert not answer.is_error, answer.body
    assert answer.json.startswith("index.") or answer.json.startswith("/index.")


def test_nested_handlers(node):
    node.write(src__api__users_js="exports.v1 = { get: async () => 'nested' };")
    assert node.start("src/api/users.v1.get").invoke({}).json == "nested"


@pytest.mark.parametrize(
    "handler, kind, message",
    [
        ("index.nope", "Runtime.HandlerNotFound", "index.nope is undefined or not exported"),
        ("index.text", "Runtime.HandlerNotFound", "index.text is not a function"),
        ("missing.handler", "Runtime.ImportModuleError", "Error: Cannot find module 'missing'\nRequire stack:\n- "),
        ("needs.handler", "Runtime.ImportModuleError", "Error: Cannot find module 'left-out'\nRequire stack:\n- "),
        ("broken.handler", "Runtime.UserCodeSyntaxError", "SyntaxError: Unexpected token"),
        ("index", "Runtime.MalformedHandlerName", "Bad handler"),
        (
            "../index.handler",
            "Runtime.MalformedHandlerName",
            "'../index.handler' is not a valid handler name. Use absolute paths when specifying root directories in "
            "handler names.",
        ),
        ("throws.handler", "TypeError", "at import"),
    ],
)
def test_what_cannot_be_loaded(node, handler, kind, message):
    node.write(
        index_js="exports.text = 'text';",
        broken_js="exports.handler = async () => { return ]; };",
        throws_js="throw new TypeError('at import');",
        needs_js="require('left-out');",
    )
    function = node.start(handler)
    answer = function.answer()
    assert answer.path.endswith("/init/error")
    assert answer.json["errorType"] == kind
    assert answer.json["errorMessage"].startswith(message)
    assert answer.headers["Lambda-Runtime-Function-Error-Type"] == kind
    assert isinstance(answer.json["trace"], list) and answer.json["trace"]
    assert function.exit_status() != 0
    what = "Init Error" if node.major >= 24 else "Uncaught Exception"
    assert re.search(rf"^{ISO}\tundefined\tERROR\t{what} \t{{", function.log(), re.M), function.log()


def test_errors_of_handlers(node):
    node.write(
        index_js="""
        class Mine extends Error { constructor() { super("mine"); this.name = "Mine"; this.code = "E1"; } }
        exports.rejects = async () => { throw new Mine(); };
        exports.throws = () => { throw new TypeError("thrown"); };
        exports.number = async () => { throw 7; };
        exports.badJson = async () => ({ n: 1n });
        exports.loop = async () => { const a = {}; a.a = a; return a; };
        """
    )
    function = node.start("index.rejects")
    answer = function.invoke({})
    assert answer.is_error
    assert (answer.json["errorType"], answer.json["errorMessage"]) == ("Mine", "mine")
    assert answer.json["trace"][0] == "Mine: mine" and "index.js" in answer.json["trace"][1]
    cause = json.loads(answer.headers["Lambda-Runtime-Function-XRay-Error-Cause"])
    assert cause["exceptions"][0]["type"] == "Mine"
    # It goes on with the next.
    assert function.invoke({}).json["errorType"] == "Mine"
    assert re.search(
        rf'^{ISO}\t\S+\tERROR\tInvoke Error \t{{"errorType":"Mine","errorMessage":"mine","code":"E1"', function.log()
    )
    assert node.start("index.throws").invoke({}).json["errorMessage"] == "thrown"
    assert node.start("index.number").invoke({}).json == {"errorType": "number", "errorMessage": "7", "trace": []}
    for handler in ("index.badJson", "index.loop"):
        answer = node.start(handler).invoke({})
        assert answer.is_error and answer.json["errorMessage"] == "Unable to stringify response body"


def test_what_nobody_catches(node):
    node.write(
        index_js="""
        exports.rejected = async () => { Promise.reject(new Error("alone")); await new Promise((r) => setTimeout(r, 1000)); };
        exports.thrown = async () => { setTimeout(() => { throw new Error("later"); }, 1); await new Promise((r) => setTimeout(r, 1000)); };
        exports.leaves = async () => process.exit(3);
        exports.hangs = async () => new Promise(() => {});
        """
    )
    for handler, kind, message, status in (
        ("index.rejected", "Runtime.UnhandledPromiseRejection", "Error: alone", 128),
        ("index.thrown", "Error", "later", 129),
    ):
        function = node.start(handler)
        function.send({})
        if node.major >= 24:
            assert function.exit_status() == 1
            continue
        answer = function.answer()
        assert (answer.json["errorType"], answer.json["errorMessage"]) == (kind, message)
        assert function.exit_status() == status
    function = node.start("index.leaves")
    function.send({})
    assert function.exit_status() == 3
    function = node.start("index.hangs")
    function.send({})
    if node.major >= 24:
        assert function.exit_status() == 0
    else:
        assert function.answer().body == b"null"


LOGS = """
exports.handler = async () => {
  console.log("hello %s", "you", { a: 1 });
  console.info("two\\nlines");
  console.warn("careful");
  console.error(new RangeError("bad"));
  console.debug("detail");
  process.stdout.write("raw\\n");
};
"""


def test_console_as_text(node):
    function = node.write(index_js=LOGS).start("index.handler")
    request_id = function.send({})
    function.answer()
    function.api.next_asked.acquire(timeout=5)
    lines = function.log().split("\n")
    start = rf"{ISO}\t{request_id}\t"
    assert re.fullmatch(start + r"INFO\thello you \{ a: 1 \}", lines[0])
    assert re.fullmatch(start + r"INFO\ttwo\rlines", lines[1])
    assert re.fullmatch(start + r"WARN\tcareful", lines[2])
    assert re.match(start + r"ERROR\tRangeError: bad\r    at ", lines[3])
    assert re.fullmatch(start + r"DEBUG\tdetail", lines[4])
    assert lines[5] == "raw"


def test_console_in_frames(node):
    function = node.write(index_js=LOGS).start("index.handler", frames=True)
    request_id = function.send({})
    function.answer()
    deadline = time.monotonic() + 5
    while len(function.frames) < 5 and time.monotonic() < deadline:
        time.sleep(0.01)
    kinds = [frame.kind for frame in function.frames]
    assert kinds == [0xA55A000F, 0xA55A000F, 0xA55A0013, 0xA55A0017, 0xA55A000B]
    assert re.fullmatch(rf"{ISO}\t{request_id}\tINFO\ttwo\nlines\n", function.frames[1].text)
    assert abs(function.frames[0].micros / 1e6 - time.time()) < 60


def test_console_as_json_with_levels(node):
    env = {"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": "WARN"}
    function = node.write(index_js=LOGS).start("index.handler", env=env)
    request_id = function.send({})
    function.answer()
    lines = [json.loads(line) for line in function.log().split("\n") if line.startswith("{")]
    assert [(line["level"], line["requestId"]) for line in lines] == [("WARN", request_id), ("ERROR", request_id)]
    assert lines[0]["message"] == "careful"
    assert lines[1]["message"]["errorType"] == "RangeError"
    assert lines[1]["message"]["errorMessage"] == "bad"
    assert isinstance(lines[1]["message"]["stackTrace"], list)


STREAMS = """
const { pipeline } = require("stream/promises");
const { Readable } = require("stream");
exports.plain = awslambda.streamifyResponse(async (event, stream, context) => {
  stream.setContentType("text/plain");
  for (let n = 0; n < 3; n++) stream.write(`part ${n} of ${context.functionName}\\n`);
  stream.end();
});
exports.http = awslambda.streamifyResponse(async (event, stream) => {
  stream = awslambda.HttpResponseStream.from(stream, { statusCode: 418, headers: { a: "b" } });
  stream.write("teapot");
  stream.end();
});
exports.large = awslambda.streamifyResponse(async (event, stream) => {
  await pipeline(Readable.from((function* () { for (let n = 0; n < 200; n++) yield Buffer.alloc(65536, n); })()), stream);
});
exports.breaks = awslambda.streamifyResponse(async (event, stream) => {
  stream.write("half");
  throw new RangeError("midway");
});
exports.sync = awslambda.streamifyResponse((event, stream) => { stream.end("x"); });
exports.object = awslambda.streamifyResponse(async (event, stream) => { stream.write({ a: 1 }); stream.end(); });
"""


@pytest.mark.parametrize("one_node", ["nodejs16.x", "nodejs20.x", "nodejs24.x"], indirect=True)
def test_streaming(one_node):
    one_node.write(index_js=STREAMS)

    def run(handler):
        return one_node.start(handler).invoke({})

    answer = run("index.plain")
    assert answer.headers["Lambda-Runtime-Function-Response-Mode"] == "streaming"
    assert answer.headers["Transfer-Encoding"] == "chunked"
    assert answer.headers["Content-Type"] == "text/plain"
    assert answer.body == b"part 0 of fn\npart 1 of fn\npart 2 of fn\n"
    assert not answer.trailers
    answer = run("index.http")
    assert answer.headers["Content-Type"] == "application/vnd.awslambda.http-integration-response"
    prelude, _, body = answer.body.partition(b"\0" * 8)
    assert (json.loads(prelude), body) == ({"statusCode": 418, "headers": {"a": "b"}}, b"teapot")
    assert len(run("index.large").body) == 200 * 65536
    answer = run("index.breaks")
    assert answer.body == b"half"
    assert answer.trailers["lambda-runtime-function-error-type"] == "RangeError"
    assert stream_error(answer)["errorMessage"] == "midway"
    assert stream_error(run("index.sync"))["errorMessage"] == "Streaming does not support non-async handlers."
    assert run("index.object").body == b'{"a":1}'
    function = one_node.start("index.plain")
    assert [function.invoke({}).body[:6] for _ in range(3)] == [b"part 0"] * 3


def test_large_events_and_answers(one_node):
    one_node.write(index_js="exports.handler = async (event) => event.text;")
    function = one_node.start("index.handler")
    text = "ö" * 2_900_000
    assert function.invoke({"text": text}).json == text
    assert function.invoke({"text": "small"}).json == "small"


def test_an_event_that_is_no_json(node):
    node.write(index_js="exports.handler = async (event) => event;")
    function = node.start("index.handler")
    assert function.invoke(b"{not json").json["errorType"] == "SyntaxError"
    assert function.invoke({"a": 1}).json == {"a": 1}


def test_a_prewarmed_process_becomes_its_function(node):
    node.write(
        index_js="""
        const { name } = require("of-path");
        exports.handler = async () => ({ env: process.env, cwd: process.cwd(), tz: new Date(0).getHours(), name });
        """
    )
    node.write(**{"own/of-path/index.js": "exports.name = 'of-path';"})
    own = {"MINE": "1", "TZ": "Asia/Tokyo", "NODE_ENV": "production", "NODE_PATH": str(node.code / "own")}
    function = node.start("index.handler", assigned=True, cwd="/", env=own)
    time.sleep(0.3)
    assert function.process.poll() is None
    function.assign(node.code)
    answer = function.invoke({}).json
    assert answer["cwd"] == str(node.code)
    assert answer["env"]["MINE"] == "1" and answer["tz"] == 9
    # Search paths are read as Node.js starts: this one came later.
    assert answer["env"]["NODE_ENV"] == "production" and answer["name"] == "of-path"
    assert "MOLN_ASSIGNMENT_FD" not in answer["env"]
    assert answer["env"].keys() == function.environment.keys() | {"_X_AMZN_TRACE_ID"}


def test_the_channel_is_nobodys_but_the_runtimes(node):
    node.write(
        index_js="""
        const { execFileSync } = require("child_process");
        exports.handler = async () => ({
          names: Object.keys(process.env).filter((name) => name.startsWith("MOLN")),
          child: execFileSync("ls", ["-l", "/proc/self/fd"], { stdio: ["ignore", "pipe", "ignore"] }).toString(),
        });
        """
    )
    function = node.start("index.handler", channel=True)
    answer = function.invoke({}).json
    assert answer["names"] == []
    # Node.js gives children sockets for what they read and write.
    assert not re.search(r" ([3-9]|\d\d+) -> socket:", answer["child"])
    assert function.invoke({}).json["names"] == []
    assert (function.api.connections, function.api.pipelined) == (1, 2)


def test_a_runtime_ends_with_its_channel(one_node):
    one_node.write(index_js="exports.handler = async () => 1;")
    function = one_node.start("index.handler", channel=True)
    assert function.invoke({}).json == 1
    function.channel.shutdown(socket.SHUT_RDWR)
    assert function.exit_status() == 1


def test_a_prewarmed_process_that_nobody_needs_ends(one_node):
    function = one_node.write(index_js="").start("index.handler", assigned=True)
    function.dismiss()
    assert function.exit_status() == 0


def test_sdk_and_layers(node, tmp_path):
    layer = tmp_path / "layer/nodejs/node_modules/of-layer"
    layer.mkdir(parents=True)
    (layer / "package.json").write_text('{"name": "of-layer", "version": "1.2.3", "main": "index.js"}')
    (layer / "index.js").write_text("exports.name = 'layer';")
    sdk = "aws-sdk" if node.major <= 16 else "@aws-sdk/client-sqs"
    node.write(
        index_js=f"""
        const sdk = require("{sdk}");
        exports.handler = async () => ({{ sdk: typeof (sdk.SQS || sdk.SQSClient), layer: require("of-layer").name }});
        """,
        esm_mjs=f"""
        import * as sdk from "{sdk}";
        import {{ name }} from "of-layer";
        export const handler = async () => ({{ sdk: typeof (sdk.SQS || sdk.SQSClient), layer: name }});
        """,
    )
    layers = tmp_path / "layer"
    expected = {"sdk": "function", "layer": "layer"}
    assert node.start("index.handler", layers=layers).invoke({}).json == expected
    if node.major >= 18:
        # Imports do not look along NODE_PATH by themselves.
        assert node.start("esm.handler", layers=layers).invoke({}).json == expected


class Recorder(http.server.BaseHTTPRequestHandler):
    """An AWS endpoint that says what it was asked."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def _any(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.seen.append((self.command, self.path, self.headers, body))
        answer = b'{"QueueUrls":["http://queue"]}'
        self.send_response(200)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST = do_PUT = _any  # noqa: N815


@pytest.fixture
def endpoint():
    """An address to be AWS_ENDPOINT_URL, and what came in there."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Recorder)
    server.seen = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}", server.seen
    server.shutdown()
    server.server_close()


KEYS = {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "secret"}


@pytest.mark.parametrize("one_node", ["nodejs14.x", "nodejs16.x"], indirect=True)
def test_version_2_of_the_sdk_comes_to_the_endpoint(one_node, endpoint):
    url, seen = endpoint
    one_node.write(
        index_js="""
        const AWS = require("aws-sdk");
        exports.handler = async () => {
          const queues = await new AWS.SQS().listQueues().promise();
          await new AWS.S3().getObject({ Bucket: "my-bucket", Key: "a/b" }).promise();
          return queues.QueueUrls;
        };
        """
    )
    function = one_node.start("index.handler", env={"AWS_ENDPOINT_URL": url, **KEYS})
    assert function.invoke({}).json == ["http://queue"]
    hosts = [headers["Host"] for _, _, headers, _ in seen]
    assert hosts == ["sqs.eu-north-1.amazonaws.com", "my-bucket.s3.eu-north-1.amazonaws.com"]
    # Signed for the host that it says, so the signature holds.
    assert all("SignedHeaders=host;" in headers["Authorization"] for _, _, headers, _ in seen)
    assert seen[1][1] == "/a/b"


def test_version_3_of_the_sdk_comes_to_the_endpoint(one_node, endpoint):
    url, seen = endpoint
    one_node.write(
        index_mjs="""
        import { SQSClient, ListQueuesCommand } from "@aws-sdk/client-sqs";
        import https from "node:https";
        const client = new SQSClient({ endpoint: "https://sqs.eu-north-1.amazonaws.com" });
        export const handler = async () => [
          (await new SQSClient({}).send(new ListQueuesCommand({}))).QueueUrls,
          (await client.send(new ListQueuesCommand({}))).QueueUrls,
        ];
        """
    )
    function = one_node.start("index.handler", env={"AWS_ENDPOINT_URL": url, **KEYS})
    assert function.invoke({}).json == [["http://queue"], ["http://queue"]]
    assert seen[1][2]["Host"] == "sqs.eu-north-1.amazonaws.com"


def test_custom_resources_answer_to_the_endpoint(node, endpoint):
    url, seen = endpoint
    node.write(
        index_js="""
        const https = require("https");
        const url = require("url");
        // As CDK's provider framework does it: scheme and port of the address are lost.
        exports.handler = (event) => new Promise((resolve, reject) => {
          const to = url.parse(event.ResponseURL);
          const request = https.request({ hostname: to.hostname, path: to.path, method: "PUT",
            headers: { "content-type": "", "content-length": 4 } }, (answer) => { answer.resume(); resolve(answer.statusCode); });
          request.on("error", reject);
          request.write("done");
          request.end();
        });
        """
    )
    function = node.start("index.handler", env={"AWS_ENDPOINT_URL": url})
    assert function.invoke({"ResponseURL": f"{url}/bucket/key?X-Amz-Signature=1"}).json == 200
    method, path, headers, body = seen[0]
    assert (method, path, body) == ("PUT", "/bucket/key?X-Amz-Signature=1", b"done")
    assert headers["Host"] == url.removeprefix("http://")


def test_other_requests_are_left_alone(one_node, endpoint):
    url, seen = endpoint
    one_node.write(
        index_js="""
        const http = require("http");
        exports.handler = (event) => new Promise((resolve) => {
          http.get(event.url + "/plain", { headers: { a: "b" } }, (answer) => { answer.resume(); resolve(answer.statusCode); });
        });
        """
    )
    function = one_node.start("index.handler", env={"AWS_ENDPOINT_URL": "http://127.0.0.1:1"})
    assert function.invoke({"url": url}).json == 200
    assert seen[0][1] == "/plain"
