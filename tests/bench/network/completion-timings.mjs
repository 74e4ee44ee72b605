// Asks a coordinator for a completion, on the host where this runs, and prints the timings of its answer:
// `URL KEY BODY`, of which the body is the request's, in JSON.
const [url, key, body] = process.argv.slice(2);
const response = await fetch(`${url}/completions`, {
  method: 'POST',
  headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
  body,
  signal: AbortSignal.timeout(300_000),
});
const answer = await response.json();
if (!response.ok) throw new Error(JSON.stringify(answer));
console.log(JSON.stringify(answer.timings));
