// Compares a device that computes alone with the same device while another one, over a link that would make it slower,
// stands by. Not a test: it needs Linux, root (or --proxies) and a quiet machine. docs/bench.md tells how to use it.
import { mkdtempSync, rmSync } from 'node:fs';
import { loadavg } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { check } from '../check.mjs';
import { median } from '../history.mjs';
import { isRoot } from '../memory-group.mjs';
import { Cluster } from './cluster.mjs';
import { Hearth } from './hearth.mjs';
import { parseLink } from './link.mjs';
import { settleLink } from './link-probe.mjs';
import { Namespaces } from './namespaces.mjs';
import { Proxies } from './proxies.mjs';

const leastOfAlone = 0.97;

const { values: options, positionals: models } = parseArgs({
  allowPositionals: true,
  options: {
    link: { type: 'string', default: '2ms/100mbit' },
    prompt: { type: 'string', short: 'p', default: '64' },
    generate: { type: 'string', short: 'n', default: '32' },
    repetitions: { type: 'string', short: 'r', default: '3' },
    rounds: { type: 'string', default: '3' },
    proxies: { type: 'boolean', default: !isRoot() },
  },
});
if (models.length !== 1) {
  console.error(
    'usage: node tests/bench/network/stand-by.mjs MODEL.gguf [--link 2ms/100mbit] [-p 64] [-n 32] [-r 3] [--rounds 3] [--proxies]',
  );
  process.exit(2);
}
const model = resolve(models[0]);
const promptTokens = Number(options.prompt);
const answerTokens = Number(options.generate);

/** Of `hosts` devices; where there are two, the second must have been left out. */
async function rates(network, hosts, folder) {
  const cluster = new Cluster(network, hosts);
  const hearth = new Hearth('hearth', [], folder);
  const running = await hearth.start({ cluster, model, contextTokens: promptTokens + answerTokens });
  try {
    await running.ask(promptTokens, answerTokens);
    const timings = [];
    for (let i = 0; i < Number(options.repetitions); i += 1)
      timings.push(await running.ask(promptTokens, answerTokens));
    const computing = await ranksOf(cluster, running);
    if (computing !== 1) throw new Error(`${computing} devices compute: over this link one was to stand by`);
    return {
      prefill: median(timings.map((each) => each.prompt_per_second)),
      decode: median(timings.map((each) => each.predicted_per_second)),
    };
  } finally {
    await running.stop();
  }
}

/** How many devices have a part. */
async function ranksOf(cluster, { url, key }) {
  const get = `const r = await fetch(${JSON.stringify(`${url}/v1/cluster/devices`)}, { headers: { authorization: 'Bearer ${key}' } }); console.log(JSON.stringify(await r.json()))`;
  const { devices } = JSON.parse(
    await cluster.startBeside(0, [process.execPath, '--input-type=module', '-e', get]).end(),
  );
  return devices.filter(({ rank }) => rank !== undefined).length;
}

const folder = mkdtempSync(join(dirname(model), 'hearth-bench-'));
const network = await (options.proxies ? Proxies : Namespaces).open(2);
try {
  await settleLink(network, parseLink(options.link));
  const ratios = { prefill: [], decode: [] };
  for (let round = 0; round < Number(options.rounds); round += 1) {
    const found = {};
    // Who runs first changes, since machines drift.
    for (const hosts of round % 2 === 0 ? [1, 2] : [2, 1]) found[hosts] = await rates(network, hosts, folder);
    for (const test of ['prefill', 'decode']) ratios[test].push(found[2][test] / found[1][test]);
    const cell = ({ prefill, decode }) => `${prefill.toFixed(1)}, ${decode.toFixed(2)} tokens/s`;
    console.log(
      `${basename(model)}, ${options.link}: alone ${cell(found[1])}   with one that stands by ${cell(found[2])}   load ${loadavg()[0].toFixed(1)}`,
    );
  }
  for (const [test, found] of Object.entries(ratios))
    check(`${test}, with one that stands by ÷ alone`, median(found), leastOfAlone, false);
} finally {
  await network.close();
  rmSync(folder, { recursive: true });
}
