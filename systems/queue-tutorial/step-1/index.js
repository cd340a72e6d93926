// Adds one to a number: {"input": 1} is answered with 2, anything else with 400 and what is wrong with it.

/** The number of an event whose body is exactly {"input": number}. Throws what is wrong with any other. */
function inputOf(event) {
  if (!event.body) throw new Error('the body is missing: send {"input": 1}');
  // API Gateway encodes bodies whose type is not text, JSON, XML or JavaScript.
  const text = event.isBase64Encoded ? Buffer.from(event.body, 'base64').toString('utf8') : event.body;
  let body;
  try {
    body = JSON.parse(text);
  } catch (error) {
    throw new Error(`the body is not JSON: ${error.message}`);
  }
  if (body === null || typeof body !== 'object' || Array.isArray(body)) {
    throw new Error('the body must be an object: {"input": 1}');
  }
  if (typeof body.input !== 'number') throw new Error('"input" must be a number: {"input": 1}');
  const others = Object.keys(body).filter((key) => key !== 'input');
  if (others.length > 0) throw new Error(`only "input" is expected, not ${others.join(', ')}`);
  return body.input;
}

exports.handler = async (event) => {
  const headers = { 'content-type': 'application/json' };
  let input;
  try {
    input = inputOf(event);
  } catch (error) {
    return { statusCode: 400, headers, body: JSON.stringify({ message: error.message }) };
  }
  return { statusCode: 200, headers, body: JSON.stringify(input + 1) };
};
