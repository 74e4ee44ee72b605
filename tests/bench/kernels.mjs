// Measures how fast each weight format is multiplied, from a cache and from memory, beside how fast memory can be
// read at all, and adds a line to history.jsonl. docs/bench.md tells how to read it.
import { once } from 'node:events';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import asc from 'assemblyscript/asc';
import esbuild from 'esbuild';
import { addToHistory, root } from './history.mjs';

/** Weights of 2048 columns. */
const cachedRows = 128;
const memoryRows = 64_000;
const panelTokens = 16;

const { values: options } = parseArgs({
  options: {
    threads: { type: 'string', short: 't', default: '1' },
    formats: { type: 'string' },
    milliseconds: { type: 'string', default: '800' },
    'no-history': { type: 'boolean', default: false },
  },
});

const build = process.env.HEARTH_KERNELS ?? 'relaxed';

/** One byte of every cache line: what cannot be faster than memory. */
const readSource = `
  export function read(p: usize, bytes: usize): i32 {
    const end = p + bytes;
    let sum = 0;
    for (; p < end; p += 256) sum += load<u8>(p) + load<u8>(p, 64) + load<u8>(p, 128) + load<u8>(p, 192);
    return sum;
  }`;

async function compileReader() {
  let module;
  const { error } = await asc.main(
    ['read.ts', '-O3', '--runtime', 'stub', '--importMemory', '-o', 'read.wasm'],
    {
      readFile: (name) => (name === 'read.ts' ? readSource : null),
      writeFile: (_, contents) => {
        module = contents;
      },
      listFiles: () => null,
    },
  );
  if (error) throw error;
  return module;
}

const workerFile = join(root, 'dist', 'bench', 'kernel-rates.js');
await esbuild.build({
  entryPoints: [join(root, 'tests/bench/kernel-rates.ts')],
  outfile: workerFile,
  bundle: true,
  packages: 'external',
  platform: 'node',
  format: 'esm',
});
const workerData = { readModule: await compileReader() };
const workers = Array.from({ length: Number(options.threads) }, () => new Worker(workerFile, { workerData }));
/** Each tells first which formats there are. */
const [[allFormats]] = await Promise.all(workers.map((worker) => once(worker, 'message')));

/** All threads at the same time, each with a matrix of its own; their rates together, in 10^9 a second. */
async function rate(what, rows, tokens = 1) {
  const job = { what, rows, tokens, milliseconds: Number(options.milliseconds) };
  const all = await Promise.all(
    workers.map(async (worker) => {
      worker.postMessage(job);
      const [rates] = await once(worker, 'message');
      return rates;
    }),
  );
  const sum = (key) => Number((all.reduce((total, each) => total + each[key], 0) / 1e9).toFixed(2));
  return { bytes: sum('bytesPerSecond'), flops: sum('flops') };
}

const results = {};
console.log(
  `${options.threads} threads, ${build} kernels; GB/s of weights, GFLOP/s of ${panelTokens} tokens`,
);
console.log('FORMAT    CACHED  MEMORY CEILING   SHARE GFLOP/S');
for (const name of options.formats?.split(',') ?? allFormats) {
  const { bytes: cached } = await rate(name, cachedRows);
  // The ceiling beside each: a machine that others use drifts.
  const { bytes: ceiling } = await rate('read', memoryRows);
  const { bytes: memory } = await rate(name, memoryRows);
  const { flops } = await rate(name, cachedRows, panelTokens);
  results[name] = { cached, memory, ceiling, flops };
  const cells = [cached, memory, ceiling, memory / ceiling, flops];
  console.log(`${name.padEnd(8)}${cells.map((value) => value.toFixed(2).padStart(8)).join('')}`);
}
await Promise.all(workers.map((worker) => worker.terminate()));
if (!options['no-history'])
  addToHistory('kernels', { threads: Number(options.threads), build, rates: results });
