// The AWS SDK for JavaScript, version 3, and its lib-storage: many small files, streams of unknown length in parts, an end
// before the end.
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import { after, before, test } from "node:test";
import * as s3 from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";
import { newName, startMoln } from "./moln.mjs";

const PART = 5 << 20;
let moln;
let client;
const send = (operation, input) => client.send(new s3[`${operation}Command`](input));
const hash = (bytes) => createHash("sha256").update(bytes).digest("hex");
const read = async (at) => Buffer.from(await (await send("GetObject", at)).Body.transformToByteArray());

before(async () => {
  moln = await startMoln();
  Object.assign(process.env, {
    AWS_ENDPOINT_URL: moln.url,
    AWS_ACCESS_KEY_ID: "test",
    AWS_SECRET_ACCESS_KEY: "test",
    AWS_REGION: "us-east-1",
  });
  client = new s3.S3Client({ maxAttempts: 1, forcePathStyle: true });
});
after(async () => {
  client.destroy();
  await moln.stop();
});

const newBucket = async () => {
  const Bucket = newName("bucket");
  await send("CreateBucket", { Bucket });
  return Bucket;
};

test("lib-storage: 300 small files go up and come back", async () => {
  const Bucket = await newBucket();
  const files = new Map();
  for (let n = 0; n < 300; n += 1) files.set(`d${n % 7}/ü ${n}`, randomBytes((n * 37) % 4_000));
  const names = [...files.keys()];
  const each = async (work) => {
    const left = [...names];
    const worker = async () => {
      for (let name = left.pop(); name !== undefined; name = left.pop()) await work(name);
    };
    await Promise.all(Array.from({ length: 16 }, worker));
  };
  await each((Key) => new Upload({ client, params: { Bucket, Key, Body: files.get(Key) } }).done());
  const listed = [];
  for await (const page of s3.paginateListObjectsV2({ client, pageSize: 100 }, { Bucket })) {
    listed.push(...page.Contents.map((entry) => entry.Key));
  }
  assert.deepEqual(listed.sort(), names.sort());
  await each(async (Key) => assert.equal(hash(await read({ Bucket, Key })), hash(files.get(Key))));
});

test("lib-storage: a stream of unknown length is uploaded in parts", async () => {
  const Bucket = await newBucket();
  const content = randomBytes(2 * PART + 12_345);
  const stream = Readable.from((function* pieces() {
    for (let at = 0; at < content.length; at += 100_000) yield content.subarray(at, at + 100_000);
  })());
  const seen = [];
  const upload = new Upload({ client, params: { Bucket, Key: "stream", Body: stream }, partSize: PART, queueSize: 2 });
  upload.on("httpUploadProgress", (progress) => seen.push(progress.part));
  const done = await upload.done();
  assert.match(done.ETag, /^"[0-9a-f]{32}-3"$/);
  assert.deepEqual(seen.sort(), [1, 2, 3]);
  assert.equal(hash(await read({ Bucket, Key: "stream" })), hash(content));
});

test("lib-storage: an upload that is given up leaves nothing", async () => {
  const Bucket = await newBucket();
  const endless = Readable.from((async function* pieces() {
    for (;;) yield randomBytes(256 << 10);
  })());
  const upload = new Upload({ client, params: { Bucket, Key: "never", Body: endless }, partSize: PART });
  const ended = assert.rejects(upload.done(), { name: "AbortError" });
  await new Promise((resolve) => upload.once("httpUploadProgress", resolve));
  await upload.abort();
  await ended;
  await assert.rejects(send("HeadObject", { Bucket, Key: "never" }), { name: "NotFound" });
  // Who gave up is told at once; the library then ends the upload.
  const deadline = Date.now() + 10_000;
  while ((await send("ListMultipartUploads", { Bucket })).Uploads !== undefined) {
    assert.ok(Date.now() < deadline, "the upload is there still");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
});
