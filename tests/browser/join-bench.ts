import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import type { BrowserContext, Page } from 'playwright-core';
import { afterEach, beforeEach, expect } from 'vitest';
import type { DeviceState } from '../../coordinator/cluster/device-state.ts';
import type { Settings } from '../../coordinator/pages/join/lend/settings.ts';
import type { HearthProcess } from '../support/hearth-process.ts';
import { BrowserBench } from './browser-bench.ts';

export const secret = 'a-secret-of-these-tests';

/** Of the tokens of one chunk. */
interface Logprobs {
  readonly tokens: readonly string[];
  readonly token_logprobs: readonly number[];
}

/** For each test a coordinator that holds no weights, and browsers whose tabs are its devices. */
export class JoinBench extends BrowserBench {
  /** Where all of a test keep their keys. */
  keysFolder!: string;
  /** Of the API, where that wants one. */
  apiKey: string | undefined;

  constructor(...flags: readonly string[]) {
    super(...flags);
    beforeEach(() => {
      this.port = '0';
      this.apiKey = undefined;
      this.keysFolder = mkdtempSync(join(this.folder, 'keys-'));
    });
    afterEach(() => this.killAll());
  }

  /** From this machine. */
  get api(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async serve(...args: readonly string[]): Promise<void> {
    const keys = { HEARTH_KEYS: this.keysFolder };
    await this.startCoordinator([...args, '--no-local', '--secret', secret], keys);
  }

  /** A process that joins as a device of one thread. */
  agent(name: string, more: readonly string[] = [], environment: Record<string, string> = {}): HearthProcess {
    const args = ['join', this.api, '--secret', secret, '--name', name, '--threads', '1', ...more];
    return this.start(args, environment);
  }

  /** A browser that remembers nothing yet but how it lends. */
  async context(settings: Partial<Settings> = {}): Promise<BrowserContext> {
    const context = await this.newContext();
    const kept = JSON.stringify(settings);
    await context.addInitScript(
      `localStorage.getItem('hearth.lend') ?? localStorage.setItem('hearth.lend', ${JSON.stringify(kept)})`,
    );
    return context;
  }

  /** A tab that joins. @param host by which the page is reached */
  tab(context: BrowserContext, host: string, key = `#${secret}`): Promise<Page> {
    return this.page(context, `http://${host}:${this.port}/join${key}`);
  }

  async page(context: BrowserContext, address: string): Promise<Page> {
    const page = await this.newPage(context);
    await page.goto(address);
    return page;
  }

  async devices(): Promise<DeviceState[]> {
    const response = await this.fetch('/v1/cluster/devices');
    return ((await response.json()) as { devices: DeviceState[] }).devices;
  }

  async device(name: string): Promise<DeviceState | undefined> {
    return (await this.devices()).find((device) => device.name === name);
  }

  revoke(name: string): Promise<Response> {
    return fetch(`${this.api}/v1/cluster/pairing/${encodeURIComponent(name)}`, { method: 'DELETE' });
  }

  async ask(question: string): Promise<string> {
    const messages = [{ role: 'user', content: question }];
    const response = await this.fetch('/v1/chat/completions', { messages, temperature: 0 });
    const answer = (await response.json()) as { choices: [{ message: { content: string } }] };
    expect(response.status, JSON.stringify(answer)).toBe(200);
    return answer.choices[0].message.content;
  }

  /**
   * An answer of so many tokens.
   * @param onToken hears of each while the answer goes on
   * @returns tokens with log-probabilities: one different bit shows
   */
  async tokens(count: number, onToken = (_soFar: number): void => {}): Promise<unknown[]> {
    const request = { prompt: 'Which is it?', max_tokens: count, temperature: 0, logprobs: 2, stream: true };
    const response = await this.fetch('/v1/completions', request);
    expect(response.status).toBe(200);
    const tokens: unknown[] = [];
    let rest = '';
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
      const events = (rest + chunk).split('\n\n');
      rest = events.pop()!;
      for (const event of events) {
        if (!event.startsWith('data: {')) continue;
        const { choices } = JSON.parse(event.slice(6)) as { choices: [{ logprobs?: Logprobs }] };
        const told = choices[0].logprobs;
        told?.tokens.forEach((token, i) => void tokens.push([token, told.token_logprobs[i]]));
        onToken(tokens.length);
      }
    }
    return tokens;
  }

  /** Asks the API; with a body, by POST. */
  fetch(path: string, body?: object): Promise<Response> {
    const key = this.apiKey && { authorization: `Bearer ${this.apiKey}` };
    return fetch(`${this.api}${path}`, {
      ...(body && { method: 'POST', body: JSON.stringify(body) }),
      headers: { 'content-type': 'application/json', ...key },
      signal: AbortSignal.timeout(60_000),
    });
  }
}
