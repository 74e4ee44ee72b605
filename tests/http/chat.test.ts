import { describe, expect, it } from 'vitest';
import { HearthError } from '../../runtime/error.ts';
import type { Tokenizer } from '../../runtime/tokenizer/tokenizer.ts';
import { bytesOf, FakeRunner, saying } from '../generation/fixtures.ts';
import { answerOf, chatBody, chatPromptLength, errorOf, eventsOf, post, served } from './fixtures.ts';

const path = '/v1/chat/completions';

function runnerSaying(text: string): FakeRunner {
  return new FakeRunner({ model: saying(text, chatPromptLength) });
}

describe('POST /v1/chat/completions', () => {
  it('answers', async () => {
    const response = await post(served(runnerSaying('Hello')).app, path, chatBody());
    const { timings, ...answer } = await answerOf(response);
    expect(answer).toEqual({
      id: expect.stringMatching(/^chatcmpl-/),
      object: 'chat.completion',
      created: 1_800_000_000,
      model: 'tiny',
      choices: [
        {
          index: 0,
          message: { role: 'assistant', content: 'Hello', refusal: null },
          logprobs: null,
          finish_reason: 'stop',
        },
      ],
      usage: {
        prompt_tokens: 20,
        completion_tokens: 6,
        total_tokens: 26,
        prompt_tokens_details: { cached_tokens: 0 },
      },
    });
    expect(timings).toMatchObject({ prompt_n: 20, predicted_n: 6, cache_n: 0 });
    for (const value of Object.values(timings!)) expect(value).toBeGreaterThanOrEqual(0);
  });

  it('says why an answer is not exact', async () => {
    const { app, model } = served(runnerSaying('Hi'));
    expect(await answerOf(await post(app, path, chatBody()))).not.toHaveProperty('not_exact');
    Object.assign(model, { notExact: 'neurons were predicted' });
    expect(await answerOf(await post(app, path, chatBody()))).toMatchObject({
      not_exact: 'neurons were predicted',
    });
    const events = await eventsOf(await post(app, path, chatBody({ stream: true })));
    const told = events.filter((event) => event !== '[DONE]' && 'not_exact' in event);
    expect(told).toMatchObject([
      { choices: [{ finish_reason: 'stop' }], not_exact: 'neurons were predicted' },
    ]);
  });

  it.each([path, '/v1/completions'])('refuses at %s what must be exact and would not be', async (route) => {
    const { app, model } = served(runnerSaying('Hi'));
    const body = { ...(route === path ? chatBody() : { prompt: 'a' }), exact: true };
    expect((await post(app, route, body)).status).toBe(200);
    Object.assign(model, { notExact: 'neurons were predicted' });
    const refused = await post(app, route, body);
    expect(refused.status).toBe(400);
    expect((await answerOf(refused)).error).toMatchObject({
      code: 'REQUEST_INVALID',
      param: 'exact',
      message: 'answers here are not exact: neurons were predicted',
    });
    expect((await post(app, route, { ...body, exact: false })).status).toBe(200);
  });

  it('streams: role, deltas, finish, done', async () => {
    const response = await post(served(runnerSaying('Hi!')).app, path, chatBody({ stream: true }));
    expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    const events = await eventsOf(response);
    const choices = events.slice(0, -1).map((event) => event !== '[DONE]' && event.choices[0]);
    const nothing = { index: 0, logprobs: null, finish_reason: null };
    expect(choices).toEqual([
      { ...nothing, delta: { role: 'assistant', content: '' } },
      { ...nothing, delta: { content: 'H' } },
      { ...nothing, delta: { content: 'i' } },
      { ...nothing, delta: { content: '!' } },
      { ...nothing, delta: {}, finish_reason: 'stop' },
    ]);
    expect(events.at(-1)).toBe('[DONE]');
    for (const event of events.slice(0, -1)) {
      expect(event).toMatchObject({ object: 'chat.completion.chunk', model: 'tiny', created: 1_800_000_000 });
      expect(event).not.toHaveProperty('usage');
    }
  });

  it('streams usage in a last chunk without choices, if asked', async () => {
    const body = chatBody({ stream: true, stream_options: { include_usage: true } });
    const events = await eventsOf(await post(served(runnerSaying('Hi')).app, path, body));
    expect(events.at(-2)).toMatchObject({ choices: [], usage: { prompt_tokens: 20, completion_tokens: 3 } });
    for (const event of events.slice(0, -2)) expect(event).toHaveProperty('usage', null);
  });

  it('streams and answers alike', async () => {
    const body = chatBody({ max_tokens: 30, seed: 3 });
    const whole = await answerOf(await post(served().app, path, body));
    const events = await eventsOf(await post(served().app, path, { ...body, stream: true }));
    const deltas = events.map((event) =>
      event === '[DONE]' ? '' : (event.choices[0]?.delta?.content ?? ''),
    );
    expect(whole.choices[0]!.message!.content).toHaveLength(30);
    expect(deltas.join('')).toBe(whole.choices[0]!.message!.content);
  });

  it('gives n choices, choice i of a seed as choice 0 of the seed plus i', async () => {
    const { app } = served();
    const texts = async (overrides: Record<string, unknown>): Promise<string[]> => {
      const { choices } = await answerOf(await post(app, path, chatBody(overrides)));
      return choices.map(({ message }) => message!.content);
    };
    const three = await texts({ n: 3, seed: 10 });
    expect(new Set(three).size).toBe(3);
    expect(three).toEqual((await Promise.all([10, 11, 12].map((seed) => texts({ seed })))).flat());
    const { usage } = await answerOf(await post(app, path, chatBody({ n: 3 })));
    expect(usage).toMatchObject({ prompt_tokens: 20, completion_tokens: 24, total_tokens: 44 });
  });

  it('streams n choices, each by its index', async () => {
    const body = chatBody({ n: 3, seed: 10 });
    const whole = await answerOf(await post(served().app, path, body));
    const texts = ['', '', ''];
    const finishes: unknown[] = [];
    for (const event of await eventsOf(await post(served().app, path, { ...body, stream: true }))) {
      if (event === '[DONE]') continue;
      for (const { index, delta, finish_reason } of event.choices) {
        texts[index] += delta!.content ?? '';
        if (finish_reason) finishes[index] = finish_reason;
      }
    }
    expect(texts).toEqual(whole.choices.map(({ message }) => message!.content));
    expect(finishes).toEqual(['length', 'length', 'length']);
  });

  it('stops before a stop string', async () => {
    for (const stop of ['lo w', ['zzz', 'lo w']]) {
      const { app } = served(runnerSaying('Hello world'));
      const { choices } = await answerOf(await post(app, path, chatBody({ stop, max_tokens: 50 })));
      expect(choices[0]).toMatchObject({ message: { content: 'Hel' }, finish_reason: 'stop' });
    }
  });

  it('stops where the template says that the user’s turn begins', async () => {
    const { app } = served(runnerSaying('Hello\nuser: and?'));
    const { choices } = await answerOf(await post(app, path, chatBody({ stop: 'zzz', max_tokens: 50 })));
    expect(choices[0]).toMatchObject({ message: { content: 'Hello' }, finish_reason: 'stop' });
  });

  it('ends at max_tokens, by either name', async () => {
    for (const limit of [{ max_tokens: 3 }, { max_tokens: null, max_completion_tokens: 3 }]) {
      const { app } = served(runnerSaying('Hello'));
      const { choices } = await answerOf(await post(app, path, chatBody(limit)));
      expect(choices[0]).toMatchObject({ message: { content: 'Hel' }, finish_reason: 'length' });
    }
    const differing = chatBody({ max_tokens: 3, max_completion_tokens: 4 });
    expect(await errorOf(await post(served().app, path, differing))).toEqual([
      400,
      'REQUEST_INVALID',
      'max_tokens',
    ]);
  });

  it('gives log-probabilities', async () => {
    const { app } = served(runnerSaying('é'));
    const body = chatBody({ logprobs: true, top_logprobs: 2 });
    const { choices } = await answerOf(await post(app, path, body));
    const [first, second] = bytesOf('é');
    expect(choices[0]!.logprobs).toEqual({
      refusal: null,
      content: [first, second].map((byte) => ({
        token: '�',
        logprob: expect.closeTo(0, 6),
        bytes: [byte],
        top_logprobs: [
          { token: '�', logprob: expect.closeTo(0, 6), bytes: [byte] },
          { token: '\0', logprob: expect.closeTo(-100, 3), bytes: [0] },
        ],
      })),
    });
  });

  it('streams log-probabilities, each token once', async () => {
    const { app } = served(runnerSaying('abc'));
    const events = await eventsOf(
      await post(app, path, chatBody({ logprobs: true, stream: true, stop: ['bx'] })),
    );
    const tokens = events.flatMap((event) => {
      if (event === '[DONE]') return [];
      const logprobs = event.choices[0]!.logprobs as { content: { token: string }[] } | null;
      return [logprobs?.content.map(({ token }) => token) ?? []];
    });
    expect(tokens).toEqual([[], ['a'], ['b', 'c'], []]);
  });

  it('tells how much of the prompt was there already', async () => {
    const { app } = served();
    await post(app, path, chatBody());
    const { usage } = await answerOf(await post(app, path, chatBody()));
    expect(usage!.prompt_tokens_details.cached_tokens).toBe(19);
  });

  it('a later turn reuses the earlier one', async () => {
    const { app } = served(runnerSaying('Hello'));
    await post(app, path, chatBody());
    const messages = [
      { role: 'user', content: 'Hi' },
      { role: 'assistant', content: 'Hello', refusal: null, annotations: [], tool_calls: [], audio: null },
      { role: 'user', content: 'And?' },
    ];
    const { usage } = await answerOf(await post(app, path, { messages, max_tokens: 4 }));
    expect(usage!.prompt_tokens_details.cached_tokens).toBe(chatPromptLength + 'Hello'.length);
  });

  it('takes a model by its id, by an empty name and by none', async () => {
    const { app } = served();
    for (const model of ['tiny', '', null]) {
      expect((await post(app, path, chatBody({ model }))).status).toBe(200);
    }
    expect(await errorOf(await post(app, path, chatBody({ model: 'gpt-4o' })))).toEqual([
      404,
      'MODEL_NOT_FOUND',
      'model',
    ]);
  });

  it('hands the template roles and text', async () => {
    const seen: unknown[] = [];
    const { model } = served();
    const chat = {
      stops: [],
      render: async (input: unknown) => {
        seen.push(input);
        return 'prompt';
      },
    };
    const { app } = served(undefined, { models: () => [{ ...model, chat }] });
    const parts = [
      { type: 'text', text: 'one' },
      { type: 'text', text: 'two' },
    ];
    const messages = [
      { role: 'developer', content: 'be kind' },
      { role: 'user', content: parts, name: 'ann' },
    ];
    expect((await post(app, path, { messages, max_tokens: 1 })).status).toBe(200);
    expect(seen).toEqual([
      {
        messages: [
          { role: 'system', content: 'be kind' },
          { role: 'user', content: 'one\ntwo', name: 'ann' },
        ],
        addGenerationPrompt: true,
      },
    ]);
  });

  it('puts the beginning-of-text token first, once', async () => {
    const { model, runner } = served();
    const prompts = ['\u0001user', 'user'];
    const chat = { stops: [], render: async () => prompts.shift()! };
    const tokenizer = { ...model.tokenizer, bosId: 1, addBos: true } as unknown as Tokenizer;
    const { app } = served(runner, { models: () => [{ ...model, chat, tokenizer }] });
    for (let i = 0; i < 2; i++) {
      const { usage } = await answerOf(await post(app, path, chatBody({ max_tokens: 1 })));
      expect(usage!.prompt_tokens).toBe(5);
    }
  });

  it('a template that refuses is the request’s fault', async () => {
    const { model } = served();
    const chat = {
      stops: [],
      render: async (): Promise<string> => {
        throw new HearthError('TEMPLATE_FAILED', 'roles must alternate');
      },
    };
    const { app } = served(undefined, { models: () => [{ ...model, chat }] });
    expect(await errorOf(await post(app, path, chatBody()))).toEqual([400, 'TEMPLATE_FAILED', null]);
  });

  it('a prompt that fills the context is refused', async () => {
    const { app } = served(new FakeRunner({ contextLength: 20 }));
    expect(await errorOf(await post(app, path, chatBody()))).toEqual([400, 'CONTEXT_FULL', null]);
  });

  it('an error in the middle of a stream ends it, without done', async () => {
    const runner = new FakeRunner({
      beforeStep: (_, stepIndex) => {
        if (stepIndex === 4) throw new HearthError('FIXED_POINT_OVERFLOW', 'saturated');
      },
    });
    const { app, errors, scheduler } = served(runner);
    const events = await eventsOf(await post(app, path, chatBody({ stream: true })));
    expect(events.at(-1)).toMatchObject({ error: { code: 'FIXED_POINT_OVERFLOW', type: 'server_error' } });
    expect(errors).toHaveLength(1);
    expect(scheduler.status.running).toBe(0);
  });

  it('a reader that cancels the stream stops the answers', async () => {
    const { app, scheduler } = served();
    const response = await post(app, path, chatBody({ stream: true, n: 3, max_tokens: 400 }));
    const reader = response.body!.getReader();
    for (let i = 0; i < 5; i++) await reader.read();
    expect(scheduler.status.running).toBe(3);
    await reader.cancel();
    expect(scheduler.status.running).toBe(0);
  });
});
