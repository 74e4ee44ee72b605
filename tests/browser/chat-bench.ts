import { join } from 'node:path';
import type { BrowserContextOptions, Page } from 'playwright-core';
import { expect } from 'vitest';
import { BrowserBench } from './browser-bench.ts';

/** A coordinator with conversations of its own, and browsers whose pages talk with it. */
export class ChatBench extends BrowserBench {
  get url(): string {
    return `http://localhost:${this.port}`;
  }

  async serve(...args: readonly string[]): Promise<void> {
    const folder = { HEARTH_CONVERSATIONS: join(this.folder, 'conversations') };
    const coordinator = await this.startCoordinator([...args, '--threads', '1'], folder);
    await coordinator.says(/Ready/);
  }

  /** A page of a browser that knows nothing yet. */
  async page(options: BrowserContextOptions = {}): Promise<Page> {
    return this.newPage(await this.newContext(options));
  }

  async send(path: string, body: object): Promise<unknown> {
    const response = await fetch(`${this.url}/api/${path}`, { method: 'POST', body: JSON.stringify(body) });
    expect(response.status).toBeLessThan(300);
    return response.json();
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
