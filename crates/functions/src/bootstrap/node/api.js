"use strict";
// The Runtime API over one raw connection: an answer and the request for the next invocation leave in one write.

const net = require("net");

const PREFIX = "/2018-06-01/runtime/";
const HEAD_END = Buffer.from("\r\n\r\n");
const EMPTY = Buffer.alloc(0);

exports.RuntimeApi = class RuntimeApi {
  /** @param address `host:port` */
  constructor(address) {
    const colon = address.lastIndexOf(":");
    this.host = address.slice(0, colon);
    this.port = Number(address.slice(colon + 1)) || 80;
    this.next = `GET ${PREFIX}invocation/next HTTP/1.1\r\nHost: ${address}\r\n\r\n`;
    this.headers = ` HTTP/1.1\r\nHost: ${address}\r\nContent-Type: application/json\r\n`;
    this.waiting = [];
    this.pending = EMPTY;
    this.body = null;
    this.socket = net.connect({ host: this.host, port: this.port, noDelay: true });
    this.socket.setNoDelay(true);
    this.socket.on("data", (data) => this.received(data));
    // Without the Runtime API there is nothing left to do; the environment is being replaced.
    this.socket.on("error", () => process.exit(1));
    this.socket.on("close", () => process.exit(1));
  }

  /** While a handler runs the connection does not keep the event loop going; while an invocation is awaited it does. */
  keepAlive(keep) {
    if (keep) this.socket.ref();
    else this.socket.unref();
  }

  /** Asks for an invocation; `take(headers, body)` gets it. */
  invocation(take) {
    this.waiting.push(take);
    this.keepAlive(true);
    this.socket.write(this.next);
  }

  /** Sends an answer and asks for the next invocation. */
  respond(id, body, take) {
    this.post(`invocation/${id}/response`, body, "", take);
  }

  /** Sends an error document, and then asks for the next invocation or, without `take`, calls `done`. */
  fail(id, document, cause, take, done) {
    const where = id === null ? "init/error" : `invocation/${id}/error`;
    const type = `Lambda-Runtime-Function-Error-Type: ${oneLine(document.errorType)}\r\n`;
    // The cause is for tracing; a long one is left away, as headers are bounded.
    const xray = cause && Buffer.byteLength(cause) < 16384
      ? `Lambda-Runtime-Function-XRay-Error-Cause: ${oneLine(cause)}\r\n` : "";
    this.post(where, JSON.stringify(document), type + xray, take, done);
  }

  post(path, body, headers, take, done = () => {}) {
    this.waiting.push(done);
    let request = `POST ${PREFIX}${path}${this.headers}${headers}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
    if (take) {
      this.waiting.push(take);
      request += this.next;
    }
    this.keepAlive(true);
    this.socket.write(request);
  }

  received(data) {
    if (this.body !== null) {
      this.more(data);
      return;
    }
    let buffer = this.pending.length === 0 ? data : Buffer.concat([this.pending, data]);
    for (;;) {
      const end = buffer.indexOf(HEAD_END);
      if (end < 0) {
        this.pending = buffer;
        return;
      }
      const headers = parse(buffer.toString("utf8", 0, end));
      const rest = buffer.subarray(end + 4);
      const length = Number(headers["content-length"]);
      if (headers["transfer-encoding"] === "chunked") {
        const body = dechunk(rest);
        if (body === null) {
          this.pending = buffer;
          return;
        }
        this.waiting.shift()(headers, body.text);
        buffer = body.rest;
      } else if (rest.length >= length || Number.isNaN(length)) {
        const size = length || 0;
        this.waiting.shift()(headers, rest.toString("utf8", 0, size));
        buffer = rest.subarray(size);
      } else {
        this.pending = EMPTY;
        this.body = { headers, length, parts: [rest], have: rest.length };
        return;
      }
      if (buffer.length === 0) {
        this.pending = EMPTY;
        return;
      }
    }
  }

  more(data) {
    const body = this.body;
    body.parts.push(data);
    body.have += data.length;
    if (body.have < body.length) return;
    const all = Buffer.concat(body.parts);
    this.body = null;
    this.waiting.shift()(body.headers, all.toString("utf8", 0, body.length));
    if (all.length > body.length) this.received(all.subarray(body.length));
  }
};

const oneLine = (text) => String(text).replace(/[\r\n]+/g, " ").replace(/[^\x20-\x7e]/g, "?");

function parse(head) {
  const headers = {};
  const lines = head.split("\r\n");
  headers[":status"] = Number(lines[0].slice(9, 12));
  for (let index = 1; index < lines.length; index++) {
    const line = lines[index];
    const colon = line.indexOf(":");
    headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  return headers;
}

function dechunk(buffer) {
  const parts = [];
  for (let at = 0; ;) {
    const end = buffer.indexOf("\r\n", at);
    if (end < 0) return null;
    const size = parseInt(buffer.toString("latin1", at, end), 16);
    const from = end + 2;
    if (buffer.length < from + size + 2) return null;
    if (size === 0) return { text: Buffer.concat(parts).toString("utf8"), rest: buffer.subarray(from + 2) };
    parts.push(buffer.subarray(from, from + size));
    at = from + size + 2;
  }
}
