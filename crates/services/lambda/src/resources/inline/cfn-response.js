// Tells a stack what became of its custom resource.
const http = require('http');
const https = require('https');

exports.SUCCESS = 'SUCCESS';
exports.FAILED = 'FAILED';

exports.send = function (event, context, responseStatus, responseData, physicalResourceId, noEcho) {
  const body = JSON.stringify({
    Status: responseStatus,
    Reason: `See the details in CloudWatch Log Stream: ${context.logStreamName}`,
    PhysicalResourceId: physicalResourceId || context.logStreamName,
    StackId: event.StackId,
    RequestId: event.RequestId,
    LogicalResourceId: event.LogicalResourceId,
    NoEcho: noEcho || false,
    Data: responseData,
  });
  const url = new URL(event.ResponseURL);
  const headers = { 'content-type': '', 'content-length': Buffer.byteLength(body) };
  const request = (url.protocol === 'http:' ? http : https).request(url, { method: 'PUT', headers }, (response) => {
    response.resume();
    response.on('end', () => {
      console.log(`The stack answered ${response.statusCode}`);
      context.done();
    });
  });
  request.on('error', (error) => {
    console.log(`The stack could not be told: ${error.message}`);
    context.done();
  });
  request.end(body);
};
