// Two devices, processes with a part of a processor each, of which the faster has memory for a part of the weights, compute a
// sparse model in ways that take turns: all layers shared, with tiles dealt as if all were alike; the same with hot tiles where
// speed is; and as planned. Exactly, and with predicted neurons; all must give the same bits. The faster device reads nothing
// from a disk unless --disk is given. Not a test: it needs Linux, root and a quiet machine. docs/sparsity.md tells more.
import { mkdtempSync, rmSync } from 'node:fs';
import { loadavg } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import esbuild from 'esbuild';
import { check } from '../check.mjs';
import { Companion } from '../companion.mjs';
import { addToHistory, median, root } from '../history.mjs';
import { isRoot } from '../memory-group.mjs';
import { ProcessorGroup } from '../processor-group.mjs';

const leastGain = 1.3;
/** As short as can be with a third of a processor: a device that stands still is waited for at each sync. */
const periodUs = 3100;
/** What the faster device takes beside weights: Node, kernels, KV pages, activations. */
const extraBytes = 260e6;

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quotas: { type: 'string', default: '200,33' },
    percent: { type: 'string', default: '50' },
    rank: { type: 'string', default: '128' },
    ways: { type: 'string', default: 'exact,predicted' },
    rounds: { type: 'string', default: '3' },
    prompt: { type: 'string', short: 'p', default: '4' },
    generate: { type: 'string', short: 'n', default: '32' },
    disk: { type: 'boolean', default: false },
    'no-history': { type: 'boolean', default: false },
  },
});
const [choice = 'tinyllama-1.1b-relu:Q8_0'] = positionals;
if (!isRoot()) throw new Error('it takes root, for a part of a processor');

async function bundled(path) {
  const outfile = join(root, 'dist', 'bench', `${path.split('/').at(-1)}.js`);
  const entryPoints = [join(root, `tests/bench/${path}.ts`)];
  await esbuild.build({
    entryPoints,
    outfile,
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
  });
  return outfile;
}

const { coldModel } = await import(await bundled('sparse-rounds'));
const rounds = await bundled('network/hot-cold-rounds');
const { path, folder, tileBytes } = await coldModel(choice, Number(options.rank), true);
const memory = Math.floor((tileBytes * Number(options.percent)) / 100 + extraBytes);

/** @returns what was planned and measured */
async function compare(way, groups, caches) {
  const start = (host, command) =>
    Companion.start(groups[host].command([process.execPath, ...command]), {
      env: {
        ...process.env,
        HEARTH_CACHE: `${caches}/${way}-${host}`,
        HEARTH_KEYS: `${caches}/keys-${host}`,
      },
    });
  const { prompt, generate } = options;
  const sizes = ['--rounds', options.rounds, '--prompt', prompt, '--generate', generate];
  const flags = [...(way === 'predicted' ? ['--predict'] : []), ...(options.disk ? ['--disk'] : [])];
  const leader = start(0, [rounds, '--model', path, '--memory', String(memory), ...sizes, ...flags]);
  const programs = [leader];
  try {
    const [, url] = await leader.says(/join "(http:[^"]+)"/);
    programs.push(
      start(1, [`${root}dist/coordinator/hearth.js`, 'join', url, '--name', 'slow', '--threads', '1']),
    );
    const runs = [];
    for (let i = 0; i < 3 * Number(options.rounds); i += 1) {
      const [, run] = await leader.says(/round: (.+)\n/, 600_000);
      console.log(way, run);
      runs.push(JSON.parse(run));
    }
    const said = await leader.end();
    return { runs, ...JSON.parse(said.slice(said.indexOf('\n{') + 1)) };
  } finally {
    for (const program of programs.reverse()) await program.stop();
  }
}

function report(way, { runs, plans, devices }) {
  if (new Set(runs.map(({ digest }) => digest)).size !== 1) throw new Error('who has what changes bits');
  for (const { name, memoryBytes, kernels, diskBytesPerSecond, seekBytes } of devices)
    console.log(way, JSON.stringify({ name, memoryBytes, kernels, diskBytesPerSecond, seekBytes }));
  const of = (name, what) => runs.filter((run) => run.name === name).map((run) => run[what]);
  const found = {};
  for (const [name, { kind, layout, prediction }] of Object.entries(plans)) {
    const [tokenMs, promptMs] = ['tokenMs', 'promptMs'].map((what) => median(of(name, what)));
    found[name] = { tokenMs, promptMs, predictedMs: prediction.tpotMs, kind, layout };
    console.log(
      `${way} ${name.padEnd(6)} ${kind}: token ${tokenMs.toFixed(1)} ms (predicted ${prediction.tpotMs.toFixed(1)}), ` +
        `prompt ${promptMs.toFixed(0)} ms   ${JSON.stringify(layout.stages)} head ${JSON.stringify(layout.vocabularyShares)}`,
    );
  }
  const gain = median(of('hot', 'tokenMs').map((ms, round) => of('alike', 'tokenMs')[round] / ms));
  check(`${way}: tokens/s, hot tiles where speed is ÷ tiles alike`, gain, leastGain, false);
  return { ...found, gain };
}

const caches = mkdtempSync(join(dirname(folder), 'hearth-bench-'));
const groups = options.quotas
  .split(',')
  .map((percent, host) => new ProcessorGroup(`host-${host}`, Number(percent), periodUs));
try {
  const results = {};
  console.log(
    `${choice}, ${options.quotas} % of a processor, ${memory} bytes   load ${loadavg()[0].toFixed(1)}`,
  );
  for (const way of options.ways.split(',')) results[way] = report(way, await compare(way, groups, caches));
  if (!options['no-history']) addToHistory('hot-cold', { choice, options, results });
} finally {
  for (const group of groups) await group.close();
  rmSync(caches, { recursive: true });
}
