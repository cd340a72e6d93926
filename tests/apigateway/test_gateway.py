"""What the gateway does by itself: CORS, throttling, mapping, proxies, services, stages, domain names, access logs."""

import http.server
import json
import threading

import pytest
from botocore.exceptions import ClientError

from harness.http_apis import Http, api_maker, function_maker, proxy
from harness.waiting import eventually


class Backend(http.server.BaseHTTPRequestHandler):
    """Tells what it got."""

    protocol_version = "HTTP/1.1"

    def answer(self):
        length = int(self.headers.get("Content-Length", 0))
        told = {
            "method": self.command,
            "path": self.path,
            "headers": {k.lower(): v for k, v in self.headers.items()},
            "body": self.rfile.read(length).decode(),
        }
        body = json.dumps(told).encode()
        status = int(self.headers.get("Status", 200))
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Backend", "yes")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_DELETE = answer

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def backend():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Backend)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def to(url: str, method: str = "ANY", **options) -> dict:
    """An integration with an address."""
    return {
        "IntegrationType": "HTTP_PROXY",
        "IntegrationMethod": method,
        "IntegrationUri": url,
        "PayloadFormatVersion": "1.0",
        **options,
    }


def test_requests_are_sent_on(new_api, backend):
    api = new_api(
        {"ANY /p/{proxy+}": to(f"{backend}/base/{{proxy}}"), "GET /fixed": to(f"{backend}/one?x=1", "POST")},
    )
    answer = api("PUT", "/p/a/b%20c?q=1&q=2", b"hello", {"X-One": "1", "Status": "418", "Connection": "close"})
    assert (answer.status, answer.headers["x-backend"]) == (418, "yes")
    told = answer.json()
    assert (told["method"], told["path"], told["body"]) == ("PUT", "/base/a/b%20c?q=1&q=2", "hello")
    assert told["headers"]["x-one"] == "1"
    assert told["headers"]["host"] == backend.removeprefix("http://")
    assert told["headers"]["forwarded"].startswith(f"by={api.host};for=127.0.0.1;host={api.host};proto=http")
    assert told["headers"]["via"] == "HTTP/1.1 AmazonAPIGateway"
    fixed = api("GET", "/fixed?y=2").json()
    assert (fixed["method"], fixed["path"]) == ("POST", "/one?x=1&y=2")


def test_parameters_are_mapped(new_api, backend):
    request = {
        "overwrite:path": "/mapped/$request.path.id",
        "append:header.x-new": "$context.apiId",
        "remove:header.x-old": "''",
        "overwrite:querystring.from": "${stageVariables.colour}-$request.body.a.b",
    }
    response = {"200": {"overwrite:statuscode": "201", "append:header.x-seen": "$response.body.method"}}
    routes = {"POST /{id}": to(backend, RequestParameters=request, ResponseParameters=response)}
    api = new_api(routes, stage_options={"StageVariables": {"colour": "red"}})
    answer = api("POST", "/7?keep=1", b'{"a": {"b": "x"}}', {"X-Old": "gone"})
    assert (answer.status, answer.headers["x-seen"]) == (201, "POST")
    told = answer.json()
    assert told["path"] == "/mapped/7?keep=1&from=red-x"
    assert told["headers"]["x-new"] == api.api
    assert "x-old" not in told["headers"]


def test_an_address_that_is_not_there(new_api):
    answer = new_api({"$default": to("http://127.0.0.1:1/")})("GET", "/")
    assert (answer.status, answer.json()) == (503, {"message": "Service Unavailable"})


