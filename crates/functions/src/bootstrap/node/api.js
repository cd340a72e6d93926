"use strict";
// The Runtime API over one raw connection: an answer and the request for the next invocation leave in one write.

const { connect, inherit } = require("./socket.js");

const PREFIX = "/2018-06-01/runtime/";
const HEAD_END = "\r\n\r\n";
const ACCEPTED = "HTTP/1.1 202 ";
// Most heads are shorter.
const HEAD = 4096;
// The headers that say something here, by how long their names are.
const HEADERS = [];
for (const [name, key] of [
  ["Content-Length", "length"],
  ["Transfer-Encoding", "encoding"],
  ["Lambda-Runtime-Trace-Id", "trace"],
  ["Lambda-Runtime-Deadline-Ms", "deadline"],
  ["Lambda-Runtime-Aws-Request-Id", "id"],
  ["Lambda-Runtime-Client-Context", "clientContext"],
  ["Lambda-Runtime-Cognito-Identity", "identity"],
  ["Lambda-Runtime-Invoked-Function-Arn", "arn"],
]) (HEADERS[name.length] = HEADERS[name.length] || []).push({ name, lower: name.toLowerCase(), key });

exports.RuntimeApi = class RuntimeApi {
  /**
   * @param address `host:port`
   * @param channel number of an inherited socket to speak over instead, or undefined
   */
  constructor(address, channel) {
    const colon = address.lastIndexOf(":");
    this.host = address.slice(0, colon);
    this.port = Number(address.slice(colon + 1)) || 80;
    this.next = `GET ${PREFIX}invocation/next HTTP/1.1\r\nHost: ${address}\r\n\r\n`;
    this.headers = ` HTTP/1.1\r\nHost: ${address}\r\nContent-Type: application/json\r\n`;
    this.waiting = [];
    this.pending = null; // what came of an answer whose head is not whole
    this.body = null; // an answer whose body is not whole
    this.accepted = ""; // the answer to an answer: always the same
    // What is kept of the buffer is copied. Without the Runtime API there is nothing left to do; the environment is being
    // replaced.
    const received = (buffer, count) => this.received(buffer, count);
    const ended = () => process.exit(1);
    this.socket = channel === undefined ? connect(this.host, this.port, received, ended) : inherit(Number(channel), received, ended);
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
    this.socket.write(this.next, true);
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

  post(path, body, headers, take, done = ignore) {
    this.waiting.push(done);
    const length = Buffer.byteLength(body);
    let request = `POST ${PREFIX}${path}${this.headers}${headers}Content-Length: ${length}\r\n\r\n${body}`;
    if (take) {
      this.waiting.push(take);
      request += this.next;
    }
    this.keepAlive(true);
    // What has as many bytes as characters is ASCII, and the shorter way to the socket is right for it.
    this.socket.write(request, length === body.length);
  }

  received(data, count) {
    if (this.body !== null) {
      this.more(data.subarray(0, count));
      return;
    }
    if (this.pending !== null) {
      data = Buffer.concat([this.pending, data.subarray(0, count)]);
      count = data.length;
      this.pending = null;
    }
    let at = 0;
    let head = data.latin1Slice(0, Math.min(HEAD, count));
    if (this.accepted !== "" && head.startsWith(this.accepted)) {
      at = this.accepted.length;
      head = head.slice(at);
      this.waiting.shift()();
    }
    while (at < count) {
      let end = head.indexOf(HEAD_END);
      if (end < 0) {
        head = data.latin1Slice(at, count);
        end = head.indexOf(HEAD_END);
      }
      const start = at + end + 4;
      if (end < 0) {
        this.pending = Buffer.from(data.subarray(at, count));
        return;
      }
      const headers = parse(head, end);
      if (headers.encoding === "chunked") {
        const body = dechunk(data.subarray(start, count));
        if (body === null) {
          this.pending = Buffer.from(data.subarray(at, count));
          return;
        }
        this.waiting.shift()(headers, body.text);
        at = start + body.size;
        head = data.latin1Slice(at, Math.min(at + HEAD, count));
        continue;
      }
      const length = Number(headers.length) || 0;
      if (count - start < length) {
        const first = Buffer.from(data.subarray(start, count));
        this.body = { headers, length, parts: [first], have: first.length };
        return;
      }
      if (head.startsWith(ACCEPTED)) this.accepted = data.latin1Slice(at, start + length);
      at = start + length;
      this.waiting.shift()(headers, length === 0 ? "" : data.utf8Slice(start, at));
      head = at < count ? data.latin1Slice(at, Math.min(at + HEAD, count)) : "";
    }
  }

  more(data) {
    const body = this.body;
    body.parts.push(Buffer.from(data));
    body.have += data.length;
    if (body.have < body.length) return;
    const all = Buffer.concat(body.parts);
    this.body = null;
    this.waiting.shift()(body.headers, all.toString("utf8", 0, body.length));
    if (all.length > body.length) this.received(all.subarray(body.length), all.length - body.length);
  }
};

function ignore() {}

const oneLine = (text) => String(text).replace(/[\r\n]+/g, " ").replace(/[^\x20-\x7e]/g, "?");

/** The headers that say something here; `end` is where the head ends, `head` what it is in Latin-1. Line ends are looked for
 * by one character: for two a search takes several times as long. */
function parse(head, end) {
  const headers = {
    length: undefined, encoding: undefined, trace: undefined, deadline: undefined,
    id: undefined, clientContext: undefined, identity: undefined, arn: undefined,
  };
  for (let at = head.indexOf("\n") + 1; at < end;) {
    const colon = head.indexOf(":", at);
    const stop = head.indexOf("\r", at);
    const alike = HEADERS[colon - at];
    const header = alike === undefined ? undefined : named(alike, head.slice(at, colon));
    if (header !== undefined) headers[header.key] = utf8(head.slice(colon + 1, stop).trim());
    at = stop + 2;
  }
  return headers;
}

function named(alike, name) {
  for (const header of alike) {
    if (name === header.name || name.toLowerCase() === header.lower) return header;
  }
  return undefined;
}

/** What was sent as UTF-8 and read as Latin-1. */
const utf8 = (text) => (/[\x80-\xff]/.test(text) ? Buffer.from(text, "latin1").toString("utf8") : text);

function dechunk(buffer) {
  const parts = [];
  for (let at = 0; ;) {
    const end = buffer.indexOf("\r\n", at);
    if (end < 0) return null;
    const size = parseInt(buffer.toString("latin1", at, end), 16);
    const from = end + 2;
    if (buffer.length < from + size + 2) return null;
    if (size === 0) return { text: Buffer.concat(parts).toString("utf8"), size: from + 2 };
    parts.push(buffer.subarray(from, from + size));
    at = from + size + 2;
  }
}
