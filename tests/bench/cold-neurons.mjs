// Decodes with a sparse model of which a part fits in memory, in three ways in turn, each in a process of its own with as
// much memory: all tiles through the sliding window, nothing skipped; with the records of cold neurons read when they fire,
// which must give the same bits; and when they are predicted to, which is not exact. Not a test: it needs Linux, root, a
// quiet machine and 4 GB of disk. docs/sparsity.md tells what came of it.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import esbuild from 'esbuild';
import { DiskGroup } from './disk-group.mjs';
import { addToHistory, median, root } from './history.mjs';
import { dropCaches, inGroup, isRoot } from './memory-group.mjs';

/** What a process takes beside its weights: Node, kernels, KV pages, activations, sums. */
const extraBytes = 260e6;

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    threads: { type: 'string', short: 't', default: '2' },
    rounds: { type: 'string', default: '3' },
    tokens: { type: 'string', default: '24' },
    percent: { type: 'string', default: '30' },
    rank: { type: 'string', default: '256' },
    'disk-rate': { type: 'string', default: '0' },
    'seek-bytes': { type: 'string', default: 'measured' },
    'no-history': { type: 'boolean', default: false },
  },
});
const [choice = 'tinyllama-1.1b-relu:Q8_0'] = positionals;
if (!isRoot()) throw new Error('it takes root, for a limit of memory');

const bundle = (name) =>
  esbuild.build({
    entryPoints: [join(root, `tests/bench/${name}.ts`)],
    outfile: join(root, 'dist', 'bench', `${name}.js`),
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
  });
await bundle('sparse-rounds');
await bundle('cold-round');
const { coldModel } = await import(join(root, 'dist/bench/sparse-rounds.js'));
const { path, folder, tileBytes } = await coldModel(choice, Number(options.rank));
const limitBytes = (tileBytes * Number(options.percent)) / 100 + extraBytes;

function runWay(way) {
  return inGroup(way, limitBytes, async (group) => {
    const disk = new DiskGroup(way, folder, Number(options['disk-rate']));
    try {
      await dropCaches();
      const { threads, tokens, percent } = options;
      const what = ['--model', path, '--folder', folder, '--way', way, '--seek-bytes', options['seek-bytes']];
      const how = ['--threads', threads, '--tokens', tokens, '--percent', percent];
      const program = join(root, 'dist/bench/cold-round.js');
      const [command, ...rest] = disk.command([process.execPath, program, ...what, ...how]);
      const { stdout } = await group.run(command, rest, { timeout: 300_000 });
      return { ...JSON.parse(stdout), peakOwnBytes: group.peakOwnBytes };
    } finally {
      await disk.close();
    }
  });
}

const ways = ['dense', 'exact', 'predicted'];
const found = Object.fromEntries(ways.map((way) => [way, []]));
// Tiles are cut and kept, without a limit of time.
for (const way of ['exact', 'predicted']) if (!existsSync(join(folder, `${way}.hashes`))) await runWay(way);
for (let round = 0; round < Number(options.rounds); round += 1)
  for (const way of ways) {
    found[way].push(await runWay(way));
    console.log(JSON.stringify({ way, ...found[way].at(-1) }));
  }
if (found.dense[0].digest !== found.exact[0].digest) throw new Error('what is read changes bits');

const results = Object.fromEntries(
  ways.map((way) => {
    const medianOf = (of) => median(found[way].map(of));
    return [
      way,
      {
        msPerToken: Number(medianOf(({ msPerToken }) => msPerToken).toFixed(1)),
        processorMs: Number(medianOf(({ processorMsPerToken }) => processorMsPerToken).toFixed(1)),
        prefillMs: Number(medianOf(({ prefillMs }) => prefillMs).toFixed(0)),
        times: Number(
          median(found[way].map((it, i) => found.dense[i].msPerToken / it.msPerToken)).toFixed(2),
        ),
        streamedMB: Number((medianOf(({ streamedPerToken }) => streamedPerToken) / 1e6).toFixed(1)),
        coldMB: Number((medianOf(({ recordBytesPerToken }) => recordBytesPerToken) / 1e6).toFixed(1)),
        ownMB: Number((medianOf(({ peakOwnBytes }) => peakOwnBytes) / 1e6).toFixed(0)),
      },
    ];
  }),
);
console.table(results);
if (!options['no-history']) addToHistory('cold-neurons', { choice, options, results });
