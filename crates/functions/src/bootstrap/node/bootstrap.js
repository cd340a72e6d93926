"use strict";
// Runs a function's handler on Node.js 14 to 24: the process that AWS Lambda's Runtime API talks to.
// Started with MOLN_ASSIGNMENT_FD it first loads what every function needs and waits to be told which one it is.
// That descriptor, or the one of MOLN_CHANNEL_FD, is then its connection to the Runtime API.

let channel = process.env.MOLN_ASSIGNMENT_FD;
if (channel !== undefined) {
  require("./assignment.js").receive(Number(channel));
} else {
  channel = process.env.MOLN_CHANNEL_FD;
  delete process.env.MOLN_CHANNEL_FD;
}

require("./console.js").patch();
require("./loop.js").start(channel);
