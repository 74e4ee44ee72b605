// How fast a tab is with one thread, beside an agent of Node with one thread, each the only device of a coordinator:
//   node tests/bench/browser.mjs MODEL [--prompt 128] [--generate 64] [--repeat 3] [--only node,isolated,plain]
// Each joins twice: the second time from what it has kept, and how long that takes is told too. Needs a build, and
// Chromium (HEARTH_CHROMIUM).
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';
import { median, root } from './history.mjs';

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    prompt: { type: 'string', default: '128' },
    generate: { type: 'string', default: '64' },
    repeat: { type: 'string', default: '3' },
    only: { type: 'string', default: 'node,isolated,plain' },
  },
});
const [promptTokens, generateTokens, repeat] = [values.prompt, values.generate, values.repeat].map(Number);
const secret = 'a-secret-of-this-bench';
/** An address of a home; for the browser it leads to this machine. */
const lanAddress = '192.168.77.1';
const folder = mkdtempSync(join(tmpdir(), 'hearth-browser-bench-'));

function hearth(...args) {
  const env = { ...process.env, HEARTH_KEYS: join(folder, 'keys'), HEARTH_CACHE: join(folder, 'cache') };
  const child = spawn(process.execPath, [`${root}dist/coordinator/hearth.js`, ...args], { env });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (said += text));
  return {
    async says(pattern) {
      const endMs = Date.now() + 120_000;
      while (!pattern.test(said)) {
        if (Date.now() > endMs) throw new Error(`it never said ${pattern}, but: ${said}`);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      return pattern.exec(said);
    },
    stop: () => Promise.all([once(child, 'close'), child.kill('SIGINT')]),
  };
}

async function complete(api, prompt) {
  const body = JSON.stringify({ prompt, max_tokens: generateTokens, temperature: 0 });
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(`${api}/v1/completions`, { method: 'POST', headers, body });
  const answer = await response.json();
  if (!response.ok) throw new Error(JSON.stringify(answer));
  return answer.timings;
}

/** Another prompt each time: what is in the cache would not be computed. */
const promptOf = (seed) =>
  Array.from({ length: promptTokens }, (_, i) => 300 + ((i * 7919 + seed * 104729) % 1500));

async function ready(api) {
  for (;;) {
    const response = await fetch(`${api}/v1/cluster/devices`);
    const { devices } = await response.json();
    if (devices.length === 1 && devices[0].state === 'ready') return devices[0];
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function left(api) {
  while ((await (await fetch(`${api}/v1/cluster/devices`)).json()).devices.length > 0)
    await new Promise((resolve) => setTimeout(resolve, 20));
}

async function measure(name, api, enter) {
  const first = await enter();
  await ready(api);
  await first();
  await left(api);
  const beganMs = Date.now();
  const leave = await enter();
  const { memory, tiles } = await ready(api);
  const readyMs = Date.now() - beganMs;
  await complete(api, promptOf(0));
  const timings = [];
  for (let i = 1; i <= repeat; i += 1) timings.push(await complete(api, promptOf(i)));
  await leave();
  await left(api);
  const rate = (key) => median(timings.map((each) => each[key])).toFixed(1);
  console.log(
    `${name.padEnd(10)} prefill ${rate('prompt_per_second')}, decode ${rate('predicted_per_second')} tokens/s; ` +
      `ready after ${readyMs} ms with ${memory?.keptTiles} of ${tiles} tiles kept`,
  );
}

const args = ['--host-resolver-rules=MAP 192.168.77.1 127.0.0.1', '--headless=new', '--no-sandbox'];
const executablePath = process.env.HEARTH_CHROMIUM ?? '/usr/bin/chromium';
const context = await chromium.launchPersistentContext(join(folder, 'profile'), {
  executablePath,
  headless: false,
  args,
});
await context.addInitScript(`localStorage.setItem('hearth.lend', '{"threads":1,"memoryBytes":4e9}')`);
const door = ['--port', '0', '--secret', secret, '--no-local', '--parallel', '1', '--context', '1024'];
const coordinator = hearth('serve', positionals[0], ...door);
try {
  const [, api] = await coordinator.says(/API +(http:\S+)\/v1/);
  const { port } = new URL(api);
  const tab = (host) => async () => {
    const page = await context.newPage();
    await page.goto(`http://${host}:${port}/join#${secret}`);
    return () => page.close();
  };
  const agent = async () => hearth('join', api, '--secret', secret, '--threads', '1').stop;
  const devices = { node: agent, isolated: tab('localhost'), plain: tab(lanAddress) };
  for (const name of values.only.split(',')) await measure(name, api, devices[name]);
} finally {
  await context.close();
  await coordinator.stop();
  rmSync(folder, { recursive: true, force: true });
}
