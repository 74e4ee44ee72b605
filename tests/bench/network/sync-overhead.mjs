// Measures what it costs that devices add up their partial sums: the time of a sync on loopback beyond what the same
// processors compute in one process, and the bytes that a token takes between a device and the coordinator, beside
// those of float32. Not a test: it needs a quiet machine. docs/bench.md tells how to use it.
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { addToHistory, median, refuseChanges, root } from '../history.mjs';
import { Cluster } from './cluster.mjs';
import { Hearth } from './hearth.mjs';
import { probe } from './link-probe.mjs';
import { Loopback } from './loopback.mjs';
import { Proxies } from './proxies.mjs';

const mostOverheadMs = 0.15;
/** After the attention and after the FFN of every layer. */
const syncsOfLayer = 2;
const promptTokens = 16;

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    agents: { type: 'string', default: '3' },
    generate: { type: 'string', short: 'n', default: '32' },
    repetitions: { type: 'string', short: 'r', default: '3' },
    rounds: { type: 'string', default: '3' },
    history: { type: 'boolean', default: false },
  },
});
if (positionals.length !== 1) {
  console.error(
    'usage: node tests/bench/network/sync-overhead.mjs MODEL.gguf [--agents 3] [-n 32] [-r 3] [--rounds 3] [--history]',
  );
  process.exit(2);
}
if (options.history) refuseChanges();
const model = resolve(positionals[0]);
const agents = Number(options.agents);
const generate = Number(options.generate);
/** As many threads as the agents' can run at the same time. */
const threads = Math.min(agents, availableParallelism());

async function hearthJson(...args) {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [`${root}dist/coordinator/hearth.js`, ...args, '--json'],
    { maxBuffer: 1 << 28 },
  );
  return JSON.parse(stdout);
}

/** A cluster of agents and a coordinator that computes nothing, on a network. */
async function withAgents(network, folder, use) {
  // As planned they might well not share layers.
  const split = Array(agents).fill(1).join(',');
  const running = await new Hearth('hearth', ['--split', split], folder).start({
    cluster: new Cluster(network, agents + 1),
    model,
    contextTokens: promptTokens + 2 * generate,
    local: false,
  });
  try {
    await running.ask(promptTokens, generate);
    return await use(running);
  } finally {
    await running.stop();
  }
}

/** Milliseconds of a token of one process. */
async function aloneMs(threads) {
  const test = ['-p', '8', '-d', String(promptTokens), '-n', options.generate, '-r', options.repetitions];
  const { decode } = await hearthJson('bench', model, ...test, '-t', String(threads));
  return 1000 / decode.medianTokensPerSecond;
}

/** Milliseconds of a token, of the agents and of one process with as many threads as can run. */
async function tokenMs(folder, round) {
  const runners = {
    together: () =>
      withAgents(new Loopback(), folder, async (running) => {
        const rates = [];
        for (let i = 0; i < Number(options.repetitions); i += 1)
          rates.push((await running.ask(promptTokens, generate)).predicted_per_second);
        return 1000 / median(rates);
      }),
    alone: () => aloneMs(threads),
  };
  const found = {};
  // Who runs first changes, since machines drift.
  const names = round % 2 === 0 ? ['together', 'alone'] : ['alone', 'together'];
  for (const name of names) found[name] = await runners[name]();
  return found;
}

/** Of a token, between one device and the coordinator, both ways; what a prompt takes cancels out. */
async function bytesPerToken(folder) {
  const network = await Proxies.open();
  const during = async (running, tokens) => {
    const before = network.bytes;
    await running.ask(promptTokens, tokens);
    return network.bytes - before;
  };
  try {
    const bytes = await withAgents(
      network,
      folder,
      async (running) => (await during(running, 2 * generate)) - (await during(running, generate)),
    );
    return bytes / generate / agents;
  } finally {
    await network.close();
  }
}

function shapeOf({ metadata, tensors }) {
  const architecture = metadata['general.architecture'];
  return {
    layers: metadata[`${architecture}.block_count`],
    hiddenSize: metadata[`${architecture}.embedding_length`],
    vocabSize: tensors.find(({ name }) => name === 'token_embd.weight').shape[0],
  };
}

const cacheFolder = mkdtempSync(join(dirname(model), 'hearth-bench-'));
try {
  const { layers, hiddenSize, vocabSize } = shapeOf(await hearthJson('inspect', model));
  const syncs = layers * syncsOfLayer;
  const rounds = [];
  for (let round = 0; round < Number(options.rounds); round += 1) {
    const { together, alone } = await tokenMs(cacheFolder, round);
    const { rttMs } = await probe(new Loopback(), { rateMbit: 0 });
    rounds.push({ together, alone, rttMs, overheadMs: (together - alone) / syncs });
    console.log(
      `round ${round + 1}: a token of ${agents} agents ${together.toFixed(2)} ms, of one process with ${threads} threads ${alone.toFixed(2)} ms: ` +
        `${rounds[round].overheadMs.toFixed(3)} ms for each of ${syncs} syncs   load ${loadavg()[0].toFixed(1)}`,
    );
  }
  const overheadMs = median(rounds.map((round) => round.overheadMs));
  const missed = overheadMs > mostOverheadMs;
  console.log(
    `a sync takes ${overheadMs.toFixed(3)} ms beyond computing (required ≤ ${mostOverheadMs})${missed ? ' MISSED' : ''}`,
  );
  if (missed) process.exitCode = 1;
  const rttMs = median(rounds.map((round) => round.rttMs));
  console.log(`two programs that do nothing else need ${rttMs.toFixed(3)} ms for a byte there and back`);

  if (agents > threads) {
    const turnsMs = ((await aloneMs(1)) * Math.ceil(agents / threads)) / agents;
    const together = median(rounds.map((round) => round.together));
    console.log(
      `${agents} agents that take turns on ${threads} processors compute ${turnsMs.toFixed(2)} ms a token at least: ${((together - turnsMs) / syncs).toFixed(3)} ms a sync beyond that`,
    );
  }

  const bytes = await bytesPerToken(cacheFolder);
  // Its sums to the hub and their total back, and its share of the logits.
  const float32Bytes = 4 * (2 * syncs * hiddenSize + vocabSize / agents);
  console.log(
    `${(bytes / 1e3).toFixed(1)} kB a token and device, float32 would take ${(float32Bytes / 1e3).toFixed(1)} kB: ${(bytes / float32Bytes).toFixed(3)} of it`,
  );
  if (options.history)
    addToHistory('sync-overhead', {
      model: basename(model),
      agents,
      threads,
      rounds: rounds.length,
      tokenMs: median(rounds.map(({ together }) => together)),
      aloneMs: median(rounds.map(({ alone }) => alone)),
      overheadMs,
      rttMs,
      bytesPerToken: bytes,
      float32BytesPerToken: float32Bytes,
    });
} finally {
  rmSync(cacheFolder, { recursive: true });
}
