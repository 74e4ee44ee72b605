// Times a model with a ReLU gate in three ways, in turn: as it is, all neurons by the kernels of any model; sparsified,
// neurons that do not fire skipped; and sparsified, nothing skipped, which must give the same bits. Adds a line to
// history.jsonl. docs/sparsity.md tells what came of it.
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import esbuild from 'esbuild';
import { addToHistory, median, root } from './history.mjs';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    threads: { type: 'string', short: 't', default: '2' },
    rounds: { type: 'string', default: '7' },
    tokens: { type: 'string', default: '12' },
    'no-history': { type: 'boolean', default: false },
  },
});

const built = join(root, 'dist', 'bench', 'sparse-rounds.js');
await esbuild.build({
  entryPoints: [join(root, 'tests/bench/sparse-rounds.ts')],
  outfile: built,
  bundle: true,
  packages: 'external',
  platform: 'node',
  format: 'esm',
});
const { sparseModels, startWay } = await import(built);

const [choice = 'tinyllama-1.1b-relu:Q4_0'] = positionals;
const [threads, rounds, tokens] = [options.threads, options.rounds, options.tokens].map(Number);
const { dense, sparse, sparsity } = await sparseModels(choice);
const ways = {
  dense: await startWay(dense, threads),
  sparse: await startWay(sparse, threads),
  'nothing skipped': await startWay(sparse, threads, { everyNeuron: true }),
};

const times = Object.fromEntries(Object.keys(ways).map((name) => [name, { prefill: [], decode: [] }]));
for (let round = -1; round < rounds; round += 1) {
  for (const [name, way] of Object.entries(ways)) {
    const prefill = await way.prefill();
    const decode = (await way.decode(tokens)) / tokens;
    if (round < 0) continue;
    times[name].prefill.push(prefill);
    times[name].decode.push(decode);
  }
}
if (ways.sparse.digest() !== ways['nothing skipped'].digest())
  throw new Error('what is skipped changes bits');

/** Of each round, how much longer another way took than the sparse one: what disturbs a round disturbs both. */
const ratio = (name, part) => median(times[name][part].map((ms, round) => ms / times.sparse[part][round]));
const results = {};
for (const [name, { prefill, decode }] of Object.entries(times)) {
  results[name] = {
    msPerToken: Number(median(decode).toFixed(2)),
    prefillMs: Number(median(prefill).toFixed(1)),
    decodeRatio: Number(ratio(name, 'decode').toFixed(3)),
    prefillRatio: Number(ratio(name, 'prefill').toFixed(3)),
  };
}
console.log(`${choice}: ${(100 * sparsity).toFixed(1)} % sparse, ${threads} threads, the same bits`);
console.table(results);
if (!options['no-history']) addToHistory('sparse', { model: choice, threads, sparsity, results });
process.exit(0);
