import { beforeAll, expect, it } from 'vitest';
import { answerIn, answerText, ask, ChatBench } from './chat-bench.ts';

const bench = new ChatBench();
let model: string;

beforeAll(async () => {
  model = await bench.endlessModel();
  await bench.serve(model);
});

/** Waits for more text than there is. */
async function grows(page: Parameters<typeof answerText>[0], from = 0): Promise<string> {
  await expect.poll(async () => (await answerText(page)).length, { timeout: 20_000 }).toBeGreaterThan(from);
  return answerText(page);
}

it('an answer goes on through a reload, is stopped on another page, and continued', async () => {
  const page = await bench.page();
  await page.goto(bench.url);
  await ask(page, 'Tell me everything.');
  const before = await grows(page);
  await page.reload();
  const after = await grows(page, before.length);
  expect(after.startsWith(before.slice(0, 20))).toBe(true);
  expect(await page.locator('.assistant[data-state=answering]').count()).toBe(1);

  const other = await bench.page();
  await other.goto(page.url());
  await grows(other);
  await other.keyboard.press('Escape');
  const stopped = await answerIn(page, 'stopped');
  expect(await answerIn(other, 'stopped')).toBe(stopped);

  await page.getByRole('button', { name: 'Continue' }).click();
  await grows(page, stopped.length);
  await page.getByRole('button', { name: 'Stop the answer' }).click();
  await answerIn(page, 'stopped');
});

it('an answer whose coordinator is killed goes on after its next start, on a page that comes back by itself', async () => {
  const page = await bench.page();
  await page.goto(bench.url);
  await ask(page, 'Tell me everything.');
  // Twice as long as an answer may stay in memory alone.
  await grows(page);
  await new Promise((resolve) => setTimeout(resolve, 1000));
  const seen = await grows(page);
  await bench.coordinator.kill('SIGKILL');
  await page.getByRole('alert').getByText('does not answer').waitFor({ timeout: 20_000 });
  expect(await page.getByRole('button', { name: 'Send' }).isDisabled()).toBe(true);

  await bench.serve(model);
  const goneOn = await grows(page, seen.length + 20);
  expect(goneOn.slice(0, 20)).toBe(seen.slice(0, 20));
  await page.getByRole('button', { name: 'Stop the answer' }).click();
  await answerIn(page, 'stopped');
});
