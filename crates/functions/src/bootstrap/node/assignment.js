"use strict";
// A pre-warmed process: everything common is loaded, then it blocks until it is told which function it is.

const fs = require("fs");

/** Reads one assignment (4 bytes of length, big endian, and JSON) and becomes what it says. */
exports.receive = function receive(descriptor) {
  require("./console.js");
  require("./loop.js");
  require("./redirect.js").install();
  const length = readExactly(descriptor, 4).readUInt32BE(0);
  const { env, cwd } = JSON.parse(readExactly(descriptor, length).toString("utf8"));
  const modules = process.env.NODE_PATH;
  for (const name of Object.keys(process.env)) {
    if (!(name in env)) delete process.env[name];
  }
  for (const [name, value] of Object.entries(env)) {
    if (process.env[name] !== value) process.env[name] = value;
  }
  // Node.js reads it once, as it starts.
  if (process.env.NODE_PATH !== modules) require("module")._initPaths();
  process.chdir(cwd);
};

function readExactly(descriptor, length) {
  const buffer = Buffer.alloc(length);
  let filled = 0;
  while (filled < length) {
    const read = fs.readSync(descriptor, buffer, filled, length - filled, null);
    // Nobody will ever need this process.
    if (read === 0) process.exit(0);
    filled += read;
  }
  return buffer;
}
