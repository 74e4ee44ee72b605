import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest';
import { endlessModel } from '../support/endless-model.ts';
import { HearthProcess } from '../support/hearth-process.ts';
import { chromiumOrReason, launch, makers } from './chromium.ts';

/** An address as a home network has it; for the browser it leads to this machine, as names ending in `.local` do. */
export const lanAddress = '192.168.77.1';

/** What Chromium says of what must not go well: of a page from a plain address, and of a coordinator that is gone. */
const expected = /Cross-Origin-Opener-Policy header has been ignored|Failed to load|ERR_|WebSocket/;

const axePath = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

/** What axe-core says is wrong. */
interface AxeResult {
  readonly violations: readonly {
    readonly id: string;
    readonly nodes: readonly { readonly html: string }[];
  }[];
}

/**
 * Browsers that look at a coordinator, for the tests of the file that makes it: they are skipped with the reason where there
 * is no Chromium. After each test all pages are closed, and none may have asked a stranger or had an error.
 */
export class BrowserBench {
  readonly folder = mkdtempSync(join(tmpdir(), 'hearth-browser-'));
  /** Addresses outside of the coordinator's that any page has asked for. */
  readonly strangers: string[] = [];
  /** Errors of any page, but for those that are expected. */
  readonly errors: string[] = [];
  coordinator!: HearthProcess;
  /** Of the coordinator; it has it again when it starts another time. */
  port = '0';
  #browser: Browser | undefined;
  readonly #contexts: BrowserContext[] = [];
  readonly #processes: HearthProcess[] = [];

  /** @param flags of Chromium */
  constructor(...flags: readonly string[]) {
    const chromium = chromiumOrReason();
    beforeAll(async () => {
      if ('reason' in chromium) return;
      const unreachable = makers.map((name) => `MAP *.${name} ~NOTFOUND`);
      const rules = [`MAP ${lanAddress} 127.0.0.1`, 'MAP *.local 127.0.0.1', ...unreachable];
      this.#browser = await launch(chromium.path, `--host-resolver-rules=${rules.join()}`, ...flags);
    }, 60_000);
    beforeEach((context) => {
      if ('reason' in chromium) context.skip(chromium.reason);
    });
    afterEach(async () => {
      await Promise.all(this.#contexts.splice(0).map((context) => context.close()));
      expect(this.strangers.splice(0)).toEqual([]);
      expect(this.errors.splice(0)).toEqual([]);
    });
    afterAll(async () => {
      await this.quit();
      await this.killAll();
      rmSync(this.folder, { recursive: true, force: true });
    });
  }

  /** A model whose answers go on as long as somebody wants to see them in their middle. */
  async endlessModel(): Promise<string> {
    const path = join(this.folder, 'endless.gguf');
    writeFileSync(path, await endlessModel());
    return path;
  }

  /** Starts the coordinator; another time, at the address that it had. */
  async startCoordinator(
    args: readonly string[],
    environment: Record<string, string> = {},
  ): Promise<HearthProcess> {
    this.coordinator = this.start(['serve', ...args, '--port', this.port], environment);
    const [, port] = await this.coordinator.says(/API\s+https?:\/\/[^/]+:(\d+)/);
    this.port = port!;
    return this.coordinator;
  }

  start(args: readonly string[], environment: Record<string, string> = {}): HearthProcess {
    const started = new HearthProcess(args, environment);
    this.#processes.push(started);
    return started;
  }

  async killAll(): Promise<void> {
    await Promise.all(this.#processes.splice(0).map((each) => each.kill('SIGKILL')));
  }

  /** A browser that knows nothing yet. */
  async newContext(options: BrowserContextOptions = {}): Promise<BrowserContext> {
    const context = await this.#browser!.newContext({ reducedMotion: 'reduce', ...options });
    context.setDefaultTimeout(15_000);
    this.#contexts.push(context);
    context.on('request', (request) => {
      if (!this.#isOurs(new URL(request.url()))) this.strangers.push(request.url());
    });
    // What the page's policy held back has asked nobody.
    context.on('requestfailed', (request) => {
      const place = this.strangers.indexOf(request.url());
      if (place >= 0 && request.failure()?.errorText === 'csp') this.strangers.splice(place, 1);
    });
    return context;
  }

  async newPage(context: BrowserContext): Promise<Page> {
    const page = await context.newPage();
    page.on('pageerror', (error) => this.errors.push(String(error.stack)));
    page.on('console', (message) => {
      if (message.type() === 'error' && !expected.test(message.text())) this.errors.push(message.text());
    });
    return page;
  }

  /** Ends the browser, which then has written all that it was told to write. */
  async quit(): Promise<void> {
    await this.#browser?.close();
  }

  /** Processes in which pages run. */
  renderers(): Promise<number[]> {
    return this.#processesOf('renderer');
  }

  /** Ends the process in which the browser's GPU computes; it starts another one. */
  async killGpu(): Promise<void> {
    for (const id of await this.#processesOf('GPU')) process.kill(id, 'SIGKILL');
  }

  async #processesOf(kind: string): Promise<number[]> {
    const debugging = await this.#browser!.newBrowserCDPSession();
    const { processInfo } = await debugging.send('SystemInfo.getProcessInfo');
    return processInfo.filter(({ type }) => type === kind).map(({ id }) => id);
  }

  #isOurs({ hostname, port, protocol }: URL): boolean {
    if (protocol === 'blob:' || protocol === 'data:') return true;
    return isHere(hostname) && port === this.port;
  }
}

function isHere(host: string): boolean {
  return ['127.0.0.1', 'localhost', lanAddress].includes(host) || host.endsWith('.local');
}

/** `rule: element` for all that hinders somebody. */
export async function hindrances(page: Page): Promise<string[]> {
  // Evaluated by the debugger, which no content policy holds back.
  await page.evaluate(readFileSync(axePath, 'utf8'));
  const { violations } = (await page.evaluate('axe.run()')) as AxeResult;
  return violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`));
}
