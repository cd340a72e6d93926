"use strict";
// Requests that are meant for AWS but would pass by AWS_ENDPOINT_URL: version 2 of the AWS SDK does not know that variable,
// and CDK's custom resources answer to `https://<host of ResponseURL>` without its port. They go to the endpoint, with their
// Host header (and so their signature) kept. AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true switches this off, as for the SDKs.

const Module = require("module");

const AWS = /(^|\.)amazonaws\.com(\.cn)?$/i;
const LOOPBACK = /^(127\.0\.0\.1|\[?::1\]?|localhost|.*\.localhost|(.*\.)?localhost\.localstack\.cloud)$/i;
const WATCHED = new Set(["http", "https", "node:http", "node:https"]);

let installed = false;
let agents;

/** Waits for the first `require` of http or https: loading them costs a function that needs neither. */
exports.watch = function watch() {
  if (installed) return;
  const load = Module._load;
  Module._load = function (request) {
    if (!installed && WATCHED.has(request)) {
      Module._load = load;
      exports.install();
    }
    return load.apply(this, arguments);
  };
};

/** Replaces `request` and `get` of http and https, for ES modules too. */
exports.install = function install() {
  if (installed) return;
  installed = true;
  const http = require("http");
  const https = require("https");
  for (const [module, secure] of [[http, false], [https, true]]) {
    const request = module.request;
    module.request = function (...given) {
      const moved = redirected(given, secure);
      if (moved === null) return request.apply(this, given);
      return (moved.options.protocol === "https:" ? requests.https : requests.http)(moved.options, moved.callback);
    };
    module.get = function (...given) {
      const sent = module.request(...given);
      sent.end();
      return sent;
    };
    requests[secure ? "https" : "http"] = request;
  }
  Module.syncBuiltinESMExports();
};

const requests = {};

function redirected(given, secure) {
  const address = process.env.AWS_ENDPOINT_URL;
  if (!address || process.env.AWS_IGNORE_CONFIGURED_ENDPOINT_URLS === "true") return null;
  const call = understand(given);
  if (call === null) return null;
  const { options, callback, plain } = call;
  const host = String(options.hostname || options.host || "").replace(/:\d+$/, "");
  let endpoint;
  try {
    endpoint = new URL(address);
  } catch (_) {
    return null;
  }
  const portless = plain && secure && !options.port && !options.protocol && endpoint.protocol === "http:" &&
    (host === endpoint.hostname || LOOPBACK.test(host));
  if (!portless && !AWS.test(host)) return null;
  const port = endpoint.port || (endpoint.protocol === "https:" ? 443 : 80);
  const moved = {
    ...options,
    protocol: endpoint.protocol,
    hostname: endpoint.hostname.replace(/^\[|\]$/g, ""),
    host: undefined,
    port,
    defaultPort: undefined,
    servername: undefined,
    agent: agentFor(endpoint.protocol),
    // The path that a redirected CDK request was meant for lies on the endpoint itself.
    headers: portless ? options.headers : withHost(options.headers, host),
  };
  delete moved.host;
  return { options: moved, callback };
}

/** `request(url[, options][, callback])` or `request(options[, callback])`. */
function understand(given) {
  const rest = [...given];
  let options = {};
  let plain = true;
  try {
    if (typeof rest[0] === "string" || rest[0] instanceof URL) {
      const url = new URL(String(rest.shift()));
      plain = false;
      options = { protocol: url.protocol, hostname: url.hostname, port: url.port, path: url.pathname + url.search };
      if (url.username) options.auth = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
    }
  } catch (_) {
    return null;
  }
  if (rest[0] && typeof rest[0] === "object") options = { ...options, ...rest.shift() };
  return { options, callback: typeof rest[0] === "function" ? rest[0] : undefined, plain };
}

function withHost(headers, host) {
  if (Array.isArray(headers)) {
    const named = headers.some((part) => String(Array.isArray(part) ? part[0] : part).toLowerCase() === "host");
    if (named) return headers;
    return Array.isArray(headers[0]) ? [...headers, ["Host", host]] : [...headers, "Host", host];
  }
  const named = Object.keys(headers || {}).some((name) => name.toLowerCase() === "host");
  return named ? headers : { ...headers, Host: host };
}

function agentFor(protocol) {
  agents = agents || {
    "http:": new (require("http").Agent)({ keepAlive: true }),
    "https:": new (require("https").Agent)({ keepAlive: true }),
  };
  return agents[protocol];
}
