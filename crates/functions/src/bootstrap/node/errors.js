"use strict";
// Error documents as AWS writes them, and the errors a runtime itself raises.

const { types } = require("util");

function runtimeError(name) {
  const error = { [name]: class extends Error {} }[name];
  Object.defineProperty(error.prototype, "name", { value: `Runtime.${name}`, writable: true, configurable: true });
  return error;
}

exports.ImportModuleError = runtimeError("ImportModuleError");
exports.HandlerNotFound = runtimeError("HandlerNotFound");
exports.MalformedHandlerName = runtimeError("MalformedHandlerName");
exports.UserCodeSyntaxError = runtimeError("UserCodeSyntaxError");
exports.MalformedStreamingHandler = runtimeError("MalformedStreamingHandler");
exports.InvalidStreamingOperation = runtimeError("InvalidStreamingOperation");
exports.CallbackHandlerDeprecated = runtimeError("CallbackHandlerDeprecated");
exports.UnhandledPromiseRejection = class UnhandledPromiseRejection extends Error {
  constructor(reason, promise) {
    super(reason);
    this.reason = reason;
    this.promise = promise;
  }
};
Object.defineProperty(exports.UnhandledPromiseRejection.prototype, "name", {
  value: "Runtime.UnhandledPromiseRejection", writable: true, configurable: true,
});

// Errors of another realm are no instances of ours.
function looksLikeError(value) {
  return types.isNativeError(value) ||
    (value && typeof value.name === "string" && value.name && typeof value.message === "string" && value.message &&
      typeof value.stack === "string" && value.stack);
}

const printable = (text) => (typeof text === "string" ? text.replace(/\x7f/g, "%7F") : text);

/** What the Runtime API is told about an error: errorType, errorMessage, trace. */
exports.document = function document(error) {
  try {
    if (looksLikeError(error)) {
      return {
        errorType: printable(error.name),
        errorMessage: printable(error.message),
        trace: printable(error.stack || "").split("\n"),
      };
    }
    return { errorType: typeof error, errorMessage: error.toString(), trace: [] };
  } catch (_) {
    return {
      errorType: "handled",
      errorMessage: "callback called with Error argument, but there was a problem while retrieving one or more of its " +
        "message, name, and stack",
    };
  }
};

exports.toError = (value) => (value instanceof Error ? value : new Error(value));

/** One line for the log, with the error's own properties and those of errors inside it. */
exports.line = function line(error) {
  try {
    return "\t" + JSON.stringify(error, (_, value) => {
      if (!(value instanceof Error)) return value;
      const shown = Object.assign(
        { errorType: value.name, errorMessage: value.message, code: value.code }, value);
      if (typeof value.stack === "string") shown.stack = value.stack.split("\n");
      return shown;
    });
  } catch (_) {
    return "\t" + JSON.stringify(exports.document(error));
  }
};
