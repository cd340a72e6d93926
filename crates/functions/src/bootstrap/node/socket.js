"use strict";
// A connection as Node.js' own `net` has it inside. Loading `net`, and streams with it, takes a tenth of the interpreter's
// start, and an invocation through them several microseconds. Where the inside is not as expected `net` itself is used.

const BUFFER = 65536;

/** Connects; `received(buffer, count)` gets what comes, always in the same buffer, `ended()` is told of the end. */
exports.connect = function connect(host, port, received, ended) {
  return (/^[\d.]+$/.test(host) && bare(host, port, received, ended)) || usual(host, port, received, ended);
};

function bare(host, port, received, ended) {
  let handle;
  let wrap;
  let stream;
  try {
    wrap = process.binding("tcp_wrap");
    stream = process.binding("stream_wrap");
    handle = new wrap.TCP(wrap.constants.SOCKET);
    const known = typeof stream.kReadBytesOrError === "number" && stream.streamBaseState && stream.WriteWrap &&
      [handle.useUserBuffer, handle.writeLatin1String, handle.writeUtf8String].every((it) => typeof it === "function");
    if (!known) return null;
  } catch (_) {
    return null;
  }
  const state = stream.streamBaseState;
  const buffer = Buffer.allocUnsafeSlow(BUFFER);
  handle.setNoDelay(true);
  handle.useUserBuffer(buffer);
  handle.onread = () => {
    const count = state[stream.kReadBytesOrError];
    if (count > 0) received(buffer, count);
    else if (count < 0) ended();
  };
  const connecting = new wrap.TCPConnectWrap();
  connecting.oncomplete = (status) => {
    if (status !== 0 || handle.readStart() !== 0) ended();
  };
  if (handle.connect(connecting, host, port) !== 0) ended();
  return {
    write(text, ascii) {
      const writing = new stream.WriteWrap();
      writing.oncomplete = (status) => {
        if (status < 0) ended();
      };
      const status = ascii ? handle.writeLatin1String(writing, text) : handle.writeUtf8String(writing, text);
      if (status !== 0) ended();
    },
    ref: () => handle.ref(),
    unref: () => handle.unref(),
  };
}

function usual(host, port, received, ended) {
  const onread = { buffer: Buffer.allocUnsafeSlow(BUFFER), callback: (count, buffer) => received(buffer, count) };
  const socket = require("net").connect({ host, port, onread });
  socket.setNoDelay(true);
  socket.on("error", ended);
  socket.on("close", ended);
  return {
    write: (text, ascii) => socket.write(text, ascii ? "latin1" : "utf8"),
    ref: () => socket.ref(),
    unref: () => socket.unref(),
  };
}
