"""Function URLs: requests become events, what functions return becomes answers."""

import base64
import http.client
import io
import json
import urllib.parse
import zipfile

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}],
}
ECHO = "def handler(event, context):\n    return event\n"
# What the body says is returned, or raised.
SAYS = """
import base64, json
def handler(event, context):
    body = event.get("body", "null")
    answer = json.loads(base64.b64decode(body) if event["isBase64Encoded"] else body)
    if answer == "raise":
        raise ValueError("no")
    return answer
"""
STREAMS = """
exports.handler = awslambda.streamifyResponse(async (event, stream) => {
  const mode = event.rawPath.slice(1);
  if (mode === 'fail') throw new Error('no');
  if (mode === 'prelude') {
    const front = { statusCode: 201, headers: { 'X-One': '1', 'Content-Type': 'text/plain' }, cookies: ['a=b'] };
    stream = awslambda.HttpResponseStream.from(stream, front);
  }
  stream.write('Hello, ');
  stream.write('world!');
  stream.end();
});
"""


def zipped(name, code):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, code)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def role(moln):
    answer = moln.client("iam").create_role(RoleName="urls", AssumeRolePolicyDocument=json.dumps(TRUST))
    return answer["Role"]["Arn"]


@pytest.fixture
def make(moln, role, name):
    """Makes a function with a URL; gives the host of the URL and the function's name."""

    def make(code, auth="NONE", runtime="python3.11", allowed=True, **url):
        function = name("url")
        functions = moln.client("lambda")
        file = "index.mjs" if code.startswith("export") else ("index.js" if "nodejs" in runtime else "index.py")
        functions.create_function(
            FunctionName=function,
            Runtime=runtime,
            Role=role,
            Handler="index.handler",
            Code={"ZipFile": zipped(file, code)},
            Timeout=20,
        )
        functions.get_waiter("function_active_v2").wait(FunctionName=function, WaiterConfig={"Delay": 0.1})
        answer = functions.create_function_url_config(FunctionName=function, AuthType=auth, **url)
        if allowed and auth == "NONE":
            functions.add_permission(
                FunctionName=function,
                StatementId="url",
                Action="lambda:InvokeFunctionUrl",
                Principal="*",
                FunctionUrlAuthType="NONE",
            )
        return urllib.parse.urlsplit(answer["FunctionUrl"]).netloc, function

    return make


def call(moln, host, method="GET", path="/", body=None, headers=()):
    """A request to a host that leads here; the answer, its headers as a message, and the body."""
    connection = http.client.HTTPConnection("127.0.0.1", moln.port, timeout=30)
    connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    connection.putheader("Host", host)
    for key, value in list(headers) + ([("Content-Length", str(len(body)))] if body is not None else []):
        connection.putheader(key, value)
    connection.endheaders(body)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, answer.headers, content


def say(moln, host, value):
    return call(moln, host, "POST", body=json.dumps(value).encode(), headers=[("Content-Type", "application/json")])


def test_the_event_is_the_request(moln, make):
    host, _ = make(ECHO)
    headers = [
        ("X-One", "1"),
        ("X-One", "2"),
        ("Cookie", "a=b; c=d"),
        ("User-Agent", "me"),
        ("Content-Type", "text/plain"),
    ]
    status, answered, content = call(moln, host, "PUT", "/some/path?a=1&a=2&b=c%20d", b"body", headers)
    event = json.loads(content)
    assert (status, answered["Content-Type"]) == (200, "application/json")
    assert (event["version"], event["routeKey"]) == ("2.0", "$default")
    assert (event["rawPath"], event["rawQueryString"]) == ("/some/path", "a=1&a=2&b=c%20d")
    assert event["queryStringParameters"] == {"a": "1,2", "b": "c d"}
    assert event["cookies"] == ["a=b", "c=d"]
    assert (event["body"], event["isBase64Encoded"]) == ("body", False)
    assert event["headers"]["x-one"] == "1,2" and "cookie" not in event["headers"]
    assert event["headers"]["x-forwarded-for"] == "127.0.0.1"
    context = event["requestContext"]
    assert context["http"] == {
        "method": "PUT",
        "path": "/some/path",
        "protocol": "HTTP/1.1",
        "sourceIp": "127.0.0.1",
        "userAgent": "me",
    }
    assert context["accountId"] == "anonymous" and "authorizer" not in context
    assert host.split(":")[0] == context["domainName"] and host.startswith(context["domainPrefix"])
    assert answered["x-amzn-RequestId"] == context["requestId"]
    assert answered["X-Amzn-Trace-Id"].startswith("Root=1-")
    form = [("Content-Type", "application/x-www-form-urlencoded")]
    event = json.loads(call(moln, host, "POST", body=b"a=b", headers=form)[2])
    assert (event["isBase64Encoded"], base64.b64decode(event["body"])) == (True, b"a=b")


