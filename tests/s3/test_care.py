"""What happens by itself: life cycles by the clock."""

import pytest

from harness.waiting import eventually


@pytest.fixture
def s3(fresh):
    return fresh.client("s3", s3={"addressing_style": "path"})


def rule(**more) -> dict:
    return {"Rules": [{"ID": "r", "Status": "Enabled", "Filter": {"Prefix": ""}} | more]}


def test_life_cycles_are_carried_out_at_midnight(fresh, s3, new_bucket, keys):
    expiring, versioned, uploads = new_bucket(s3), new_bucket(s3, versioned=True), new_bucket(s3)
    expire = rule(Expiration={"Days": 2}, Filter={"Prefix": "tmp/"})
    s3.put_bucket_lifecycle_configuration(Bucket=expiring, LifecycleConfiguration=expire)
    for key in ("tmp/a", "kept"):
        s3.put_object(Bucket=expiring, Key=key, Body=b"x")
    assert 'rule-id="r"' in s3.head_object(Bucket=expiring, Key="tmp/a")["Expiration"]
    assert "Expiration" not in s3.head_object(Bucket=expiring, Key="kept")

    noncurrent = rule(
        NoncurrentVersionExpiration={"NoncurrentDays": 2, "NewerNoncurrentVersions": 1},
        Expiration={"ExpiredObjectDeleteMarker": True},
    )
    s3.put_bucket_lifecycle_configuration(Bucket=versioned, LifecycleConfiguration=noncurrent)
    made = [s3.put_object(Bucket=versioned, Key="k", Body=b"x")["VersionId"] for _ in range(3)]
    lone = s3.put_object(Bucket=versioned, Key="lone", Body=b"x")["VersionId"]
    s3.delete_object(Bucket=versioned, Key="lone")
    s3.delete_object(Bucket=versioned, Key="lone", VersionId=lone)

    abort = rule(AbortIncompleteMultipartUpload={"DaysAfterInitiation": 2})
    s3.put_bucket_lifecycle_configuration(Bucket=uploads, LifecycleConfiguration=abort)
    s3.create_multipart_upload(Bucket=uploads, Key="k")

    fresh.advance("1d")
    assert keys(s3, expiring) == ["kept", "tmp/a"]
    assert len(s3.list_multipart_uploads(Bucket=uploads)["Uploads"]) == 1
    fresh.advance("2d")

    def is_done():
        told = s3.list_object_versions(Bucket=versioned)
        kept = [one["VersionId"] for one in told.get("Versions", [])]
        return (
            keys(s3, expiring) == ["kept"]
            and kept == [made[2], made[1]]
            and "DeleteMarkers" not in told
            and "Uploads" not in s3.list_multipart_uploads(Bucket=uploads)
        )

    eventually(is_done)


def test_versioned_objects_expire_under_a_marker(fresh, s3, new_bucket, refused):
    bucket = new_bucket(s3, versioned=True)
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration=rule(Expiration={"Days": 1}))
    version = s3.put_object(Bucket=bucket, Key="k", Body=b"x")["VersionId"]
    fresh.advance("2d")
    eventually(lambda: "DeleteMarkers" in s3.list_object_versions(Bucket=bucket))
    assert refused(s3.get_object, Bucket=bucket, Key="k") == (404, "NoSuchKey")
    assert s3.get_object(Bucket=bucket, Key="k", VersionId=version)["Body"].read() == b"x"


def test_a_restart_keeps_everything(fresh, s3, new_bucket):
    bucket = new_bucket(s3, versioned=True)
    small, large = b"small", bytes(range(256)) * 1000
    first = s3.put_object(Bucket=bucket, Key="k", Body=large, Metadata={"m": "1"})["VersionId"]
    s3.put_object(Bucket=bucket, Key="k", Body=small, Tagging="a=1")
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [{"Key": "t", "Value": "v"}]})
    upload = s3.create_multipart_upload(Bucket=bucket, Key="up")["UploadId"]
    etag = s3.upload_part(Bucket=bucket, Key="up", UploadId=upload, PartNumber=1, Body=large)["ETag"]
    marked = s3.put_object(Bucket=bucket, Key="gone", Body=b"")["VersionId"]
    s3.delete_object(Bucket=bucket, Key="gone")
    fresh.restart()
    got = s3.get_object(Bucket=bucket, Key="k")
    assert (got["Body"].read(), got["TagCount"]) == (small, 1)
    old = s3.get_object(Bucket=bucket, Key="k", VersionId=first)
    assert (old["Body"].read(), old["Metadata"]) == (large, {"m": "1"})
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == [{"Key": "t", "Value": "v"}]
    told = s3.list_object_versions(Bucket=bucket, Prefix="gone")
    assert told["Versions"][0]["VersionId"] == marked and told["DeleteMarkers"][0]["IsLatest"]
    done = {"Parts": [{"PartNumber": 1, "ETag": etag}]}
    s3.complete_multipart_upload(Bucket=bucket, Key="up", UploadId=upload, MultipartUpload=done)
    assert s3.get_object(Bucket=bucket, Key="up")["Body"].read() == large


def test_versions_change_their_class(fresh, s3, new_bucket, refused):
    bucket = new_bucket(s3, versioned=True)
    rules = {
        "Rules": [
            {
                "ID": "large",
                "Status": "Enabled",
                "Filter": {"Prefix": ""},
                "Transitions": [{"Days": 1, "StorageClass": "GLACIER_IR"}, {"Days": 3, "StorageClass": "GLACIER"}],
                "NoncurrentVersionTransitions": [
                    {"NoncurrentDays": 1, "NewerNoncurrentVersions": 1, "StorageClass": "DEEP_ARCHIVE"}
                ],
            },
            {
                "ID": "small",
                "Status": "Enabled",
                "Filter": {"And": {"Prefix": "in/", "ObjectSizeGreaterThan": 1, "ObjectSizeLessThan": 100}},
                "Transitions": [{"Days": 1, "StorageClass": "GLACIER"}],
            },
        ]
    }
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration=rules)
    large = b"x" * (128 << 10)
    ids = [s3.put_object(Bucket=bucket, Key="k", Body=large)["VersionId"] for _ in range(3)]
    for key, body in {"in/two": b"xx", "in/one": b"x", "small": b"xx"}.items():
        s3.put_object(Bucket=bucket, Key=key, Body=body)

    def classes() -> list[str]:
        told = {one["VersionId"]: one["StorageClass"] for one in s3.list_object_versions(Bucket=bucket)["Versions"]}
        return [told[version] for version in ids]

    fresh.advance("2d")
    eventually(lambda: classes() == ["DEEP_ARCHIVE", "STANDARD", "GLACIER_IR"])
    eventually(lambda: s3.head_object(Bucket=bucket, Key="in/two").get("StorageClass") == "GLACIER")
    assert refused(s3.get_object, Bucket=bucket, Key="in/two") == (403, "InvalidObjectState")
    fresh.advance("2d")
    eventually(lambda: classes() == ["DEEP_ARCHIVE", "STANDARD", "GLACIER"])
    for key in ("in/one", "small"):
        assert "StorageClass" not in s3.head_object(Bucket=bucket, Key=key)
