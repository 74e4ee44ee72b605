import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Conversation, Message } from '../../coordinator/conversations/conversation.ts';
import type { ConversationEvent } from '../../coordinator/conversations/watch-conversation.ts';
import { callApi } from '../support/api.ts';
import { endlessModel } from '../support/endless-model.ts';
import type { HearthProcess } from '../support/hearth-process.ts';
import { House } from '../support/house.ts';
import { kills } from '../support/kills.ts';
import { Random } from '../support/random.ts';

let house: House;
let coordinator: HearthProcess;
let port = 0;
beforeEach(async () => {
  house = await House.build();
  writeFileSync(house.modelPath, await endlessModel());
  port = 0;
  coordinator = await serve();
});
afterEach(() => house.close());

/** A coordinator that computes itself, always at the same address. */
async function serve(): Promise<HearthProcess> {
  const folder = { HEARTH_CONVERSATIONS: join(house.folder, 'conversations') };
  const args = ['serve', house.modelPath, '--port', `${port}`, '--threads', '1'];
  const started = house.start(args, folder);
  const [, url] = await started.says(/API\s+(http:\S+)\/v1/);
  house.url = url!;
  port = Number(new URL(url!).port);
  return started;
}

const call = <T>(method: string, path: string, body?: object): Promise<T> =>
  callApi(house.url, method, path, body);

/** A page: it shows what it was told, and comes back with its cursor whenever the connection is lost. */
class Page {
  readonly #id: string;
  #cursor = '';
  #message: Message | undefined;
  /** Of the answer, what was shown last. */
  text = '';
  connections = 0;

  constructor(id: string) {
    this.#id = id;
  }

  /** Reads until the answer is done. */
  async read(): Promise<void> {
    const endMs = Date.now() + 240_000;
    while (this.#message?.answer?.state !== 'done') {
      await this.#connect().catch(() => sleep(20));
      if (Date.now() > endMs) throw new Error(`the answer never came to its end: ${this.text.length}`);
    }
  }

  async #connect(): Promise<void> {
    const url = `${house.url}/api/conversations/${this.#id}/events?after=${this.#cursor}`;
    const response = await fetch(url, { signal: AbortSignal.timeout(240_000) });
    if (!response.ok) throw new Error(`${response.status}`);
    this.connections += 1;
    let rest = '';
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
      const events = (rest + chunk).split('\n\n');
      rest = events.pop()!;
      for (const event of events)
        if (event.startsWith('data: {')) this.#show(JSON.parse(event.slice(6)) as ConversationEvent);
      if (this.#message?.answer?.state === 'done') return;
    }
  }

  #show(event: ConversationEvent): void {
    this.#cursor = event.cursor;
    if ('text' in event) {
      expect(event.offset).toBe(this.text.length);
      this.text += event.text;
      return;
    }
    const answer = event.messages.find(({ role }) => role === 'assistant');
    if (!answer) return;
    expect(answer.answer!.state).toMatch(/answering|done/);
    // Nothing that was shown is taken back.
    expect(answer.text.startsWith(this.text)).toBe(true);
    this.#message = answer;
    this.text = answer.text;
  }
}

async function ask(): Promise<string> {
  const settings = { seed: 5, max_tokens: 60 * (kills.answers + 2), temperature: 1 };
  const { id } = await call<Conversation>('POST', 'conversations', { settings });
  await call('POST', `conversations/${id}/ask`, { parent: null, text: 'Which is it?' });
  return id;
}

test('a coordinator that is killed in the middle of an answer goes on with it, and pages too', {
  timeout: 300_000,
}, async () => {
  await coordinator.says(/Ready/);
  const undisturbed = new Page(await ask());
  await undisturbed.read();
  const random = new Random(21);
  const id = await ask();
  const pages = [new Page(id), new Page(id)];
  const reading = Promise.all(pages.map((page) => page.read()));
  let shown = 0;
  for (let kill = 0; kill < kills.answers; kill += 1) {
    for (
      const from = shown;
      shown < from + 20 && shown < undisturbed.text.length;
      shown = pages[0]!.text.length
    )
      await sleep(5);
    await sleep(random.integer(60));
    await house.kill(coordinator);
    coordinator = await serve();
  }
  await reading;
  for (const page of pages) {
    expect(page.text).toBe(undisturbed.text);
    expect(page.connections).toBeGreaterThan(kills.answers / 2);
  }
  const { messages } = await call<Conversation>('GET', `conversations/${id}`);
  expect(messages.map(({ role }) => role)).toEqual(['user', 'assistant']);
  expect(messages[1]!.answer).toMatchObject({ state: 'done', finish: 'length' });
});
