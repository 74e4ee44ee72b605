// Runs Hearth and llama.cpp in turn on a model that is larger than the memory they get, and compares Hearth with what
// the machine allows. Not a test: it needs Linux, root, a built llama-completion, a quiet machine and minutes.
// docs/bench.md tells how to use it.
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { check } from './check.mjs';
import { addToHistory, median, refuseChanges, root } from './history.mjs';
import { dropCaches, inGroup, isRoot } from './memory-group.mjs';

const hearth = `${root}dist/coordinator/hearth.js`;
/** What Hearth gets beside its share of the file: Node, kernels, KV pages, activations. */
const hearthExtraBytes = 120e6;
/** Percent of the file → at least so many times as fast as llama.cpp. */
const leastRatios = { 25: 1.5, 50: 2 };
const mostOverBound = 1.15;
const timeoutMs = 600_000;

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    generate: { type: 'string', short: 'n', default: '16' },
    repetitions: { type: 'string', short: 'r', default: '3' },
    threads: { type: 'string', short: 't', default: String(availableParallelism()) },
    percent: { type: 'string', default: '25,50' },
    rounds: { type: 'string', default: '3' },
    history: { type: 'boolean', default: false },
  },
});
const [llamaCompletion, modelName] = positionals;
if (!llamaCompletion || !modelName || !isRoot()) {
  console.error(
    'usage, as root: node tests/bench/bigger-than-memory.mjs LLAMA_COMPLETION MODEL.gguf [--percent 25,50] [-n 16] [-r 3] [-t THREADS] [--rounds 3] [--history]',
  );
  process.exit(2);
}
if (options.history) refuseChanges();
const model = resolve(modelName);
const fileBytes = statSync(model).size;

async function llamaCpp(percent) {
  await dropCaches();
  return inGroup('llama-cpp', (fileBytes * percent) / 100, async (group) => {
    const { generate, threads } = options;
    const speech = ['-p', 'hello there my friend', '-c', '64', '-n', generate, '--ignore-eos'];
    const settings = ['-t', threads, '--no-repack', '-no-cnv', '--no-warmup'];
    const { stdout, stderr } = await group.run(llamaCompletion, ['-m', model, ...speech, ...settings], {
      timeout: timeoutMs,
    });
    const [, ms, runs] = /(?<!prompt )eval time = +([\d.]+) ms \/ +(\d+) runs/.exec(stdout + stderr);
    return { tokensPerSecond: (1000 * runs) / ms };
  });
}

/** @param run how to start a program */
async function hearthReport(run, cacheFolder) {
  const { generate, repetitions, threads } = options;
  const args = ['bench', model, '--json', '-p', '8', '-n', generate, '-r', repetitions, '-t', threads];
  const env = { ...process.env, HEARTH_CACHE: cacheFolder };
  const { stdout } = await run(process.execPath, [hearth, ...args], { env, timeout: timeoutMs });
  return JSON.parse(stdout);
}

const hearthLimit = (percent) => (fileBytes * percent) / 100 + hearthExtraBytes;

async function hearthLimited(percent, cacheFolder) {
  await dropCaches();
  const limitBytes = hearthLimit(percent);
  return inGroup('hearth', limitBytes, async (group) => {
    const { decode, version, kernels } = await hearthReport(group.run.bind(group), cacheFolder);
    return {
      tokensPerSecond: decode.medianTokensPerSecond,
      bytesPerToken: decode.diskBytesPerToken,
      limitBytes,
      peakBytes: group.peakBytes,
      peakOwnBytes: group.peakOwnBytes,
      timesFull: group.timesFull,
      build: `${version} ${kernels}`,
    };
  });
}

async function computeMs(cacheFolder) {
  const { decode } = await hearthReport(promisify(execFile), cacheFolder);
  return 1000 / decode.medianTokensPerSecond;
}

/** Bytes a second, as well as the disk is read in the memory that Hearth gets. */
function readRate(percent) {
  return inGroup('disk', hearthLimit(percent), async (group) => {
    const { stdout } = await group.run(process.execPath, [`${root}tests/bench/read-cold.mjs`, model], {
      timeout: timeoutMs,
    });
    const { buffered, direct } = JSON.parse(stdout);
    return Math.max(buffered, direct);
  });
}

