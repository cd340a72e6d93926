// The AWS SDK for JavaScript, version 3 (JSON protocol).
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import * as sqs from "@aws-sdk/client-sqs";
import { newName, startMoln } from "./moln.mjs";
import { everyOperation } from "./operations.mjs";

let moln;
let client;
const send = (operation, input) => client.send(new sqs[`${operation}Command`](input));

before(async () => {
  moln = await startMoln();
  // As an application does it: nothing but the environment.
  Object.assign(process.env, {
    AWS_ENDPOINT_URL: moln.url,
    AWS_ACCESS_KEY_ID: "test",
    AWS_SECRET_ACCESS_KEY: "test",
    AWS_REGION: "us-east-1",
  });
  client = new sqs.SQSClient({ maxAttempts: 1 });
});
after(async () => {
  client.destroy();
  await moln.stop();
});

everyOperation("SDK v3", send, (error) => error.Code ?? error.name);

test("SDK v3: paginators walk through pages", async () => {
  const stem = newName("pages");
  for (let n = 0; n < 7; n += 1) await send("CreateQueue", { QueueName: `${stem}-${n}` });
  const pages = [];
  for await (const page of sqs.paginateListQueues({ client, pageSize: 3 }, { QueueNamePrefix: stem })) {
    pages.push(page.QueueUrls.length);
  }
  assert.deepEqual(pages, [3, 3, 1]);
});

test("SDK v3: errors are the modelled classes and carry request ids", async () => {
  await assert.rejects(send("GetQueueUrl", { QueueName: newName("absent") }), (error) => {
    assert.ok(error instanceof sqs.QueueDoesNotExist);
    assert.match(error.message, /does not exist/);
    assert.ok(error.$metadata.requestId);
    return error.$metadata.httpStatusCode === 400;
  });
});

test("SDK v3: a waiting receive ends when a message comes", async () => {
  const { QueueUrl } = await send("CreateQueue", { QueueName: newName() });
  const waiting = send("ReceiveMessage", { QueueUrl, WaitTimeSeconds: 20 });
  await send("SendMessage", { QueueUrl, MessageBody: "m" });
  assert.equal((await waiting).Messages[0].Body, "m");
});
