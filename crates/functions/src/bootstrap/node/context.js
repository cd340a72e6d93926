"use strict";
// What a handler is told about its invocation.

// Looked up once: it does not change, and every look costs as much as a small function.
let known = null;

function look() {
  const env = process.env;
  return {
    version: env.AWS_LAMBDA_FUNCTION_VERSION,
    name: env.AWS_LAMBDA_FUNCTION_NAME,
    memory: env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    group: env.AWS_LAMBDA_LOG_GROUP_NAME,
    stream: env.AWS_LAMBDA_LOG_STREAM_NAME,
  };
}

/** Puts into a context what comes from the environment and the invocation's headers. */
exports.describe = function describe(context, headers) {
  if (known === null) known = look();
  const deadline = Number(headers.deadline);
  if (headers.trace) process.env._X_AMZN_TRACE_ID = headers.trace;
  else delete process.env._X_AMZN_TRACE_ID;
  context.functionVersion = known.version;
  context.functionName = known.name;
  context.memoryLimitInMB = known.memory;
  context.logGroupName = known.group;
  context.logStreamName = known.stream;
  context.clientContext = json(headers.clientContext, "ClientContext");
  context.identity = json(headers.identity, "CognitoIdentity");
  context.invokedFunctionArn = headers.arn;
  context.awsRequestId = headers.id;
  context.getRemainingTimeInMillis = () => deadline - Date.now();
  return context;
};

function json(text, name) {
  if (text === undefined || text === "") return undefined;
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`Cannot parse ${name} as json: ${error}`);
  }
}

/** What tracing is told about an error. */
exports.cause = function cause(error) {
  try {
    const stack = String(error.stack || "").split("\n").slice(1).map((line) => {
      const text = line.trim().replace(/[()]/g, "").replace(/^\S*\s/, "");
      const space = text.lastIndexOf(" ");
      const [path, at] = text.slice(space + 1).split(":");
      return { path, line: parseInt(at, 10), label: space < 0 ? "anonymous" : text.slice(0, space) };
    });
    return JSON.stringify({
      working_directory: process.cwd(),
      exceptions: [{ type: error.name, message: error.message, stack }],
      paths: [...new Set(stack.map((entry) => entry.path))],
    });
  } catch (_) {
    return "";
  }
};
