// A producer that puts numbers into a queue, and a worker that adds one to each.

const { SQSClient, SendMessageCommand } = require('@aws-sdk/client-sqs');

const sqs = new SQSClient();

/** The number of a text that is exactly {"input": number}. Throws what is wrong with any other. */
function inputOf(text) {
  let body;
  try {
    body = JSON.parse(text);
  } catch (error) {
    throw new Error(`the body is not JSON: ${error.message}`);
  }
  if (body === null || typeof body !== 'object' || Array.isArray(body)) {
    throw new Error('the body must be an object: {"input": 1}');
  }
  if (typeof body.input !== 'number') throw new Error('"input" must be a number: {"input": 1}');
  const others = Object.keys(body).filter((key) => key !== 'input');
  if (others.length > 0) throw new Error(`only "input" is expected, not ${others.join(', ')}`);
  return body.input;
}

function delay(time) {
  return new Promise((resolve) => setTimeout(resolve, time));
}

/** POST /produce: the message is in the queue when this answers. */
exports.producer = async (event) => {
  const headers = { 'content-type': 'application/json' };
  const text = event.isBase64Encoded ? Buffer.from(event.body, 'base64').toString('utf8') : event.body;
  try {
    inputOf(text ?? '');
  } catch (error) {
    return { statusCode: 400, headers, body: JSON.stringify({ message: error.message }) };
  }
  const sent = await sqs.send(new SendMessageCommand({ QueueUrl: process.env.QUEUE_URL, MessageBody: text }));
  return { statusCode: 200, headers, body: JSON.stringify({ message: 'Message accepted!', id: sent.MessageId }) };
};

/**
 * Works the queue off. What fails is reported by its id, so that the others of the batch are done with.
 * WORK_MS makes the work longer (the experiments of the tutorial), ALWAYS_FAIL makes it fail.
 */
exports.test = async (event) => {
  const batchItemFailures = [];
  for (const record of event.Records) {
    try {
      await delay(Number(process.env.WORK_MS ?? 0));
      if (process.env.ALWAYS_FAIL) throw new Error('asked to fail');
      console.log(`Message Body: ${record.body} result: ${inputOf(record.body) + 1}`);
    } catch (error) {
      console.error(`Message ${record.messageId} failed: ${error.message}`);
      batchItemFailures.push({ itemIdentifier: record.messageId });
    }
  }
  return { batchItemFailures };
};
