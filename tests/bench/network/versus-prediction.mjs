// Runs layouts on this machine's devices over links of a known delay and rate, and compares how long a prompt and a token
// take with what the cost model and the simulation make of the profiles that the coordinator has measured in that very
// run. Not a test: it needs Linux, root (or --proxies) and a quiet machine. docs/bench.md tells how to use it.
import { mkdtempSync, rmSync } from 'node:fs';
import { loadavg } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import esbuild from 'esbuild';
import { median, root } from '../history.mjs';
import { isRoot } from '../memory-group.mjs';
import { Cluster } from './cluster.mjs';
import { Hearth } from './hearth.mjs';
import { freeLink, linkName, parseLink } from './link.mjs';
import { settleLink } from './link-probe.mjs';
import { Loopback } from './loopback.mjs';
import { Namespaces } from './namespaces.mjs';
import { Proxies } from './proxies.mjs';

const { values: options, positionals: models } = parseArgs({
  allowPositionals: true,
  options: {
    links: { type: 'string', default: 'loopback,1ms/300mbit,2ms/100mbit' },
    layouts: { type: 'string', default: 'solo,tensor:1:1,pipeline:1:1' },
    prompt: { type: 'string', short: 'p', default: '128' },
    generate: { type: 'string', short: 'n', default: '32' },
    repetitions: { type: 'string', short: 'r', default: '3' },
    most: { type: 'string', default: '0.15' },
    proxies: { type: 'boolean', default: !isRoot() },
    profiles: { type: 'boolean', default: false },
  },
});
if (models.length === 0) {
  console.error(
    'usage: node tests/bench/network/versus-prediction.mjs MODEL.gguf... [--links loopback,1ms/300mbit,...] [--layouts solo,tensor:1:1,pipeline:1:1] [-p 128] [-n 32] [-r 3] [--most 0.15] [--profiles] [--proxies]',
  );
  process.exit(2);
}
const promptTokens = Number(options.prompt);
const answerTokens = Number(options.generate);
/** As the harness starts Hearth. */
const contextLength = Math.max(64, promptTokens + answerTokens + 1);

/** @param text `solo`, or a way to cut with a share for each device: `tensor:1:1` */
function parseLayout(text) {
  const [cut, ...shares] = text.split(':');
  if (cut === 'solo') return { name: text, cut: 'tensor', shares: [1], serve: [] };
  const option = { tensor: '--split', pipeline: '--pipeline' }[cut];
  if (!option || shares.length < 2) throw new Error(`a layout is written as tensor:1:1, not "${text}"`);
  return { name: text, cut, shares: shares.map(Number), serve: [option, shares.join(',')] };
}

async function loadPredict() {
  const outfile = join(root, 'dist', 'bench', 'predict.js');
  await esbuild.build({
    entryPoints: [join(root, 'tests/bench/network/predict.ts')],
    outfile,
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
  });
  return (await import(outfile)).predict;
}

/** Profiles in the order of the ranks. */
async function profilesOf(cluster, { url, key }, count) {
  const get = `const r = await fetch(${JSON.stringify(`${url}/v1/cluster/devices`)}, { headers: { authorization: 'Bearer ${key}' } }); console.log(JSON.stringify(await r.json()))`;
  const command = [process.execPath, '--input-type=module', '-e', get];
  const { data, devices = data } = JSON.parse(await cluster.startBeside(0, command).end());
  const ranks = devices.filter(({ rank }) => rank !== undefined).sort((a, b) => a.rank - b.rank);
  const profiles = ranks.map(({ profile }) => profile ?? undefined);
  if (profiles.length !== count || profiles.includes(undefined))
    throw new Error(`not all devices have been measured: ${JSON.stringify(devices)}`);
  return profiles.map(({ link, ...profile }) => ({ ...profile, link: link ?? undefined }));
}

