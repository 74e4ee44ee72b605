// Runs Hearth, distributed-llama and llama.cpp's RPC in turn on the same devices, one thread each, over links of a
// known delay and rate, and prints how they compare. Not a test: it needs Linux, the rivals' programs, a quiet machine
// and a quarter of an hour. docs/bench.md tells how to use it.
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { loadavg } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { addToHistory, median, refuseChanges, root } from '../history.mjs';
import { isRoot } from '../memory-group.mjs';
import { Cluster } from './cluster.mjs';
import { Dllama } from './dllama.mjs';
import { Hearth } from './hearth.mjs';
import { freeLink, linkName, parseLink } from './link.mjs';
import { settleLink } from './link-probe.mjs';
import { LlamaRpc } from './llama-rpc.mjs';
import { Namespaces } from './namespaces.mjs';
import { Proxies } from './proxies.mjs';

/** What a device gets beside its share of the file: programs, KV cache, activations. */
const extraBytes = 120e6;
const tests = ['prefill', 'decode'];

const { values: options, positionals: models } = parseArgs({
  allowPositionals: true,
  options: {
    links: { type: 'string', default: '0ms/1000mbit,1ms/300mbit,2ms/100mbit' },
    devices: { type: 'string', default: '2' },
    prompt: { type: 'string', short: 'p', default: '128' },
    generate: { type: 'string', short: 'n', default: '32' },
    repetitions: { type: 'string', short: 'r', default: '3' },
    rounds: { type: 'string', default: '3' },
    // A row for each way in which Hearth may share the work: NAME=OPTIONS of `hearth serve`.
    hearth: { type: 'string', multiple: true, default: ['hearth='] },
    dllama: { type: 'string' },
    'llama-bench': { type: 'string' },
    'memory-percent': { type: 'string' },
    'least-prefill': { type: 'string', default: '1' },
    'least-decode': { type: 'string', default: '1' },
    proxies: { type: 'boolean', default: !isRoot() },
    shared: { type: 'boolean', default: false },
    history: { type: 'boolean', default: false },
  },
});
if (models.length === 0 || ((options['memory-percent'] || !options.proxies) && !isRoot())) {
  console.error(
    'usage: node tests/bench/network/versus-rivals.mjs MODEL.gguf... [--dllama PROGRAM] [--llama-bench PROGRAM] [--links 2ms/100mbit,...] [--devices 2] [-p 128] [-n 32] [-r 3] [--rounds 3] [--hearth NAME=OPTIONS]... [--memory-percent 60 as root] [--proxies] [--shared] [--history]',
  );
  process.exit(2);
}
if (options.history) refuseChanges();
const devices = Number(options.devices);

function enginesFor(cacheFolder) {
  const hearths = options.hearth.map((row) => {
    const [name, args = ''] = row.split(/=(.*)/s);
    return new Hearth(name, args.split(' ').filter(Boolean), cacheFolder);
  });
  const rivals = [
    options.dllama && new Dllama(resolve(options.dllama)),
    options['llama-bench'] && new LlamaRpc(resolve(options['llama-bench'])),
  ];
  return { hearths, rivals: rivals.filter(Boolean) };
}

async function layersOf(model) {
  const args = [`${root}dist/coordinator/hearth.js`, 'inspect', model, '--json'];
  const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: 1 << 28 });
  const { metadata } = JSON.parse(stdout);
  return metadata[`${metadata['general.architecture']}.block_count`];
}

/** @returns tokens a second of each test, or why there are none */
async function ratesOf(engine, { network, model, link }) {
  const percent = options['memory-percent'];
  const limitBytes = percent && (statSync(model.path).size * Number(percent)) / 100 + extraBytes;
  const cluster = new Cluster(network, devices, limitBytes);
  // Weights are not what the link is measured with, except where it decides who gets them.
  await network.setLink(engine.plans ? link.setting : freeLink);
  try {
    return await engine.measure({
      cluster,
      model: model.path,
      layerCount: model.layerCount,
      files: model.files.get(engine),
      promptTokens: Number(options.prompt),
      generateTokens: Number(options.generate),
      repetitions: Number(options.repetitions),
      afterLoading: () => network.setLink(link.setting),
    });
  } catch (error) {
    return { prefill: Number.NaN, decode: Number.NaN, failure: error.message };
  } finally {
    await cluster.close();
  }
}

