import { afterEach, beforeEach, expect, test } from 'vitest';
import { House } from '../support/house.ts';

let house: House;
beforeEach(async () => {
  house = await House.build();
});
afterEach(() => house.close());

function complete(body: object): Promise<Response> {
  return fetch(`${house.url}/v1/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ prompt: 'Which is it?', max_tokens: 4, temperature: 0, ...body }),
    signal: AbortSignal.timeout(50_000),
  });
}

test('a request waits for the only device to come back', async () => {
  const coordinator = await house.serve();
  const first = house.join('den');
  await coordinator.says(/Ready/);
  const before = await (await complete({})).json();
  await house.kill(first);
  const waiting = complete({});
  house.join('den');
  const after = await (await waiting).json();
  expect(after.choices[0].text).toBe(before.choices[0].text);
  expect(before.choices[0].text).not.toBe('');
});

test('a request is refused when nobody comes within --device-wait', async () => {
  const coordinator = await house.serve('--device-wait', '1');
  const only = house.join('den');
  await coordinator.says(/Ready/);
  await house.kill(only);
  const whole = await complete({});
  expect(whole.status).toBe(503);
  expect(whole.headers.get('retry-after')).not.toBeNull();
  expect(await whole.json()).toMatchObject({ error: { code: 'PLAN_NO_DEVICES' } });
  const stream = await (await complete({ stream: true })).text();
  expect(stream).toContain('PLAN_NO_DEVICES');
});
