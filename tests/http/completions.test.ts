import { describe, expect, it } from 'vitest';
import {
  bytesOf,
  byteVocabSize,
  type FakeModel,
  FakeRunner,
  historyModel,
  saying,
} from '../generation/fixtures.ts';
import { answerOf, errorOf, eventsOf, post, served } from './fixtures.ts';

const path = '/v1/completions';

describe('POST /v1/completions', () => {
  it('answers', async () => {
    const { app } = served(new FakeRunner({ model: saying(' time', 4) }));
    const answer = await answerOf(await post(app, path, { prompt: 'Once', max_tokens: 10 }));
    expect(answer).toMatchObject({
      id: expect.stringMatching(/^cmpl-/),
      object: 'text_completion',
      model: 'tiny',
      choices: [{ index: 0, text: ' time', logprobs: null, finish_reason: 'stop' }],
      usage: { prompt_tokens: 4, completion_tokens: 6, total_tokens: 10 },
      timings: { prompt_n: 4, predicted_n: 6 },
    });
  });

  it('takes a prompt as text, texts, ids and lists of ids', async () => {
    const shapes = ['ab', ['ab'], bytesOf('ab'), [bytesOf('ab')]];
    const texts = await Promise.all(
      shapes.map(async (prompt) => {
        const { choices } = await answerOf(
          await post(served().app, path, { prompt, max_tokens: 9, seed: 1 }),
        );
        return choices.map(({ text }) => text);
      }),
    );
    expect(texts[0]![0]).toHaveLength(9);
    for (const one of texts) expect(one).toEqual(texts[0]);
  });

  it('answers several prompts, each n times, in order', async () => {
    const { app } = served();
    const body = { max_tokens: 6, seed: 1 };
    const both = await answerOf(await post(app, path, { ...body, prompt: ['one', 'twenty'], n: 2 }));
    const alone = await Promise.all(
      ['one', 'twenty'].map(async (prompt) => answerOf(await post(app, path, { ...body, prompt, n: 2 }))),
    );
    expect(both.choices.map(({ index }) => index)).toEqual([0, 1, 2, 3]);
    expect(both.choices.map(({ text }) => text)).toEqual(
      alone.flatMap(({ choices }) => choices.map(({ text }) => text)),
    );
    expect(both.usage).toMatchObject({ prompt_tokens: 9, completion_tokens: 24 });
  });

  it('an answer that fails ends the others of its request, and only these', async () => {
    const model: FakeModel = (tokens) => {
      return tokens[0] === 98 ? new Float32Array(byteVocabSize).fill(Number.NaN) : historyModel(tokens);
    };
    const { app, scheduler } = served(new FakeRunner({ model }));
    const bystander = post(app, path, { prompt: 'c', max_tokens: 300 });
    const response = await post(app, path, { prompt: ['a', 'b'], max_tokens: 300 });
    expect(await errorOf(response)).toEqual([500, 'LOGITS_NOT_FINITE', null]);
    expect(scheduler.status.running).toBe(1);
    expect((await bystander).status).toBe(200);
  });

  it('echoes the prompt, streamed or not', async () => {
    const model = saying('!', 2);
    const { app } = served(new FakeRunner({ model }));
    for (const prompt of ['ab', bytesOf('ab')]) {
      const { choices } = await answerOf(await post(app, path, { prompt, echo: true }));
      expect(choices[0]!.text).toBe('ab!');
      const events = await eventsOf(await post(app, path, { prompt, echo: true, stream: true }));
      const texts = events.map((event) => (event === '[DONE]' ? event : event.choices[0]!.text));
      expect(texts).toEqual(['ab', '!', '', '[DONE]']);
    }
  });

  it('gives log-probabilities in the old shape', async () => {
    const { app } = served(new FakeRunner({ model: saying('ok', 1) }));
    const { choices } = await answerOf(await post(app, path, { prompt: 'a', logprobs: 1 }));
    const near0 = expect.closeTo(0, 6);
    expect(choices[0]!.logprobs).toEqual({
      tokens: ['o', 'k'],
      token_logprobs: [near0, near0],
      top_logprobs: [{ o: near0 }, { k: near0 }],
      text_offset: [0, 1],
    });
    const events = await eventsOf(await post(app, path, { prompt: 'a', logprobs: 0, stream: true }));
    const offsets = events.map((event) => {
      if (event === '[DONE]') return [];
      return (event.choices[0]!.logprobs as { text_offset: number[] } | null)?.text_offset ?? [];
    });
    expect(offsets.flat()).toEqual([0, 1]);
  });

  it('streams usage if asked', async () => {
    const body = { prompt: 'a', max_tokens: 2, stream: true, stream_options: { include_usage: true } };
    const events = await eventsOf(await post(served().app, path, body));
    expect(events.at(-2)).toMatchObject({ choices: [], usage: { prompt_tokens: 1, completion_tokens: 2 } });
    expect(events.at(-1)).toBe('[DONE]');
  });

  it.each([
    ['none', undefined],
    ['an empty text', ''],
    ['an empty list', []],
    ['a list with an empty list', [[]]],
    ['a mixture', ['a', 1]],
    ['a number', 1],
    ['a token beyond the vocabulary', [257]],
    ['a negative token', [-1]],
    ['a fraction', [1.5]],
    ['a huge token', [1e300]],
  ])('refuses as a prompt %s', async (_, prompt) => {
    const [status, code] = await errorOf(await post(served().app, path, { prompt }));
    expect([status, code]).toEqual([400, 'REQUEST_INVALID']);
  });

  it('has no log-probabilities of an echoed prompt, and says so', async () => {
    const response = await post(served().app, path, { prompt: 'a', echo: true, logprobs: 1 });
    expect(await errorOf(response)).toEqual([400, 'REQUEST_UNSUPPORTED_FIELD', 'echo']);
  });
});
