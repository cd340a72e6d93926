"""The AWS CLI: cp, mv, sync, rm, presign, both ways with equal bytes."""

import hashlib
import os
import subprocess
import sys
import time

import pytest

from harness.raw import send


@pytest.fixture
def aws(moln):
    """Runs `aws s3 …` and returns its output."""

    def run(*args: str) -> str:
        script = "import sys; from awscli.clidriver import main; sys.exit(main())"
        command = [sys.executable, "-c", script, "s3", *args]
        done = subprocess.run(command, capture_output=True, text=True, env=moln.env, timeout=120)
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout

    return run


def hashes(folder) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_folders_are_synced_both_ways(aws, s3, bucket, keys, tmp_path):
    here, there = tmp_path / "here", tmp_path / "there"
    for n in range(20):
        path = here / f"d{n % 3}" / f"file {n} ü.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(n * 100))
    (here / "big").write_bytes(os.urandom(9 << 20))
    # Listings tell whole seconds: what is as young as its upload would seem to be changed.
    yesterday = time.time() - 86_400
    for path in here.rglob("*"):
        os.utime(path, (yesterday, yesterday))
    aws("sync", str(here), f"s3://{bucket}/x/", "--no-progress")
    assert len(keys(s3, bucket)) == 21
    aws("sync", f"s3://{bucket}/x/", str(there), "--no-progress")
    assert hashes(there) == hashes(here)
    assert aws("sync", str(here), f"s3://{bucket}/x/", "--no-progress") == "", "nothing has changed"
    (here / "big").unlink()
    aws("sync", str(here), f"s3://{bucket}/x/", "--delete", "--no-progress")
    assert "x/big" not in keys(s3, bucket)
    aws("rm", f"s3://{bucket}/x/", "--recursive")
    assert keys(s3, bucket) == []


def test_files_are_copied_moved_and_linked(aws, s3, bucket, keys, tmp_path):
    path = tmp_path / "page.html"
    path.write_bytes(b"<p>hello</p>")
    aws("cp", str(path), f"s3://{bucket}/page.html")
    assert s3.head_object(Bucket=bucket, Key="page.html")["ContentType"] == "text/html"
    aws("mv", f"s3://{bucket}/page.html", f"s3://{bucket}/moved.html")
    assert keys(s3, bucket) == ["moved.html"]
    assert "moved.html" in aws("ls", f"s3://{bucket}/")
    link = aws("presign", f"s3://{bucket}/moved.html", "--expires-in", "60").strip()
    assert send("GET", link).body == b"<p>hello</p>"
    aws("cp", f"s3://{bucket}/moved.html", str(tmp_path / "back"))
    assert (tmp_path / "back").read_bytes() == path.read_bytes()
