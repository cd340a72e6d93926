// A load for step 2: RATE requests a second for DURATION, each a message for the worker.
//
//   k6 run -e BASE=http://127.0.0.1:4566 -e API=<id of the HTTP API> systems/queue-tutorial/load.js
//
// The thresholds are the promise: k6 ends with an error if one is missed.

import { check } from 'k6';
import exec from 'k6/execution';
import http from 'k6/http';

const rate = Number(__ENV.RATE || 100);
const base = __ENV.BASE || 'http://127.0.0.1:4566';
const host = `${__ENV.API}.execute-api.${__ENV.REGION || 'ap-northeast-2'}.amazonaws.com`;

export const options = {
  scenarios: {
    produce: {
      executor: 'constant-arrival-rate',
      rate,
      timeUnit: '1s',
      duration: __ENV.DURATION || '60s',
      preAllocatedVUs: Math.max(20, rate),
      maxVUs: Math.max(100, rate * 4),
    },
  },
  thresholds: {
    http_req_failed: ['rate==0'],
    checks: ['rate==1'],
    dropped_iterations: ['count==0'],
    http_req_duration: [`p(95)<${__ENV.P95_MS || 250}`],
  },
};

export default function produce() {
  const body = JSON.stringify({ input: exec.scenario.iterationInTest });
  const headers = { 'Content-Type': 'application/json', Host: host };
  const answer = http.post(`${base}/produce`, body, { headers });
  check(answer, { accepted: (it) => it.status === 200 && it.json('message') === 'Message accepted!' });
}
