"""Roles and policies as deployment tools use them."""

import json

import pytest
from botocore.exceptions import ClientError

TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}},
    ],
}
POLICY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": ["sqs:*"], "Resource": "arn:aws:sqs:*:*:a%20b"}],
}
BASIC = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"


def make_role(iam, name, **more):
    return iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST), **more)["Role"]


def refused(call, **arguments):
    with pytest.raises(ClientError) as failure:
        call(**arguments)
    return failure.value.response["Error"]["Code"], failure.value.response["Error"]["Message"]


def test_a_role_comes_back_as_it_was_made(moln, name):
    iam = moln.client("iam")
    role = make_role(iam, name("role"), Path="/app/", Tags=[{"Key": "a", "Value": "b"}])
    iam.get_waiter("role_exists").wait(RoleName=role["RoleName"])
    got = moln.client("iam", region="eu-west-1").get_role(RoleName=role["RoleName"])["Role"]
    assert got["AssumeRolePolicyDocument"] == TRUST
    assert (got["RoleId"], got["Path"], got["MaxSessionDuration"]) == (role["RoleId"], "/app/", 3600)
    assert got["Tags"] == [{"Key": "a", "Value": "b"}]
    assert [role["RoleName"]] == [
        found["RoleName"]
        for page in iam.get_paginator("list_roles").paginate(PathPrefix="/app/")
        for found in page["Roles"]
        if found["RoleName"] == role["RoleName"]
    ]


def test_policies_of_a_role(moln, name):
    iam = moln.client("iam")
    role = make_role(iam, name("role"))["RoleName"]
    iam.put_role_policy(RoleName=role, PolicyName="p", PolicyDocument=json.dumps(POLICY))
    assert iam.get_role_policy(RoleName=role, PolicyName="p")["PolicyDocument"] == POLICY
    iam.attach_role_policy(RoleName=role, PolicyArn=BASIC)
    (attached,) = iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
    assert attached == {"PolicyArn": BASIC, "PolicyName": "AWSLambdaBasicExecutionRole"}
    version = iam.get_policy(PolicyArn=BASIC)["Policy"]["DefaultVersionId"]
    document = iam.get_policy_version(PolicyArn=BASIC, VersionId=version)["PolicyVersion"]["Document"]
    assert "logs:PutLogEvents" in document["Statement"][0]["Action"]
    code, words = refused(iam.delete_role, RoleName=role)
    assert (code, words) == ("DeleteConflict", "Cannot delete entity, must detach all policies first.")
    iam.detach_role_policy(RoleName=role, PolicyArn=BASIC)
    iam.delete_role_policy(RoleName=role, PolicyName="p")
    iam.delete_role(RoleName=role)
    assert refused(iam.get_role, RoleName=role) == ("NoSuchEntity", f"The role with name {role} cannot be found.")


@pytest.mark.parametrize(
    "arguments, code, words",
    [
        ({"RoleName": "a b"}, "ValidationError", "The specified value for roleName is invalid."),
        ({"RoleName": "r" * 65}, "ValidationError", "Value at 'roleName' failed to satisfy constraint"),
        ({"Path": "nopath"}, "ValidationError", "The specified value for path is invalid."),
        ({"MaxSessionDuration": 60}, "ValidationError", "'maxSessionDuration'"),
        ({"AssumeRolePolicyDocument": "{,}"}, "MalformedPolicyDocument", "This policy contains invalid Json"),
        ({"PermissionsBoundary": f"{BASIC}x"}, "NoSuchEntity", "does not exist or is not attachable"),
    ],
)
def test_bad_roles_are_refused(moln, name, arguments, code, words):
    good = {"RoleName": name("role"), "AssumeRolePolicyDocument": json.dumps(TRUST)}
    found, message = refused(moln.client("iam", parameter_validation=False).create_role, **(good | arguments))
    assert found == code and words in message


def test_entities_outlive_a_kill(fresh):
    iam = fresh.client("iam")
    make_role(iam, "role")
    arn = iam.create_policy(PolicyName="policy", PolicyDocument=json.dumps(POLICY))["Policy"]["Arn"]
    iam.attach_role_policy(RoleName="role", PolicyArn=arn)
    iam.create_group(GroupName="group")
    iam.create_user(UserName="user")
    iam.add_user_to_group(GroupName="group", UserName="user")
    fresh.kill()
    fresh.start()
    assert iam.list_entities_for_policy(PolicyArn=arn)["PolicyRoles"][0]["RoleName"] == "role"
    assert iam.get_group(GroupName="group")["Users"][0]["UserName"] == "user"
    assert refused(iam.delete_policy, PolicyArn=arn)[0] == "DeleteConflict"
