// Version 2 of AWS's SDK, which the Serverless Framework 3 uses, knows no AWS_ENDPOINT_URL. What it asks of AWS's hosts goes to
// that server, with the Host header as it was.
const http = require("node:http");
const https = require("node:https");

const endpoint = new URL(process.env.AWS_ENDPOINT_URL);
const ask = https.request;

https.request = function (options, ...rest) {
  const host = typeof options === "object" ? options.hostname || options.host : undefined;
  if (!host?.endsWith(".amazonaws.com")) {
    return ask.call(this, options, ...rest);
  }
  const headers = { ...options.headers, Host: host };
  return http.request(
    { ...options, protocol: "http:", host: endpoint.hostname, hostname: endpoint.hostname, port: endpoint.port, headers, agent: undefined },
    ...rest,
  );
};
