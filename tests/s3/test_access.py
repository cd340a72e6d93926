"""Who may: strangers by policy and by list, presigned requests."""

import json

import pytest

from harness.raw import send

OPEN = {name: False for name in ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")}


def allow(bucket: str, action: str, resource: str = "/*", **more) -> str:
    statement = {"Effect": "Allow", "Principal": "*", "Action": action, "Resource": f"arn:aws:s3:::{bucket}{resource}"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement | more]})


def test_a_policy_lets_strangers_in(moln, s3, bucket, refused):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    url = f"{moln.url}/{bucket}/k"
    assert send("GET", url).status == 403
    policy = allow(bucket, "s3:GetObject")
    assert refused(s3.put_bucket_policy, Bucket=bucket, Policy=policy) == (403, "AccessDenied"), "public is blocked"
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=OPEN)
    s3.put_bucket_policy(Bucket=bucket, Policy=policy)
    assert s3.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"]["IsPublic"] is True
    got = send("GET", url)
    assert (got.status, got.body) == (200, b"x")
    assert send("PUT", url, b"y").status == 403
    assert send("DELETE", url).status == 403
    assert send("GET", f"{moln.url}/{bucket}").status == 403
    restricted = OPEN | {"RestrictPublicBuckets": True}
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=restricted)
    assert send("GET", url).status == 403
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"


def test_missing_keys_are_told_to_those_who_may_list(moln, s3, bucket):
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=OPEN)
    s3.put_bucket_policy(Bucket=bucket, Policy=allow(bucket, "s3:GetObject"))
    assert send("GET", f"{moln.url}/{bucket}/missing").status == 403
    both = json.loads(allow(bucket, "s3:GetObject"))
    both["Statement"] += json.loads(allow(bucket, "s3:ListBucket", ""))["Statement"]
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(both))
    assert send("GET", f"{moln.url}/{bucket}/missing").status == 404
    assert b"<ListBucketResult" in send("GET", f"{moln.url}/{bucket}?list-type=2").body


def test_a_list_lets_strangers_in(moln, s3, new_bucket, refused):
    bucket = new_bucket(ObjectOwnership="ObjectWriter")
    at = {"Bucket": bucket, "Key": "k"}
    assert refused(s3.put_object, **at, Body=b"x", ACL="public-read") == (403, "AccessDenied"), "public is blocked"
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=OPEN)
    s3.put_object(**at, Body=b"x", ACL="public-read")
    url = f"{moln.url}/{bucket}/k"
    assert send("GET", url).status == 200
    assert send("GET", f"{moln.url}/{bucket}").status == 403
    ignored = OPEN | {"IgnorePublicAcls": True}
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=ignored)
    assert send("GET", url).status == 403
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=OPEN)
    s3.put_object_acl(**at, ACL="private")
    assert send("GET", url).status == 403


def test_lists_are_off_in_a_new_bucket(s3, bucket, refused):
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    off = (400, "AccessControlListNotSupported")
    assert refused(s3.put_object_acl, Bucket=bucket, Key="k", ACL="public-read") == off
    assert refused(s3.put_bucket_acl, Bucket=bucket, ACL="public-read") == off


def test_another_account_by_policy(moln, s3, bucket):
    other = moln.client("s3", key="333333333333")
    principal = {"Principal": {"AWS": "arn:aws:iam::333333333333:root"}}
    s3.put_bucket_policy(Bucket=bucket, Policy=allow(bucket, "s3:PutObject", **principal))
    other.put_object(Bucket=bucket, Key="k", Body=b"theirs")
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"theirs"


@pytest.mark.parametrize("version", ["s3v4", "s3"])
def test_presigned_requests(moln, bucket, version):
    client = moln.client("s3", signature_version=version, s3={"addressing_style": "path"})
    at = {"Bucket": bucket, "Key": "a b"}
    put = client.generate_presigned_url("put_object", at)
    assert send("PUT", put, b"by link").status == 200
    get = client.generate_presigned_url("get_object", at | {"ResponseContentType": "text/x"})
    got = send("GET", get)
    assert (got.status, got.body, got.headers["content-type"]) == (200, b"by link", "text/x")
    assert send("GET", get, headers={"Range": "bytes=3-"}).body == b"link"
