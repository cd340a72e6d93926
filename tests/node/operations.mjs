// All 23 operations of SQS, once, for any client: `call(operation, input)` is all that the SDKs differ in.
import assert from "node:assert/strict";
import { test } from "node:test";
import { newName } from "./moln.mjs";

/** Registers the tests. `call` resolves with the output; `errorCode(error)` gives the service's error code. */
export function everyOperation(title, call, errorCode) {
  const create = async (attributes = {}, stem = "q", suffix = "") =>
    (await call("CreateQueue", { QueueName: newName(stem) + suffix, Attributes: attributes })).QueueUrl;
  const attribute = async (QueueUrl, name) =>
    (await call("GetQueueAttributes", { QueueUrl, AttributeNames: [name] })).Attributes?.[name];
  const receive = async (QueueUrl, more = {}) =>
    (await call("ReceiveMessage", { QueueUrl, MaxNumberOfMessages: 10, ...more })).Messages ?? [];
  const refused = async (code, operation, input) =>
    assert.rejects(call(operation, input), (error) => errorCode(error) === code || assert.fail(`${errorCode(error)}: ${error.message}`));

  test(`${title}: a queue's life`, async () => {
    const QueueName = newName("life");
    const { QueueUrl } = await call("CreateQueue", { QueueName, Attributes: { VisibilityTimeout: "7" }, tags: { team: "js" } });
    assert.equal((await call("GetQueueUrl", { QueueName })).QueueUrl, QueueUrl);
    assert.deepEqual((await call("ListQueues", { QueueNamePrefix: QueueName })).QueueUrls, [QueueUrl]);
    assert.equal(await attribute(QueueUrl, "VisibilityTimeout"), "7");
    await call("SetQueueAttributes", { QueueUrl, Attributes: { DelaySeconds: "3" } });
    assert.equal(await attribute(QueueUrl, "DelaySeconds"), "3");
    await call("TagQueue", { QueueUrl, Tags: { more: "tags" } });
    await call("UntagQueue", { QueueUrl, TagKeys: ["team"] });
    assert.deepEqual((await call("ListQueueTags", { QueueUrl })).Tags, { more: "tags" });
    await call("AddPermission", { QueueUrl, Label: "l", AWSAccountIds: ["111122223333"], Actions: ["SendMessage"] });
    assert.equal(JSON.parse(await attribute(QueueUrl, "Policy")).Statement[0].Sid, "l");
    await call("RemovePermission", { QueueUrl, Label: "l" });
    await call("PurgeQueue", { QueueUrl });
    await call("DeleteQueue", { QueueUrl });
    await refused("AWS.SimpleQueueService.NonExistentQueue", "GetQueueUrl", { QueueName });
  });

  test(`${title}: a message's life`, async () => {
    const QueueUrl = await create();
    const MessageBody = 'ünïcode 🚀 <&> "quotes"\r\n';
    const MessageAttributes = {
      text: { DataType: "String", StringValue: "v" },
      count: { DataType: "Number", StringValue: "42" },
      raw: { DataType: "Binary", BinaryValue: Buffer.from([0, 1, 255]) },
    };
    // The SDKs compare the MD5 of the body themselves.
    const sent = await call("SendMessage", { QueueUrl, MessageBody, MessageAttributes });
    const [message] = await receive(QueueUrl, {
      AttributeNames: ["All"],
      MessageAttributeNames: ["All"],
      WaitTimeSeconds: 2,
    });
    assert.equal(message.Body, MessageBody);
    assert.equal(message.MessageId, sent.MessageId);
    assert.equal(message.MD5OfMessageAttributes, sent.MD5OfMessageAttributes);
    assert.equal(message.Attributes.ApproximateReceiveCount, "1");
    assert.equal(message.MessageAttributes.text.StringValue, "v");
    assert.equal(message.MessageAttributes.count.StringValue, "42");
    assert.deepEqual([...message.MessageAttributes.raw.BinaryValue], [0, 1, 255]);
    const { ReceiptHandle } = message;
    await call("ChangeMessageVisibility", { QueueUrl, ReceiptHandle, VisibilityTimeout: 60 });
    assert.deepEqual(await receive(QueueUrl), []);
    await call("DeleteMessage", { QueueUrl, ReceiptHandle });
    assert.equal(await attribute(QueueUrl, "ApproximateNumberOfMessagesNotVisible"), "0");
    await refused("ReceiptHandleIsInvalid", "DeleteMessage", { QueueUrl, ReceiptHandle: "forged" });
  });

  test(`${title}: batches`, async () => {
    const QueueUrl = await create();
    const numbers = [...Array(10).keys()];
    const sent = await call("SendMessageBatch", {
      QueueUrl,
      Entries: numbers.map((n) => ({ Id: `${n}`, MessageBody: n === 9 ? "\u0001" : `m${n}` })),
    });
    assert.equal(sent.Successful.length, 9);
    assert.deepEqual(sent.Failed.map((entry) => [entry.Id, entry.Code]), [["9", "InvalidMessageContents"]]);
    const messages = [];
    while (messages.length < 9) {
      const found = await receive(QueueUrl);
      assert.notEqual(found.length, 0);
      messages.push(...found);
    }
    const handles = messages.map(({ ReceiptHandle }, n) => ({ Id: `${n}`, ReceiptHandle }));
    const changed = await call("ChangeMessageVisibilityBatch", {
      QueueUrl,
      Entries: handles.map((entry) => ({ ...entry, VisibilityTimeout: 60 })),
    });
    assert.equal(changed.Successful.length, 9);
    assert.equal((await call("DeleteMessageBatch", { QueueUrl, Entries: handles })).Successful.length, 9);
    await refused("AWS.SimpleQueueService.BatchEntryIdsNotDistinct", "SendMessageBatch", {
      QueueUrl,
      Entries: [1, 2].map(() => ({ Id: "same", MessageBody: "m" })),
    });
  });

  test(`${title}: FIFO`, async () => {
    const QueueUrl = await create({ FifoQueue: "true", ContentBasedDeduplication: "true" }, "ordered", ".fifo");
    for (const MessageBody of ["1", "2", "2", "3"]) {
      const sent = await call("SendMessage", { QueueUrl, MessageBody, MessageGroupId: "g" });
      assert.match(sent.SequenceNumber, /^\d{20}$/);
    }
    assert.deepEqual((await receive(QueueUrl)).map((message) => message.Body), ["1", "2", "3"]);
    await refused("MissingParameter", "SendMessage", { QueueUrl, MessageBody: "no group" });
  });

  test(`${title}: dead letters and their way back`, async () => {
    const dead = await create({}, "dead");
    const SourceArn = await attribute(dead, "QueueArn");
    const live = await create({
      RedrivePolicy: JSON.stringify({ deadLetterTargetArn: SourceArn, maxReceiveCount: 1 }),
      VisibilityTimeout: "0",
    }, "live");
    assert.deepEqual((await call("ListDeadLetterSourceQueues", { QueueUrl: dead })).queueUrls, [live]);
    for (const MessageBody of ["a", "b", "c"]) await call("SendMessage", { QueueUrl: live, MessageBody });
    while ((await receive(live)).length);
    await call("SetQueueAttributes", { QueueUrl: live, Attributes: { VisibilityTimeout: "30" } });
    const { TaskHandle } = await call("StartMessageMoveTask", { SourceArn, MaxNumberOfMessagesPerSecond: 500 });
    const task = await eventually(async () => {
      const { Results } = await call("ListMessageMoveTasks", { SourceArn });
      return Results?.[0]?.Status === "COMPLETED" && Results[0];
    });
    assert.equal(Number(task.ApproximateNumberOfMessagesMoved), 3);
    assert.deepEqual((await receive(live)).length > 0, true);
    await assert.rejects(call("CancelMessageMoveTask", { TaskHandle }));
  });
}

async function eventually(probe) {
  const deadline = Date.now() + 15_000;
  for (;;) {
    const answer = await probe();
    if (answer) return answer;
    if (Date.now() > deadline) throw new Error("still not so after 15 s");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
