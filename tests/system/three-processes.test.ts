import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, onTestFinished, test } from 'vitest';
import { HearthProcess, hearth } from '../support/hearth-process.ts';

const question = 'How do I use a real model?';
const secret = 'a-secret-of-these-tests';
const processes: HearthProcess[] = [];

afterEach(async () => {
  await Promise.all(processes.splice(0).map((each) => each.kill('SIGKILL')));
});

function start(...args: readonly string[]): HearthProcess {
  return startWith({}, ...args);
}

function startWith(environment: Record<string, string>, ...args: readonly string[]): HearthProcess {
  const started = new HearthProcess(args, environment);
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

  const enter = (name: string) =>
    start('join', base.replace('http', 'ws'), '--secret', secret, '--name', name);
  const [first, second] = [enter('first'), enter('second')];
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
  const [, port] = await coordinator.says(/join "http:\/\/127\.0\.0\.1:(\d+)/);
  const stranger = await hearth('join', `ws://127.0.0.1:${port}`, '--secret', 'guessed');
  expect(stranger.code).toBe(5);
  expect(stranger.stderr).toMatch(/secret .*JOIN_REFUSED/);
});

test('the printed line pairs a device, which joins without it from then on, until it is revoked', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'hearth-paired-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const coordinators = { HEARTH_KEYS: join(folder, 'coordinator') };
  const devices = { HEARTH_KEYS: join(folder, 'device') };
  const coordinator = startWith(coordinators, 'serve', '--no-local', '--port', '0');
  const [, url] = await coordinator.says(/npx hearth join "(http:\S+\/join#[\w-]{24})"/);
  const base = new URL(url!).origin;
  expect((await startWith(devices, 'join', base, '--name', 'phone').finished()).stderr).toMatch(
    /COORDINATOR_UNKNOWN/,
  );
  const phone = startWith(devices, 'join', url!, '--name', 'phone', '--threads', '1');
  await phone.says(/^ready/m);
  await phone.kill('SIGINT');

  const again = startWith(devices, 'join', '--name', 'phone', '--threads', '1');
  await again.says(/^ready/m);
  const paired = await hearth('devices', '--paired', '--url', base);
  expect(paired.stdout).toMatch(/^phone +\d{4}-\d\d-\d\d$/m);
  expect(paired.stdout).toContain(`npx hearth join "${url}"`);

  const revoked = await hearth('devices', '--revoke', 'phone', '--url', base, '--json');
  expect(JSON.parse(revoked.stdout)).toMatchObject({ revoked: 1 });
  expect(JSON.parse(revoked.stdout).joinUrl).not.toBe(url);
  const ended = await again.finished();
  expect([ended.code, ended.stderr]).toEqual([5, expect.stringMatching(/DEVICE_NOT_PAIRED/)]);
  const refused = await startWith(devices, 'join', url!, '--name', 'phone').finished();
  expect([refused.code, refused.stderr]).toEqual([5, expect.stringMatching(/JOIN_REFUSED/)]);
  expect((await hearth('devices', '--revoke', 'phone', '--url', base)).stderr).toMatch(/no device called/);
}, 120_000);
