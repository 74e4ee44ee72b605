import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Conversation } from '../../coordinator/conversations/conversation.ts';
import { endlessModel } from '../support/endless-model.ts';
import type { HearthProcess } from '../support/hearth-process.ts';
import { House } from '../support/house.ts';
import { Random } from '../support/random.ts';

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

async function call<T>(method: string, path: string, body?: object): Promise<T> {
  const response = await fetch(`${house.url}/api/${path}`, {
    method,
    ...(body && { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(10_000),
  });
  expect(response.status, path).toBeLessThan(300);
  return (await response.json()) as T;
}

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

test('an answer outlives the death of its coordinator, and is continued', async () => {
  const first = await serve();
  const { id } = await call<Conversation>('POST', 'conversations', {});
  await call('POST', `conversations/${id}/ask`, { parent: null, text: 'Which is it?' });
  const kept = await keptText(id);
  await house.kill(first);

  await serve();
  const { messages, leaf } = await call<Conversation>('GET', `conversations/${id}`);
  const answer = messages.at(-1)!;
  expect([leaf, answer.answer!.state]).toEqual([answer.id, 'interrupted']);
  expect(answer.text.startsWith(kept)).toBe(true);

  await call('POST', `conversations/${id}/continue`, { message: answer.id });
  await keptText(id, answer.text.length);
  await call('POST', `conversations/${id}/stop`, {});
  const continued = (await call<Conversation>('GET', `conversations/${id}`)).messages.at(-1)!;
  expect(continued.answer!.state).toBe('stopped');
  expect(continued.text.startsWith(answer.text)).toBe(true);
  expect(continued.text.length).toBeGreaterThan(answer.text.length);
  expect(continued.answer!.devices).toHaveLength(1);
});

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
});

test('a coordinator that is killed again and again loses no answer that it had told of', {
  timeout: 120_000,
}, async () => {
  const random = new Random(7);
  let coordinator = await serve();
  const { id } = await call<Conversation>('POST', 'conversations', {});
  await call('POST', `conversations/${id}/ask`, { parent: null, text: 'Which is it?' });
  let before = await call<Conversation>('GET', `conversations/${id}`);
  let cut = 0;
  for (let round = 0; round < 8; round += 1) {
    await sleep(random.unit() * 900);
    const kept = await keptText(id);
    await house.kill(coordinator);
    coordinator = await serve();
    const after = await call<Conversation>('GET', `conversations/${id}`);
    expect(after.messages.map((message) => message.id)).toEqual(before.messages.map((message) => message.id));
    expect(after.messages.at(-1)!.text.startsWith(kept)).toBe(true);
    cut += after.messages.at(-1)!.answer!.state === 'interrupted' ? 1 : 0;
    await call('POST', `conversations/${id}/answer-again`, { message: before.messages[0]!.id });
    before = await call<Conversation>('GET', `conversations/${id}`);
    expect(before.messages).toHaveLength(round + 3);
  }
  expect(cut).toBe(8);
});
