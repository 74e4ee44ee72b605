import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { median, root } from './history.mjs';

const secret = 'a-secret-of-this-bench';
/** An address of a home; for the browser it leads to this machine. */
const lanAddress = '192.168.77.1';
const chromiumArgs = [`--host-resolver-rules=MAP ${lanAddress} 127.0.0.1`, '--headless=new', '--no-sandbox'];

/** A coordinator without a rank of its own, and a browser (HEARTH_CHROMIUM) whose tabs, or a process, are its only device. */
export class BrowserLab {
  #folder = mkdtempSync(join(tmpdir(), 'hearth-browser-bench-'));
  #coordinator;
  #api;
  context;

  /** @param lending how tabs lend, as their page keeps it */
  static async open(model, lending) {
    const lab = new BrowserLab();
    lab.context = await chromium.launchPersistentContext(join(lab.#folder, 'profile'), {
      executablePath: process.env.HEARTH_CHROMIUM ?? '/usr/bin/chromium',
      headless: false,
      args: chromiumArgs,
    });
    await lab.context.addInitScript(`localStorage.setItem('hearth.lend', '${JSON.stringify(lending)}')`);
    const door = ['--port', '0', '--secret', secret, '--no-local', '--parallel', '1', '--context', '1024'];
    lab.#coordinator = lab.#hearth('serve', model, ...door);
    [, lab.#api] = await lab.#coordinator.says(/API +(http:\S+)\/v1/);
    return lab;
  }

  async close() {
    await this.context.close();
    await this.#coordinator?.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /**
   * Has a device join and waits until it is ready.
   * @param kind `isolated` and `plain` are tabs, `process` is an agent of Node with one thread
   * @returns after how long it was, of how many tiles it had kept how many, and how to make it leave
   */
  async join(kind) {
    const beganMs = Date.now();
    const leave = kind === 'process' ? this.#agent() : await this.#tab(kind);
    const [{ memory, tiles }] = await this.#until(([device]) => device?.state === 'ready');
    return {
      readyMs: Date.now() - beganMs,
      kept: `${memory?.keptTiles} of ${tiles}`,
      leave: async () => {
        await leave();
        await this.#until(({ length }) => length === 0);
      },
    };
  }

  /** Tokens a second, medians of so many answers after one that is not counted. */
  async rates({ prompt, generate, repeat }) {
    const timings = [];
    for (let i = 0; i <= repeat; i += 1) timings.push(await this.#complete(promptOf(prompt, i), generate));
    const rate = (key) => median(timings.slice(1).map((each) => each[key]));
    return { prefill: rate('prompt_per_second'), decode: rate('predicted_per_second') };
  }

  async #complete(prompt, generate) {
    const body = JSON.stringify({ prompt, max_tokens: generate, temperature: 0 });
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(`${this.#api}/v1/completions`, { method: 'POST', headers, body });
    const answer = await response.json();
    if (!response.ok) throw new Error(JSON.stringify(answer));
    return answer.timings;
  }

  async #tab(kind) {
    const page = await this.context.newPage();
    page.on('crash', () => console.error('the tab crashed'));
    const host = kind === 'plain' ? lanAddress : 'localhost';
    await page.goto(`http://${host}:${new URL(this.#api).port}/join#${secret}`);
    return () => page.close();
  }

  #agent() {
    return this.#hearth('join', this.#api, '--secret', secret, '--threads', '1').stop;
  }

  /** Waits until the coordinator's devices are as they should be. */
  async #until(areSo) {
    const endMs = Date.now() + 120_000;
    for (;;) {
      const { devices } = await (await fetch(`${this.#api}/v1/cluster/devices`)).json();
      if (areSo(devices)) return devices;
      if (Date.now() > endMs) throw new Error(`devices stay as they are: ${JSON.stringify(devices)}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  #hearth(...args) {
    const folders = { HEARTH_KEYS: join(this.#folder, 'keys'), HEARTH_CACHE: join(this.#folder, 'cache') };
    const env = { ...process.env, ...folders };
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
}

/** Another prompt for each seed: what is in the cache would not be computed. */
export function promptOf(tokens, seed) {
  return Array.from({ length: tokens }, (_, i) => 300 + ((i * 7919 + seed * 104729) % 1500));
}
