"use strict";
// Imports of ES modules look along the parents of the importing file and nowhere else. In a sandbox the SDK and layers lie
// there (/var/node_modules, /node_modules). Where there are no mounts, a hook looks where NODE_PATH says.

const Module = require("module");
const path = require("path");
const { pathToFileURL } = require("url");

exports.install = function install() {
  if (process.env.LAMBDA_TASK_ROOT === "/var/task") return;
  const parents = (process.env.NODE_PATH || "").split(path.delimiter)
    .filter((directory) => path.basename(directory) === "node_modules")
    .map((directory) => pathToFileURL(path.join(path.dirname(directory), "index.mjs")).href);
  if (typeof Module.registerHooks === "function") {
    Module.registerHooks({
      resolve(specifier, context, next) {
        try {
          return next(specifier, context);
        } catch (error) {
          if (error.code !== "ERR_MODULE_NOT_FOUND" || !isBare(specifier)) throw error;
          for (const parentURL of parents) {
            try {
              return next(specifier, { ...context, parentURL });
            } catch (_) {
              // The next place.
            }
          }
          throw error;
        }
      },
    });
  } else if (typeof Module.register === "function") {
    const source = `
      const parents = ${JSON.stringify(parents)};
      export async function resolve(specifier, context, next) {
        try { return await next(specifier, context); } catch (error) {
          if (error.code !== "ERR_MODULE_NOT_FOUND" || /^[./]|^[a-z]+:/.test(specifier)) throw error;
          for (const parentURL of parents) {
            try { return await next(specifier, { ...context, parentURL }); } catch (_) {}
          }
          throw error;
        }
      }`;
    Module.register(`data:text/javascript,${encodeURIComponent(source)}`);
  }
};

const isBare = (specifier) => !/^[./]|^[a-z]+:/.test(specifier);
