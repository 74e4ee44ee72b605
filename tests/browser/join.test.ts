import { describe, expect, it } from 'vitest';
import { hindrances, lanAddress } from './browser-bench.ts';
import { JoinBench } from './join-bench.ts';

const question = 'How do I use a real model?';
/** The same page on the two rungs of what browsers allow. */
const hosts = ['localhost', lanAddress];
const bench = new JoinBench();

/** In a page: one of the tiles that its origin keeps has other bytes from then on. */
const zeroOneTile = `new Promise((resolve, reject) => {
  const opening = indexedDB.open('hearth');
  opening.onsuccess = () => {
    const changing = opening.result.transaction('tiles', 'readwrite');
    const first = changing.objectStore('tiles').openCursor();
    first.onsuccess = () => first.result.update(new Blob([new Uint8Array(first.result.value.size)]));
    changing.oncomplete = () => resolve();
    changing.onabort = () => reject(changing.error);
  };
})`;

describe('tabs that are devices', () => {
  it('are several ranks where threads cannot share a memory', async () => {
    await bench.serve('--split', '1,1', '--devices', '2');
    const page = await bench.tab(await bench.context({ threads: 2, name: 'laptop' }), lanAddress);
    await bench.coordinator.says(/Ready/);
    expect((await bench.devices()).map(({ name }) => name)).toEqual(['laptop', 'laptop (2)']);
    expect((await bench.ask(question)).length).toBeGreaterThan(20);
    // Any of its names is the whole browser.
    const revoked = await bench.revoke('laptop (2)');
    expect(await revoked.json()).toMatchObject({ revoked: 1 });
    await page.getByText('This browser has been removed').first().waitFor();
    await expect.poll(() => bench.devices()).toEqual([]);
    expect((await bench.revoke('laptop (2)')).status).toBe(400);
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

  it('are sent again what decays in their database', async () => {
    await bench.serve();
    const context = await bench.context({ name: 'tab', threads: 1 });
    const page = await bench.tab(context, lanAddress);
    await bench.coordinator.says(/Ready/);
    const undisturbed = await bench.ask(question);
    await page.close();
    const neighbour = await bench.page(context, `http://${lanAddress}:${bench.port}/devices`);
    await neighbour.evaluate(zeroOneTile);
    await bench.tab(context, lanAddress, '');
    await expect.poll(async () => (await bench.device('tab'))?.state).toBe('ready');
    await expect.poll(async () => (await bench.device('tab'))?.memory?.keptTiles).toBeGreaterThan(0);
    const { memory, tiles } = (await bench.device('tab'))!;
    expect(memory!.keptTiles).toBe(tiles - 1);
    expect(await bench.ask(question)).toBe(undisturbed);
  });

  it.each(hosts)('closed in the middle of an answer come back to %s with all weights', async (host) => {
    await bench.serve('--split', '1,1', '--devices', '2');
    const context = await bench.context();
    const page = await bench.tab(context, host);
    bench.agent('process');
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
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      expect(await hindrances(page), colorScheme).toEqual([]);
    }
  });

  it('is light on a first visit', async () => {
    await bench.serve();
    const page = await bench.newPage(await bench.context());
    const session = await page.context().newCDPSession(page);
    await session.send('Network.enable');
    let bytes = 0;
    session.on('Network.loadingFinished', ({ encodedDataLength }) => {
      bytes += encodedDataLength;
    });
    await page.goto(`http://localhost:${bench.port}/join`);
    await page.getByText('This browser is not paired yet').waitFor();
    console.log(`a first visit fetches ${bytes} bytes`);
    expect(bytes).toBeGreaterThan(10_000);
    expect(bytes).toBeLessThan(40_000);
  });

  it('pauses, so that others answer, and goes on', async () => {
    await bench.serve('--split', '1,1', '--devices', '2');
    const page = await bench.tab(await bench.context({ name: 'phone' }), 'localhost');
    bench.agent('process');
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
    await bench.revoke('phone');
    await page.getByText('This browser has been removed').waitFor();
  });
});
