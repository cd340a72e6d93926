"""Presigned requests, forms, pages of other origins, websites, hosts of buckets."""

import time
import urllib.parse

import pytest

from harness.raw import send


@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_presigned_requests_expire_by_the_clock(movable, name, version):
    client = movable.client("s3", signature_version=version, s3={"addressing_style": "path"})
    bucket = name("bucket")
    movable.client("s3", s3={"addressing_style": "path"}).create_bucket(Bucket=bucket)
    params = {"Bucket": bucket, "Key": "a/../b"}
    url = client.generate_presigned_url("put_object", Params=params, ExpiresIn=600)
    assert send("PUT", url, b"hello").status == 200
    url = client.generate_presigned_url("get_object", Params=params, ExpiresIn=600)
    assert send("GET", url).text == "hello"
    if version == "s3":
        # It tells only when it ends.
        assert send("GET", url.split("&Expires=")[0] + "&Expires=1700000000").status == 403
        return
    movable.advance("11m")
    assert send("GET", url).status == 403

    def again():
        return send("GET", client.generate_presigned_url("get_object", Params=params, ExpiresIn=600)).status

    # What is signed within the second of the movement counts as signed before it.
    deadline = time.monotonic() + 5
    while again() != 200:
        assert time.monotonic() < deadline


def test_strangers_are_refused(moln, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    reply = send("GET", f"{moln.url}/{bucket}/k")
    assert (reply.status, "<Code>AccessDenied</Code>" in reply.text) == (403, True)


def test_a_form_uploads_what_its_policy_allows(moln, s3, bucket):
    form = s3.generate_presigned_post(bucket, "up/${filename}", Conditions=[["content-length-range", 1, 5]])

    def post(content: bytes):
        boundary, body = "b0undary", b""
        for field, value in form["fields"].items():
            body += f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{value}\r\n'.encode()
        disposition = 'Content-Disposition: form-data; name="file"; filename="f.txt"'
        body += f"--{boundary}\r\n{disposition}\r\n\r\n".encode() + content + f"\r\n--{boundary}--\r\n".encode()
        return send("POST", f"{moln.url}/{bucket}", body, {"Content-Type": f"multipart/form-data; boundary={boundary}"})

    assert post(b"hello").status == 204
    assert s3.get_object(Bucket=bucket, Key="up/f.txt")["Body"].read() == b"hello"
    assert "EntityTooLarge" in post(b"hello!").text
    assert s3.get_object(Bucket=bucket, Key="up/f.txt")["Body"].read() == b"hello"


def test_pages_get_what_the_rules_give(moln, s3, bucket):
    asked = {"Origin": "https://a.example", "Access-Control-Request-Method": "PUT"}
    assert send("OPTIONS", f"{moln.url}/{bucket}/k", b"", asked).status == 403
    rule = {"AllowedMethods": ["PUT", "GET"], "AllowedOrigins": ["https://*.example"], "AllowedHeaders": ["*"]}
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [rule]})
    answer = send("OPTIONS", f"{moln.url}/{bucket}/k", b"", asked)
    assert answer.status == 200
    assert answer.headers["access-control-allow-origin"] == "https://a.example"
    assert send("OPTIONS", f"{moln.url}/{bucket}/k", b"", asked | {"Origin": "https://evil.test"}).status == 403


def test_a_website_and_a_bucket_have_hosts(moln, s3, bucket):
    s3.delete_public_access_block(Bucket=bucket)
    policy = (
        '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":["s3:GetObject",'
        f'"s3:ListBucket"],"Resource":["arn:aws:s3:::{bucket}/*","arn:aws:s3:::{bucket}"]}}]}}'
    )
    s3.put_bucket_policy(Bucket=bucket, Policy=policy)
    s3.put_object(Bucket=bucket, Key="index.html", Body=b"<h1>", ContentType="text/html")
    website = {"IndexDocument": {"Suffix": "index.html"}}
    s3.put_bucket_website(Bucket=bucket, WebsiteConfiguration=website)
    port = urllib.parse.urlsplit(moln.url).port
    page = send("GET", f"{moln.url}/", b"", {"Host": f"{bucket}.s3-website.localhost:{port}"})
    assert (page.status, page.text) == (200, "<h1>")
    absent = send("GET", f"{moln.url}/none", b"", {"Host": f"{bucket}.s3-website.localhost:{port}"})
    assert (absent.status, "NoSuchKey" in absent.text) == (404, True)
    direct = send("GET", f"{moln.url}/index.html", b"", {"Host": f"{bucket}.s3.us-east-1.localhost:{port}"})
    assert (direct.status, direct.text) == (200, "<h1>")
