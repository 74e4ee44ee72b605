// Has devices of unequal speed, processes with a part of a processor each, share a model in every way that matters, and
// compares the planned one with the best and with equal shares. Not a test: it needs Linux, root and a quiet machine.
// docs/bench.md tells how to use it.
import { mkdtempSync, rmSync } from 'node:fs';
import { loadavg } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { check } from '../check.mjs';
import { Companion } from '../companion.mjs';
import { median, root } from '../history.mjs';
import { isRoot } from '../memory-group.mjs';
import { ProcessorGroup } from '../processor-group.mjs';

const mostOverBest = 1.1;
const leastOverEqual = 1.3;
const mostError = 0.15;
const hearth = [process.execPath, `${root}dist/coordinator/hearth.js`];

const { values: options, positionals: models } = parseArgs({
  allowPositionals: true,
  options: {
    quotas: { type: 'string', default: '100,50,25' },
    prompt: { type: 'string', short: 'p', default: '64' },
    generate: { type: 'string', short: 'n', default: '16' },
    repetitions: { type: 'string', short: 'r', default: '3' },
  },
});
if (models.length !== 1 || !isRoot()) {
  console.error(
    'usage, as root: node tests/bench/network/uneven.mjs MODEL.gguf [--quotas 100,50,25] [-p 64] [-n 16] [-r 3]',
  );
  process.exit(2);
}
const model = resolve(models[0]);
const quotas = options.quotas.split(',').map(Number);

/** @returns what `hearth bench --cluster --json` says of devices with those parts of a processor */
async function compareLayouts(folder, groups) {
  const start = (host, args) =>
    Companion.start(groups[host].command([...hearth, ...args, '--threads', '1']), {
      env: {
        ...process.env,
        HEARTH_CACHE: `${folder}/host-${host}`,
        HEARTH_KEYS: `${folder}/keys-${host}`,
      },
    });
  const { prompt, generate, repetitions } = options;
  const sizes = ['-p', prompt, '-n', generate, '-r', repetitions];
  const bench = start(0, [
    'bench',
    model,
    '--cluster',
    String(quotas.length),
    ...sizes,
    '--port',
    '0',
    '--json',
  ]);
  const joined = [];
  try {
    const [, url] = await bench.says(/join "(http:[^"]+)"/);
    for (let host = 1; host < quotas.length; host += 1)
      joined.push(start(host, ['join', url, '--name', `host-${host}`]));
    const said = await bench.end();
    return JSON.parse(said.slice(said.indexOf('\n{') + 1));
  } finally {
    for (const program of [...joined, bench]) await program.stop();
  }
}

function report({ plan, runs }) {
  console.log(plan.explanation.summary);
  for (const { names, kind, devices, measured, predicted } of runs) {
    const [ttft, tpot] = ['ttftMs', 'tpotMs'].map(
      (what) =>
        `${measured[what].toFixed(1)} ms (predicted ${(predicted[what] / measured[what]).toFixed(2)})`,
    );
    console.log(
      `  ${kind.padEnd(9)} ${devices.length} devices   token ${tpot}   prompt ${ttft}   ${names.join(', ')}`,
    );
  }
  const [planned] = runs;
  const tpot = (found) => found.measured.tpotMs;
  check('a token, planned ÷ best found', tpot(planned) / Math.min(...runs.map(tpot)), mostOverBest, true);
  const equal = runs.find(({ names }) => names.includes('equal tensor'));
  if (equal) check('a token, equal shares ÷ planned', tpot(equal) / tpot(planned), leastOverEqual, false);
  const errors = runs.flatMap(({ measured, predicted }) =>
    ['ttftMs', 'tpotMs'].map((what) => Math.abs(predicted[what] / measured[what] - 1)),
  );
  check('predictions, median error', median(errors), mostError, true);
}

const folder = mkdtempSync(join(dirname(model), 'hearth-bench-'));
const groups = quotas.map((percent, host) => new ProcessorGroup(`host-${host}`, percent));
try {
  console.log(`${basename(model)}, ${quotas.join(' + ')} % of a processor   load ${loadavg()[0].toFixed(1)}`);
  report(await compareLayouts(folder, groups));
} finally {
  for (const group of groups) await group.close();
  rmSync(folder, { recursive: true });
}
