// Has devices of little memory each answer together from a model that is larger than all of their memory, and compares
// the answer with that of one device that holds all of it. Not a test: it needs Linux, root, a model of gigabytes, the
// same again on disk, and minutes. docs/bench.md tells how to use it.
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual, parseArgs, promisify } from 'node:util';
import { Companion } from './companion.mjs';
import { addToHistory, refuseChanges, root } from './history.mjs';
import { dropCaches, isRoot, MemoryGroup } from './memory-group.mjs';

const hearth = `${root}dist/coordinator/hearth.js`;
/** What a device gets beside its weights: Node, kernels, KV pages, activations. */
const extraBytes = 120e6;
/** Percent of the file that a device may take at most, and that extra. */
const mostPercent = 10;
const secret = randomBytes(18).toString('base64url');
const timeoutMs = 1_800_000;

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    prompt: { type: 'string', default: 'Once upon a time, in a small house by the sea,' },
    generate: { type: 'string', short: 'n', default: '12' },
    devices: { type: 'string', default: '4' },
    percent: { type: 'string', default: '30' },
    threads: { type: 'string', short: 't', default: '1' },
    context: { type: 'string', default: '256' },
    history: { type: 'boolean', default: false },
  },
});
if (positionals.length !== 1 || !isRoot()) {
  console.error(
    'usage, as root: node tests/bench/cluster-bigger-than-memory.mjs MODEL.gguf [--percent 30] [--devices 4] [-n 12] [-t 1] [--history]',
  );
  process.exit(2);
}
if (options.history) refuseChanges();
const model = resolve(positionals[0]);
const fileBytes = statSync(model).size;
const deviceCount = Number(options.devices);

/** Starts a coordinator, asks it once it is ready, and stops it. @param meanwhile what is to happen before, at its URL */
async function answerOf(serveArgs, meanwhile = async () => {}) {
  const settings = ['--port', '0', '--secret', secret, '--parallel', '1', '--context', options.context];
  const coordinator = Companion.start([process.execPath, hearth, 'serve', model, ...settings, ...serveArgs]);
  try {
    const [, api] = await coordinator.says(/API\s+(http:\S+)/, timeoutMs);
    await meanwhile(api);
    await coordinator.says(/Ready/, timeoutMs);
    return await ask(api);
  } finally {
    await coordinator.stop();
  }
}

async function ask(api) {
  const body = {
    prompt: options.prompt,
    max_tokens: Number(options.generate),
    temperature: 0,
    logprobs: 5,
  };
  const response = await fetch(`${api}/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(timeoutMs),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(JSON.stringify(answer));
  // What devices tell of their memory comes every two seconds.
  await sleep(3000);
  const { devices } = await (await fetch(`${api}/cluster/devices`)).json();
  const heldBytes = devices.map(({ memory }) => memory.residentBytes + memory.windowBytes);
  return { choices: answer.choices, timings: answer.timings, heldBytes };
}

async function answerOfDevices(cacheFolder) {
  const limitBytes = (fileBytes * Number(options.percent)) / 100 / deviceCount + extraBytes;
  const groups = [];
  const devices = [];
  const env = { ...process.env, HEARTH_CACHE: cacheFolder };
  const joinAll = async (api) => {
    const url = api.replace(/^http(.*)\/v1$/, 'ws$1');
    for (let i = 0; i < deviceCount; i += 1) {
      const group = new MemoryGroup(`device-${i}`, limitBytes);
      groups.push(group);
      const args = ['join', url, '--secret', secret, '--name', `device-${i}`, '--threads', options.threads];
      devices.push(new Companion(group.spawn(process.execPath, [hearth, ...args], { env })));
    }
  };
  try {
    const equal = Array.from({ length: deviceCount }, () => 1).join(',');
    const answer = await answerOf(['--no-local', '--split', equal], joinAll);
    const ofEach = (of) => groups.map(of);
    return {
      ...answer,
      limitBytes,
      peakBytes: ofEach((group) => group.peakBytes),
      peakOwnBytes: ofEach((group) => group.peakOwnBytes),
    };
  } finally {
    for (const device of devices) await device.stop();
    for (const group of groups) await group.close();
  }
}

/** Tokens a second of one device that holds all. */
async function residentRate() {
  const threads = String(availableParallelism());
  const args = ['bench', model, '--json', '-p', '8', '-n', '16', '-r', '3', '-t', threads];
  const { stdout } = await promisify(execFile)(process.execPath, [hearth, ...args], { timeout: timeoutMs });
  return { tokensPerSecond: JSON.parse(stdout).decode.medianTokensPerSecond, threads };
}

function check(what, holds) {
  console.log(`${what}${holds ? '' : ': MISSED'}`);
  if (!holds) process.exitCode = 1;
}

const mega = (bytes) => (bytes / 1e6).toFixed(0);

const cacheFolder = mkdtempSync(join(dirname(model), 'hearth-bench-'));
// Coordinator and devices are paired with each other, and with nobody of the user's.
process.env.HEARTH_KEYS = join(cacheFolder, 'keys');
try {
  const alone = await residentRate();
  console.log(`all in memory, ${alone.threads} threads: ${alone.tokensPerSecond.toFixed(2)} tokens/s`);
  const whole = await answerOf([]);
  const [{ text, logprobs }] = whole.choices;
  console.log(`answer: ${logprobs.tokens.length} tokens, ${JSON.stringify(text)}`);
  const together = [];
  // The second time they have kept what they were sent.
  for (const times of ['weights sent', 'weights kept']) {
    await dropCaches();
    const beganMs = performance.now();
    const found = await answerOfDevices(cacheFolder);
    together.push(found);
    const seconds = (performance.now() - beganMs) / 1000;
    console.log(
      `${deviceCount} devices, ${times}: prompt in ${(found.timings.prompt_ms / 1000).toFixed(1)} s, ` +
        `${found.timings.predicted_per_second.toFixed(3)} tokens/s, ${seconds.toFixed(0)} s from start to stop; ` +
        `at most ${found.peakBytes.map(mega).join(', ')} MB of ${mega(found.limitBytes)}, ` +
        `${found.peakOwnBytes.map(mega).join(', ')} MB of them their own, ${found.heldBytes.map(mega).join(', ')} MB of them weights`,
    );
    check('the same text, tokens and log-probabilities', isDeepStrictEqual(found.choices, whole.choices));
    const mostBytes = (fileBytes * mostPercent) / 100 + extraBytes;
    check(`at most ${mega(mostBytes)} MB each`, Math.max(...found.peakBytes) <= mostBytes);
  }
  if (options.history)
    addToHistory('cluster-bigger-than-memory', {
      model: basename(model),
      fileBytes,
      devices: deviceCount,
      percent: Number(options.percent),
      resident: alone,
      rounds: together.map(({ choices, ...round }) => round),
    });
} finally {
  rmSync(cacheFolder, { recursive: true });
}