async function compare(predict, network, model, layout, folder) {
  const cluster = new Cluster(network, layout.shares.length);
  const hearth = new Hearth(layout.name, layout.serve, folder);
  const running = await hearth.start({ cluster, model, contextTokens: promptTokens + answerTokens });
  try {
    const devices = await profilesOf(cluster, running, layout.shares.length);
    if (options.profiles) console.log(JSON.stringify(devices));
    await running.ask(promptTokens, answerTokens);
    const timings = [];
    for (let i = 0; i < Number(options.repetitions); i += 1)
      timings.push(await running.ask(promptTokens, answerTokens));
    const measured = {
      ttft: median(timings.map(({ prompt_ms }) => prompt_ms)),
      tpot: median(timings.map(({ predicted_ms }) => predicted_ms / (answerTokens - 1))),
    };
    const { cut, shares } = layout;
    const run = { model, devices, cut, shares, contextLength, promptTokens, answerTokens };
    return { measured, ...(await predict(run)) };
  } finally {
    await running.stop();
  }
}

function report(link, layout, { measured, predicted, played }) {
  const cells = ['ttft', 'tpot'].map((what) => {
    const by = (one) => `${one[what].toFixed(1)} (${(one[what] / measured[what]).toFixed(2)})`;
    return `${what} ${measured[what].toFixed(1)} ms, predicted ${by(predicted)}, played ${by(played)}`;
  });
  console.log(
    `  ${link.padEnd(16)} ${layout.padEnd(14)} ${cells.join('   ')}   load ${loadavg()[0].toFixed(1)}`,
  );
}

async function withNetwork(text, hosts, use) {
  if (text === 'loopback') return use(new Loopback(), text);
  const network = await (options.proxies ? Proxies : Namespaces).open(hosts);
  try {
    const asked = parseLink(text);
    const { setting, rttMs, rateMbit, holds } = await settleLink(network, asked);
    if (!holds) console.log(`  the link is ${rttMs.toFixed(2)} ms, ${rateMbit.toFixed(0)} Mbit/s: MISSED`);
    return await use(network, linkName(asked), setting);
  } finally {
    await network.close();
  }
}

const predict = await loadPredict();
const layouts = options.layouts.split(',').map(parseLayout);
const hosts = Math.max(...layouts.map(({ shares }) => shares.length));
const folder = mkdtempSync(join(dirname(resolve(models[0])), 'hearth-bench-'));
const errors = [];
try {
  for (const model of models.map((name) => resolve(name))) {
    console.log(basename(model));
    for (const text of options.links.split(','))
      await withNetwork(text, hosts, async (network, name, setting) => {
        for (const layout of layouts) {
          if (setting) await keepTiles(network, model, layout, setting);
          const found = await compare(predict, network, model, layout, folder);
          report(name, layout.name, found);
          for (const what of ['ttft', 'tpot'])
            for (const by of ['predicted', 'played'])
              errors.push({ by, error: Math.abs(found[by][what] / found.measured[what] - 1) });
        }
      });
  }
} finally {
  rmSync(folder, { recursive: true });
}
for (const by of ['predicted', 'played']) {
  const error = median(errors.filter((one) => one.by === by).map((one) => one.error));
  const missed = error > Number(options.most);
  console.log(
    `${by}: off by ${(100 * error).toFixed(1)} % in the median (required ≤ ${100 * options.most} %)${missed ? ' MISSED' : ''}`,
  );
  if (missed) process.exitCode = 1;
}

/** Weights are sent over a free link, and are there when the real one is measured. */
async function keepTiles(network, model, layout, setting) {
  if (layout.shares.length > 1) {
    await network.setLink(freeLink);
    const cluster = new Cluster(network, layout.shares.length);
    const contextTokens = promptTokens + answerTokens;
    await (
      await new Hearth(layout.name, layout.serve, folder).start({ cluster, model, contextTokens })
    ).stop();
  }
  await network.setLink(setting);
}
