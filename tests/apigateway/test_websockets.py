"""WebSocket APIs: connecting, messages and their routes, authorizers, `@connections`, time that runs out."""

import json

import boto3
import pytest
from botocore.exceptions import ClientError
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from harness import raw
from harness.http_apis import function_maker, proxy
from harness.waiting import eventually

# Refuses callers who say so, tells a queue of who goes, answers messages with the event.
TALKS = """
import json, os, urllib.request

def sqs(operation, **parameters):
    head = {
        "Content-Type": "application/x-amz-json-1.0",
        "X-Amz-Target": "AmazonSQS." + operation,
        "Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/sqs/aws4_request, "
        "SignedHeaders=host, Signature=00",
    }
    request = urllib.request.Request(os.environ["AWS_ENDPOINT_URL"], json.dumps(parameters).encode(), head)
    return json.load(urllib.request.urlopen(request))

def handler(event, context):
    kind = event["requestContext"]["eventType"]
    if kind == "CONNECT":
        asked = event.get("queryStringParameters", {})
        head = {"Sec-WebSocket-Protocol": "chat"} if "protocol" in asked else {}
        return {"statusCode": int(asked.get("status", 200)), "headers": head}
    if kind == "DISCONNECT":
        if "RESULTS" in os.environ:
            sqs("SendMessage", QueueUrl=os.environ["RESULTS"], MessageBody=json.dumps(event["requestContext"]))
        return {}
    if event.get("body") == "raise":
        raise ValueError("no")
    return {"statusCode": 200, "body": json.dumps(event)}
"""
# Answers messages as AWS's examples do: by the domain name and the stage that the event tells, over TLS.
POSTS = """
import urllib.request

def handler(event, context):
    told = event["requestContext"]
    if told["eventType"] == "MESSAGE":
        head = {
            "Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/execute-api/aws4_request, "
            "SignedHeaders=host, Signature=00",
        }
        place = f"https://{told['domainName']}/{told['stage']}/@connections/{told['connectionId']}"
        urllib.request.urlopen(urllib.request.Request(place, told["domainName"].encode(), head))
    return {"statusCode": 200}
"""
AUTHORIZER = """
def handler(event, context):
    effect = "Allow" if event["queryStringParameters"]["token"] == "good" else "Deny"
    statement = {"Action": "execute-api:Invoke", "Effect": effect, "Resource": event["methodArn"]}
    return {
        "principalId": "somebody",
        "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        "context": {"colour": "red"},
    }
"""


class Chat:
    """A WebSocket API."""

    def __init__(self, server, name, function, answers=True, connect_options=None, keys=("join", "$default")):
        self.server = server
        client = self.client = server.client("apigatewayv2")
        self.api = client.create_api(
            Name=name("chat"), ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.action"
        )["ApiId"]
        made = client.create_integration(ApiId=self.api, **proxy(function, "1.0"))["IntegrationId"]
        for key in ["$connect", "$disconnect", *keys]:
            options = (connect_options or {}) if key == "$connect" else {}
            route = client.create_route(ApiId=self.api, RouteKey=key, Target=f"integrations/{made}", **options)
            if answers and key in keys:
                client.create_route_response(ApiId=self.api, RouteId=route["RouteId"], RouteResponseKey="$default")
        client.create_stage(ApiId=self.api, StageName="dev", AutoDeploy=True)

    def open(self, query="", **options):
        return connect(
            f"ws://127.0.0.1:{self.server.port}/_aws/execute-api/{self.api}/dev{query}", proxy=None, **options
        )


@pytest.fixture(scope="module")
def talks(moln):
    return function_maker(moln, lambda stem: f"{stem}-talks")(TALKS)


@pytest.fixture
def chat(moln, name, talks):
    return Chat(moln, name, talks)


def managing(server, path: str):
    """A client whose endpoint is an API's stage, as programs behind an API make it."""
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1")
    return session.client("apigatewaymanagementapi", endpoint_url=f"{server.url}{path}")


def ask(socket, message):
    socket.send(message if isinstance(message, (str, bytes)) else json.dumps(message))
    return json.loads(socket.recv(timeout=20))


def test_messages_take_the_routes_they_name(chat):
    with chat.open() as socket:
        event = ask(socket, {"action": "join", "x": 1})
        context = event["requestContext"]
        assert json.loads(event["body"]) == {"action": "join", "x": 1}
        assert event["isBase64Encoded"] is False
        assert (context["routeKey"], context["eventType"], context["stage"]) == ("join", "MESSAGE", "dev")
        assert (context["apiId"], context["messageDirection"]) == (chat.api, "IN")
        assert context["connectedAt"] <= context["requestTimeEpoch"]
        other = ask(socket, "no json")["requestContext"]
        assert (other["routeKey"], other["connectionId"]) == ("$default", context["connectionId"])


def test_binary_frames_end_the_connection(chat):
    with chat.open() as socket:
        socket.send(b"\xff\x00")
        with pytest.raises(ConnectionClosed) as ended:
            socket.recv(timeout=20)
        assert ended.value.rcvd.code == 1003


def test_a_message_that_fails_is_told_so(chat, moln, name, talks):
    with chat.open() as socket:
        told = ask(socket, "raise")
        assert told["message"] == "Internal server error"
        assert ask(socket, "x")["requestContext"]["connectionId"] == told["connectionId"]
    narrow = Chat(moln, name, talks, keys=("join",))
    with narrow.open() as socket:
        assert ask(socket, {"action": "leave"})["message"] == "Forbidden"


def test_routes_without_a_response_say_nothing(moln, name, talks):
    quiet = Chat(moln, name, talks, answers=False)
    with quiet.open() as socket:
        socket.send("x")
        with pytest.raises(TimeoutError):
            socket.recv(timeout=0.5)


