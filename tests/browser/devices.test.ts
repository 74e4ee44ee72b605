import type { BrowserContext, Page } from 'playwright-core';
import { beforeEach, expect, it } from 'vitest';
import { hindrances } from './browser-bench.ts';
import { JoinBench } from './join-bench.ts';

const bench = new JoinBench();
let context: BrowserContext;

beforeEach(async () => {
  context = await bench.context();
});

function open(): Promise<Page> {
  return bench.page(context, `http://localhost:${bench.port}/devices`);
}

const row = (page: Page, name: string) => page.locator(`tr[data-device="${name}"]`);
const node = (page: Page, name: string) => page.locator('.node', { hasText: name });

it('shows devices that join, compute and leave', async () => {
  await bench.serve();
  const page = await open();
  await page.getByText('No device is here yet.').waitFor();
  expect(await hindrances(page)).toEqual([]);
  const attic = bench.agent('attic');
  bench.agent('desk');
  await row(page, 'desk').getByText('computing').or(row(page, 'desk').getByText('on stand-by')).waitFor();
  await expect.poll(() => page.locator('.node').count()).toBe(2);
  await bench.coordinator.says(/Ready/);
  await bench.ask('How do I use a real model?');
  await page.locator('.node .state', { hasText: 'a step' }).first().waitFor();
  await page.locator('.drawing canvas').nth(2).waitFor();
  await page.getByText('Predicted', { exact: true }).waitFor();
  const loaded = `performance.getEntriesByType('resource').reduce((sum, one) => sum + one.encodedBodySize, 0)`;
  expect(await page.evaluate(loaded)).toBeLessThan(100_000);
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    expect(await hindrances(page), colorScheme).toEqual([]);
  }
  await attic.kill('SIGKILL');
  await expect.poll(() => row(page, 'attic').count()).toBe(0);
  await expect.poll(() => node(page, 'attic').count()).toBe(0);
  await page.getByText('1 device is paired, but not here').waitFor();
});

it('names the slowest device, and why it is', async () => {
  await bench.serve('--split', '1,3');
  bench.agent('first');
  bench.agent('second');
  await bench.coordinator.says(/Ready/);
  const page = await open();
  await bench.ask('How do I use a real model?');
  await page.locator('tr small', { hasText: /slowest: .+ a step/ }).waitFor();
  await page.locator('.badge', { hasText: 'slowest' }).waitFor();
});

it('pauses a device until it is resumed, also when it comes back', async () => {
  await bench.serve('--split', '1,1');
  const attic = bench.agent('attic');
  bench.agent('desk');
  await expect
    .poll(async () => (await bench.devices()).map(({ state }) => state))
    .toEqual(['ready', 'ready']);
  const page = await open();
  await page.getByRole('button', { name: 'Pause attic' }).click();
  await row(page, 'attic').getByText('paused on the coordinator').waitFor();
  expect((await bench.ask('How do I use a real model?')).length).toBeGreaterThan(20);
  const state = async () => (await bench.devices()).find(({ name }) => name === 'attic')?.state;
  await expect.poll(state).toBe('stand-by');
  await attic.kill('SIGKILL');
  await expect.poll(() => row(page, 'attic').count()).toBe(0);
  bench.agent('attic');
  await row(page, 'attic').getByText('paused on the coordinator').waitFor();
  await page.getByRole('button', { name: 'Resume attic' }).click();
  await expect.poll(state).toBe('ready');
});

it('asks the planner what another device would change', async () => {
  await bench.serve();
  bench.agent('attic');
  await bench.coordinator.says(/Ready/);
  const page = await open();
  await page.getByRole('button', { name: '+ phone' }).click();
  await page.getByRole('button', { name: '+ desktop' }).click();
  await page.getByText('phone, desktop').waitFor();
  await page.getByLabel('and what counts were').selectOption('throughput');
  await page.getByRole('button', { name: 'Ask the planner' }).click();
  await expect.poll(() => page.locator('.outlook .then').allInnerTexts()).toHaveLength(2);
  const [rate, first] = await page.locator('.outlook .then').allInnerTexts();
  expect(Number(rate)).toBeGreaterThan(0);
  expect(first).toMatch(/^[\d.]+ s$/);
  expect(await hindrances(page)).toEqual([]);
});

it('says how to add a device, and removes one after asking', async () => {
  await bench.serve();
  const attic = bench.agent('attic');
  await bench.coordinator.says(/Ready/);
  const page = await open();
  await page.getByRole('button', { name: 'Add a device' }).click();
  const { joinUrl } = await (await fetch(`${bench.api}/v1/cluster/pairing`)).json();
  await page.getByText(joinUrl, { exact: true }).waitFor();
  await page.getByRole('img', { name: 'QR code of the link to join by' }).waitFor();
  await page.getByText('reached from this machine only').waitFor();
  expect(await hindrances(page)).toEqual([]);
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await page.getByRole('button', { name: 'Copy the link' }).click();
  await page.getByText('Copied').waitFor();
  expect(await page.evaluate('navigator.clipboard.readText()')).toBe(joinUrl);
  await page.keyboard.press('Escape');

  await page.getByRole('button', { name: 'Remove attic' }).click();
  await page.getByRole('button', { name: 'Cancel' }).click();
  expect(await bench.devices()).toHaveLength(1);
  await page.getByRole('button', { name: 'Remove attic' }).click();
  await page.getByRole('button', { name: 'Remove', exact: true }).click();
  await expect.poll(() => row(page, 'attic').count()).toBe(0);
  expect(await bench.devices()).toEqual([]);
  await expect.poll(() => attic.ended).toBe(true);
});

it('fits a phone, says when the coordinator is away, and goes on when it is back', async () => {
  await bench.serve();
  bench.agent('attic');
  await bench.coordinator.says(/Ready/);
  const page = await open();
  await page.setViewportSize({ width: 360, height: 740 });
  await row(page, 'attic').getByText('computing').waitFor();
  const hidden = 'document.documentElement.scrollWidth - document.documentElement.clientWidth';
  expect(await page.evaluate(hidden)).toBe(0);
  expect(await hindrances(page)).toEqual([]);
  await bench.coordinator.kill('SIGKILL');
  await page.getByText('The coordinator is away').waitFor();
  await bench.serve();
  await page.getByText('The coordinator is away').waitFor({ state: 'detached' });
});

it('asks for the key where one is wanted', async () => {
  const key = 'a-key-of-these-tests';
  await bench.serve('--api-key', key);
  const page = await open();
  await page.getByLabel('What hearth serve printed').fill(key);
  await page.getByRole('button', { name: 'Enter' }).click();
  await page.getByText('No device is here yet.').waitFor();
  await page.getByRole('button', { name: 'Add a device' }).waitFor();
});
