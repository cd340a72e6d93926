"use strict";
// The console writes lines with time, request id and level, or JSON; through the log descriptor with frames where there is
// one, so that a message of several lines stays one event.

const fs = require("fs");
const util = require("util");
const errors = require("./errors.js");

const LEVELS = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];
const METHODS = [["trace", 0], ["debug", 1], ["info", 2], ["log", 2], ["warn", 3], ["error", 4], ["fatal", 5]];
const FRAME_TEXT = 0xa55a0003;
const FRAME_JSON = 0xa55a0002;
const REQUEST_ID = Symbol.for("aws.lambda.runtime.requestId");

let json = false;

exports.setRequestId = (id) => { globalThis[REQUEST_ID] = id; };

/** Logs an error of the runtime's own finding, such as "Invoke Error". */
exports.logError = function logError(what, error) {
  const shown = errors.toError(error);
  if (json) console.error(shown);
  else console.error(what, errors.line(shown));
};

/** Replaces the console's methods by what the environment asks for. */
exports.patch = function patch() {
  json = (process.env.AWS_LAMBDA_LOG_FORMAT || "").toUpperCase() === "JSON";
  const least = Math.max(0, LEVELS.indexOf((process.env.AWS_LAMBDA_LOG_LEVEL || "").toUpperCase()));
  const descriptor = process.env._LAMBDA_TELEMETRY_LOG_FD;
  delete process.env._LAMBDA_TELEMETRY_LOG_FD;
  const format = json ? asJson : asText;
  const write = descriptor === undefined ? toStdout : toFrames(Number(descriptor), json ? FRAME_JSON : FRAME_TEXT);
  for (const [method, level] of METHODS) {
    console[method] = level < least && method !== "fatal" ? () => {} : (...parts) => {
      const now = new Date();
      write(format(now, level, parts), level, now);
    };
  }
};

function asText(now, level, parts) {
  return `${now.toISOString()}\t${globalThis[REQUEST_ID]}\t${LEVELS[level]}\t${util.format(...parts)}`;
}

function asJson(now, level, parts) {
  const line = { timestamp: now.toISOString(), level: LEVELS[level], requestId: globalThis[REQUEST_ID] };
  if (parts.length === 1) {
    line.message = parts[0];
    try {
      return JSON.stringify(line, (_, value) => (value instanceof Error
        ? Object.assign({ errorType: typeOf(value), errorMessage: value.message, stackTrace: stackOf(value) }, value)
        : value));
    } catch (_) {
      line.message = util.format(parts[0]);
      return JSON.stringify(line);
    }
  }
  line.message = util.format(...parts);
  const error = parts.find((part) => part instanceof Error);
  if (error !== undefined) {
    line.errorType = typeOf(error);
    line.errorMessage = error.message;
    line.stackTrace = stackOf(error) || [];
  }
  return JSON.stringify(line);
}

const typeOf = (error) => (error.constructor && error.constructor.name) || "UnknownError";
const stackOf = (error) => (typeof error.stack === "string" ? error.stack.split("\n") : error.stack);

function toStdout(line) {
  process.stdout.write(line.replace(/\n/g, "\r") + "\n");
}

/** Frames: type and level, length, microseconds (all big endian), message. */
function toFrames(descriptor, type) {
  return (line, level, now) => {
    const text = type === FRAME_TEXT ? line + "\n" : line;
    const length = Buffer.byteLength(text);
    const frame = Buffer.allocUnsafe(16 + length);
    frame.writeUInt32BE((type | ((level + 1) << 2)) >>> 0, 0);
    frame.writeUInt32BE(length, 4);
    frame.writeBigUInt64BE(BigInt(now.getTime()) * 1000n, 8);
    frame.write(text, 16);
    for (let written = 0; written < frame.length;) {
      written += fs.writeSync(descriptor, frame, written);
    }
  };
}
