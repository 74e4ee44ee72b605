import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hearth } from '../support/hearth-process.ts';
import { hindrances } from './chat-bench.ts';
import { chromiumOrReason } from './chromium.ts';
import { JoinBench, lanAddress, secret } from './join-bench.ts';

const chromium = chromiumOrReason();
const question = 'How do I use a real model?';
/** The same page on the two rungs of what browsers allow. */
const hosts = ['localhost', lanAddress];
let bench: JoinBench;

beforeEach(async (context) => {
  if ('reason' in chromium) return context.skip(chromium.reason);
  bench = await JoinBench.open(chromium.path);
});
afterEach(async () => {
  if (!bench) return;
  await bench.close();
  expect(bench.strangers).toEqual([]);
  expect(bench.errors).toEqual([]);
});

describe('tabs that are devices', () => {
  it('answer together with a process what one process answers alone', async () => {
    const alone = JSON.parse((await hearth('run', 'built-in', question, '--json')).stdout);
    await bench.serve('--split', '1,1,1');
    const plain = await bench.tab(await bench.context(), lanAddress);
    const isolated = await bench.tab(await bench.context({ threads: 2 }), 'localhost');
    bench.start(['join', bench.api, '--secret', secret, '--name', 'process', '--threads', '1']);
    await bench.coordinator.says(/Ready/);
    const devices = await bench.devices();
    expect(devices.map(({ state }) => state)).toEqual(['ready', 'ready', 'ready']);
    expect(devices.every(({ tileBytes }) => tileBytes > 500_000)).toBe(true);
    expect(await bench.ask(question)).toBe(alone.text);
    expect(await plain.locator('[data-rung]').getAttribute('data-rung')).toBe('plain');
    expect(await isolated.locator('[data-rung]').getAttribute('data-rung')).toBe('isolated');
  });

  it('are several ranks where threads cannot share a memory', async () => {
    await bench.serve('--split', '1,1', '--devices', '2');
    await bench.tab(await bench.context({ threads: 2, name: 'laptop' }), lanAddress);
    await bench.coordinator.says(/Ready/);
    expect((await bench.devices()).map(({ name }) => name)).toEqual(['laptop', 'laptop (2)']);
    expect((await bench.ask(question)).length).toBeGreaterThan(20);
  });

  it('stream weights from their files where memory is short', async () => {
    await bench.serve('--parallel', '1', '--context', '256');
    await bench.tab(await bench.context({ threads: 2, memoryBytes: 6e6 }), 'localhost');
    await bench.coordinator.says(/Ready/);
    const streamed = async () => {
      expect((await bench.ask(question)).length).toBeGreaterThan(20);
      return (await bench.devices())[0]?.memory?.streamedBytes;
    };
    await expect.poll(streamed, { timeout: 20_000 }).toBeGreaterThan(1e6);
  });

  it.each(hosts)('closed in the middle of an answer come back to %s with all weights', async (host) => {
    await bench.serve('--split', '1,1', '--devices', '2');
    const context = await bench.context();
    const page = await bench.tab(context, host);
    bench.start(['join', bench.api, '--secret', secret, '--name', 'process', '--threads', '1']);
    await bench.coordinator.says(/Ready/);
    const undisturbed = await bench.ask(question);
    const answer = bench.ask(question);
    await page.close();
    // Without the secret: it is paired.
    await bench.tab(context, host, '');
    expect(await answer).toBe(undisturbed);
    const tab = async () => (await bench.devices()).find(({ name }) => name !== 'process');
    await expect.poll(async () => (await tab())?.state).toBe('ready');
    await expect.poll(async () => (await tab())?.memory?.keptTiles).toBeGreaterThan(0);
    expect((await tab())?.memory?.keptTiles).toBe((await tab())?.tiles);
    expect(await bench.ask(question)).toBe(undisturbed);
  });
});

describe('the page that lends', () => {
  it('says how it goes, without hindering anybody', async () => {
    await bench.serve();
    const page = await bench.tab(await bench.context(), lanAddress);
    await page.getByText('This device helps').waitFor();
    // The secret is in no history.
    expect(page.url()).toBe(`http://${lanAddress}:${bench.port}/join/`);
    await bench.ask(question);
    await expect.poll(() => page.locator('.figures .number').first().innerText()).not.toBe('0');
    await page.getByText('Settings').click();
    expect(await hindrances(page)).toEqual([]);
  });

  it('pauses, so that others answer, and goes on', async () => {
    await bench.serve('--split', '1,1', '--devices', '2');
    const page = await bench.tab(await bench.context({ name: 'phone' }), 'localhost');
    bench.start(['join', bench.api, '--secret', secret, '--name', 'process', '--threads', '1']);
    await page.getByText('This device helps').waitFor();
    await page.getByRole('button', { name: 'Pause' }).click();
    const phone = async () => (await bench.devices()).find(({ name }) => name === 'phone');
    await expect.poll(async () => (await phone())?.state, { timeout: 20_000 }).toBe('stand-by');
    expect((await phone())?.reason).toBe('paused on its page');
    expect((await bench.ask(question)).length).toBeGreaterThan(20);
    await page.getByRole('button', { name: 'Go on' }).click();
    await expect.poll(async () => (await phone())?.reason).toBeUndefined();
    // As a browser does to a page that nobody sees.
    await page.getByText('Settings').click();
    await page.getByLabel('Stand by while this page is hidden').check();
    await page.evaluate(
      `Object.defineProperty(document, 'hidden', { value: true }); document.dispatchEvent(new Event('visibilitychange'))`,
    );
    await expect.poll(async () => (await phone())?.reason).toBe('its page is hidden');
  });

  it('names a secret that is wrong, and a browser that is not paired', async () => {
    await bench.serve();
    const wrong = await bench.tab(await bench.context(), lanAddress, '#not-the-secret-of-these-tests');
    await wrong.getByText('The secret of the link is not the right one').waitFor();
    const none = await bench.tab(await bench.context(), lanAddress, '');
    await none.getByText('This browser is not paired yet').waitFor();
  });

  it('says that it was removed, and waits for a coordinator that is away', async () => {
    await bench.serve();
    const page = await bench.tab(await bench.context({ name: 'phone' }), lanAddress);
    await page.getByText('This device helps').waitFor();
    await bench.coordinator.kill('SIGKILL');
    await page.getByText('The coordinator is away').waitFor();
    await bench.serve();
    await page.getByText('This device helps').waitFor({ timeout: 30_000 });
    await fetch(`${bench.api}/v1/cluster/pairing/phone`, { method: 'DELETE' });
    await page.getByText('This browser has been removed').waitFor();
  });

  it('tells after its renderer was killed, and takes less memory', async () => {
    await bench.serve();
    const context = await bench.context();
    const page = await bench.tab(context, 'localhost');
    await page.getByText('This device helps').waitFor();
    const crashed = page.waitForEvent('crash');
    const debugging = await context.newCDPSession(page);
    debugging.send('Page.crash').catch(() => {});
    await crashed;
    await expect.poll(() => bench.devices()).toEqual([]);
    // Nothing but its debugger reaches a page after that.
    await debugging.send('Page.reload');
    const text = async () => {
      const { result } = await debugging.send('Runtime.evaluate', { expression: 'document.body.innerText' });
      return result.value as string;
    };
    await expect.poll(text).toContain('The browser ended this page');
    await expect.poll(text).toContain('This device helps');
  });
});
