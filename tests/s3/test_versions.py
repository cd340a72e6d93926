"""Versions, delete markers and their lists."""

import pytest


def versions(s3, bucket, **more):
    told = s3.list_object_versions(Bucket=bucket, **more)
    return told.get("Versions", []), told.get("DeleteMarkers", [])


def test_versions_are_kept(s3, new_bucket, refused):
    bucket = new_bucket(versioned=True)
    ids = [s3.put_object(Bucket=bucket, Key="k", Body=body)["VersionId"] for body in (b"1", b"2", b"3")]
    assert len(set(ids)) == 3
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"3"
    assert s3.get_object(Bucket=bucket, Key="k", VersionId=ids[0])["Body"].read() == b"1"
    kept, _ = versions(s3, bucket)
    assert [(one["VersionId"], one["IsLatest"]) for one in kept] == [(ids[2], True), (ids[1], False), (ids[0], False)]
    s3.delete_object(Bucket=bucket, Key="k", VersionId=ids[2])
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"2"
    assert refused(s3.get_object, Bucket=bucket, Key="k", VersionId=ids[2]) == (404, "NoSuchVersion")
    assert refused(s3.get_object, Bucket=bucket, Key="k", VersionId="nonsense")[0] in (400, 404)


def test_delete_markers_hide_and_go(s3, new_bucket, refused, keys):
    bucket = new_bucket(versioned=True)
    version = s3.put_object(Bucket=bucket, Key="k", Body=b"1")["VersionId"]
    gone = s3.delete_object(Bucket=bucket, Key="k")
    assert gone["DeleteMarker"] is True
    assert refused(s3.get_object, Bucket=bucket, Key="k") == (404, "NoSuchKey")
    assert keys(s3, bucket) == []
    marker = {"Bucket": bucket, "Key": "k", "VersionId": gone["VersionId"]}
    assert refused(s3.get_object, **marker) == (405, "MethodNotAllowed")
    kept, markers = versions(s3, bucket)
    assert [one["VersionId"] for one in kept] == [version] and markers[0]["IsLatest"] is True
    assert refused(s3.delete_bucket, Bucket=bucket) == (409, "BucketNotEmpty")
    assert s3.delete_object(**marker)["DeleteMarker"] is True
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"1"


def test_suspended_buckets_replace_the_null_version(s3, new_bucket):
    bucket = new_bucket()
    s3.put_object(Bucket=bucket, Key="k", Body=b"before")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    version = s3.put_object(Bucket=bucket, Key="k", Body=b"versioned")["VersionId"]
    assert s3.get_object(Bucket=bucket, Key="k", VersionId="null")["Body"].read() == b"before"
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    s3.put_object(Bucket=bucket, Key="k", Body=b"after")
    kept, _ = versions(s3, bucket)
    assert [one["VersionId"] for one in kept] == ["null", version]
    assert s3.get_object(Bucket=bucket, Key="k", VersionId="null")["Body"].read() == b"after"


@pytest.mark.parametrize("size", [1, 2, 5])
def test_lists_of_versions_have_pages(s3, new_bucket, size):
    bucket = new_bucket(versioned=True)
    for key in ("a", "b/1", "b/2", "c"):
        for _ in range(2):
            s3.put_object(Bucket=bucket, Key=key, Body=b"")
    s3.delete_object(Bucket=bucket, Key="c")
    pages = list(s3.get_paginator("list_object_versions").paginate(Bucket=bucket, PaginationConfig={"PageSize": size}))
    seen = [(one["Key"], one["VersionId"]) for page in pages for one in page.get("Versions", [])]
    assert [key for key, _ in seen] == ["a", "a", "b/1", "b/1", "b/2", "b/2", "c", "c"] and len(set(seen)) == 8
    assert sum(len(page.get("DeleteMarkers", [])) for page in pages) == 1
    folded = s3.list_object_versions(Bucket=bucket, Delimiter="/")
    assert [one["Prefix"] for one in folded["CommonPrefixes"]] == ["b/"]
    assert [one["Key"] for one in folded["Versions"]] == ["a", "a", "c", "c"]
