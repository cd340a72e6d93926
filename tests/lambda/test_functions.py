"""Functions: made, changed, published, called; what is refused; restarts and backups' neighbours."""

import io
import json
import urllib.request
import zipfile

import pytest
from botocore.exceptions import ClientError

ROLE = "arn:aws:iam::000000000000:role/r"
CODE = "def handler(event, context):\n    return {'said': event, 'version': context.function_version}\n"


def archive(code=CODE):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        made.writestr("index.py", code)
    return out.getvalue()


@pytest.fixture
def functions(moln):
    return moln.client("lambda")


@pytest.fixture
def make(functions, name):
    def make(**options):
        function = name("f")
        options = {"Runtime": "python3.11", "Handler": "index.handler", "Role": ROLE, **options}
        functions.create_function(FunctionName=function, Code={"ZipFile": archive()}, **options)
        functions.get_waiter("function_active_v2").wait(FunctionName=function)
        return function

    return make


def call(functions, function, event, **options):
    answer = functions.invoke(FunctionName=function, Payload=json.dumps(event), **options)
    return json.loads(answer["Payload"].read()), answer


def test_a_function_is_called_and_its_code_comes_back(functions, make):
    function = make()
    payload, answer = call(functions, function, {"a": [1]}, LogType="Tail")
    assert payload == {"said": {"a": [1]}, "version": "$LATEST"}
    assert (answer["StatusCode"], answer["ExecutedVersion"]) == (200, "$LATEST")
    assert answer["LogResult"]
    location = functions.get_function(FunctionName=function)["Code"]["Location"]
    with urllib.request.urlopen(location) as response:
        assert zipfile.ZipFile(io.BytesIO(response.read())).read("index.py").decode() == CODE


def test_a_published_version_keeps_its_code(functions, make):
    function = make()
    assert functions.publish_version(FunctionName=function)["Version"] == "1"
    assert functions.publish_version(FunctionName=function)["Version"] == "1"
    functions.update_function_code(FunctionName=function, ZipFile=archive("def handler(e, c):\n    return 'new'\n"))
    functions.get_waiter("function_updated_v2").wait(FunctionName=function)
    assert call(functions, function, {})[0] == "new"
    assert call(functions, function, {}, Qualifier="1")[0] == {"said": {}, "version": "1"}
    functions.create_alias(FunctionName=function, Name="live", FunctionVersion="1")
    assert call(functions, f"{function}:live", 7)[0] == {"said": 7, "version": "1"}


@pytest.mark.parametrize(
    "payload, status, code",
    [
        (b"{", 400, "InvalidRequestContentException"),
        (b'"' + b"x" * 6_291_456 + b'"', 413, "RequestTooLargeException"),
    ],
)
def test_bad_payloads_are_refused(functions, make, payload, status, code):
    with pytest.raises(ClientError) as refused:
        functions.invoke(FunctionName=make(), Payload=payload)
    assert refused.value.response["Error"]["Code"] == code
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == status


def test_reserved_zero_throttles_and_a_hundred_stay_for_everyone(functions, make):
    function = make()
    functions.put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=0)
    with pytest.raises(ClientError) as refused:
        functions.invoke(FunctionName=function)
    assert refused.value.response["Error"]["Code"] == "TooManyRequestsException"
    assert refused.value.response["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
    with pytest.raises(ClientError, match="below its minimum value"):
        functions.put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=901)
    functions.delete_function_concurrency(FunctionName=function)
    assert call(functions, function, 1)[0]["said"] == 1


def test_what_no_function_and_no_alias_may_be(functions, make):
    function = make(Publish=True)
    with pytest.raises(ClientError, match="Value '901' at 'timeout' .* less than or equal to 900"):
        functions.update_function_configuration(FunctionName=function, Timeout=901)
    with pytest.raises(ClientError, match="Value '901' at 'timeout'"):
        make(Timeout=901)
    alias = {"FunctionName": function, "FunctionVersion": "1"}
    with pytest.raises(ClientError, match="Value '12' at 'name' failed"):
        functions.create_alias(Name="12", **alias)
    functions.update_function_code(FunctionName=function, ZipFile=archive(CODE + "# new\n"), Publish=True)
    functions.create_alias(Name="live", RoutingConfig={"AdditionalVersionWeights": {"2": 0.5}}, **alias)
    with pytest.raises(ClientError, match="Alias with weights can not be used with Provisioned Concurrency"):
        functions.put_provisioned_concurrency_config(
            FunctionName=function, Qualifier="live", ProvisionedConcurrentExecutions=1
        )


def test_an_old_revision_id_changes_nothing(functions, make):
    function = make(Description="first")
    with pytest.raises(ClientError) as refused:
        functions.update_function_configuration(FunctionName=function, Description="second", RevisionId="0" * 8)
    assert refused.value.response["Error"]["Code"] == "PreconditionFailedException"
    assert functions.get_function_configuration(FunctionName=function)["Description"] == "first"


def test_no_function_has_code_signing_and_asking_is_no_error(functions, make):
    answer = functions.get_function_code_signing_config(FunctionName=make())
    assert (answer["ResponseMetadata"]["HTTPStatusCode"], answer["CodeSigningConfigArn"]) == (200, "")
    with pytest.raises(functions.exceptions.ResourceNotFoundException):
        functions.get_function_code_signing_config(FunctionName="nobody")
