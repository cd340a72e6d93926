"""HTTP APIs with functions behind them: both payload formats, what answers may be, what callers see of failures."""

import base64
import json

import pytest

from harness.http_apis import api_maker, proxy, says_json


@pytest.fixture(scope="module")
def api(moln, says):
    make = api_maker(moln, lambda stem: f"{stem}-functions")
    routes = {
        "$default": proxy(says),
        "GET /pets/{id}": proxy(says),
        "ANY /old/{proxy+}": proxy(says, "1.0"),
        "POST /old": proxy(says, "1.0"),
    }
    return make(routes, stage_options={"StageVariables": {"colour": "red"}})


def test_the_newer_event(api):
    event = api.event(
        "GET",
        "/pets/a%20b?x=1&x=2&y=%26+z",
        {"X-One": "1", "Cookie": "a=b; c=d", "User-Agent": "me", "Accept": "*/*"},
    )
    assert event["version"] == "2.0"
    assert (event["routeKey"], event["rawPath"]) == ("GET /pets/{id}", "/pets/a%20b")
    assert event["rawQueryString"] == "x=1&x=2&y=%26+z"
    assert event["queryStringParameters"] == {"x": "1,2", "y": "& z"}
    assert event["pathParameters"] == {"id": "a b"}
    assert event["stageVariables"] == {"colour": "red"}
    assert event["cookies"] == ["a=b", "c=d"]
    assert event["headers"]["x-one"] == "1"
    assert "cookie" not in event["headers"]
    assert event["headers"]["host"] == api.host
    assert event["isBase64Encoded"] is False
    assert "body" not in event
    context = event["requestContext"]
    assert context["apiId"] == api.api
    assert context["accountId"] == "000000000000"
    assert (context["domainName"], context["domainPrefix"]) == (api.host, api.api)
    assert context["http"] == {
        "method": "GET",
        "path": "/pets/a%20b",
        "protocol": "HTTP/1.1",
        "sourceIp": "127.0.0.1",
        "userAgent": "me",
    }
    assert (context["routeKey"], context["stage"]) == ("GET /pets/{id}", "$default")
    assert "authorizer" not in context


def test_the_older_event(api):
    event = api.event("GET", "/old/a/b?x=1&x=2", {"X-One": "1", "User-Agent": "me"})
    assert event["version"] == "1.0"
    assert (event["resource"], event["path"], event["httpMethod"]) == ("/old/{proxy+}", "/old/a/b", "GET")
    assert event["queryStringParameters"] == {"x": "2"}
    assert event["multiValueQueryStringParameters"] == {"x": ["1", "2"]}
    assert event["pathParameters"] == {"proxy": "a/b"}
    assert (event["headers"]["x-one"], event["multiValueHeaders"]["x-one"]) == ("1", ["1"])
    assert event["headers"]["Host"] == api.host
    assert (event["body"], event["isBase64Encoded"]) == (None, False)
    context = event["requestContext"]
    assert context["identity"]["sourceIp"] == "127.0.0.1"
    assert context["identity"]["userAgent"] == "me"
    assert (context["resourcePath"], context["stage"]) == ("/old/{proxy+}", "$default")
    assert context["authorizer"] == {"claims": None, "scopes": None}


@pytest.mark.parametrize(
    ("kind", "body", "encoded"),
    [
        ("application/json", b'{"a": 1}', False),
        ("text/plain; charset=utf-8", b"x", False),
        ("application/vnd.api+json", b"{}", False),
        ("application/x-www-form-urlencoded", b"a=b", True),
        ("image/png", b"\x89PNG", True),
    ],
)
def test_bodies_that_are_no_text_are_in_base_64(new_api, new_function, kind, body, encoded):
    echo = new_function("def handler(event, context):\n    return [event['body'], event['isBase64Encoded']]\n")
    answer = new_api({"POST /": proxy(echo)})("POST", "/", body, {"Content-Type": kind})
    text = base64.b64encode(body).decode() if encoded else body.decode()
    assert answer.json() == [text, encoded]


