import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { expect } from 'vitest';
import type { DeviceState } from '../../coordinator/cluster/device-state.ts';
import type { Settings } from '../../coordinator/pages/join/lend/settings.ts';
import { HearthProcess } from '../support/hearth-process.ts';
import { launch } from './chromium.ts';

export const secret = 'a-secret-of-these-tests';
/** An address as a home network has it; for the browser it leads to this machine. */
export const lanAddress = '192.168.77.1';

/** What Chromium says of what must not go well: of a page from a plain address, and of a coordinator that is gone. */
const expected = /Cross-Origin-Opener-Policy header has been ignored|Failed to load|ERR_|WebSocket/;

/** A coordinator that holds no weights, and browsers whose tabs are its devices. */
export class JoinBench {
  readonly folder = mkdtempSync(join(tmpdir(), 'hearth-join-'));
  /** Addresses outside of the coordinator's that any page has asked for. */
  readonly strangers: string[] = [];
  readonly errors: string[] = [];
  readonly #browser: Browser;
  readonly #processes: HearthProcess[] = [];
  readonly #contexts: BrowserContext[] = [];
  coordinator!: HearthProcess;
  port = '0';

  private constructor(browser: Browser) {
    this.#browser = browser;
  }

  static async open(chromium: string | undefined): Promise<JoinBench> {
    return new JoinBench(await launch(chromium, `--host-resolver-rules=MAP ${lanAddress} 127.0.0.1`));
  }

  get api(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async serve(...args: readonly string[]): Promise<void> {
    const keys = { HEARTH_KEYS: join(this.folder, 'keys') };
    const door = ['--port', this.port, '--secret', secret];
    this.coordinator = this.start(['serve', ...args, '--no-local', ...door], keys);
    const [, port] = await this.coordinator.says(/API\s+http:\/\/127\.0\.0\.1:(\d+)/);
    this.port = port!;
  }

  start(args: readonly string[], environment: Record<string, string> = {}): HearthProcess {
    const started = new HearthProcess(args, environment);
    this.#processes.push(started);
    return started;
  }

  /** A browser that remembers nothing yet but how it lends. */
  async context(settings: Partial<Settings> = {}): Promise<BrowserContext> {
    const context = await this.#browser.newContext({ reducedMotion: 'reduce' });
    const kept = JSON.stringify(settings);
    await context.addInitScript(`localStorage.setItem('hearth.lend', ${JSON.stringify(kept)})`);
    context.setDefaultTimeout(15_000);
    this.#contexts.push(context);
    context.on('request', (request) => {
      const { hostname, port, protocol } = new URL(request.url());
      const isOurs = port === this.port && ['127.0.0.1', lanAddress, 'localhost'].includes(hostname);
      if (!isOurs && protocol !== 'blob:') this.strangers.push(request.url());
    });
    return context;
  }

  /** A tab that joins. @param host by which the page is reached */
  tab(context: BrowserContext, host: string, key = `#${secret}`): Promise<Page> {
    return this.page(context, `http://${host}:${this.port}/join${key}`);
  }

  async page(context: BrowserContext, address: string): Promise<Page> {
    const page = await context.newPage();
    page.on('pageerror', (error) => this.errors.push(String(error.stack)));
    page.on('console', (message) => {
      if (message.type() === 'error' && !expected.test(message.text())) this.errors.push(message.text());
    });
    await page.goto(address);
    return page;
  }

  async devices(): Promise<DeviceState[]> {
    const response = await fetch(`${this.api}/v1/cluster/devices`);
    return ((await response.json()) as { devices: DeviceState[] }).devices;
  }

  async ask(question: string): Promise<string> {
    const response = await fetch(`${this.api}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ messages: [{ role: 'user', content: question }], temperature: 0 }),
    });
    const answer = (await response.json()) as { choices: [{ message: { content: string } }] };
    expect(response.status, JSON.stringify(answer)).toBe(200);
    return answer.choices[0].message.content;
  }

  async close(): Promise<void> {
    await Promise.all(this.#contexts.map((context) => context.close()));
    await this.#browser.close();
    await Promise.all(this.#processes.map((each) => each.kill('SIGKILL')));
    rmSync(this.folder, { recursive: true, force: true });
  }
}
