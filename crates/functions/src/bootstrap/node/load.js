"use strict";
// Finds a handler: `dir/module.export.nested`.

const fs = require("fs");
const path = require("path");
const Module = require("module");
const { pathToFileURL } = require("url");
const errors = require("./errors.js");

// What `require` reports as the place it was called from, as on AWS.
const requireFrom = Module.createRequire(path.join(process.env.LAMBDA_RUNTIME_DIR || "/var/runtime", "index.mjs"));

exports.load = async function load(root, name) {
  if (name.includes("..")) {
    throw new errors.MalformedHandlerName(
      `'${name}' is not a valid handler name. Use absolute paths when specifying root directories in handler names.`);
  }
  const last = path.basename(name);
  const directory = name.slice(0, name.indexOf(last));
  const parts = /^([^.]*)\.(.*)$/.exec(last);
  if (!parts) throw new errors.MalformedHandlerName("Bad handler");
  const major = Number(process.versions.node.split(".")[0]);
  const module = await loadModule(root, directory, parts[1], major >= 24);
  let handler = find(module, parts[2]);
  if (!handler && major >= 24 && module && typeof module === "object" && "default" in module) {
    handler = find(module.default, parts[2]);
  }
  if (!handler) throw new errors.HandlerNotFound(`${name} is undefined or not exported`);
  if (typeof handler !== "function") throw new errors.HandlerNotFound(`${name} is not a function`);
  return handler;
};

const find = (from, name) => name.split(".").reduce((found, key) => found && found[key], from);

async function loadModule(root, directory, name, always) {
  try {
    const file = path.resolve(root, directory, name);
    if (always) {
      // From Node.js 24 on AWS imports whatever it is.
      for (const extension of ["", ".js", ".mjs", ".cjs"]) {
        if (fs.existsSync(file + extension)) return await imported(file + extension);
      }
    } else {
      if (fs.existsSync(file)) return requireFrom(file);
      const esm = fs.existsSync(`${file}.js`) && isModule(path.dirname(file));
      if (!esm && fs.existsSync(`${file}.js`)) return requireFrom(`${file}.js`);
      if (esm) return await imported(`${file}.js`);
      if (fs.existsSync(`${file}.mjs`)) return await imported(`${file}.mjs`);
      if (fs.existsSync(`${file}.cjs`)) return requireFrom(`${file}.cjs`);
    }
    return requireFrom(requireFrom.resolve(name, { paths: [root, path.resolve(root, directory)] }));
  } catch (error) {
    if (error instanceof SyntaxError) {
      const raised = new errors.UserCodeSyntaxError(error);
      // Where the fault is stands in the original's stack only.
      if (always) raised.stack = error.stack;
      throw raised;
    }
    if (error && error.code === "MODULE_NOT_FOUND") throw new errors.ImportModuleError(error);
    throw error;
  }
}

function imported(file) {
  // An ES module may name http and https without any `require` that could be noticed.
  require("./redirect.js").install();
  require("./places.js").install();
  return import(pathToFileURL(file).href);
}

/** Whether the nearest package.json makes `.js` files ES modules. */
function isModule(directory) {
  for (let at = directory; !at.endsWith("/node_modules"); at = path.dirname(at)) {
    const file = path.join(at, "package.json");
    if (fs.existsSync(file)) {
      try {
        return JSON.parse(fs.readFileSync(file)).type === "module";
      } catch (error) {
        console.warn(`${file} cannot be read, it will be ignored for ES module detection purposes.`, error);
        return false;
      }
    }
    if (at === "/") return false;
  }
  return false;
}