def test_connect_may_refuse_and_choose_a_protocol(chat):
    with pytest.raises(InvalidStatus) as refused:
        chat.open("?status=401")
    assert refused.value.response.status_code == 401
    with chat.open("?protocol=1", subprotocols=["chat", "other"]) as socket:
        assert socket.subprotocol == "chat"


def test_an_authorizer_guards_connect(moln, name, talks, new_function):
    chat = Chat(moln, name, talks)
    made = chat.client.create_authorizer(
        ApiId=chat.api,
        Name="a",
        AuthorizerType="REQUEST",
        AuthorizerUri=new_function(AUTHORIZER),
        IdentitySource=["route.request.querystring.token"],
    )["AuthorizerId"]
    [route] = [r for r in chat.client.get_routes(ApiId=chat.api)["Items"] if r["RouteKey"] == "$connect"]
    chat.client.update_route(ApiId=chat.api, RouteId=route["RouteId"], AuthorizationType="CUSTOM", AuthorizerId=made)
    for query, status in [("", 401), ("?token=bad", 403)]:
        with pytest.raises(InvalidStatus) as refused:
            chat.open(query)
        assert refused.value.response.status_code == status
    with chat.open("?token=good") as socket:
        told = ask(socket, "x")["requestContext"]["authorizer"]
        assert (told["principalId"], told["colour"]) == ("somebody", "red")
    with pytest.raises(ClientError, match="restricted to the"):
        chat.client.create_route(ApiId=chat.api, RouteKey="other", AuthorizationType="AWS_IAM")


def test_what_stands_behind_writes_to_connections(chat, moln):
    client = moln.client("apigatewaymanagementapi")
    with chat.open(additional_headers={"User-Agent": "me"}) as socket:
        connection = ask(socket, "x")["requestContext"]["connectionId"]
        client.post_to_connection(ConnectionId=connection, Data=b"hello")
        assert socket.recv(timeout=20) == "hello"
        client.post_to_connection(ConnectionId=connection, Data=b"\xff")
        assert socket.recv(timeout=20) == b"\xff"
        by_address = managing(moln, f"/_aws/execute-api/{chat.api}/dev")
        by_address.post_to_connection(ConnectionId=connection, Data=b"again")
        assert socket.recv(timeout=20) == "again"
        elsewhere = managing(moln, f"/_aws/execute-api/{chat.api}/other")
        with pytest.raises(client.exceptions.ClientError):
            elsewhere.post_to_connection(ConnectionId=connection, Data=b"x")
        told = client.get_connection(ConnectionId=connection)
        assert told["Identity"] == {"SourceIp": "127.0.0.1", "UserAgent": "me"}
        assert told["ConnectedAt"] <= told["LastActiveAt"]
        other = moln.client("apigatewaymanagementapi", key="111122223333")
        with pytest.raises(ClientError, match="Forbidden"):
            other.post_to_connection(ConnectionId=connection, Data=b"x")
        client.delete_connection(ConnectionId=connection)
        with pytest.raises(ConnectionClosed):
            socket.recv(timeout=20)
    for call in [client.get_connection, client.delete_connection]:
        with pytest.raises(client.exceptions.GoneException):
            eventually(lambda call=call: call(ConnectionId=connection) and False)
    with pytest.raises(client.exceptions.GoneException):
        client.post_to_connection(ConnectionId="nobody", Data=b"x")


def test_a_function_writes_by_the_address_that_it_is_told(moln, name, new_function):
    chat = Chat(moln, name, new_function(POSTS), answers=False)
    for host in (f"{chat.api}.execute-api.us-east-1.amazonaws.com", f"{chat.api}.execute-api.localhost:{moln.port}"):
        with connect(f"ws://{host}/dev", address=("127.0.0.1", moln.port), proxy=None) as socket:
            socket.send("x")
            assert socket.recv(timeout=20) == host.split(":")[0]
    with chat.open() as socket:
        socket.send("x")
        assert socket.recv(timeout=20) == f"{chat.api}.execute-api.us-east-1.amazonaws.com"


def test_messages_that_are_too_long_end_the_connection(chat):
    with chat.open() as socket:
        socket.send("x" * (33 << 10))
        with pytest.raises(ConnectionClosed) as ended:
            socket.recv(timeout=20)
        assert ended.value.rcvd.code == 1009


def test_silence_and_age_end_a_connection_and_the_api_is_told(movable, name, make_movable_queue):
    queue = make_movable_queue()
    function = function_maker(movable, name)(TALKS, Environment={"Variables": {"RESULTS": queue}})
    chat = Chat(movable, name, function)
    sqs = movable.client("sqs")
    with chat.open() as idle:
        connection = ask(idle, "x")["requestContext"]["connectionId"]
        movable.advance("9m")
        assert ask(idle, "x")["requestContext"]["connectionId"] == connection
        movable.advance("11m")
        with pytest.raises(ConnectionClosed) as ended:
            idle.recv(timeout=20)
        assert ended.value.rcvd.code == 1001
    [message] = eventually(lambda: sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=1).get("Messages"))
    told = json.loads(message["Body"])
    assert (told["connectionId"], told["eventType"], told["disconnectStatusCode"]) == (connection, "DISCONNECT", 1001)
    with chat.open() as old:
        for _ in range(14):
            ask(old, "x")
            movable.advance("9m")
        with pytest.raises(ConnectionClosed):
            old.recv(timeout=20)


def test_a_plain_request_is_refused(chat, moln):
    answer = raw.send("GET", f"{moln.url}/_aws/execute-api/{chat.api}/dev")
    assert (answer.status, answer.json()["message"]) == (403, "Forbidden")
