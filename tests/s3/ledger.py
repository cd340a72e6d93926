"""Mixed load on buckets, and a ledger of what the server acknowledged. Every key has one writer, so that its order is known."""

import hashlib
import random

from botocore.exceptions import BotoCoreError, ClientError

SMALL = (64 << 10) - 64  # what is larger is a file
PART = 5 << 20
GONE = (BotoCoreError, ConnectionError)


def content(seed: str, size: int) -> bytes:
    """Bytes that tell whose they are, different everywhere."""
    head = f"{seed}:{size}:".encode()
    return (head + hashlib.sha256(head).digest() * (size // 32 + 1))[:size]


class Ledger:
    """A writer of a few keys in a bucket without versions and in one with. `wrong` collects broken promises."""

    def __init__(self, number: int, plain: str, versioned: str):
        self.dice = random.Random(number)
        self.number, self.plain, self.versioned = number, plain, versioned
        self.keys = [f"{number}/{n}" for n in range(4)]
        self.count = 0
        self.acknowledged = 0
        self.now: dict[str, list | None] = dict.fromkeys(self.keys)  # the contents' parts; None: nothing
        self.underway: tuple[str, list | None] | None = None
        self.versions: dict[str, dict[str, list]] = {key: {} for key in self.keys}
        self.adding: tuple[str, list] | None = None
        self.removing: tuple[str, str] | None = None
        self.wrong: list[str] = []

    def fresh(self) -> list:
        """New contents, as parts: one small or large, seldom two."""
        self.count += 1
        kind = self.dice.random()
        if kind < 0.02:
            sizes = [PART, self.dice.randrange(1, 200_000)]
        elif kind < 0.3:
            sizes = [self.dice.randrange(SMALL - 10, 300_000)]
        else:
            sizes = [self.dice.randrange(0, 20_000)]
        return [(f"{self.number}/{self.count}/{n}", size) for n, size in enumerate(sizes)]

    def run(self, client, stop) -> None:
        """Until the server goes, or a moment of rest."""
        steps = [self.put, self.put, self.copy, self.delete, self.upload, self.conditional, self.add, self.remove]
        try:
            while not stop.is_set():
                self.dice.choice(steps)(client)
                self.acknowledged += 1
        except GONE:
            pass
        except ClientError as error:
            self.wrong.append(f"{self.number}: {error}")

    def change(self, key: str, parts: list | None, call) -> None:
        self.underway = (key, parts)
        call()
        self.now[key], self.underway = parts, None

    def put(self, client) -> None:
        key, parts = self.dice.choice(self.keys), self.fresh()[:1]
        body = content(*parts[0])
        self.change(key, parts, lambda: client.put_object(Bucket=self.plain, Key=key, Body=body))

    def copy(self, client) -> None:
        source, key = self.dice.sample(self.keys, 2)
        if self.now[source] is not None:
            at = {"Bucket": self.plain, "Key": source}
            call = lambda: client.copy_object(Bucket=self.plain, Key=key, CopySource=at)  # noqa: E731
            self.change(key, self.now[source], call)

    def delete(self, client) -> None:
        key = self.dice.choice(self.keys)
        self.change(key, None, lambda: client.delete_object(Bucket=self.plain, Key=key))

    def upload(self, client) -> None:
        """In parts: finished, given up, or left behind."""
        key, parts = self.dice.choice(self.keys), self.fresh()
        upload = client.create_multipart_upload(Bucket=self.plain, Key=key)["UploadId"]
        at = {"Bucket": self.plain, "Key": key, "UploadId": upload}
        done = []
        for number, part in enumerate(parts, 1):
            etag = client.upload_part(**at, PartNumber=number, Body=content(*part))["ETag"]
            done.append({"PartNumber": number, "ETag": etag})
        end = self.dice.random()
        if end < 0.7:
            complete = {"Parts": done}
            self.change(key, parts, lambda: client.complete_multipart_upload(**at, MultipartUpload=complete))
        elif end < 0.85:
            client.abort_multipart_upload(**at)

    def conditional(self, client) -> None:
        """A write that only comes about where nothing is."""
        key, parts = self.dice.choice(self.keys), self.fresh()[:1]
        body = content(*parts[0])
        if self.now[key] is None:
            call = lambda: client.put_object(Bucket=self.plain, Key=key, Body=body, IfNoneMatch="*")  # noqa: E731
            self.change(key, parts, call)
            return
        try:
            client.put_object(Bucket=self.plain, Key=key, Body=body, IfNoneMatch="*")
            self.wrong.append(f"{key}: overwritten against the condition")
        except ClientError as error:
            if error.response["Error"]["Code"] != "PreconditionFailed":
                raise

    def add(self, client) -> None:
        key, parts = self.dice.choice(self.keys), self.fresh()[:1]
        self.adding = (key, parts)
        made = client.put_object(Bucket=self.versioned, Key=key, Body=content(*parts[0]))
        self.versions[key][made["VersionId"]] = parts
        self.adding = None

    def remove(self, client) -> None:
        key = self.dice.choice(self.keys)
        if len(self.versions[key]) > 3:
            version = self.dice.choice(sorted(self.versions[key]))
            self.removing = (key, version)
            client.delete_object(Bucket=self.versioned, Key=key, VersionId=version)
            del self.versions[key][version]
            self.removing = None

    def check(self, client, listed: dict, versions: dict) -> None:
        """After a restart: each key is as it was acknowledged, or as what was under way would have made it."""
        for key in self.keys:
            possible = [self.now[key]]
            if self.underway and self.underway[0] == key:
                possible.append(self.underway[1])
            seen = self.read(client, self.plain, key) if key in listed else None
            same = [parts for parts in possible if (None if parts is None else whole(parts)) == seen]
            if not same:
                self.wrong.append(f"{key}: is none of {possible}")
            else:
                self.now[key] = same[0]
            self.check_versions(client, key, versions.get(key, []))
        self.underway = self.adding = self.removing = None

    def check_versions(self, client, key: str, there: list[str]) -> None:
        known = self.versions[key]
        if self.removing and self.removing[0] == key and self.removing[1] not in there:
            known.pop(self.removing[1], None)
        for version in there:
            if version not in known and self.adding and self.adding[0] == key:
                known[version] = self.adding[1]
            if version not in known:
                self.wrong.append(f"{key}: version {version} was never acknowledged, or removed")
            elif self.read(client, self.versioned, key, VersionId=version) != whole(known[version]):
                self.wrong.append(f"{key}: version {version} is torn")
        for version in set(known) - set(there):
            self.wrong.append(f"{key}: version {version} is lost")

    @staticmethod
    def read(client, bucket: str, key: str, **more) -> bytes:
        return client.get_object(Bucket=bucket, Key=key, **more)["Body"].read()

    def files(self) -> set[str]:
        """The files that what is there refers to, by their names."""
        whole_ones = [parts for parts in self.now.values() if parts]
        of_versions = [parts for known in self.versions.values() for parts in known.values()]
        pieces = [piece for parts in whole_ones + of_versions for piece in parts]
        return {hashlib.sha256(content(*piece)).hexdigest() for piece in pieces if piece[1] > SMALL}


def whole(parts: list) -> bytes:
    return b"".join(content(*part) for part in parts)