@pytest.mark.parametrize(
    ("said", "status", "kind", "body"),
    [
        ({"a": 1}, 200, "application/json", b'{"a":1}'),
        ("hello", 200, "application/json", b"hello"),
        ({"statusCode": 201, "body": "x"}, 201, "text/plain; charset=utf-8", b"x"),
        (
            {"statusCode": "200", "headers": {"Content-Type": "image/x"}, "body": "iVA=", "isBase64Encoded": True},
            200,
            "image/x",
            b"\x89P",
        ),
        ({"statusCode": 99}, 500, "application/json", b'{"message":"Internal Server Error"}'),
        ({"statusCode": 200, "headers": ["a"]}, 500, "application/json", b'{"message":"Internal Server Error"}'),
        ("raise", 500, "application/json", b'{"message":"Internal Server Error"}'),
    ],
)
def test_what_a_function_may_answer(api, said, status, kind, body):
    answer = api("POST", "/x", says_json(said), {"Content-Type": "application/json"})
    assert (answer.status, answer.headers["content-type"], answer.body) == (status, kind, body)
    assert len(answer.headers["apigw-requestid"]) == 16


def test_the_older_format_needs_a_status(api):
    json_type = {"Content-Type": "application/json"}
    assert api("POST", "/old", says_json({"a": 1}), json_type).status == 500
    said = {"statusCode": 200, "body": "x", "multiValueHeaders": {"x-many": ["1", "2"]}}
    answer = api("POST", "/old", says_json(said), json_type)
    assert (answer.status, answer.body, answer.headers["x-many"]) == (200, b"x", "2")


def test_cookies_of_a_function_are_headers_of_their_own(api):
    answer = api(
        "POST", "/x", says_json({"statusCode": 200, "cookies": ["a=1", "b=2"]}), {"Content-Type": "text/plain"}
    )
    assert answer.headers["set-cookie"] in ("a=1", "b=2")


def test_a_function_that_does_not_allow_it_is_not_called(new_api, new_function, moln):
    function = new_function(allowed=False)
    api = new_api({"GET /a/{id}": proxy(function), "$default": proxy(function)})
    assert (api("GET", "/a/1").status, api("GET", "/").status) == (500, 500)
    moln.client("lambda").add_permission(
        FunctionName=function,
        StatementId="api",
        Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com",
        SourceArn=f"arn:aws:execute-api:us-east-1:000000000000:{api.api}/*/GET/a/*",
    )
    assert (api("GET", "/a/1").status, api("GET", "/").status) == (200, 500)


def test_a_function_that_takes_too_long_is_not_available(new_api, new_function):
    slow = new_function("import time\ndef handler(event, context):\n    time.sleep(2)\n", Timeout=30)
    answer = new_api({"$default": proxy(slow, TimeoutInMillis=300)})("GET", "/")
    assert (answer.status, answer.json()) == (503, {"message": "Service Unavailable"})


def test_what_is_not_there_is_not_found(api, new_api, says, moln):
    only = new_api({"GET /here": proxy(says)})
    for answer in [
        only("GET", "/there"),
        only("POST", "/here"),
        api("GET", "/", host="nosuchapi1.execute-api.us-east-1.amazonaws.com"),
        api("GET", "/", host=f"{api.api}.execute-api.eu-west-1.amazonaws.com"),
    ]:
        assert (answer.status, answer.json()) == (404, {"message": "Not Found"})


def test_every_form_of_address(api, moln):
    for host in [
        f"{api.api}.execute-api.us-east-1.amazonaws.com",
        f"{api.api}.execute-api.localhost:{moln.port}",
        f"{api.api}.execute-api.localhost.localstack.cloud:{moln.port}",
        f"{api.api}.execute-api.us-east-1.localhost.localstack.cloud:{moln.port}",
    ]:
        assert api.event("GET", "/pets/1", host=host)["pathParameters"] == {"id": "1"}
    by_path = f"/_aws/execute-api/{api.api}/$default/pets/1"
    assert api.event("GET", by_path, host=f"127.0.0.1:{moln.port}")["rawPath"] == "/pets/1"
    older = f"/_aws/execute-api/{api.api}/$default/old/a?x=1"
    assert api.event("GET", older, host=f"127.0.0.1:{moln.port}")["path"] == "/old/a"


def test_a_payload_that_is_too_large_is_refused(api):
    answer = api("POST", "/x", b"x" * ((10 << 20) + 1), {"Content-Type": "text/plain"})
    assert (answer.status, json.loads(answer.body)) == (413, {"message": "Request Entity Too Large"})
