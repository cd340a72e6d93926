"use strict";
// Runs a function's handler on Node.js 14 to 24: the process that AWS Lambda's Runtime API talks to.
// Started with MOLN_ASSIGNMENT_FD it first loads what every function needs and waits to be told which one it is.

const assignment = process.env.MOLN_ASSIGNMENT_FD;
if (assignment !== undefined) {
  require("./assignment.js").receive(Number(assignment));
}

require("./console.js").patch();
require("./loop.js").start();
