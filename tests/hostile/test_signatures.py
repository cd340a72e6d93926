"""Who may call: everyone on loopback, on any other address only who signs with a known key."""

import datetime
import re

import botocore.exceptions
import pytest

from harness.query import QueryClient, QueryError
from harness.raw import call_json, presign, send, sign
from harness.server import Server
from harness.server import moln as run_moln
from harness.sqs import bodies, receive

KEY, SECRET = "AKIAMOLNTESTKEY00001", "a+secret/with=odd+characters/0123456789"
NOW = datetime.datetime.now(datetime.UTC)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """A server that treats loopback as it treats every other address: signatures are demanded of everyone."""
    server = Server(
        tmp_path_factory.mktemp("guarded"),
        args=("--auth", "required"),
        env={"MOLN_ACCESS_KEY_ID": KEY, "MOLN_SECRET_ACCESS_KEY": SECRET},
    ).start()
    yield server
    assert server.is_running() and server.stop() == 0


@pytest.fixture(scope="module")
def owner(guarded):
    return guarded.client(key=KEY, secret=SECRET)


def test_an_open_address_without_a_key_is_refused(new_server):
    server = new_server(listen="0.0.0.0")
    done = run_moln(*server.command()[1:], check=False, timeout=20, env=server.env)
    assert done.returncode != 0
    message = done.stderr + done.stdout
    assert "0.0.0.0" in message and re.search(r"key", message, re.IGNORECASE), message


def test_the_right_key_may_do_everything(guarded, owner):
    url = owner.create_queue(QueueName="mine")["QueueUrl"]
    owner.send_message(QueueUrl=url, MessageBody="m & ünïcode")
    assert bodies(receive(owner, url)) == ["m & ünïcode"]
    query = QueryClient(guarded.url, key=KEY, secret=SECRET)
    assert query.call("GetQueueUrl", QueueName="mine").findtext("QueueUrl") == url


def test_a_wrong_secret_is_refused(guarded):
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        guarded.client(key=KEY, secret="wrong").list_queues()
    assert caught.value.response["Error"]["Code"] in ("SignatureDoesNotMatch", "InvalidSignatureException")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    with pytest.raises(QueryError) as old:
        QueryClient(guarded.url, key=KEY, secret="wrong").call("ListQueues")
    assert (old.value.code, old.value.status) == ("SignatureDoesNotMatch", 403)
    assert SECRET not in str(old.value)


def test_unknown_keys_are_refused(guarded):
    for key in ("test", "000000000000", "AKIAUNKNOWN"):
        with pytest.raises(botocore.exceptions.ClientError) as caught:
            guarded.client(key=key, secret="test").list_queues()
        answer = caught.value.response
        assert answer["Error"]["Code"] in ("InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId")
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_no_signature_is_refused(guarded):
    headers = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "AmazonSQS.ListQueues"}
    reply = send("POST", f"{guarded.url}/", b"{}", headers)
    assert reply.status in (400, 403) and "MissingAuthenticationToken" in reply.text
    for path in ("/000000000000/mine?Action=ReceiveMessage", "/?Action=ListQueues"):
        reply = send("GET", guarded.url + path)
        assert reply.status in (400, 403), reply.text


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "AWS4-HMAC-SHA256",
        "AWS4-HMAC-SHA256 Credential=",
        "Basic dGVzdDp0ZXN0",
        "AWS4-HMAC-SHA256 Credential=a/b/c/d/e, SignedHeaders=, Signature=",
        "AWS4-HMAC-SHA256 Credential={key}/20260101/us-east-1/sqs/aws4_request, SignedHeaders=host, Signature=00",
        "AWS4-HMAC-SHA256 Credential={key}/20260101/us-east-1/sqs/aws4_request, SignedHeaders=x-absent, Signature="
        + "0" * 64,
        "AWS4-ECDSA-P256-SHA256 Credential={key}/20260101/sqs/aws4_request, SignedHeaders=host, Signature=00",
        "x" * 20_000,
    ],
)
def test_malformed_signatures_are_refused(guarded, authorization):
    headers = {
        "Content-Type": "application/x-amz-json-1.0",
        "X-Amz-Target": "AmazonSQS.ListQueues",
        "Authorization": authorization.format(key=KEY),
        "X-Amz-Date": NOW.strftime("%Y%m%dT%H%M%SZ"),
    }
    reply = send("POST", f"{guarded.url}/", b"{}", headers)
    assert reply.status in (400, 403, 431), reply.text
    assert SECRET not in reply.text