/** Who runs first changes from round to round; all ratios are taken within one, since machines drift. */
async function measureRound(percent, round, cacheFolder) {
  const found = {};
  const runners = {
    hearth: async () => {
      // The disk's speed drifts most.
      const before = await readRate(percent);
      found.hearth = await hearthLimited(percent, cacheFolder);
      found.readRate = (before + (await readRate(percent))) / 2;
      found.computeMs = await computeMs(cacheFolder);
    },
    llamaCpp: async () => {
      found.llamaCpp = await llamaCpp(percent);
    },
  };
  const names = round % 2 === 0 ? ['hearth', 'llamaCpp'] : ['llamaCpp', 'hearth'];
  for (const name of names) await runners[name]();
  const { hearth, llamaCpp: other } = found;
  found.tokenMs = 1000 / hearth.tokensPerSecond;
  found.readMs = (1000 * hearth.bytesPerToken) / found.readRate;
  found.boundMs = Math.max(found.computeMs, found.readMs);
  found.ratio = hearth.tokensPerSecond / other.tokensPerSecond;
  found.overBound = found.tokenMs / found.boundMs;
  return found;
}

const mega = (bytes) => (bytes / 1e6).toFixed(0);

function say(found) {
  const { hearth, llamaCpp, ratio, tokenMs, computeMs, readMs, readRate, overBound } = found;
  console.log(
    `  hearth : llama.cpp ${hearth.tokensPerSecond.toFixed(2)} : ${llamaCpp.tokensPerSecond.toFixed(2)} tokens/s = ${ratio.toFixed(2)}` +
      `   token ${tokenMs.toFixed(0)} ms, computing ${computeMs.toFixed(0)} ms, reading ${mega(hearth.bytesPerToken)} MB ${readMs.toFixed(0)} ms at ${mega(readRate)} MB/s: ${overBound.toFixed(3)} × the bound`,
  );
  console.log(
    `  memory: at most ${mega(hearth.peakBytes)} MB of ${mega(hearth.limitBytes)}, ${mega(hearth.peakOwnBytes)} MB of them its own, limit met ${hearth.timesFull} times   load ${loadavg()[0].toFixed(1)}`,
  );
}

async function measurePercent(percent, cacheFolder) {
  const rounds = [];
  for (let round = 0; round < Number(options.rounds); round += 1) {
    rounds.push(await measureRound(percent, round, cacheFolder));
    console.log(`${percent} %, round ${round + 1}`);
    say(rounds[round]);
  }
  const medianOf = (of) => median(rounds.map(of));
  const ratio = medianOf((round) => round.ratio);
  const overBound = medianOf((round) => round.overBound);
  check(`${percent} %: times as fast as llama.cpp`, ratio, leastRatios[percent], false);
  check(`${percent} %: token ÷ the longer of computing and reading`, overBound, mostOverBound, true);
  const most = Math.max(...rounds.map(({ hearth }) => hearth.peakBytes / hearth.limitBytes));
  check(`${percent} %: most memory ÷ limit`, most, 1, true);
  return {
    percent,
    hearth: medianOf(({ hearth }) => hearth.tokensPerSecond),
    llamaCpp: medianOf(({ llamaCpp }) => llamaCpp.tokensPerSecond),
    ratio,
    bytesPerToken: medianOf(({ hearth }) => hearth.bytesPerToken),
    computeMs: medianOf((round) => round.computeMs),
    readRate: medianOf((round) => round.readRate),
    overBound,
    limitBytes: rounds[0].hearth.limitBytes,
    peakBytes: Math.max(...rounds.map(({ hearth }) => hearth.peakBytes)),
    peakOwnBytes: Math.max(...rounds.map(({ hearth }) => hearth.peakOwnBytes)),
    timesFull: medianOf(({ hearth }) => hearth.timesFull),
    build: rounds[0].hearth.build,
  };
}

// On the model's own disk.
const cacheFolder = mkdtempSync(join(dirname(model), 'hearth-bench-'));
try {
  const results = [];
  for (const percent of options.percent.split(',').map(Number)) {
    // What streams is kept on disk from the first run on.
    await hearthLimited(percent, cacheFolder);
    results.push(await measurePercent(percent, cacheFolder));
  }
  if (options.history)
    addToHistory('bigger-than-memory', {
      model: basename(model),
      fileBytes,
      threads: Number(options.threads),
      rounds: Number(options.rounds),
      results,
    });
} finally {
  rmSync(cacheFolder, { recursive: true });
}