@pytest.mark.parametrize(
    "value, content",
    [
        ({"hello": "world"}, b'{"hello":"world"}'),
        (["hello", 3, True], b'["hello",3,true]'),
        ("hello", b"hello"),
        (3.1, b"3.1"),
        ({"statusCode": 200, "body": '{"hello": "world"}'}, b'{"hello": "world"}'),
    ],
)
def test_what_is_returned_is_the_answer(moln, make, value, content):
    host, _ = make(SAYS)
    status, headers, got = say(moln, host, value)
    assert (status, headers["Content-Type"], got) == (200, "application/json", content)


def test_an_answer_says_everything_itself(moln, make):
    host, _ = make(SAYS)
    value = {
        "statusCode": 418,
        "headers": {"Content-Type": "text/plain", "X-Mine": "yes"},
        "cookies": ["a=1; Secure", "b=2"],
        "body": base64.b64encode(b"\x00\xff").decode(),
        "isBase64Encoded": True,
    }
    status, headers, content = say(moln, host, value)
    assert (status, headers["X-Mine"], content) == (418, "yes", b"\x00\xff")
    assert headers.get_all("Set-Cookie") == ["a=1; Secure", "b=2"]
    for bad in ["raise", {"statusCode": "x"}, {"statusCode": 200, "headers": {"a": "b\nc"}}]:
        status, _, content = say(moln, host, bad)
        assert (status, content) == (502, b"Internal Server Error")


def test_strangers_are_turned_away(moln, make):
    status, headers, content = call(moln, f"{'0' * 32}.lambda-url.us-east-1.localhost:{moln.port}")
    assert (status, content) == (403, b'{"Message":null}')
    assert (headers["Content-Type"], headers["x-amzn-ErrorType"]) == ("application/json", "AccessDeniedException")
    host, function = make(ECHO, allowed=False)
    status, _, content = call(moln, host)
    assert (status, json.loads(content)) == (403, {"Message": "Forbidden"})
    elsewhere = host.replace("us-east-1", "eu-west-1")
    assert call(moln, elsewhere)[2] == b'{"Message":null}'
    moln.client("lambda").delete_function_url_config(FunctionName=function)
    assert call(moln, host)[2] == b'{"Message":null}'


def signed(host, keys, path="/"):
    request = AWSRequest("GET", f"http://{host}{path}", headers={"Host": host})
    SigV4Auth(Credentials(*keys), "lambda", "us-east-1").add_auth(request)
    return [(key, value) for key, value in request.headers.items() if key != "Host"]


def test_a_closed_url_knows_who_calls(moln, make, name):
    host, _ = make(ECHO, auth="AWS_IAM")
    assert call(moln, host)[0] == 403
    iam = moln.client("iam")
    user = iam.create_user(UserName=name("caller"))["User"]
    key = iam.create_access_key(UserName=user["UserName"])["AccessKey"]
    keys = (key["AccessKeyId"], key["SecretAccessKey"])
    status, _, content = call(moln, host, headers=signed(host, keys))
    assert status == 200, content
    context = json.loads(content)["requestContext"]
    assert context["accountId"] == "000000000000"
    identity = context["authorizer"]["iam"]
    assert (identity["userArn"], identity["userId"]) == (user["Arn"], user["UserId"])
    assert identity["accessKey"] == key["AccessKeyId"]
    assert call(moln, host, headers=signed(host, (keys[0], "x" * 40)))[0] == 403
    other = ("123456789012", "test")
    assert call(moln, host, headers=signed(host, other))[0] == 403


def test_pages_of_other_origins(moln, make):
    cors = {"AllowOrigins": ["https://example.com"], "AllowMethods": ["GET"], "AllowHeaders": ["x-one"], "MaxAge": 60}
    host, _ = make(ECHO, Cors=cors)
    ask = [("Origin", "https://example.com"), ("Access-Control-Request-Method", "GET")]
    status, headers, content = call(moln, host, "OPTIONS", headers=ask)
    assert (status, content) == (200, b"")
    assert headers["Access-Control-Allow-Origin"] == "https://example.com"
    assert (headers["Access-Control-Allow-Methods"], headers["Access-Control-Max-Age"]) == ("GET", "60")
    headers = call(moln, host, headers=[("Origin", "https://example.com")])[1]
    assert headers["Access-Control-Allow-Origin"] == "https://example.com"
    assert "Access-Control-Allow-Origin" not in call(moln, host, headers=[("Origin", "https://example.org")])[1]


def test_an_answer_is_streamed(moln, make):
    host, _ = make(STREAMS, runtime="nodejs20.x", InvokeMode="RESPONSE_STREAM")
    status, headers, content = call(moln, host, path="/plain")
    assert (status, content) == (200, b"Hello, world!")
    status, headers, content = call(moln, host, path="/prelude")
    assert (status, content) == (201, b"Hello, world!")
    assert (headers["X-One"], headers["Content-Type"], headers["Set-Cookie"]) == ("1", "text/plain", "a=b")
    assert call(moln, host, path="/fail")[0] == 502


def test_a_function_that_does_not_stream_answers_as_ever(moln, make):
    host, _ = make(SAYS, InvokeMode="RESPONSE_STREAM")
    assert say(moln, host, {"statusCode": 202, "body": "x"})[::2] == (202, b"x")
    assert say(moln, host, "raise")[0] == 502
