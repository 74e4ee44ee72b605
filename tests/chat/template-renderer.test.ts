import { rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ChatVariables } from '../../coordinator/chat/render-chat.ts';
import { TemplateRenderer } from '../../coordinator/chat/template-renderer.ts';
import { buildWorker } from './build-worker.ts';

const variables: ChatVariables = {
  messages: [{ role: 'user', content: 'Hi' }],
  addGenerationPrompt: true,
  bosToken: '<s>',
  eosToken: '</s>',
  nowMs: 0,
};
const ENDLESS = '{% for i in range(1000000) %}{% for j in range(1000000) %}{% endfor %}{% endfor %}';
const HUNGRY =
  '{% set ns = namespace(all=[]) %}{% for i in range(10000) %}{% set ns.all = ns.all + [range(1000000)] %}{% endfor %}';

let workerPath: string;
let renderer: TemplateRenderer;
beforeAll(async () => {
  workerPath = await buildWorker();
  renderer = new TemplateRenderer({ workerPath, timeLimitMs: 20_000 });
});
afterAll(async () => {
  await renderer.close();
  rmSync(dirname(workerPath), { recursive: true });
});

const works = (): Promise<void> =>
  expect(renderer.render('{{ bos_token }}{{ messages[0].content }}', variables)).resolves.toBe('<s>Hi');

describe('TemplateRenderer', () => {
  it('renders in a thread of its own', works);

  it("passes the template's own complaint on", async () => {
    await expect(
      renderer.render("{{ raise_exception('roles must alternate') }}", variables),
    ).rejects.toMatchObject({
      code: 'TEMPLATE_FAILED',
      message: expect.stringContaining('roles must alternate'),
    });
  });

  it.each([
    ['unfinished', '{% if true %}', /./],
    ['no Jinja', '{{ % }}', /./],
    ['calling nothing', '{{ nothing() }}', /call/],
    ['looping too far', '{% for i in range(100000000) %}{% endfor %}', /range/],
    ['recursive without end', '{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}', /./],
    [
      'too long',
      "{% for i in range(1000) %}{{ 'x' | indent(5000, true) }}{% endfor %}",
      /output has 5001000/,
    ],
  ])('refuses a template that is %s', async (_, template, message) => {
    await expect(renderer.render(template, variables)).rejects.toMatchObject({
      code: 'TEMPLATE_FAILED',
      message: expect.stringMatching(message),
    });
    await works();
  });

  it('kills a template that does not end, and goes on', async () => {
    const hasty = new TemplateRenderer({ workerPath, timeLimitMs: 300 });
    const endless = hasty.render(ENDLESS, variables);
    const next = hasty.render('{{ eos_token }}', variables);
    await expect(endless).rejects.toMatchObject({ code: 'TEMPLATE_TIMEOUT', fields: { timeLimitMs: 300 } });
    await expect(next).resolves.toBe('</s>');
    await hasty.close();
  });

  it('survives a template that eats up its memory', async () => {
    await expect(renderer.render(HUNGRY, variables)).rejects.toMatchObject({
      code: 'TEMPLATE_FAILED',
      message: expect.stringContaining('memory'),
    });
    await works();
  });

  it('answers in order, each request its own', async () => {
    const all = Array.from({ length: 20 }, (_, i) =>
      renderer.render(`{{ messages[0].content }}${i}`, variables),
    );
    expect(await Promise.all(all)).toEqual(all.map((_, i) => `Hi${i}`));
  });

  it('fails what is under way when it is closed, and starts again when asked', async () => {
    const closing = new TemplateRenderer({ workerPath, timeLimitMs: 20_000 });
    await closing.render('', variables);
    const underWay = closing.render(ENDLESS, variables);
    const failure = expect(underWay).rejects.toMatchObject({ code: 'TEMPLATE_FAILED' });
    await new Promise((resolve) => setTimeout(resolve, 50));
    await closing.close();
    await failure;
    await expect(closing.render('{{ eos_token }}', variables)).resolves.toBe('</s>');
    await closing.close();
  });

  it('says so when it has not been built', async () => {
    const missing = new TemplateRenderer({ workerPath: `${workerPath}.missing.mjs` });
    await expect(missing.render('', variables)).rejects.toMatchObject({ code: 'INTERNAL' });
  });
});
