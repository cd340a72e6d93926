"""Buckets: names, regions, owners, lists, what is set for them."""

import json

import pytest

from harness.raw import presign, send, send_signed


def test_a_bucket_is_made_listed_and_removed(s3, new_bucket, refused):
    bucket = new_bucket()
    assert s3.head_bucket(Bucket=bucket)["BucketRegion"] == "us-east-1"
    assert bucket in [one["Name"] for one in s3.list_buckets()["Buckets"]]
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert refused(s3.delete_bucket, Bucket=bucket) == (409, "BucketNotEmpty")
    s3.delete_object(Bucket=bucket, Key="k")
    s3.delete_bucket(Bucket=bucket)
    assert refused(s3.head_bucket, Bucket=bucket) == (404, "404")
    assert refused(s3.list_objects_v2, Bucket=bucket) == (404, "NoSuchBucket")


@pytest.mark.parametrize("bad", ["ab", "Upper-case", "under_score", "192.168.5.4", "a..b", "xn--bucket", "b-s3alias"])
def test_names_follow_the_rules(s3, bad, refused):
    assert refused(s3.create_bucket, Bucket=bad) == (400, "InvalidBucketName")


def test_names_are_unique_over_accounts_and_regions(moln, new_bucket, refused):
    bucket = new_bucket()
    other = moln.client("s3", key="111111111111")
    assert refused(other.create_bucket, Bucket=bucket) == (409, "BucketAlreadyExists")
    assert refused(other.put_object, Bucket=bucket, Key="k", Body=b"") == (403, "AccessDenied")
    elsewhere = moln.client("s3", region="eu-central-1")
    there = {"LocationConstraint": "eu-central-1"}
    refusal = refused(elsewhere.create_bucket, Bucket=bucket, CreateBucketConfiguration=there)
    assert refusal == (409, "BucketAlreadyOwnedByYou")
    far = new_bucket(elsewhere, CreateBucketConfiguration=there)
    assert elsewhere.get_bucket_location(Bucket=far)["LocationConstraint"] == "eu-central-1"


def test_lists_of_buckets_have_pages(moln, name):
    client = moln.client("s3", key="222222222222")
    stem = name("p")
    names = [f"{stem}-{n}" for n in range(5)]
    for bucket in names:
        client.create_bucket(Bucket=bucket)
    pages = client.get_paginator("list_buckets").paginate(Prefix=stem, PaginationConfig={"PageSize": 2})
    assert [[one["Name"] for one in page["Buckets"]] for page in pages] == [names[:2], names[2:4], names[4:]]


SETTINGS = [
    ("cors", "CORSConfiguration", {"CORSRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]}]}),
    ("website", "WebsiteConfiguration", {"IndexDocument": {"Suffix": "index.html"}}),
    ("tagging", "Tagging", {"TagSet": [{"Key": "team", "Value": "blue"}]}),
    (
        "lifecycle_configuration",
        "LifecycleConfiguration",
        {"Rules": [{"ID": "a", "Status": "Enabled", "Filter": {"Prefix": "t/"}, "Expiration": {"Days": 1}}]},
    ),
]


@pytest.mark.parametrize("setting,argument,value", SETTINGS, ids=[one[0] for one in SETTINGS])
def test_settings_are_kept_and_removed(s3, bucket, refused, setting, argument, value):
    get = getattr(s3, f"get_bucket_{setting}")
    status, code = refused(get, Bucket=bucket)
    assert status == 404 and code.startswith("NoSuch")
    getattr(s3, f"put_bucket_{setting}")(Bucket=bucket, **{argument: value})
    told = get(Bucket=bucket)
    assert {member: told[member] for member in value} == value
    getattr(s3, f"delete_bucket_{setting.removesuffix('_configuration')}")(Bucket=bucket)
    assert refused(get, Bucket=bucket) == (404, code)


@pytest.mark.parametrize(
    "policy",
    ["{", "[]", '"text"', '{"Statement": []}', '{"Version":"2012-10-17","Statement":[{"Effect":"Perhaps"}]}', " "],
)
def test_policies_that_do_not_parse_are_refused(s3, bucket, refused, policy):
    assert refused(s3.put_bucket_policy, Bucket=bucket, Policy=policy) == (400, "MalformedPolicy")
    assert refused(s3.get_bucket_policy, Bucket=bucket) == (404, "NoSuchBucketPolicy")


def test_a_policy_is_about_its_own_bucket(s3, bucket, refused):
    statement = {"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::another/*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    assert refused(s3.put_bucket_policy, Bucket=bucket, Policy=policy) == (400, "MalformedPolicy")
    policy = policy.replace("another", bucket)
    s3.put_bucket_policy(Bucket=bucket, Policy=policy)
    assert json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"]) == json.loads(policy)
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    assert refused(s3.get_object, Bucket=bucket, Key="k") == (403, "AccessDenied"), "a denial holds for its owner"
    s3.delete_bucket_policy(Bucket=bucket)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b""


def test_a_bucket_is_asked_for_in_its_region(moln, s3, new_bucket, refused):
    there = moln.client("s3", region="eu-central-1", s3={"addressing_style": "path"})
    bucket = new_bucket(there, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    there.put_object(Bucket=bucket, Key="k", Body=b"x")
    headers = {"x-amz-content-sha256": "UNSIGNED-PAYLOAD"}
    for method, path in (("GET", f"/{bucket}/k"), ("PUT", f"/{bucket}/new"), ("GET", f"/{bucket}")):
        told = send_signed(method, f"{moln.url}{path}", b"", headers, service="s3")
        assert (told.status, told.headers["x-amz-bucket-region"]) == (400, "eu-central-1")
        assert "<Code>AuthorizationHeaderMalformed</Code>" in told.text and "<Region>eu-central-1</Region>" in told.text
    headless = send_signed("HEAD", f"{moln.url}/{bucket}", b"", headers, service="s3")
    assert (headless.status, headless.headers["x-amz-bucket-region"], headless.body) == (400, "eu-central-1", b"")
    told = send("GET", presign(f"{moln.url}/{bucket}/k", 60, service="s3"))
    assert told.status == 400 and "<Code>AuthorizationQueryParametersError</Code>" in told.text
    # SDKs read the region and ask again; where a bucket is may be asked anywhere.
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
    assert s3.head_bucket(Bucket=bucket)["BucketRegion"] == "eu-central-1"
    assert s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] == "eu-central-1"
    assert refused(s3.head_object, Bucket=bucket, Key="absent") == (404, "404")
