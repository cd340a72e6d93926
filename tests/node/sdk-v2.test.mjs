// The AWS SDK for JavaScript, version 2: its last release (JSON protocol) and one from its query protocol days.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startMoln } from "./moln.mjs";
import { everyOperation } from "./operations.mjs";

process.env.AWS_SDK_JS_SUPPRESS_MAINTENANCE_MODE_MESSAGE = "1";
const releases = {
  "SDK v2, JSON": (await import("aws-sdk")).default,
  "SDK v2, query": (await import("aws-sdk-query")).default,
};

let moln;
const clients = {};
before(async () => {
  moln = await startMoln();
  for (const [title, { SQS }] of Object.entries(releases)) {
    clients[title] = new SQS({
      endpoint: moln.url,
      region: "us-east-1",
      accessKeyId: "test",
      secretAccessKey: "test",
      maxRetries: 0,
    });
  }
});
after(() => moln.stop());

for (const title of Object.keys(releases)) {
  const call = (operation, input) =>
    clients[title][operation[0].toLowerCase() + operation.slice(1)](input).promise();
  everyOperation(title, call, (error) => error.code);
}

test("the two releases speak different protocols", () => {
  const protocols = Object.values(clients).map((client) => client.api.protocol);
  assert.deepEqual(protocols, ["json", "query"]);
});