def test_messages_go_to_queues(new_api, moln, make_queue):
    queue = make_queue()
    integration = {
        "IntegrationType": "AWS_PROXY",
        "IntegrationSubtype": "SQS-SendMessage",
        "PayloadFormatVersion": "1.0",
        "CredentialsArn": "arn:aws:iam::000000000000:role/r",
        "RequestParameters": {"QueueUrl": queue, "MessageBody": "$request.body.message"},
    }
    answer = new_api({"POST /send": integration})("POST", "/send", b'{"message": "hello"}')
    assert answer.status == 200
    [message] = moln.client("sqs").receive_message(QueueUrl=queue, WaitTimeSeconds=1)["Messages"]
    assert message["Body"] == "hello"
    told = answer.json()["SendMessageResponse"]["SendMessageResult"]
    assert told["MessageId"] == message["MessageId"]


def test_services_that_are_not_there_are_refused(apis, new_api):
    api = new_api({})
    with pytest.raises(ClientError) as refused:
        apis.create_integration(
            ApiId=api.api,
            IntegrationType="AWS_PROXY",
            IntegrationSubtype="Kinesis-PutRecord",
            PayloadFormatVersion="1.0",
            CredentialsArn="arn:aws:iam::000000000000:role/r",
        )
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501


def test_browsers_are_answered_by_the_gateway(new_api, says):
    cors = {
        "AllowOrigins": ["https://example.com"],
        "AllowMethods": ["POST", "GET"],
        "AllowHeaders": ["X-One"],
        "ExposeHeaders": ["X-Two"],
        "MaxAge": 60,
    }
    api = new_api({"POST /": proxy(says)}, CorsConfiguration=cors)
    asked = {"Origin": "https://example.com", "Access-Control-Request-Method": "POST"}
    answer = api("OPTIONS", "/nowhere", headers=asked)
    assert answer.status == 204
    assert answer.headers["access-control-allow-origin"] == "https://example.com"
    assert answer.headers["access-control-allow-methods"] == "GET,POST"
    assert answer.headers["access-control-allow-headers"] == "x-one"
    assert answer.headers["access-control-max-age"] == "60"
    other = api("OPTIONS", "/", headers={**asked, "Origin": "https://other.example"})
    assert (other.status, "access-control-allow-origin" in other.headers) == (204, False)
    said = json.dumps({"statusCode": 200, "headers": {"access-control-allow-origin": "*"}}).encode()
    answer = api("POST", "/", said, {"Origin": "https://example.com", "Content-Type": "application/json"})
    assert answer.headers["access-control-allow-origin"] == "https://example.com"
    assert answer.headers["access-control-expose-headers"] == "x-two"


def test_routes_are_throttled_by_the_clock(movable, name):
    says = function_maker(movable, name)()
    limits = {"ThrottlingRateLimit": 0.1, "ThrottlingBurstLimit": 2}
    api = api_maker(movable, name)({"GET /": proxy(says)}, stage_options={"DefaultRouteSettings": limits})
    assert [api("GET", "/").status for _ in range(3)] == [200, 200, 429]
    assert api("GET", "/").json() == {"message": "Too Many Requests"}
    movable.advance("20s")
    assert [api("GET", "/").status for _ in range(3)] == [200, 200, 429]


def test_a_stage_serves_its_deployment(apis, new_api, says):
    api = new_api({"GET /a": proxy(says)})
    client = apis
    with pytest.raises(ClientError, match="already exists"):
        client.create_stage(ApiId=api.api, StageName="$default")
    deployed = client.create_deployment(ApiId=api.api, Description="first")["DeploymentId"]
    client.create_stage(ApiId=api.api, StageName="v1", DeploymentId=deployed, StageVariables={"a": "b"})
    target = client.get_integrations(ApiId=api.api)["Items"][0]["IntegrationId"]
    client.create_route(ApiId=api.api, RouteKey="GET /b", Target=f"integrations/{target}")
    assert [api("GET", path).status for path in ["/a", "/b", "/v1/a", "/v1/b"]] == [200, 200, 200, 404]
    assert api.event("GET", "/v1/a")["rawPath"] == "/v1/a"
    assert api.event("GET", "/v1/a")["requestContext"]["stage"] == "v1"
    with pytest.raises(ClientError, match="Active stages"):
        client.delete_deployment(ApiId=api.api, DeploymentId=deployed)
    newer = client.create_deployment(ApiId=api.api, StageName="v1")["DeploymentId"]
    assert api("GET", "/v1/b").status == 200
    assert client.get_stage(ApiId=api.api, StageName="v1")["DeploymentId"] == newer
    automatic = client.get_stage(ApiId=api.api, StageName="$default")
    assert automatic["LastDeploymentStatusMessage"].endswith(f"'{automatic['DeploymentId']}'")
    listed = client.get_deployments(ApiId=api.api)["Items"]
    assert sorted(one["AutoDeployed"] for one in listed) == [False, False, True]


