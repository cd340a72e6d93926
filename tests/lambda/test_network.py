"""What functions reach over the network: each other's servers never, and with --isolate-functions only Moln."""

import http.client
import io
import json
import socket
import threading
import zipfile

import pytest

ROLE = "arn:aws:iam::000000000000:role/r"
CODE = """
import http.client, os, socket
import boto3

def outcome(act):
    try:
        return str(act())
    except OSError as why:
        return type(why).__name__

def connect(address):
    with socket.create_connection(address, timeout=2) as stream:
        return stream.recv(5)

def ping(address):
    api = http.client.HTTPConnection(address, timeout=2)
    api.request('GET', '/2018-06-01/ping')
    return api.getresponse().read()

def handler(event, context):
    if event.get('queue'):
        boto3.client('sqs').send_message(QueueUrl=event['queue'], MessageBody='from inside')
    return {
        'api': os.environ['AWS_LAMBDA_RUNTIME_API'],
        'reached': [outcome(lambda: connect(tuple(address))) for address in event.get('connect', [])],
        'pings': [outcome(lambda: ping(address)) for address in event.get('ping', [])],
        'own': outcome(lambda: ping(os.environ['AWS_LAMBDA_RUNTIME_API'])),
    }
"""


@pytest.fixture
def somebody():
    """A server on this machine's loopback that greets whoever comes."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def greet():
            while True:
                try:
                    stream, _ = server.accept()
                except OSError:
                    return
                with stream:
                    stream.sendall(b"hello")

        threading.Thread(target=greet, daemon=True).start()
        yield server.getsockname()
        server.shutdown(socket.SHUT_RDWR)


def make(server, name):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("index.py", CODE)
    functions = server.client("lambda")
    functions.create_function(
        FunctionName=name,
        Runtime="python3.11",
        Role=ROLE,
        Handler="index.handler",
        Timeout=30,
        Code={"ZipFile": packed.getvalue()},
    )
    functions.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})

    def call(**event):
        answer = functions.invoke(FunctionName=name, Payload=json.dumps(event))
        payload = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, payload
        return payload

    return call


def pinged(address):
    """A look at a Runtime API from outside."""
    api = http.client.HTTPConnection(address, timeout=5)
    try:
        api.request("GET", "/2018-06-01/ping")
        return str(api.getresponse().read())
    except OSError as why:
        return type(why).__name__
    finally:
        api.close()


def test_a_runtime_api_answers_its_own_function_only(moln, name, somebody):
    first, second = make(moln, name("first")), make(moln, name("second"))
    # The machine's network is theirs, its loopback too.
    victim = first(connect=[somebody])
    assert victim["reached"] == ["b'hello'"] and victim["own"] == "b'pong'"
    refused = {"RemoteDisconnected", "ConnectionResetError"}
    told = second(ping=[victim["api"]])
    assert set(told["pings"]) <= refused and told["own"] == "b'pong'", told
    assert pinged(victim["api"]) in refused
    assert first() == {**victim, "reached": []}, "the same environment, none the worse for it"


def test_isolated_functions_reach_the_server_and_nothing_else(new_server, somebody):
    server = new_server(args=("--isolate-functions",)).start()
    queue = server.client("sqs").create_queue(QueueName="q")["QueueUrl"]
    first, second = make(server, "first"), make(server, "second")
    nowhere = ("192.0.2.1", 80)
    told = first(queue=queue, connect=[somebody, nowhere], ping=[f"127.0.0.1:{server.port}"])
    assert set(told["reached"]) <= {"ConnectionRefusedError", "OSError"}, told
    assert told["own"] == "b'pong'" and "NotImplemented" not in told["pings"][0]
    messages = server.client("sqs").receive_message(QueueUrl=queue)["Messages"]
    assert [message["Body"] for message in messages] == ["from inside"]
    # The same address in both, and in each it is its own.
    assert told["api"] == second()["api"] == "127.0.0.1:9001"
    assert pinged(told["api"]) == "ConnectionRefusedError"
    assert server.stop() == 0
