"use strict";
// A connection as Node.js' own `net` has it inside. Loading `net`, and streams with it, takes a tenth of the interpreter's
// start, and an invocation through them several microseconds. Where the inside is not as expected `net` itself is used.

const BUFFER = 65536;

/** Connects; `received(buffer, count)` gets what comes, always in the same buffer, `ended()` is told of the end. */
exports.connect = function connect(host, port, received, ended) {
  return (/^[\d.]+$/.test(host) && bareTcp(host, port, received, ended)) || usual({ host, port }, received, ended);
};

/** The same for a socket that the process inherited. */
exports.inherit = function inherit(fd, received, ended) {
  return bareChannel(fd, received, ended) || usual({ fd, readable: true, writable: true }, received, ended);
};

function bareTcp(host, port, received, ended) {
  const bare = inside("tcp_wrap", ({ TCP, constants }) => new TCP(constants.SOCKET));
  if (bare === null) return null;
  const { wrap, handle } = bare;
  handle.setNoDelay(true);
  const socket = served(bare, received, ended);
  const connecting = new wrap.TCPConnectWrap();
  connecting.oncomplete = (status) => {
    if (status !== 0 || handle.readStart() !== 0) ended();
  };
  if (handle.connect(connecting, host, port) !== 0) ended();
  return socket;
}

function bareChannel(fd, received, ended) {
  const bare = inside("pipe_wrap", ({ Pipe, constants }) => new Pipe(constants.SOCKET));
  if (bare === null) return null;
  try {
    // Some versions throw, others give a number.
    if (bare.handle.open(fd) < 0) return null;
  } catch (_) {
    return null;
  }
  const socket = served(bare, received, ended);
  if (bare.handle.readStart() !== 0) ended();
  return socket;
}

/** A handle and what it is used with, if the inside is as expected. */
function inside(binding, make) {
  try {
    const wrap = process.binding(binding);
    const stream = process.binding("stream_wrap");
    const handle = make(wrap);
    const known = stream.streamBaseState && stream.WriteWrap &&
      [stream.kReadBytesOrError, stream.kLastWriteWasAsync].every((it) => typeof it === "number") &&
      [handle.useUserBuffer, handle.writeLatin1String, handle.writeUtf8String].every((it) => typeof it === "function");
    return known ? { wrap, stream, handle } : null;
  } catch (_) {
    return null;
  }
}

function served({ stream, handle }, received, ended) {
  const state = stream.streamBaseState;
  const buffer = Buffer.allocUnsafeSlow(BUFFER);
  handle.useUserBuffer(buffer);
  handle.onread = () => {
    const count = state[stream.kReadBytesOrError];
    if (count > 0) received(buffer, count);
    else if (count < 0) ended();
  };
  const request = () => Object.assign(new stream.WriteWrap(), {
    oncomplete(status) {
      if (status < 0) ended();
    },
  });
  let writing = request();
  return {
    write(text, ascii) {
      const status = ascii ? handle.writeLatin1String(writing, text) : handle.writeUtf8String(writing, text);
      if (status !== 0) ended();
      // What left at once, as nearly everything does, has not used it.
      if (state[stream.kLastWriteWasAsync] !== 0) writing = request();
    },
    ref: () => handle.ref(),
    unref: () => handle.unref(),
  };
}

function usual(place, received, ended) {
  const onread = { buffer: Buffer.allocUnsafeSlow(BUFFER), callback: (count, buffer) => received(buffer, count) };
  const net = require("net");
  const socket = place.fd === undefined ? net.connect({ ...place, onread }) : new net.Socket({ ...place, onread });
  if (place.fd === undefined) socket.setNoDelay(true);
  else socket.resume();
  socket.on("error", ended);
  socket.on("close", ended);
  return {
    write: (text, ascii) => socket.write(text, ascii ? "latin1" : "utf8"),
    ref: () => socket.ref(),
    unref: () => socket.unref(),
  };
}
