"""Sessions: roles are taken on by whom they trust, and the front door knows the keys until they end."""

import json

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

ACCOUNT = "000000000000"


def client(server, service, keys):
    """A client that signs with a session's keys, or a user's."""
    return boto3.client(
        service,
        endpoint_url=server.url,
        region_name="us-east-1",
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys.get("SessionToken"),
        config=Config(retries={"total_max_attempts": 1}),
    )


def trust(**principal):
    statement = {"Effect": "Allow", "Action": ["sts:AssumeRole", "sts:TagSession"], "Principal": principal}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def make_role(server, name, document=None):
    answer = server.client("iam").create_role(
        RoleName=name, AssumeRolePolicyDocument=document or trust(AWS=ACCOUNT), MaxSessionDuration=7200
    )
    return answer["Role"]


def assume(server, role, **more):
    sts = server.client("sts", parameter_validation=False)
    return sts.assume_role(RoleArn=role["Arn"], RoleSessionName="session", **more)


def refused(code, call, *args, **kwargs):
    with pytest.raises(ClientError) as failure:
        call(*args, **kwargs)
    assert failure.value.response["Error"]["Code"] == code
    return failure.value.response["Error"]["Message"]


def test_the_root_is_told_who_it_is(moln):
    answer = moln.client("sts").get_caller_identity()
    assert (answer["Account"], answer["UserId"], answer["Arn"]) == (ACCOUNT, ACCOUNT, f"arn:aws:iam::{ACCOUNT}:root")
    other = moln.client("sts", key="123456789012").get_caller_identity()
    assert other["Arn"] == "arn:aws:iam::123456789012:root"


def test_a_session_acts_in_its_role(moln, name):
    role = make_role(moln, name("role"))
    answer = assume(moln, role)
    arn = f"arn:aws:sts::{ACCOUNT}:assumed-role/{role['RoleName']}/session"
    user_id = f"{role['RoleId']}:session"
    assert answer["AssumedRoleUser"] == {"Arn": arn, "AssumedRoleId": user_id}
    sts = client(moln, "sts", answer["Credentials"])
    identity = sts.get_caller_identity()
    assert (identity["Arn"], identity["UserId"], identity["Account"]) == (arn, user_id, ACCOUNT)
    info = sts.get_access_key_info(AccessKeyId=answer["Credentials"]["AccessKeyId"])
    assert info["Account"] == ACCOUNT
    refused("AccessDenied", sts.get_session_token)


@pytest.mark.parametrize(
    "change, code",
    [
        ({"SecretAccessKey": "x" * 40}, "SignatureDoesNotMatch"),
        ({"SessionToken": "x"}, "InvalidClientTokenId"),
        ({"SessionToken": None}, "InvalidClientTokenId"),
    ],
)
def test_other_keys_are_not_the_session(moln, name, change, code):
    keys = assume(moln, make_role(moln, name("role")))["Credentials"]
    refused(code, client(moln, "sts", keys | change).get_caller_identity)


def test_roles_are_taken_on_by_whom_they_trust_alone(moln, name):
    role = make_role(moln, name("role"), trust(Service="lambda.amazonaws.com"))
    words = refused("AccessDenied", assume, moln, role)
    assert words == (
        f"User: arn:aws:iam::{ACCOUNT}:root is not authorized to perform: sts:AssumeRole on resource: {role['Arn']}"
    )
    moln.client("iam").update_assume_role_policy(RoleName=role["RoleName"], PolicyDocument=trust(AWS=ACCOUNT))
    assume(moln, role)
    refused("ValidationError", assume, moln, role, DurationSeconds=7201)
    words = refused("ValidationError", assume, moln, role, DurationSeconds=899)
    assert "'durationSeconds' failed to satisfy constraint" in words


def test_sessions_outlive_a_restart_and_end(fresh, name):
    keys = assume(fresh, make_role(fresh, name("role")), DurationSeconds=900)["Credentials"]
    fresh.kill()
    fresh.start()
    sts = client(fresh, "sts", keys)
    assert sts.get_caller_identity()["Arn"].endswith("/session")
    fresh.advance("15m")
    words = refused("ExpiredToken", sts.get_caller_identity)
    assert words == "The security token included in the request is expired"
    # What has ended does not become a stranger that is welcome.
    refused("ExpiredToken", client(fresh, "sqs", keys).list_queues)


def test_a_user_signs_with_its_keys(moln, name):
    iam = moln.client("iam")
    user = iam.create_user(UserName=name("user"))["User"]
    keys = iam.create_access_key(UserName=user["UserName"])["AccessKey"]
    sts = client(moln, "sts", keys)
    identity = sts.get_caller_identity()
    assert (identity["Arn"], identity["UserId"]) == (user["Arn"], user["UserId"])
    own = client(moln, "iam", keys).get_user()["User"]
    assert own["UserName"] == user["UserName"]
    session = client(moln, "sts", sts.get_session_token()["Credentials"])
    assert session.get_caller_identity()["Arn"] == user["Arn"]
    role = make_role(moln, name("role"), trust(AWS=user["Arn"]))
    sts.assume_role(RoleArn=role["Arn"], RoleSessionName="me")
    refused("AccessDenied", assume, moln, role)
    wrong = keys | {"SecretAccessKey": "x" * 40}
    refused("SignatureDoesNotMatch", client(moln, "sts", wrong).get_caller_identity)


def test_keys_of_users_open_a_door_that_asks_for_them(new_server, name):
    root = {"MOLN_ACCESS_KEY_ID": "rootkey", "MOLN_SECRET_ACCESS_KEY": "rootsecret"}
    server = new_server(args=("--auth", "required"), env=root).start()
    iam = server.client("iam", key="rootkey", secret="rootsecret")
    iam.create_user(UserName="u")
    keys = iam.create_access_key(UserName="u")["AccessKey"]
    sts = client(server, "sts", keys)
    assert sts.get_caller_identity()["Arn"].endswith(":user/u")
    iam.update_access_key(UserName="u", AccessKeyId=keys["AccessKeyId"], Status="Inactive")
    refused("InvalidClientTokenId", sts.get_caller_identity)
    refused("InvalidClientTokenId", server.client("sts").get_caller_identity)


@pytest.mark.parametrize("call", ["assume_role_with_saml", "decode_authorization_message"])
def test_what_is_not_built_says_so(moln, call):
    arguments = {
        "assume_role_with_saml": {
            "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/r",
            "PrincipalArn": f"arn:aws:iam::{ACCOUNT}:saml-provider/p",
            "SAMLAssertion": "abcd",
        },
        "decode_authorization_message": {"EncodedMessage": "abcd"},
    }
    refused("NotImplemented", getattr(moln.client("sts"), call), **arguments[call])
