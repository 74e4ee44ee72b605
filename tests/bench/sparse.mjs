// Times a model with a ReLU gate in four ways, in turn: as it is, all neurons by the kernels of any model; sparsified,
// neurons that do not fire skipped; sparsified, nothing skipped, which must give the same bits; and with predicted neurons,
// by predictors that a synthetic model is made for. A SwiGLU model: as it is, sparsified, and without neurons below the
// cuts of their gates. Adds a line to history.jsonl. docs/sparsity.md tells what came of it.
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
    rank: { type: 'string', default: '256' },
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
const [threads, rounds, tokens, rank] = [options.threads, options.rounds, options.tokens, options.rank].map(
  Number,
);
const { dense, sparse, predicted, sparsity, quality } = await sparseModels(choice, rank);
const isSilu = dense.config.activation === 'silu';
const ways = {
  dense: await startWay(dense, threads),
  sparse: await startWay(sparse, threads),
  ...(!isSilu && { 'nothing skipped': await startWay(sparse, threads, { everyNeuron: true }) }),
  [isSilu ? 'cut' : 'predicted']: await startWay(predicted, threads),
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
if (!isSilu && ways.sparse.digest() !== ways['nothing skipped'].digest())
  throw new Error('what is skipped changes bits');

/** Of each round, how many times as fast as the dense way: what disturbs a round disturbs both. */
const speedup = (name, part) => median(times[name][part].map((ms, round) => times.dense[part][round] / ms));
const results = {};
for (const [name, { prefill, decode }] of Object.entries(times)) {
  results[name] = {
    msPerToken: Number(median(decode).toFixed(2)),
    prefillMs: Number(median(prefill).toFixed(1)),
    decodeSpeedup: Number(speedup(name, 'decode').toFixed(3)),
    prefillSpeedup: Number(speedup(name, 'prefill').toFixed(3)),
  };
}
const percent = (share) => `${(100 * share).toFixed(1)} %`;
console.log(`${choice}: ${percent(sparsity)} ${isSilu ? 'below the cuts' : 'sparse'}, ${threads} threads`);
if (quality)
  console.log(
    `predictors find ${percent(quality.recall)} of what fires, and name ${percent(quality.named)} of all`,
  );
console.table(results);
if (!options['no-history']) addToHistory('sparse', { model: choice, threads, sparsity, quality, results });
process.exit(0);
