import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core';
import { expect } from 'vitest';
import { endlessModel } from '../support/endless-model.ts';
import { HearthProcess } from '../support/hearth-process.ts';
import { launch } from './chromium.ts';

const axePath = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

/** What axe-core says is wrong. */
interface AxeResult {
  readonly violations: readonly {
    readonly id: string;
    readonly nodes: readonly { readonly html: string }[];
  }[];
}

/** A coordinator with conversations of its own, and browsers that look at it. */
export class ChatBench {
  readonly folder = mkdtempSync(join(tmpdir(), 'hearth-chat-'));
  /** Addresses outside of the coordinator's that any page has asked for. */
  readonly strangers: string[] = [];
  /** Errors of any page, but for what the network said. */
  readonly errors: string[] = [];
  readonly #browser: Browser;
  readonly #contexts: BrowserContext[] = [];
  coordinator!: HearthProcess;
  #port = '0';

  private constructor(browser: Browser) {
    this.#browser = browser;
  }

  static async open(chromium: string | undefined): Promise<ChatBench> {
    return new ChatBench(await launch(chromium));
  }

  get url(): string {
    return `http://localhost:${this.#port}`;
  }

  /** A model whose answers go on as long as somebody wants to see them in their middle. */
  async endlessModel(): Promise<string> {
    const path = join(this.folder, 'endless.gguf');
    writeFileSync(path, await endlessModel());
    return path;
  }

  /** Starts the coordinator; another time, at the address that it had. */
  async serve(...args: readonly string[]): Promise<void> {
    const folder = { HEARTH_CONVERSATIONS: join(this.folder, 'conversations') };
    this.coordinator = new HearthProcess(['serve', ...args, '--port', this.#port, '--threads', '1'], folder);
    const [, port] = await this.coordinator.says(/API\s+http:\/\/127\.0\.0\.1:(\d+)/);
    this.#port = port!;
    await this.coordinator.says(/Ready/);
  }

  /** A page of a browser that knows nothing yet. */
  async page(options: BrowserContextOptions = {}): Promise<Page> {
    const context = await this.#browser.newContext({ reducedMotion: 'reduce', ...options });
    context.setDefaultTimeout(15_000);
    this.#contexts.push(context);
    context.on('request', (request) => {
      const { origin, protocol } = new URL(request.url());
      if (origin !== this.url && protocol !== 'blob:' && protocol !== 'data:')
        this.strangers.push(request.url());
    });
    // What the page's policy held back has asked nobody.
    context.on('requestfailed', (request) => {
      const place = this.strangers.indexOf(request.url());
      if (place >= 0 && request.failure()?.errorText === 'csp') this.strangers.splice(place, 1);
    });
    const page = await context.newPage();
    page.on('pageerror', (error) => this.errors.push(String(error.stack)));
    page.on('console', (message) => {
      if (message.type() === 'error' && !/Failed to load|ERR_/.test(message.text()))
        this.errors.push(message.text());
    });
    return page;
  }

  async send(path: string, body: object): Promise<unknown> {
    const response = await fetch(`${this.url}/api/${path}`, { method: 'POST', body: JSON.stringify(body) });
    expect(response.status).toBeLessThan(300);
    return response.json();
  }

  async closePages(): Promise<void> {
    await Promise.all(this.#contexts.splice(0).map((context) => context.close()));
  }

  async close(): Promise<void> {
    await this.closePages();
    await this.#browser.close();
    await this.coordinator?.kill('SIGKILL');
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Types a question and sends it. */
export async function ask(page: Page, text: string): Promise<void> {
  await page.getByLabel('Message', { exact: true }).fill(text);
  await page.keyboard.press('Enter');
}

/** Text of the last answer. */
export function answerText(page: Page): Promise<string> {
  return page.locator('.assistant').last().locator('.markdown').innerText();
}

/** Waits for the last answer to be in some state. @returns its text */
export async function answerIn(page: Page, state: string): Promise<string> {
  await page.locator(`.assistant[data-state="${state}"]`).last().waitFor();
  return answerText(page);
}

/** `rule: element` for all that hinders somebody. */
export async function hindrances(page: Page): Promise<string[]> {
  // Evaluated by the debugger, which no content policy holds back.
  await page.evaluate(readFileSync(axePath, 'utf8'));
  const { violations } = (await page.evaluate('axe.run()')) as AxeResult;
  return violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`));
}
