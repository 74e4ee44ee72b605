import OpenAI from 'openai';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type HttpServer, startHttpServer } from '../../coordinator/http/server.ts';
import { FakeRunner, saying } from '../generation/fixtures.ts';
import { chatPromptLength, type Served, served, testKeys } from './fixtures.ts';

const messages = [{ role: 'user' as const, content: 'Hi' }];

let server: HttpServer | undefined;

afterEach(async () => {
  await server?.close();
  server = undefined;
});

async function connect(parts: Served, apiKey?: string): Promise<OpenAI> {
  const key = apiKey === undefined ? {} : { keys: testKeys(apiKey) };
  server = await startHttpServer({ models: () => [parts.model], port: 0, ...key });
  return new OpenAI({
    baseURL: `${server.url}/v1`,
    apiKey: apiKey ?? 'none',
    maxRetries: 0,
    timeout: 10_000,
  });
}

/** Answers slowly enough that a client can leave in the middle. */
function slowRunner(): FakeRunner {
  return new FakeRunner({ beforeStep: () => new Promise((resolve) => setTimeout(resolve, 10)) });
}

describe('the openai package as client', () => {
  it('completes a chat', async () => {
    const client = await connect(served(new FakeRunner({ model: saying('Hello', chatPromptLength) })));
    const answer = await client.chat.completions.create({ model: 'tiny', messages });
    expect(answer.choices[0]!.message.content).toBe('Hello');
    expect(answer.choices[0]!.finish_reason).toBe('stop');
    expect(answer.usage).toMatchObject({ prompt_tokens: chatPromptLength, completion_tokens: 6 });
  });

  it('streams a chat with usage', async () => {
    const client = await connect(served(new FakeRunner({ model: saying('Hello', chatPromptLength) })));
    const stream = await client.chat.completions.create({
      model: 'tiny',
      messages,
      stream: true,
      stream_options: { include_usage: true },
    });
    let text = '';
    let usage: unknown;
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? '';
      usage = chunk.usage ?? usage;
    }
    expect(text).toBe('Hello');
    expect(usage).toMatchObject({ completion_tokens: 6 });
  });

  it('has its stream helper agree', async () => {
    const client = await connect(served());
    const settings = {
      model: 'tiny',
      messages,
      seed: 3,
      max_tokens: 20,
      n: 2,
      logprobs: true,
      top_logprobs: 3,
    };
    const streamed = await client.chat.completions.stream(settings).finalChatCompletion();
    const whole = await client.chat.completions.create(settings);
    expect(streamed.choices.map(({ message }) => message.content)).toEqual(
      whole.choices.map(({ message }) => message.content),
    );
    const tokens = whole.choices[0]!.logprobs!.content!;
    expect(tokens).toHaveLength(20);
    expect(tokens[0]!.top_logprobs).toHaveLength(3);
    expect(streamed.choices[0]!.logprobs!.content).toEqual(tokens);
  });

  it('stops at a stop string', async () => {
    const client = await connect(
      served(new FakeRunner({ model: saying('one two three', chatPromptLength) })),
    );
    const answer = await client.chat.completions.create({ model: 'tiny', messages, stop: [' three', 'x'] });
    expect(answer.choices[0]!.message.content).toBe('one two');
  });

  it('completes a text', async () => {
    const client = await connect(served(new FakeRunner({ model: saying('!', 5) })));
    const answer = await client.completions.create({ model: 'tiny', prompt: 'hello', echo: true });
    expect(answer.choices[0]!.text).toBe('hello!');
    const stream = await client.completions.create({
      model: 'tiny',
      prompt: 'hello',
      stream: true,
      logprobs: 2,
    });
    let text = '';
    for await (const chunk of stream) text += chunk.choices[0]!.text;
    expect(text).toBe('!');
  });

  it('lists and shows models', async () => {
    const client = await connect(served());
    const listed = await client.models.list();
    expect(listed.data.map(({ id }) => id)).toEqual(['tiny']);
    expect((await client.models.retrieve('tiny')).owned_by).toBe('hearth');
  });

  it('throws the error classes that its users catch', async () => {
    const client = await connect(served());
    const ask = (overrides: object): Promise<unknown> =>
      client.chat.completions.create({ model: 'tiny', messages, ...overrides });
    await expect(ask({ temperature: 9 })).rejects.toBeInstanceOf(OpenAI.BadRequestError);
    await expect(ask({ model: 'other' })).rejects.toBeInstanceOf(OpenAI.NotFoundError);
    await expect(ask({ tools: [{ type: 'function', function: { name: 'f' } }] })).rejects.toMatchObject({
      status: 400,
      code: 'REQUEST_UNSUPPORTED_FIELD',
      param: 'tools',
      type: 'invalid_request_error',
    });
  });

  it('sends an API key, or learns that it should', async () => {
    const client = await connect(served(), 'sesame');
    expect((await client.models.list()).data).toHaveLength(1);
    const stranger = client.withOptions({ apiKey: 'wrong' });
    await expect(stranger.models.list()).rejects.toBeInstanceOf(OpenAI.AuthenticationError);
  });

  it('a stream that it aborts stops the answer and frees the slot', async () => {
    const parts = served(slowRunner());
    const client = await connect(parts);
    const stream = await client.chat.completions.create({
      model: 'tiny',
      messages,
      max_tokens: 480,
      stream: true,
    });
    let chunks = 0;
    for await (const _ of stream) {
      if (++chunks < 4) continue;
      expect(parts.scheduler.status.running).toBe(1);
      stream.controller.abort();
    }
    await vi.waitFor(
      () => expect(parts.scheduler.status).toMatchObject({ running: 0, reservedKvPages: 0 }),
      5000,
    );
    const stepsThen = parts.runner.steps.length;
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(parts.runner.steps.length).toBe(stepsThen);
    expect(stepsThen).toBeLessThan(100);
  });

  it('an answer that it no longer waits for stops, before and after the first token', async () => {
    const parts = served(slowRunner());
    const client = await connect(parts);
    const cancel = new AbortController();
    const asked = client.chat.completions.create(
      { model: 'tiny', messages, max_tokens: 480, n: 3 },
      { signal: cancel.signal },
    );
    await vi.waitFor(() => expect(parts.scheduler.status.running).toBe(3), 5000);
    cancel.abort();
    await expect(asked).rejects.toBeInstanceOf(OpenAI.APIUserAbortError);
    await vi.waitFor(() => expect(parts.scheduler.status).toMatchObject({ running: 0, waiting: 0 }), 5000);
    expect(parts.runner.steps.length).toBeLessThan(200);
  });

  it('many at once get what each gets alone', async () => {
    const parts = served();
    const client = await connect(parts);
    const ask = async (seed: number): Promise<string | null> => {
      const answer = await client.chat.completions.create({ model: 'tiny', messages, seed, max_tokens: 24 });
      return answer.choices[0]!.message.content;
    };
    const seeds = Array.from({ length: 12 }, (_, i) => i);
    const together = await Promise.all(seeds.map(ask));
    const alone: (string | null)[] = [];
    for (const seed of seeds) alone.push(await ask(seed));
    expect(together).toEqual(alone);
    expect(Math.max(...parts.runner.steps.map((step) => step.length))).toBeGreaterThan(1);
  });
});
