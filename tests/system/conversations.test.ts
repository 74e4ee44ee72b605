import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Conversation } from '../../coordinator/conversations/conversation.ts';
import { callApi } from '../support/api.ts';
import { endlessModel } from '../support/endless-model.ts';
import type { HearthProcess } from '../support/hearth-process.ts';
import { House } from '../support/house.ts';

let house: House;
beforeEach(async () => {
  house = await House.build();
  writeFileSync(house.modelPath, await endlessModel());
});
afterEach(() => house.close());

/** A coordinator that computes itself, with conversations in the house. */
async function serve(): Promise<HearthProcess> {
  const folder = { HEARTH_CONVERSATIONS: join(house.folder, 'conversations') };
  const coordinator = house.start(['serve', house.modelPath, '--port', '0', '--threads', '1'], folder);
  const [, url] = await coordinator.says(/API\s+(http:\S+)\/v1/);
  house.url = url!;
  await coordinator.says(/Ready/);
  return coordinator;
}

const call = <T>(method: string, path: string, body?: object): Promise<T> =>
  callApi(house.url, method, path, body);

/** Waits until the answer on the disk has some text, which is later than the one in memory. */
async function keptText(id: string, from = 0): Promise<string> {
  const path = join(house.folder, 'conversations', `${id}.json`);
  for (let i = 0; i < 600; i += 1) {
    const { messages } = JSON.parse(readFileSync(path, 'utf8')) as Conversation;
    const text = messages.at(-1)?.text ?? '';
    if (text.length > from) return text;
    await sleep(20);
  }
  throw new Error('no text was kept');
}

test('a coordinator that is asked to end keeps every word', async () => {
  const first = await serve();
  const { id } = await call<Conversation>('POST', 'conversations', {});
  await call('POST', `conversations/${id}/ask`, { parent: null, text: 'Which is it?' });
  await keptText(id);
  const before = (await call<Conversation>('GET', `conversations/${id}`)).messages.at(-1)!.text;
  expect((await first.kill('SIGTERM')).code).toBe(0);
  await serve();
  const answer = (await call<Conversation>('GET', `conversations/${id}`)).messages.at(-1)!;
  expect(answer.answer!.state).toBe('interrupted');
  expect(answer.text.startsWith(before)).toBe(true);

  await call('POST', `conversations/${id}/continue`, { message: answer.id });
  await keptText(id, answer.text.length);
  await call('POST', `conversations/${id}/stop`, {});
  const continued = (await call<Conversation>('GET', `conversations/${id}`)).messages.at(-1)!;
  expect(continued.answer!.state).toBe('stopped');
  expect(continued.text.startsWith(answer.text)).toBe(true);
  expect(continued.text.length).toBeGreaterThan(answer.text.length);
  expect(continued.answer!.devices).toHaveLength(1);
});
