// Measures what it costs that links are encrypted: tokens a second of agents on loopback, and the time that processors
// have for a token, with links as they are, and of a build in which a sealed link hands frames on as they are. The two
// take turns, answer by answer. Not a test: it needs a quiet machine. docs/bench.md tells how to use it.
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { loadavg } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { addToHistory, median, refuseChanges, root } from '../history.mjs';
import { Cluster } from './cluster.mjs';
import { Hearth } from './hearth.mjs';
import { Loopback } from './loopback.mjs';
import { packageVariant } from './package-variant.mjs';

const mostCost = 0.08;
const promptTokens = 16;

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    agents: { type: 'string', default: '2' },
    generate: { type: 'string', short: 'n', default: '32' },
    rounds: { type: 'string', default: '9' },
    history: { type: 'boolean', default: false },
  },
});
if (positionals.length !== 1) {
  console.error(
    'usage: node tests/bench/network/seal.mjs MODEL.gguf [--agents 2] [-n 32] [--rounds 9] [--history]',
  );
  process.exit(2);
}
if (options.history) refuseChanges();
const model = resolve(positionals[0]);
const agents = Number(options.agents);
const generate = Number(options.generate);
const split = Array(agents).fill(1).join();

const bare = `
import type { Link } from './link.ts';
export function sealedLink(inner: Link): Link {
  return inner;
}`;

function start(name, program, folder) {
  return new Hearth(name, ['--split', split, '--check', '0'], folder, program).start({
    cluster: new Cluster(new Loopback(), agents + 1),
    model,
    contextTokens: promptTokens + generate,
    local: false,
  });
}

/** What processes have had of processors, of Linux's clock of 10 ms. */
function processorMs(pids) {
  const ticks = pids.map((pid) => {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/.*\) /s, '').split(' ');
    return Number(fields[11]) + Number(fields[12]);
  });
  return 10 * ticks.reduce((sum, each) => sum + each, 0);
}

function percent(part) {
  return `${(100 * part).toFixed(1)} %`;
}

/** The token at which an answer would end before its time. */
async function endToken() {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [`${root}dist/coordinator/hearth.js`, 'inspect', model, '--json'],
    { maxBuffer: 1 << 28 },
  );
  return JSON.parse(stdout).metadata['tokenizer.ggml.eos_token_id'];
}

const noEnd = { logit_bias: { [await endToken()]: -100 } };
const cacheFolder = mkdtempSync(join(dirname(model), 'hearth-bench-'));
const unsealed = await packageVariant('device-agent/sealed-link.ts', bare);
const running = [];
try {
  const programs = { sealed: `${root}dist/coordinator/hearth.js`, bare: unsealed.program };
  const measure = {};
  for (const [name, program] of Object.entries(programs)) {
    const one = await start(name, program, join(cacheFolder, name));
    running.push(one);
    measure[name] = async () => {
      const beforeMs = processorMs(one.pids);
      const { predicted_per_second: rate } = await one.ask(promptTokens, generate, noEnd);
      return { rate, tokenMs: (processorMs(one.pids) - beforeMs) / (promptTokens + generate) };
    };
    // What the first answers compile is not measured.
    for (let i = 0; i < 3; i += 1) await measure[name]();
  }
  const rounds = [];
  for (let round = 0; round < Number(options.rounds); round += 1) {
    const found = {};
    // Who goes first changes, since machines drift.
    for (const name of round % 2 === 0 ? ['sealed', 'bare'] : ['bare', 'sealed'])
      found[name] = await measure[name]();
    const { sealed, bare } = found;
    rounds.push({ sealed, bare, cost: 1 - sealed.rate / bare.rate, work: sealed.tokenMs / bare.tokenMs - 1 });
    console.log(
      `round ${round + 1}: ${sealed.rate.toFixed(2)} tokens/s sealed, ${bare.rate.toFixed(2)} bare: ${percent(rounds[round].cost)}; ` +
        `of processors ${sealed.tokenMs.toFixed(1)} and ${bare.tokenMs.toFixed(1)} ms a token: ${percent(rounds[round].work)}   load ${loadavg()[0].toFixed(1)}`,
    );
  }
  const cost = median(rounds.map((round) => round.cost));
  const work = median(rounds.map((round) => round.work));
  const rates = ['sealed', 'bare'].map((name) => median(rounds.map((round) => round[name].rate)));
  const missed = cost > mostCost;
  console.log(
    `medians: ${rates[0].toFixed(2)} tokens/s sealed, ${rates[1].toFixed(2)} bare; the seal costs ${percent(cost)} of them ` +
      `(required ≤ ${percent(mostCost)})${missed ? ' MISSED' : ''}, and ${percent(work)} more of processors' time`,
  );
  if (missed) process.exitCode = 1;
  if (options.history)
    addToHistory('seal', {
      model: basename(model),
      agents,
      rounds: rounds.length,
      sealedTokensPerSecond: rates[0],
      bareTokensPerSecond: rates[1],
      cost,
      work,
    });
} finally {
  for (const one of running) await one.stop();
  unsealed.remove();
  rmSync(cacheFolder, { recursive: true });
}
