// Runs Hearth and llama.cpp in turn on one file with the same number of threads, prints how they compare, and adds
// a line to history.jsonl. Not a test: it needs a built llama-bench, a quiet machine and minutes. docs/bench.md tells
// how to use it.
import { execFile } from 'node:child_process';
import { statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { addToHistory, median, root } from './history.mjs';

const run = promisify(execFile);

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    prompt: { type: 'string', short: 'p', default: '128' },
    generate: { type: 'string', short: 'n', default: '32' },
    depth: { type: 'string', short: 'd', default: '0' },
    repetitions: { type: 'string', short: 'r', default: '5' },
    threads: { type: 'string', short: 't', default: String(availableParallelism()) },
    rounds: { type: 'string', default: '3' },
    'no-history': { type: 'boolean', default: false },
  },
});
const [llamaBench, model] = positionals;
if (!llamaBench || !model) {
  console.error(
    'usage: node tests/bench/versus-llama-cpp.mjs LLAMA_BENCH MODEL.gguf [-p 128] [-n 32] [-d 0] [-r 5] [-t THREADS] [--rounds 3] [--no-history]',
  );
  process.exit(2);
}

/** Tokens a second. */
async function hearthRates() {
  const { prompt, generate, depth, repetitions, threads } = options;
  const args = ['bench', model, '--json', '-p', prompt, '-n', generate, '-d', depth, '-r', repetitions];
  const program = `${root}dist/coordinator/hearth.js`;
  const { stdout } = await run(process.execPath, [program, ...args, '-t', threads], { cwd: process.cwd() });
  const { prefill, decode, kernels, version } = JSON.parse(stdout);
  return {
    prefill: prefill.medianTokensPerSecond,
    decode: decode.medianTokensPerSecond,
    build: `${version} ${kernels}`,
  };
}

async function llamaCppRates() {
  const { prompt, generate, depth } = options;
  // Its depth would lie before the prompt too.
  const prefill = await llamaCppRate('-p', prompt, '-n', '0');
  const decode = await llamaCppRate('-p', '0', '-n', generate, '-d', depth);
  return { prefill: prefill.rate, decode: decode.rate, build: prefill.build };
}

async function llamaCppRate(...test) {
  const { repetitions, threads } = options;
  const args = ['-m', model, '-t', threads, '-r', repetitions, '-o', 'json', ...test];
  const { stdout } = await run(llamaBench, args);
  const [{ samples_ts: rates, build_commit: commit, build_number: number }] = JSON.parse(stdout);
  return { rate: median(rates), build: `b${number} ${commit}` };
}

const rounds = [];
for (let round = 0; round < Number(options.rounds); round += 1) {
  // A machine's speed drifts: who runs first changes from round to round, and ratios are taken within one.
  const runners = { hearth: hearthRates, llamaCpp: llamaCppRates };
  const names = round % 2 === 0 ? ['hearth', 'llamaCpp'] : ['llamaCpp', 'hearth'];
  const rates = {};
  for (const name of names) rates[name] = await runners[name]();
  rounds.push(rates);
  const of = (test) =>
    `${test} ${rates.hearth[test].toFixed(2)} : ${rates.llamaCpp[test].toFixed(2)} tokens/s`;
  console.log(`round ${round + 1}, hearth : llama.cpp   ${of('prefill')}   ${of('decode')}`);
}

const medianRate = (name, test) => median(rounds.map((round) => round[name][test]));
const medianRatio = (test) => median(rounds.map(({ hearth, llamaCpp }) => hearth[test] / llamaCpp[test]));
const ratio = { prefill: medianRatio('prefill'), decode: medianRatio('decode') };
console.log(
  `hearth is ${ratio.prefill.toFixed(3)} × llama.cpp in prefill, ${ratio.decode.toFixed(3)} × in decode`,
);

if (!options['no-history']) {
  const engine = (name) => ({
    build: rounds[0][name].build,
    prefill: medianRate(name, 'prefill'),
    decode: medianRate(name, 'decode'),
  });
  addToHistory('versus-llama-cpp', {
    model: basename(model),
    fileBytes: statSync(model).size,
    threads: Number(options.threads),
    promptTokens: Number(options.prompt),
    generateTokens: Number(options.generate),
    depth: Number(options.depth),
    rounds: rounds.length,
    hearth: engine('hearth'),
    llamaCpp: engine('llamaCpp'),
    ratio,
  });
}
