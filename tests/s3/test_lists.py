"""Lists: order, prefixes, delimiters, pages, both versions of the operation."""

import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

KEYS = ["a", "a b", "dir/1", "dir/2", "dir/sub/3", "dir2/4", "z&<>", "ü", "\U0001f600"]


@pytest.fixture(scope="module")
def filled(s3):
    bucket = f"b-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=bucket)
    for key in KEYS:
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    return bucket


def flat(pages):
    return [entry["Key"] for page in pages for entry in page.get("Contents", [])]


@pytest.mark.parametrize("operation", ["list_objects", "list_objects_v2"])
@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_pages_give_every_key_once_in_the_order_of_bytes(s3, filled, operation, size):
    pages = list(s3.get_paginator(operation).paginate(Bucket=filled, PaginationConfig={"PageSize": size}))
    assert flat(pages) == sorted(KEYS, key=str.encode)
    assert all(len(page.get("Contents", [])) <= size for page in pages)


@pytest.mark.parametrize("operation", ["list_objects", "list_objects_v2"])
@pytest.mark.parametrize("size", [1, 2, 1000])
def test_prefixes_fold_and_count_once(s3, filled, operation, size):
    paging = {"PageSize": size}
    pages = list(s3.get_paginator(operation).paginate(Bucket=filled, Delimiter="/", PaginationConfig=paging))
    folded = [one["Prefix"] for page in pages for one in page.get("CommonPrefixes", [])]
    assert folded == ["dir/", "dir2/"]
    assert flat(pages) == [key for key in sorted(KEYS, key=str.encode) if "/" not in key]
    pages = list(
        s3.get_paginator(operation).paginate(Bucket=filled, Delimiter="/", Prefix="dir/", PaginationConfig=paging)
    )
    assert flat(pages) == ["dir/1", "dir/2"]
    assert [one["Prefix"] for page in pages for one in page.get("CommonPrefixes", [])] == ["dir/sub/"]


def test_start_after_and_owner(s3, filled, refused):
    told = s3.list_objects_v2(Bucket=filled, StartAfter="dir/1", MaxKeys=2, FetchOwner=True)
    assert [one["Key"] for one in told["Contents"]] == ["dir/2", "dir/sub/3"]
    assert told["IsTruncated"] and told["KeyCount"] == 2 and told["Contents"][0]["Owner"]["ID"]
    assert "Owner" not in s3.list_objects_v2(Bucket=filled)["Contents"][0]
    assert s3.list_objects_v2(Bucket=filled, MaxKeys=0)["KeyCount"] == 0
    assert refused(s3.list_objects_v2, Bucket=filled, ContinuationToken="nonsense") == (400, "InvalidArgument")
    assert refused(s3.list_objects_v2, Bucket=filled, MaxKeys=-1) == (400, "InvalidArgument")


def test_a_page_has_at_most_a_thousand(s3, new_bucket):
    bucket = new_bucket()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: s3.put_object(Bucket=bucket, Key=f"{n:04}", Body=b""), range(1001)))
    told = s3.list_objects_v2(Bucket=bucket, MaxKeys=5000)
    assert (told["KeyCount"], told["IsTruncated"]) == (1000, True)
    rest = s3.list_objects_v2(Bucket=bucket, ContinuationToken=told["NextContinuationToken"])
    assert [one["Key"] for one in rest["Contents"]] == ["1000"]
