"""Unpacks the pinned botocore's source archive from PyPI: protocol test cases and API models, into a directory."""

import pathlib
import re
import subprocess
import sys
import tarfile
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
PARTS = {"tests/unit/protocols/": "protocols/", "botocore/data/": "data/"}


def main(target: pathlib.Path) -> None:
    pins = (ROOT / "tests" / "requirements.txt").read_text()
    version = re.search(r"^botocore==(\S+)$", pins, re.MULTILINE).group(1)
    with tempfile.TemporaryDirectory() as folder:
        # setuptools comes from the venv's pins: without build isolation nothing else is downloaded.
        subprocess.run(
            [
                sys.executable,
                "-m",
                "pip",
                "download",
                "--quiet",
                "--disable-pip-version-check",
                "--no-deps",
                "--no-build-isolation",
                "--no-binary=botocore",
                f"botocore=={version}",
                "--dest",
                folder,
            ],
            check=True,
        )
        (archive,) = pathlib.Path(folder).glob("botocore-*.tar.gz")
        with tarfile.open(archive) as tar:
            for member in tar:
                inside = member.name.partition("/")[2]
                for prefix, place in PARTS.items():
                    if inside.startswith(prefix) and member.isfile():
                        path = target / place / inside.removeprefix(prefix)
                        path.parent.mkdir(parents=True, exist_ok=True)
                        path.write_bytes(tar.extractfile(member).read())


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
