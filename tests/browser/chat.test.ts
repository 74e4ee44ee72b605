import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { answerIn, answerText, ask, ChatBench } from './chat-bench.ts';
import { answer, exported, question } from './exported.ts';

const bench = new ChatBench();

describe('the chat page', () => {
  beforeAll(() => bench.serve());

  it('sends a question, shows the answer as it comes and how that went, and has it after a reload', async () => {
    const page = await bench.page();
    await page.goto(bench.url);
    expect(page.url()).toBe(`${bench.url}/chat/`);
    await ask(page, 'How do I use a real model?');
    const text = await answerIn(page, 'done');
    expect(text.length).toBeGreaterThan(20);
    expect(await page.locator('.facts').innerText()).toMatch(
      /tokens\/s · first after .+ · \d+ tokens · on \S+/,
    );
    await page.getByText('1 device').waitFor();
    await page.getByRole('navigation').getByText('How do I use a real model?').waitFor();
    await page.reload();
    expect(await answerIn(page, 'done')).toBe(text);
  });

  it('edits a question into a branch, answers again, and goes from branch to branch', async () => {
    const page = await bench.page();
    await page.goto(bench.url);
    await ask(page, 'What is Hearth?');
    await answerIn(page, 'done');
    await page.getByRole('button', { name: 'Edit' }).click();
    const editor = page.getByLabel('Your message');
    expect(await editor.inputValue()).toBe('What is Hearth?');
    await editor.fill('Does anything leave my network?');
    await page.locator('.editor').getByRole('button', { name: 'Send' }).click();
    await page.locator('.user').getByText('2/2').waitFor();
    await answerIn(page, 'done');
    await page.getByRole('button', { name: 'Answer again' }).click();
    await page.locator('.assistant').getByText('2/2').waitFor();
    await answerIn(page, 'done');
    await page.locator('.user').getByRole('button', { name: 'Previous branch' }).click();
    await page.locator('.said').getByText('What is Hearth?').waitFor();
    await page.locator('.user').getByText('1/2').waitFor();
    expect(await page.locator('.assistant').getByText('1/2').count()).toBe(0);
  });

  it('keeps settings, and asks with them', async () => {
    const page = await bench.page();
    await page.goto(bench.url);
    await page.getByRole('button', { name: 'System prompt and sampling' }).click();
    await page.getByLabel('Longest answer').fill('3');
    await page.getByRole('button', { name: 'Save' }).click();
    await ask(page, 'How do I use a real model?');
    await answerIn(page, 'done');
    await page.getByText('Ended at the limit of its length.').waitFor();
    await page.getByRole('button', { name: 'Continue' }).waitFor();
    await page.getByRole('button', { name: 'System prompt and sampling' }).click();
    expect(await page.getByLabel('Longest answer').inputValue()).toBe('3');
    await page.getByLabel('Presence penalty').fill('0.5');
    await page.getByLabel('Repetition window').fill('200');
    await page.getByLabel('Stop at').fill('model\n\n\\nwell');
    await page.getByRole('button', { name: 'Save' }).click();
    await expect.poll(() => page.getByRole('dialog').count()).toBe(0);
    await page.reload();
    await page.getByRole('button', { name: 'System prompt and sampling' }).click();
    expect(await page.getByLabel('Presence penalty').inputValue()).toBe('0.5');
    expect(await page.getByLabel('Repetition window').inputValue()).toBe('200');
    expect(await page.getByLabel('Stop at').inputValue()).toBe('model\n\\nwell');
    await page.getByLabel('Stop at').fill('too many\n'.repeat(17));
    await page.getByRole('button', { name: 'Save' }).click();
    expect(await page.getByRole('dialog').count()).toBe(1);
    await page.getByRole('button', { name: 'Defaults' }).click();
    await expect.poll(() => page.getByLabel('Stop at').inputValue()).toBe('');
    await page.getByLabel('Longest answer').fill('0');
    await page.getByRole('button', { name: 'Save' }).click();
    // The browser itself refuses what is out of range.
    expect(await page.getByRole('dialog').count()).toBe(1);
  });

  it('exports, deletes and imports', async () => {
    const page = await bench.page();
    await bench.send(
      'import',
      exported({ 'Once upon a time': [question('q', null, 'Hm?'), answer('a', 'q', 'A *tale*.')] }),
    );
    await page.goto(bench.url);
    const line = page.locator('.line', { hasText: 'Once upon a time' });
    await line.hover();
    const download = page.waitForEvent('download');
    await line.getByRole('button', { name: /^Export/ }).click();
    const file = join(bench.folder, 'export.json');
    await (await download).saveAs(file);
    await line.getByRole('button', { name: /^Delete/ }).click();
    await page.getByRole('button', { name: 'Delete', exact: true }).click();
    await expect.poll(() => line.count()).toBe(0);
    await page.locator('input[type=file]').setInputFiles(file);
    await line.waitFor();
    expect(await answerIn(page, 'done')).toBe('A tale.');
    expect(JSON.parse(readFileSync(file, 'utf8')).conversations).toHaveLength(1);

    writeFileSync(file, '{"format":"something else"}');
    await page.locator('input[type=file]').setInputFiles(file);
    await page.getByRole('alert').getByText('format').waitFor();
  });

  it('renames and finds conversations', async () => {
    const page = await bench.page();
    await bench.send(
      'import',
      exported({ 'Of ships': [question('q', null, 'Hm?'), answer('a', 'q', 'Yachts, mostly.')] }),
    );
    await page.goto(bench.url);
    const line = page.locator('.line', { hasText: 'Of ships' }).first();
    await line.hover();
    await line.getByRole('button', { name: /^Rename/ }).click();
    await page.getByLabel('Title').fill('Of boats');
    await page.keyboard.press('Enter');
    await page.locator('.line', { hasText: 'Of boats' }).waitFor();
    await page.getByLabel('Search conversations').fill('yacht');
    await expect.poll(() => page.locator('.line').count()).toBe(1);
    expect(await page.locator('.line .excerpt').innerText()).toContain('Yachts');
    await page.getByLabel('Search conversations').fill('nothing like it');
    await page.getByText('Nothing found.').waitFor();
  });

  it('keeps drafts over a reload, apart for each conversation', async () => {
    const page = await bench.page();
    await page.goto(bench.url);
    const message = page.getByLabel('Message', { exact: true });
    await message.fill('Half a thou');
    await page.reload();
    expect(await message.inputValue()).toBe('Half a thou');
    await bench.send('import', exported({ Other: [question('q', null, 'Hm?'), answer('a', 'q', 'Well.')] }));
    await page.locator('.line', { hasText: 'Other' }).click({ timeout: 10_000 });
    await answerIn(page, 'done');
    expect(await message.inputValue()).toBe('');
    await page.goBack();
    await expect.poll(() => message.inputValue()).toBe('Half a thou');
  });

  it.each(['#no-such-one', '#%', '#%E4%B8', '#..%2f..', '#?'])(
    'begins anew at an address that is none: %s',
    async (hash) => {
      const page = await bench.page();
      await page.goto(`${bench.url}/chat/${hash}`);
      await page.getByText('What would you like to talk about?').waitFor();
      await expect.poll(() => page.url()).toBe(`${bench.url}/chat/#`);
      expect(await page.getByRole('alert').count()).toBe(0);
    },
  );

  it('is used by keys, and lists them', async () => {
    const page = await bench.page();
    await page.goto(bench.url);
    await ask(page, 'What is Hearth?');
    await answerIn(page, 'done');
    await page.keyboard.press('Control+/');
    await expect.poll(() => page.getByRole('dialog').locator('dt').count()).toBeGreaterThan(8);
    await page.keyboard.press('Escape');
    await expect.poll(() => page.getByRole('dialog').count()).toBe(0);
    await page.keyboard.press('Control+k');
    await expect.poll(() => page.evaluate('document.activeElement.id')).toBe('search');
    await page.keyboard.press('Control+Shift+E');
    await page.getByLabel('Your message').waitFor();
    await page.keyboard.press('Escape');
    await page.keyboard.press('Control+Shift+O');
    await page.getByText('What would you like to talk about?').waitFor();
  });

  it('remembers light and dark', async () => {
    const page = await bench.page({ colorScheme: 'light' });
    await page.goto(bench.url);
    const colour = () => page.evaluate('getComputedStyle(document.documentElement).backgroundColor');
    const light = await colour();
    await page.getByRole('button', { name: 'Colours: as on this device' }).click();
    await page.getByRole('button', { name: 'Colours: light' }).click();
    await page.getByRole('button', { name: 'Colours: dark' }).waitFor();
    expect(await colour()).not.toBe(light);
    await page.reload();
    expect(await colour()).not.toBe(light);
  });

  it('is written on by two pages, which show the same', async () => {
    const first = await bench.page();
    await first.goto(bench.url);
    await ask(first, 'What is Hearth?');
    await answerIn(first, 'done');
    const second = await bench.page();
    await second.goto(first.url());
    await answerIn(second, 'done');
    await ask(second, 'How do I use a real model?');
    await expect.poll(() => second.locator('.assistant[data-state=done]').count()).toBe(2);
    await expect.poll(() => first.locator('.assistant[data-state=done]').count()).toBe(2);
    expect(await answerText(first)).toBe(await answerText(second));
  });
});
