"""Fixtures of S3's tests: each takes new buckets."""

import pytest
from botocore.exceptions import ClientError


@pytest.fixture(scope="session")
def s3(moln):
    return moln.client("s3", s3={"addressing_style": "path"})


@pytest.fixture
def new_bucket(s3, name):
    """Makes buckets: `new_bucket(versioned=True)`, `new_bucket(other_client, ObjectLockEnabledForBucket=True)`; gives
    the name."""

    def make(client=s3, versioned: bool = False, **options) -> str:
        made = name("bucket")
        client.create_bucket(Bucket=made, **options)
        if versioned:
            client.put_bucket_versioning(Bucket=made, VersioningConfiguration={"Status": "Enabled"})
        return made

    return make


@pytest.fixture
def bucket(new_bucket):
    """A new bucket."""
    return new_bucket()


@pytest.fixture(scope="session")
def refused():
    """Calls, and gives status and code of the refusal."""

    def call(operation, **params) -> tuple[int, str]:
        with pytest.raises(ClientError) as raised:
            operation(**params)
        response = raised.value.response
        return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]

    return call


@pytest.fixture(scope="session")
def keys():
    """The keys of a bucket, over all pages."""

    def all_of(client, bucket: str, **more) -> list[str]:
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, **more)
        return [entry["Key"] for page in pages for entry in page.get("Contents", [])]

    return all_of
