import { writeFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest';
import type { Conversation } from '../../coordinator/conversations/conversation.ts';
import { silentLogger } from '../../device-agent/logger.ts';
import { nodeDevice } from '../../device-agent/node/device.ts';
import { joinCoordinator } from '../../device-agent/node/join.ts';
import { type ModelFile, openModelFile } from '../../runtime/model/model-file.ts';
import { testCredentials } from '../cluster/test-cluster.ts';
import { type Wrongs, wrongRanks } from '../cluster/wrong-ranks.ts';
import { callApi } from '../support/api.ts';
import { endlessModel } from '../support/endless-model.ts';
import type { HearthProcess } from '../support/hearth-process.ts';
import { hearth } from '../support/hearth-process.ts';
import { House, secret } from '../support/house.ts';
import { memorySource } from '../support/memory-source.ts';

let house: House;
let model: ModelFile;
beforeEach(async () => {
  house = await House.build();
  const bytes = await endlessModel();
  writeFileSync(house.modelPath, bytes);
  model = await openModelFile(memorySource(bytes));
});
afterEach(() => house.close());

/** A coordinator that checks every step, and an honest agent beside the one that follows. */
async function serve(): Promise<HearthProcess> {
  const args = ['--no-local', '--split', '1,1', '--check', '1', '--log-level', 'error', '--context', '512'];
  const coordinator = house.start(['serve', house.modelPath, '--port', '0', '--secret', secret, ...args], {
    HEARTH_CACHE: house.cache('coordinator'),
    HEARTH_KEYS: house.cache('keys'),
    HEARTH_CONVERSATIONS: house.cache('conversations'),
  });
  const [, url] = await coordinator.says(/API\s+(http:\S+)\/v1/);
  house.url = url!;
  house.link.targetPort = Number(new URL(url!).port);
  const honest = house.join('honest');
  await honest.says(/joined/);
  return coordinator;
}

/** A device of this process that computes, but for what goes wrong. */
function joinWrong(wrongs: Wrongs): void {
  const stop = new AbortController();
  const device = nodeDevice({ logger: silentLogger, threads: 1, memoryBytes: 1 << 30 });
  const joined = joinCoordinator({
    url: `ws://127.0.0.1:${house.link.port}`,
    secret,
    credentials: testCredentials(),
    name: 'wrong',
    signal: stop.signal,
    device: { ...device, createRank: wrongRanks(device.createRank, wrongs) },
  });
  onTestFinished(async () => {
    stop.abort();
    await joined;
  });
}

/** A whole answer, not a stream. */
async function complete(): Promise<string> {
  const asked = { prompt: 'Which is it?', max_tokens: 120, temperature: 1, seed: 3 };
  const response = await fetch(`${house.url}/v1/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(asked),
    signal: AbortSignal.timeout(60_000),
  });
  const answer = (await response.json()) as { choices?: readonly { readonly text: string }[] };
  expect(response.status, JSON.stringify(answer)).toBe(200);
  return answer.choices![0]!.text;
}

/** What the honest device says alone. */
async function rightText(): Promise<string> {
  await house.device('wrong', 'quarantined');
  return complete();
}

const lastFfnTile = () => {
  const { id, sections } = model.tiles.findLast(({ kind, layer }) => kind === 'ffn' && layer === 1)!;
  return { id, byte: sections.at(-1)!.byteOffset + 129 };
};

test.each<[string, () => Wrongs]>([
  ['flips a bit of its sums', () => ({ sum: { sync: 3, index: 9, bit: 20, fromStep: 4 } })],
  ['has a bit of its weights flipped', () => ({ tile: lastFfnTile() })],
])(
  'a device that %s is found out in the middle of an answer, which is right all the same',
  {
    timeout: 120_000,
  },
  async (_, wrongs) => {
    const coordinator = await serve();
    joinWrong(wrongs());
    await coordinator.says(/Ready/);
    const text = await complete();
    const device = await house.device('wrong', 'quarantined');
    expect(device.reason).toMatch(
      /^it computed wrongly: the FFN of layer 1 \(tiles? [\d to]+\), step \d+: value \d+/,
    );
    const log = coordinator.log.split('\n').find((line) => line.includes('quarantined'))!;
    expect(JSON.parse(log)).toMatchObject({ device: 'wrong', kind: 'ffn', layer: 1, reason: device.reason });
    const step = Number(/step (\d+)/.exec(device.reason!)![1]);
    expect(step).toBeLessThan(40);
    expect(text).toBe(await rightText());

    const state = (await (await fetch(`${house.url}/v1/cluster/state`)).json()) as { faults: object[] };
    expect(state.faults).toMatchObject([{ device: 'wrong', reason: device.reason }]);
    expect((await hearth('devices', '--url', house.url)).stdout).toContain(
      'wrong is quarantined: it computed wrongly',
    );
    const resumed = await hearth('devices', '--resume', 'wrong', '--url', house.url);
    expect(resumed.stdout).toBe('wrong may compute again.\n');
  },
);

test('a conversation is put right, and says so', { timeout: 120_000 }, async () => {
  const coordinator = await serve();
  joinWrong({ sum: { sync: 3, index: 9, bit: 28, fromStep: 3 } });
  await coordinator.says(/Ready/);
  const settings = { seed: 5, max_tokens: 150, temperature: 1 };
  const { id } = await callApi<Conversation>(house.url, 'POST', 'conversations', { settings });
  const ask = () =>
    callApi(house.url, 'POST', `conversations/${id}/ask`, { parent: null, text: 'Which is it?' });
  const answered = async (index: number) => {
    const done = async () => {
      const { messages } = await callApi<Conversation>(house.url, 'GET', `conversations/${id}`);
      return messages[index]?.answer?.state === 'done' ? messages[index] : undefined;
    };
    await expect.poll(done, { timeout: 60_000 }).toBeDefined();
    return (await done())!;
  };
  await ask();
  const first = await answered(1);
  expect(first.answer).toMatchObject({ corrected: true });
  await house.device('wrong', 'quarantined');
  await ask();
  const second = await answered(3);
  expect(second.answer!.corrected).toBeUndefined();
  expect(first.text).toBe(second.text);
});
