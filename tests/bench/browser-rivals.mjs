// Runs a tab of Hearth and wllama (llama.cpp in WebAssembly) in turn, in one browser, on one file, with as many threads:
//   node tests/bench/browser-rivals.mjs MODEL WLLAMA [--threads 1,2] [--prompt 128] [--generate 32] [--repeat 2] [--rounds 2]
// WLLAMA is an unpacked npm package @wllama/wllama of version 2, which is not part of this project. Both read weights that
// they have kept in the browser. wllama samples nothing and its page is alone, which is in its favour. Needs a build, and
// Chromium (HEARTH_CHROMIUM).
import { createReadStream, existsSync, readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { join, normalize } from 'node:path';
import { parseArgs } from 'node:util';
import { BrowserLab, promptOf } from './browser-lab.mjs';
import { median } from './history.mjs';

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    threads: { type: 'string', default: '1,2' },
    prompt: { type: 'string', default: '128' },
    generate: { type: 'string', default: '32' },
    repeat: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '2' },
  },
});
const [model, wllama] = positionals;
const [prompt, generate, repeat, rounds] = ['prompt', 'generate', 'repeat', 'rounds'].map((name) =>
  Number(values[name]),
);

/** The rival's page: a module that loads the package and tells of itself when it is asked to. */
const page = `<!doctype html><script type="module">
  import { Wllama } from '/wllama/esm/index.js';
  const wasm = (kind) => new URL('/wllama/esm/' + kind + '/wllama.wasm', location.href).href;
  const paths = { 'single-thread/wllama.wasm': wasm('single-thread'), 'multi-thread/wllama.wasm': wasm('multi-thread') };
  const rival = new Wllama(paths, { suppressNativeLog: true });
  globalThis.load = (threads) =>
    rival.loadModelFromUrl(location.origin + '/model.gguf', { n_threads: threads, n_ctx: 1024, n_batch: 128 });
  globalThis.rates = async (prompt, generate) => {
    await rival.kvClear();
    const beganMs = performance.now();
    await rival.decode(prompt, {});
    const readMs = performance.now();
    for (let i = 0; i < generate; i += 1) await rival.decode([300 + i], {});
    const writtenMs = performance.now();
    const perSecond = (tokens, ms) => (1000 * tokens) / ms;
    return { prefill: perSecond(prompt.length, readMs - beganMs), decode: perSecond(generate, writtenMs - readMs) };
  };
</script>`;
const types = { js: 'text/javascript', wasm: 'application/wasm' };

/** The package and the model on loopback, isolated as Hearth's pages are. */
async function serveRival() {
  const server = createServer(({ url, method }, response) => {
    const path = url === '/model.gguf' ? model : join(wllama, normalize(url.replace('/wllama/', '/')));
    const isolation = {
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-embedder-policy': 'require-corp',
    };
    if (url === '/') response.writeHead(200, { ...isolation, 'content-type': 'text/html' }).end(page);
    else if (!existsSync(path)) response.writeHead(404).end();
    else {
      const length = statSync(path).size;
      const type = types[path.split('.').at(-1)] ?? 'application/octet-stream';
      response.writeHead(200, { ...isolation, 'content-type': type, 'content-length': length });
      if (method === 'HEAD') response.end();
      else createReadStream(path).pipe(response);
    }
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

/** @param isFirst so that there is nothing to measure yet, but weights to keep */
async function rivalRound(context, port, threads, isFirst) {
  const beganMs = Date.now();
  const tab = await context.newPage();
  await tab.goto(`http://localhost:${port}/`);
  await tab.evaluate((count) => globalThis.load(count), threads);
  const readyMs = Date.now() - beganMs;
  const rates = isFirst ? {} : await rivalRates(tab);
  await tab.close();
  return { readyMs, ...rates };
}

async function rivalRates(tab) {
  const all = [];
  for (let i = 0; i <= repeat; i += 1) {
    const tokens = promptOf(prompt, i);
    all.push(await tab.evaluate(([ids, count]) => globalThis.rates(ids, count), [tokens, generate]));
  }
  const rate = (key) => median(all.slice(1).map((each) => each[key]));
  return { prefill: rate('prefill'), decode: rate('decode') };
}

async function hearthRound(lab, isFirst) {
  const { readyMs, leave } = await lab.join('isolated');
  const rates = isFirst ? {} : await lab.rates({ prompt, generate, repeat });
  await leave();
  return { readyMs, ...rates };
}

function tell(name, all) {
  const middle = (key, digits) => median(all.map((each) => each[key])).toFixed(digits);
  console.log(
    `${name}: decode ${middle('decode', 1)}, prefill ${middle('prefill', 1)} tokens/s, ` +
      `ready from what it kept after ${middle('readyMs', 0)} ms`,
  );
}

async function compare(port, threads) {
  const lab = await BrowserLab.open(model, { threads, memoryBytes: 4e9 });
  try {
    await hearthRound(lab, true);
    await rivalRound(lab.context, port, threads, true);
    const found = { hearth: [], wllama: [] };
    for (let round = 0; round < rounds; round += 1) {
      found.hearth.push(await hearthRound(lab, false));
      found.wllama.push(await rivalRound(lab.context, port, threads, false));
    }
    const { version } = JSON.parse(readFileSync(join(wllama, 'package.json'), 'utf8'));
    tell(`hearth, ${threads} threads`, found.hearth);
    tell(`wllama ${version}, ${threads} threads`, found.wllama);
  } finally {
    await lab.close();
  }
}

const server = await serveRival();
try {
  for (const threads of values.threads.split(',').map(Number)) await compare(server.address().port, threads);
} finally {
  server.closeAllConnections();
  server.close();
}
