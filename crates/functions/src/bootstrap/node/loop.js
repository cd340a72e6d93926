"use strict";
// Invocation after invocation. Up to Node.js 22 a handler may answer by promise, callback or context, and the answer of a
// callback waits for an empty event loop; from 24 on by promise or value alone, as on AWS.

const { RuntimeApi } = require("./api.js");
const { describe, cause } = require("./context.js");
const errors = require("./errors.js");
const { load } = require("./load.js");
const { logError, setRequestId } = require("./console.js");
const redirect = require("./redirect.js");
const streaming = require("./streaming.js");

const MODERN = Number(process.versions.node.split(".")[0]) >= 24;
const NO_CALLBACKS = "ERROR: AWS Lambda has removed support for callback-based function handlers starting with Node.js 24. " +
  "You need to modify this function to use a supported handler signature to use Node.js 24 or later. " +
  "For more information see https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html.";

let api;
let handler;
let current = null; // the invocation's id; null while the handler is being loaded
let ending = false;
// What happens when nothing is left to do for the event loop.
let whenIdle = () => {};

/** @param channel number of an inherited socket, if there is one */
exports.start = async function start(channel) {
  api = new RuntimeApi(process.env.AWS_LAMBDA_RUNTIME_API, channel);
  api.keepAlive(false);
  streaming.install();
  redirect.watch();
  if (!MODERN) {
    process.on("uncaughtException", (error) => {
      logError("Uncaught Exception", error);
      end(error, 129);
    });
    process.on("unhandledRejection", (reason, promise) => {
      const error = new errors.UnhandledPromiseRejection(reason, promise);
      logError("Unhandled Promise Rejection", error);
      end(error, 128);
    });
  }
  process.on("beforeExit", () => whenIdle());
  try {
    handler = await load(process.env.LAMBDA_TASK_ROOT, process.env._HANDLER);
    const stream = streaming.isStreaming(handler);
    if (MODERN && !stream && handler.length >= 3) throw new errors.CallbackHandlerDeprecated(NO_CALLBACKS);
    const take = stream ? streamed : MODERN ? promised : classic;
    next = (headers, body) => begin(take, headers, body);
    again = () => api.invocation(next);
    again();
  } catch (error) {
    logError(MODERN ? "Init Error" : "Uncaught Exception", error);
    end(error, MODERN ? 1 : 129);
  }
};

// Whether the answer of a callback waits for an empty event loop. An accessor of the context's own, as on AWS, but the same
// for all: of an object with functions of its own every one is a new shape to the engine, which takes microseconds.
let wait = true;
const WAITING = {
  configurable: true,
  enumerable: true,
  get: () => wait,
  set: (value) => { wait = value; },
};

/** The context of an invocation that begins. */
function waiting() {
  wait = true;
  return Object.defineProperty({}, "callbackWaitsForEmptyEventLoop", WAITING);
}

let again; // asks for the next invocation
let next; // takes it

function begin(take, headers, body) {
  // While the handler runs only what it does itself keeps the process going.
  api.keepAlive(false);
  current = headers.id;
  setRequestId(current);
  whenIdle = () => {};
  take(current, headers, body);
}

function respond(id, result) {
  let body;
  try {
    body = JSON.stringify(result === undefined ? null : result);
  } catch (_) {
    body = null;
  }
  if (body === null) {
    const error = new Error("Unable to stringify response body");
    if (MODERN) error.name = "Runtime.JSONStringifyError";
    if (MODERN) fail(id, error);
    else {
      logError("Uncaught Exception", error);
      end(error, 129);
    }
    return;
  }
  // A function or a symbol has no JSON.
  api.respond(id, body === undefined ? "" : body, next);
}

function fail(id, error) {
  logError("Invoke Error", error);
  api.fail(id, errors.document(error), cause(error), next);
}

/** Reports an error and ends the process. */
function end(error, status) {
  if (ending) return;
  ending = true;
  api.fail(current, errors.document(error), cause(error), undefined, () => process.exit(status));
}

function classic(id, headers, body) {
  let answered = false; // by callback or context
  let sent = false; // to the Runtime API
  const context = waiting();
  const send = (result) => {
    if (sent) return;
    sent = true;
    respond(id, result);
  };
  const once = (answer) => (...given) => {
    if (answered) return;
    answered = true;
    whenIdle = () => {};
    answer(...given);
  };
  const refuse = (error) => {
    sent = true;
    fail(id, error);
  };
  const isError = (error) => error !== undefined && error !== null;
  const callback = once((error, result) => {
    if (isError(error)) refuse(error);
    else if (!wait) send(result);
    else whenIdle = () => setImmediate(send, result);
  });
  const done = once((error, result) => (isError(error) ? refuse(error) : send(result)));
  context.succeed = (result) => done(null, result);
  context.fail = (error) => done(isError(error) ? error : "handled");
  context.done = done;
  // A handler that neither answered nor left anything to wait for.
  whenIdle = () => {
    answered = true;
    send(null);
  };
  try {
    const event = JSON.parse(body);
    const result = handler(event, describe(context, headers), callback);
    if (result && typeof result.then === "function") result.then(context.succeed, context.fail);
  } catch (error) {
    callback(error);
  }
}

async function promised(id, headers, body) {
  let result;
  try {
    const event = JSON.parse(body);
    result = await handler(event, describe({}, headers));
  } catch (error) {
    fail(id, error);
    return;
  }
  respond(id, result);
}

async function streamed(id, headers, body) {
  const stream = streaming.open(api, id, handler);
  // A function may listen for errors itself; without a listener they would end the process.
  stream.on("error", () => {});
  const context = MODERN ? {} : waiting();
  if (!MODERN) whenIdle = again;
  try {
    const event = JSON.parse(body);
    const pending = handler(event, stream, describe(context, headers));
    if (!pending || typeof pending.then !== "function") {
      throw new Error("Streaming does not support non-async handlers.");
    }
    if ((await pending) !== undefined) console.warn("Streaming handlers ignore return values.");
    // The handler may have left the writing to a pipe.
    await stream.taken;
  } catch (error) {
    logError("Invoke Error", error);
    await stream.fail(error);
    again();
    return;
  }
  if (MODERN || !wait) again();
  else whenIdle = () => setImmediate(again);
}
