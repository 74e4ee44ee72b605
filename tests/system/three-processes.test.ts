import { afterEach, expect, test } from 'vitest';
import { HearthProcess, hearth } from '../support/hearth-process.ts';

const question = 'How do I use a real model?';
const secret = 'a-secret-of-this-test';
const processes: HearthProcess[] = [];

afterEach(async () => {
  await Promise.all(processes.splice(0).map((each) => each.kill('SIGKILL')));
});

function start(...args: readonly string[]): HearthProcess {
  const started = new HearthProcess(args);
  processes.push(started);
  return started;
}

async function ask(api: string): Promise<string> {
  const response = await fetch(`${api}/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ messages: [{ role: 'user', content: question }], temperature: 0 }),
  });
  const answer = (await response.json()) as { choices: [{ message: { content: string } }] };
  expect(response.status, JSON.stringify(answer)).toBe(200);
  return answer.choices[0].message.content;
}

test('a coordinator without weights and two devices answer over HTTP what one process answers alone', async () => {
  const alone = JSON.parse((await hearth('run', 'built-in', question, '--json')).stdout) as { text: string };
  expect(alone.text.length).toBeGreaterThan(20);

  const coordinator = start('serve', '--no-local', '--split', '2,1', '--port', '0', '--secret', secret);
  const [, api] = await coordinator.says(/API\s+(http:\S+)/);
  const base = api!.replace(/\/v1$/, '');
  expect((await fetch(`${base}/health`)).status).toBe(503);

  const join = (name: string) =>
    start('join', base.replace('http', 'ws'), '--secret', secret, '--name', name);
  const [first, second] = [join('first'), join('second')];
  await coordinator.says(/Ready/);
  expect((await fetch(`${base}/health`)).status).toBe(200);
  expect(await ask(api!)).toBe(alone.text);

  const listed = await hearth('devices', '--url', base, '--json');
  const { devices } = JSON.parse(listed.stdout) as {
    devices: { name: string; tileBytes: number; state: string }[];
  };
  expect(devices.map(({ name }) => name).sort()).toEqual(['first', 'second']);
  expect(devices.every(({ state, tileBytes }) => state === 'ready' && tileBytes > 500_000)).toBe(true);

  // A device that is killed is missed, and the other one alone gives the same answer.
  await second.kill('SIGKILL');
  expect(await ask(api!)).toBe(alone.text);
  expect((await coordinator.kill('SIGTERM')).code).toBe(0);
  await first.says(/trying again/);
  expect((await first.kill('SIGINT')).code).toBe(0);
});

test('a device with the wrong secret is refused, and says so', async () => {
  const coordinator = start('serve', '--no-local', '--port', '0', '--secret', secret);
  const [, port] = await coordinator.says(/join ws:\/\/127\.0\.0\.1:(\d+)/);
  const stranger = await hearth('join', `ws://127.0.0.1:${port}`, '--secret', 'guessed');
  expect(stranger.code).toBe(5);
  expect(stranger.stderr).toMatch(/secret .*JOIN_REFUSED/);
});