def test_what_was_signed_cannot_be_changed(guarded, owner):
    owner.create_queue(QueueName="signed")
    body = b'{"QueueNamePrefix":"signed"}'
    headers = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "AmazonSQS.ListQueues"}
    signed = sign("POST", f"{guarded.url}/", body, headers, key=KEY, secret=SECRET)
    assert send("POST", f"{guarded.url}/", body, signed).status == 200
    assert send("POST", f"{guarded.url}/", body.replace(b"signed", b"forged"), signed).status == 403
    assert send("POST", f"{guarded.url}/", body, signed | {"X-Amz-Target": "AmazonSQS.CreateQueue"}).status == 403
    assert send("POST", f"{guarded.url}/?a=b", body, signed).status == 403
    scope = sign("POST", f"{guarded.url}/", body, headers, key=KEY, secret=SECRET, service="sns")
    assert send("POST", f"{guarded.url}/", body, scope).status in (400, 403, 404, 501)


@pytest.mark.parametrize("minutes", [-16, 16])
def test_old_and_future_signatures_are_refused(guarded, minutes):
    at = datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=minutes)
    reply = call_json(guarded.url, "ListQueues", {}, key=KEY, secret=SECRET, at=at)
    assert reply.status in (400, 403)
    assert reply.error_code in (
        "RequestExpired",
        "InvalidSignatureException",
        "SignatureDoesNotMatch",
        "RequestTimeTooSkewed",
    )
    assert re.search(r"expired|not yet current|skew", reply.text, re.IGNORECASE), reply.text
    close = datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=minutes * 13 // 16)
    assert call_json(guarded.url, "ListQueues", {}, key=KEY, secret=SECRET, at=close).status == 200


def test_presigned_urls_work_until_they_expire(guarded, owner):
    url = owner.create_queue(QueueName="presigned")["QueueUrl"]
    target = f"{url}?Action=SendMessage&Version=2012-11-05&MessageBody=hello"
    good = presign(target, 60, key=KEY, secret=SECRET)
    assert send("GET", good).status == 200
    assert bodies(receive(owner, url)) == ["hello"]
    an_hour_ago = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=1)
    for bad in (
        presign(target, 60, key=KEY, secret=SECRET, at=an_hour_ago),  # past its expiry, and replayed
        presign(target, 60, key=KEY, secret="wrong"),
        good.replace("hello", "forged"),
        good.replace("X-Amz-Expires=60", "X-Amz-Expires=604800"),
        presign(target, 604_801, key=KEY, secret=SECRET),
        re.sub(r"&X-Amz-Signature=\w+", "", good),
    ):
        reply = send("GET", bad)
        assert reply.status in (400, 403), (bad, reply.text)
    assert receive(owner, url) == []
    long_lived = presign(target, 7200, key=KEY, secret=SECRET, at=an_hour_ago)
    assert send("GET", long_lived).status == 200


def test_on_loopback_any_key_is_welcome(moln, name):
    for key, secret in (("test", "test"), ("AKIAWHATEVER", "x"), ("123456789012", "y")):
        assert moln.client(key=key, secret=secret).create_queue(QueueName=name())["QueueUrl"]
    headers = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "AmazonSQS.ListQueues"}
    assert send("POST", f"{moln.url}/", b"{}", headers).status == 200


def test_the_admin_api_is_closed_to_strangers(guarded):
    for method, path in (("POST", "/_moln/clock"), ("GET", "/_moln/backup"), ("POST", "/_moln/backup")):
        reply = send(
            method,
            guarded.url + path,
            b"{}" if method == "POST" else b"",
            {"Content-Type": "application/json", "Host": "example.com"},
        )
        assert reply.status in (400, 401, 403, 404, 405), (path, reply.status)


def test_secrets_do_not_reach_the_log(guarded):
    assert SECRET not in guarded.log_text()
