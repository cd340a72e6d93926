"use strict";
// Response streaming: `awslambda.streamifyResponse(async (event, stream, context) => …)`.

const errors = require("./errors.js");

const STREAMING = Symbol.for("aws.lambda.runtime.handler.streaming");
const HIGH_WATER_MARK = Symbol.for("aws.lambda.runtime.handler.streaming.highWaterMark");
const ERROR_TYPE = "Lambda-Runtime-Function-Error-Type";
const ERROR_BODY = "Lambda-Runtime-Function-Error-Body";

/** Makes `awslambda` known to functions. */
exports.install = function install() {
  const off = process.env.AWS_LAMBDA_NODEJS_NO_GLOBAL_AWSLAMBDA;
  if (off === "1" || off === "true") return;
  globalThis.awslambda = Object.assign(globalThis.awslambda || {}, {
    streamifyResponse(handler, options) {
      handler[STREAMING] = "response";
      if (options && typeof options.highWaterMark === "number") {
        handler[HIGH_WATER_MARK] = Math.trunc(options.highWaterMark);
      }
      return handler;
    },
    HttpResponseStream: class HttpResponseStream {
      /** Status and headers for a function URL: JSON and eight NULs before the first byte of the body. */
      static from(stream, prelude) {
        stream.setContentType("application/vnd.awslambda.http-integration-response");
        stream.prelude = Buffer.concat([Buffer.from(JSON.stringify(prelude)), Buffer.alloc(8)]);
        return stream;
      }
    },
  });
};

exports.isStreaming = function isStreaming(handler) {
  const mode = handler[STREAMING];
  if (mode === undefined || mode === null || mode === false) return false;
  if (mode === "response") return true;
  throw new errors.MalformedStreamingHandler("Only response streaming is supported.");
};

let ResponseStream;

/** A stream that is the answer to an invocation. */
exports.open = function open(api, id, handler) {
  // Most functions do not stream, and need not load streams.
  ResponseStream = ResponseStream || responseStream();
  return new ResponseStream(api, id, handler);
};

/** The function's answer as it writes it. Bytes leave as they come; a slow reader slows the function down. */
const responseStream = () => class ResponseStream extends require("stream").Writable {
  constructor(api, id, handler) {
    const highWaterMark = Number(handler[HIGH_WATER_MARK]);
    super(highWaterMark > 0 ? { highWaterMark } : {});
    this.prelude = null;
    this.begun = false;
    this.contentType = "application/octet-stream";
    this.target = { host: api.host, port: api.port, path: `/2018-06-01/runtime/invocation/${id}/response` };
    /** Resolves when the Runtime API has taken everything. */
    this.taken = new Promise((resolve, reject) => {
      this.isTaken = resolve;
      this.isRefused = reject;
    });
    this.taken.catch(() => {});
  }

  setContentType(type) {
    if (this.begun) throw new errors.InvalidStreamingOperation("Cannot set content-type, too late.");
    this.contentType = type;
  }

  write(chunk, encoding, callback) {
    const plain = typeof chunk === "string" || chunk instanceof Uint8Array;
    return super.write(plain ? chunk : JSON.stringify(chunk), encoding, callback);
  }

  end(chunk, encoding, callback) {
    const given = chunk !== undefined && chunk !== null && typeof chunk !== "function";
    if (given && typeof chunk !== "string" && !(chunk instanceof Uint8Array)) chunk = JSON.stringify(chunk);
    return super.end(chunk, encoding, callback);
  }

  begin() {
    this.begun = true;
    this.request = require("http").request({
      ...this.target,
      method: "POST",
      headers: {
        "Content-Type": this.contentType,
        "Lambda-Runtime-Function-Response-Mode": "streaming",
        "Transfer-Encoding": "chunked",
        Trailer: [ERROR_TYPE, ERROR_BODY],
      },
    }, (answer) => {
      answer.resume();
      answer.on("end", this.isTaken);
      answer.on("close", this.isTaken);
    });
    this.request.on("error", (error) => {
      this.isRefused(error);
      this.destroy(error);
    });
  }

  _write(chunk, encoding, callback) {
    if (!this.begun) {
      this.begin();
      if (this.prelude !== null) this.request.write(this.prelude);
    }
    this.request.write(chunk, encoding, callback);
  }

  _final(callback) {
    if (!this.begun) this.begin();
    this.request.end();
    this.taken.then(() => callback(), callback);
  }

  /** Ends the answer with an error, whatever was written of it. */
  async fail(error) {
    if (this.failed || this.writableFinished) return;
    this.failed = true;
    if (!this.begun) this.begin();
    const document = errors.document(error);
    this.request.addTrailers({
      [ERROR_TYPE]: document.errorType,
      [ERROR_BODY]: Buffer.from(JSON.stringify(document)).toString("base64"),
    });
    this.request.end();
    await this.taken.catch(() => {});
    this.destroy();
  }
};