/** Who runs first changes from round to round, and ratios are taken within one, since machines drift. */
async function measureRounds(engines, { network, model, link }) {
  const rounds = [];
  for (let round = 0; round < Number(options.rounds); round += 1) {
    const rates = new Map();
    const order = round % 2 === 0 ? engines : engines.toReversed();
    for (const engine of order) rates.set(engine, await ratesOf(engine, { network, model, link }));
    rounds.push(rates);
    const cells = engines.map((engine) => {
      const { prefill, decode, failure } = rates.get(engine);
      return `${engine.name} ${failure ? `fails: ${failure.split('\n')[0]}` : `${prefill.toFixed(1)} ${decode.toFixed(2)}`}`;
    });
    console.log(`  round ${round + 1}: ${cells.join('   ')}   load ${loadavg()[0].toFixed(1)}`);
  }
  return rounds;
}

const medianRates = (rounds, engine) =>
  Object.fromEntries(tests.map((test) => [test, median(rounds.map((rates) => rates.get(engine)[test]))]));

function compare(rounds, hearth, rival) {
  return Object.fromEntries(
    tests.map((test) => {
      const ratio = median(rounds.map((rates) => rates.get(hearth)[test] / rates.get(rival)[test]));
      const least = Number(options[`least-${test}`]);
      // A rival that cannot run is no measure.
      const runs = !Number.isNaN(medianRates(rounds, rival)[test]);
      const missed = runs && !(ratio >= least);
      const verdict = runs ? `${ratio.toFixed(3)} × ${rival.name}` : `alone: ${rival.name} cannot run`;
      console.log(`  ${test}: ${hearth.name} is ${verdict} (required ≥ ${least})${missed ? ' MISSED' : ''}`);
      if (missed) process.exitCode = 1;
      return [test, ratio];
    }),
  );
}

async function measureLink({ hearths, rivals }, network, model, asked) {
  const link = await settleLink(network, asked);
  console.log(
    `${basename(model.path)}, ${devices} devices, ${linkName(asked)}: round trip ${link.rttMs.toFixed(2)} ms, ${link.rateMbit.toFixed(0)} Mbit/s${link.holds ? '' : ': MISSED'}`,
  );
  if (!link.holds) process.exitCode = 1;
  const engines = [...hearths, ...rivals];
  const rounds = await measureRounds(engines, { network, model, link });
  for (const engine of engines) {
    const { prefill, decode } = medianRates(rounds, engine);
    console.log(
      `  ${engine.name.padEnd(16)} prefill ${prefill.toFixed(1)}, decode ${decode.toFixed(2)} tokens/s`,
    );
  }
  return {
    link: { ...asked, rttMs: link.rttMs, measuredMbit: link.rateMbit },
    rates: Object.fromEntries(engines.map((engine) => [engine.name, medianRates(rounds, engine)])),
    ratios: hearths.map((hearth) => ({
      hearth: hearth.name,
      to: Object.fromEntries(rivals.map((rival) => [rival.name, compare(rounds, hearth, rival)])),
    })),
  };
}

async function measureModel(engines, network, path) {
  const files = new Map();
  for (const engine of [...engines.hearths, ...engines.rivals]) files.set(engine, await engine.prepare(path));
  const model = { path, files, layerCount: await layersOf(path) };
  const links = [];
  for (const asked of options.links.split(',').map(parseLink))
    links.push(await measureLink(engines, network, model, asked));
  if (!options.history) return;
  addToHistory('network', {
    model: basename(path),
    fileBytes: statSync(path).size,
    devices,
    network: network.kind,
    shared: options.shared,
    memoryPercent: Number(options['memory-percent'] ?? 100),
    promptTokens: Number(options.prompt),
    generateTokens: Number(options.generate),
    rounds: Number(options.rounds),
    hearth: options.hearth,
    links,
  });
}

const cacheFolder = mkdtempSync(join(dirname(resolve(models[0])), 'hearth-bench-'));
const Network = options.proxies ? Proxies : Namespaces;
const network = await Network.open(devices, { shared: options.shared });
try {
  for (const model of models.map((name) => resolve(name)))
    await measureModel(enginesFor(cacheFolder), network, model);
} finally {
  await network.close();
  rmSync(cacheFolder, { recursive: true });
}
