import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { BrowserBench, lanAddress } from './browser-bench.ts';
import { answerIn, ask } from './chat-bench.ts';
import { JoinBench } from './join-bench.ts';
import { type Gone, netLogFlags, whereItWent } from './net-log.ts';

const folder = mkdtempSync(join(tmpdir(), 'hearth-net-log-'));
const log = (name: string) => join(folder, name);
const house = new JoinBench(...netLogFlags(log('house')));
const elsewhere = new BrowserBench(...netLogFlags(log('elsewhere')));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** All that is not this port of this machine. */
function strangers({ urls, hosts, addresses }: Gone, port: string): string[] {
  const ours = ['localhost', '127.0.0.1', '[::1]', lanAddress].map((host) => `${host}:${port}`);
  const places = [...urls, ...hosts].map((url) => new URL(url).host);
  return [...places, ...addresses].filter((place) => !ours.includes(place));
}

it('no page of Hearth leaves its origin, by the browser’s own log', async () => {
  // By hand: of two tabs of one machine a plan may leave either on stand-by.
  await house.serve('--split', '1,1', '--devices', '2');
  const context = await house.context();
  await house.tab(await house.context(), lanAddress);
  const joined = await house.tab(context, 'localhost');
  await house.coordinator.says(/Ready/);
  await joined.getByText('This device helps').waitFor();
  await joined.getByText('Settings').click();

  const chat = await house.page(context, `http://localhost:${house.port}/`);
  await ask(chat, 'What is Hearth?');
  await answerIn(chat, 'done');
  await chat.keyboard.press('Control+,');
  await chat.getByRole('dialog').waitFor();
  await chat.reload();
  await answerIn(chat, 'done');

  const devices = await house.page(context, `http://localhost:${house.port}/devices/`);
  await devices.getByRole('button', { name: 'Add a device' }).click();
  await devices.getByRole('dialog').waitFor();
  await house.page(context, `http://localhost:${house.port}/trust`);
  await house.quit();

  const gone = whereItWent(log('house'));
  const paths = new Set(gone.urls.map((url) => new URL(url).pathname));
  for (const path of [
    '/join/driver.js',
    '/ws/agent',
    '/chat/',
    '/api/conversations',
    '/v1/cluster/events',
    '/trust',
  ])
    expect(paths).toContain(path);
  expect(gone.hosts).not.toEqual([]);
  expect(gone.addresses).not.toEqual([]);
  expect(strangers(gone, house.port)).toEqual([]);
  expect(gone.datagrams).toBe(0);
});

it('a page that does is seen in that log', async () => {
  const server = createServer((_, response) => {
    response.setHeader('content-type', 'text/html').end('<!doctype html>');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  elsewhere.port = `${(server.address() as AddressInfo).port}`;
  const page = await elsewhere.newPage(await elsewhere.newContext());
  await page.goto(`http://localhost:${elsewhere.port}/`);
  // Names that lead to this machine without anybody being asked.
  const strange = (name: string) => `//${name}.localhost:${elsewhere.port}`;
  await page.evaluate(
    async ([asked, drawn, linked]) => {
      await fetch(asked!, { mode: 'no-cors' });
      new WebSocket(linked!);
      const image = new Image();
      image.src = drawn!;
      await image.decode().catch(() => {});
    },
    [`http:${strange('asked')}/`, `http:${strange('drawn')}/`, `ws:${strange('linked')}/`],
  );
  await elsewhere.quit();
  server.closeAllConnections();
  server.close();

  const found = strangers(whereItWent(log('elsewhere')), elsewhere.port);
  expect(new Set(found)).toEqual(new Set(['asked', 'drawn', 'linked'].map((name) => strange(name).slice(2))));
  expect(strangers(whereItWent(log('elsewhere')), '1').some((one) => /^127\.|^\[::1/.test(one))).toBe(true);
  expect(elsewhere.strangers.splice(0)).not.toEqual([]);
});