def test_domain_names_lead_to_stages(moln, apis, new_api, says, name):
    api = new_api({"$default": proxy(says)})
    domain = f"{name('d')}.example.com"
    certificate = {"CertificateArn": "arn:aws:acm:us-east-1:000000000000:certificate/c", "EndpointType": "REGIONAL"}
    made = apis.create_domain_name(DomainName=domain, DomainNameConfigurations=[certificate])
    assert made["DomainNameConfigurations"][0]["DomainNameStatus"] == "AVAILABLE"
    assert api("GET", "/x", host=domain).status == 404
    apis.create_api_mapping(DomainName=domain, ApiId=api.api, Stage="$default", ApiMappingKey="shop/v1")
    event = Http(moln, api.api).event("GET", "/shop/v1/x", host=domain)
    assert (event["rawPath"], event["requestContext"]["domainName"]) == ("/x", domain)
    assert api("GET", "/shop/v2", host=domain).status == 404
    for what, remove in (
        (f"API {api.api}", lambda: apis.delete_api(ApiId=api.api)),
        (r"stage \$default", lambda: apis.delete_stage(ApiId=api.api, StageName="$default")),
    ):
        with pytest.raises(ClientError, match=f"Deleting {what} failed. Please remove all API mappings for the"):
            remove()
    apis.delete_domain_name(DomainName=domain)


def test_the_default_endpoint_can_be_shut(apis, new_api, says):
    api = new_api({"$default": proxy(says)}, DisableExecuteApiEndpoint=True)
    assert api("GET", "/").status == 404
    apis.update_api(ApiId=api.api, DisableExecuteApiEndpoint=False)
    assert api("GET", "/").status == 200


def test_requests_are_logged(moln, new_api, says, name):
    group = f"/{name('access')}"
    logs = moln.client("logs")
    logs.create_log_group(logGroupName=group)
    arn = f"arn:aws:logs:us-east-1:000000000000:log-group:{group}"
    settings = {"DestinationArn": arn, "Format": '{"id":"$context.requestId","at":"$context.routeKey $context.status"}'}
    api = new_api({"GET /a": proxy(says)}, stage_options={"AccessLogSettings": settings})
    ids = [api("GET", path).headers["apigw-requestid"] for path in ["/a", "/b"]]

    def lines():
        events = logs.filter_log_events(logGroupName=group)["events"]
        return [json.loads(event["message"]) for event in events]

    wanted = [{"id": ids[0], "at": "GET /a 200"}, {"id": ids[1], "at": "- 404"}]
    eventually(lambda: lines() == wanted)


def test_everything_is_there_after_a_restart(fresh, name):
    says = function_maker(fresh, name)()
    api = api_maker(fresh, name)({"GET /a/{id}": proxy(says)}, stage="dev")
    client = fresh.client("apigatewayv2")
    before = client.get_api(ApiId=api.api)
    fresh.kill()
    fresh.start()
    after = client.get_api(ApiId=api.api)
    before.pop("ResponseMetadata"), after.pop("ResponseMetadata")
    assert after == before
    assert api.event("GET", "/dev/a/1")["pathParameters"] == {"id": "1"}
    client.delete_api(ApiId=api.api)
    assert api("GET", "/dev/a/1").status == 404
