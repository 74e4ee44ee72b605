import { describe, expect, it } from 'vitest';
import { FakeRunner } from '../generation/fixtures.ts';
import { answerOf, chatBody, errorOf, post, served } from './fixtures.ts';

const chat = '/v1/chat/completions';
const completions = '/v1/completions';

function bodyFor(path: string, fields: object): object {
  return path === chat ? chatBody({ ...fields }) : { prompt: 'a', max_tokens: 2, ...fields };
}

const integers = ['n', 'max_tokens', 'top_k', 'repeat_last_n', 'seed'];
const floats = [
  'temperature',
  'top_p',
  'min_p',
  'presence_penalty',
  'frequency_penalty',
  'repetition_penalty',
  'repeat_penalty',
];
const ofOneRoute: Record<string, string[]> = {
  [chat]: ['max_completion_tokens', 'top_logprobs'],
  [completions]: ['logprobs'],
};

/** JSON as text, since JSON.stringify would not write some of it. */
const badNumbers = [
  '-3',
  '1e300',
  '1e999',
  '-1e999',
  '"1"',
  '""',
  'true',
  '[]',
  '[1]',
  '{}',
  '9007199254740993',
];

describe.each([chat, completions])('numbers of %s', (path) => {
  const whole = [...integers, ...ofOneRoute[path]!];

  it.each([...whole, ...floats])('%s must be a number in its range', async (field) => {
    const { app } = served();
    for (const bad of [...badNumbers, ...(whole.includes(field) ? ['0.5', '1.0000001'] : [])]) {
      // A seed of 2^53 + 1 is no safe integer, and everything else that large is out of range.
      const { [field]: _, ...rest } = bodyFor(path, { logprobs: path === chat ? true : 0 }) as Record<
        string,
        unknown
      >;
      const body = `${JSON.stringify(rest).slice(0, -1)},"${field}":${bad}}`;
      expect([bad, ...(await errorOf(await post(app, path, body)))]).toEqual([
        bad,
        400,
        'REQUEST_INVALID',
        field,
      ]);
    }
    const notANumber = `{"${field}":NaN}`;
    expect((await errorOf(await post(app, path, notANumber))).slice(0, 2)).toEqual([400, 'REQUEST_INVALID']);
  });

  it.each([
    ['n', 0],
    ['n', 17],
    ['max_tokens', 0],
    ['temperature', 2.01],
    ['top_p', 1.01],
    ['min_p', 1.01],
    ['presence_penalty', 2.01],
    ['frequency_penalty', -2.01],
    ['repetition_penalty', 0],
    ['seed', -2],
  ])('%s %d is out of range', async (field, value) => {
    const response = await post(served().app, path, bodyFor(path, { [field]: value }));
    expect(await errorOf(response)).toEqual([400, 'REQUEST_INVALID', field]);
  });

  it.each([
    ['temperature', 0],
    ['temperature', 2],
    ['top_p', 0],
    ['top_p', 1],
    ['top_k', 0],
    ['top_k', 100_000],
    ['min_p', 1],
    ['seed', -1],
    ['seed', Number.MAX_SAFE_INTEGER],
    ['presence_penalty', -2],
    ['frequency_penalty', 2],
    ['repetition_penalty', 1.5],
    ['repeat_penalty', 1.5],
    ['repeat_last_n', 0],
    ['max_tokens', 2147483647],
    ['logit_bias', { 97: -100, 98: 100 }],
  ])('%s %j is taken', async (field, value) => {
    const runner = new FakeRunner({ contextLength: 40 });
    expect((await post(served(runner).app, path, bodyFor(path, { [field]: value }))).status).toBe(200);
  });

  it.each([
    ['a bias too strong', { 1: 101 }, 'logit_bias.1'],
    ['a bias that is no number', { 1: 'much' }, 'logit_bias.1'],
    ['a token that is no id', { abc: 1 }, 'logit_bias.abc'],
    ['a negative token', { '-1': 1 }, 'logit_bias.-1'],
    ['a token beyond the vocabulary', { 257: 1 }, 'logit_bias'],
    ['a list', [[1, 1]], 'logit_bias'],
    ['too many', Object.fromEntries(Array.from({ length: 1025 }, (_, i) => [i, 0])), 'logit_bias'],
  ])('logit_bias: refuses %s', async (_, bias, field) => {
    const response = await post(served().app, path, bodyFor(path, { logit_bias: bias }));
    expect(await errorOf(response)).toEqual([400, 'REQUEST_INVALID', field]);
  });

  it.each([
    ['an empty text', ''],
    ['a list with an empty text', ['a', '']],
    ['too many', Array.from({ length: 17 }, () => 'a')],
    ['too long a text', 'a'.repeat(257)],
    ['a number', 1],
    ['half a character', '\ud83d'],
  ])('stop: refuses %s', async (_, stop) => {
    const [status, code, param] = await errorOf(await post(served().app, path, bodyFor(path, { stop })));
    expect([status, code]).toEqual([400, 'REQUEST_INVALID']);
    expect(param).toMatch(/^stop/);
  });
});

describe('effects of fields', () => {
  it('logit_bias, seed and temperature reach the sampler', async () => {
    const text = async (fields: Record<string, unknown>): Promise<string> => {
      const { choices } = await answerOf(await post(served().app, chat, chatBody(fields)));
      return choices[0]!.message!.content;
    };
    expect(await text({ logit_bias: { 122: 100 } })).toBe('zzzzzzzz');
    expect(await text({ temperature: 0, seed: 1 })).toBe(await text({ temperature: 0, seed: 2 }));
    expect(await text({ temperature: 2, seed: 1 })).not.toBe(await text({ temperature: 2, seed: 2 }));
    expect(await text({ seed: -1 })).toBe(await text({ seed: 7 }));
    expect(await text({ top_k: 1, seed: 5 })).toBe(await text({ temperature: 0 }));
  });
});

describe.each([chat, completions])('other fields of %s', (path) => {
  it.each(['unknown', 'max_new_tokens', '__proto__', 'constructor', 'toString', 'n_predict', 'json_schema'])(
    '%s is refused by name',
    async (field) => {
      const body = `${JSON.stringify(bodyFor(path, {})).slice(0, -1)},"${field}":1}`;
      expect(await errorOf(await post(served().app, path, body))).toEqual([
        400,
        'REQUEST_UNSUPPORTED_FIELD',
        field,
      ]);
    },
  );

  it.each([
    'unknown',
    'tools',
    'user',
    'seed',
    'stop',
    'logprobs',
    'logit_bias',
    'stream',
    'n',
    'response_format',
  ])('%s: null is absence', async (field) => {
    expect((await post(served().app, path, bodyFor(path, { [field]: null }))).status).toBe(200);
  });

  it('labels of the client’s own are ignored', async () => {
    const labels = {
      user: 'ann',
      metadata: { run: '1' },
      service_tier: 'auto',
      store: false,
      cache_prompt: true,
    };
    expect((await post(served().app, path, bodyFor(path, labels))).status).toBe(200);
  });

  it.each([
    ['stream', 'yes', 'stream'],
    ['stream_options', { include_usage: true }, 'stream_options'],
    ['model', 3, 'model'],
    ['model', 'x'.repeat(257), 'model'],
  ])('%s: %j is refused', async (field, value, param) => {
    const response = await post(served().app, path, bodyFor(path, { [field]: value }));
    expect(await errorOf(response)).toEqual([400, 'REQUEST_INVALID', param]);
  });

  it('an unknown stream option is refused by name', async () => {
    const body = bodyFor(path, { stream: true, stream_options: { more: true } });
    expect(await errorOf(await post(served().app, path, body))).toEqual([
      400,
      'REQUEST_UNSUPPORTED_FIELD',
      'stream_options.more',
    ]);
  });
});

describe('what the chat route does not do', () => {
  const tool = { type: 'function', function: { name: 'f' } };

  it.each([
    ['tools', [tool]],
    ['tool_choice', 'required'],
    ['functions', [{ name: 'f' }]],
    ['function_call', { name: 'f' }],
    ['response_format', { type: 'json_object' }],
    ['response_format', { type: 'json_schema', json_schema: {} }],
    ['response_format', 'text'],
    ['modalities', ['text', 'audio']],
    ['audio', { voice: 'alloy', format: 'wav' }],
    ['prediction', { type: 'content', content: 'x' }],
    ['reasoning_effort', 'high'],
    ['web_search_options', {}],
    ['store', true],
    ['service_tier', 'flex'],
    ['grammar', 'root ::= "a"'],
    ['mirostat', 2],
  ])('%s: %j is refused by name', async (field, value) => {
    const response = await post(served().app, chat, chatBody({ [field]: value }));
    expect(await errorOf(response)).toEqual([400, 'REQUEST_UNSUPPORTED_FIELD', field]);
  });

  it.each([
    ['tools', []],
    ['tool_choice', 'none'],
    ['parallel_tool_calls', true],
    ['functions', []],
    ['response_format', { type: 'text' }],
    ['modalities', ['text']],
    ['n', 1],
    ['typical_p', 1],
  ])('%s: %j asks for nothing', async (field, value) => {
    expect((await post(served().app, chat, chatBody({ [field]: value }))).status).toBe(200);
  });

  it('top_logprobs needs logprobs', async () => {
    const response = await post(served().app, chat, chatBody({ top_logprobs: 2 }));
    expect(await errorOf(response)).toEqual([400, 'REQUEST_INVALID', 'top_logprobs']);
  });
});

describe('messages', () => {
  const image = { type: 'image_url', image_url: { url: 'data:image/png;base64,' } };

  it.each([
    ['none', undefined, 'REQUEST_INVALID', 'messages'],
    ['an empty list', [], 'REQUEST_INVALID', 'messages'],
    ['text', 'Hi', 'REQUEST_INVALID', 'messages'],
    ['no object', ['Hi'], 'REQUEST_INVALID', 'messages[0]'],
    ['no role', [{ content: 'Hi' }], 'REQUEST_INVALID', 'messages[0].role'],
    ['another role', [{ role: 'king', content: 'Hi' }], 'REQUEST_INVALID', 'messages[0].role'],
    ['no content', [{ role: 'user' }], 'REQUEST_INVALID', 'messages[0].content'],
    ['null content', [{ role: 'assistant', content: null }], 'REQUEST_INVALID', 'messages[0].content'],
    ['a number', [{ role: 'user', content: 1 }], 'REQUEST_INVALID', 'messages[0].content'],
    ['no parts', [{ role: 'user', content: [] }], 'REQUEST_INVALID', 'messages[0].content'],
    [
      'a part without text',
      [{ role: 'user', content: [{ type: 'text' }] }],
      'REQUEST_INVALID',
      'messages[0].content',
    ],
    [
      'an image',
      [{ role: 'user', content: [image] }],
      'REQUEST_UNSUPPORTED_FIELD',
      'messages[0].content[0].type',
    ],
    ['a tool’s answer', [{ role: 'tool', content: 'x' }], 'REQUEST_UNSUPPORTED_FIELD', 'messages[0].role'],
    [
      'a tool call',
      [{ role: 'assistant', content: 'x', tool_calls: [{}] }],
      'REQUEST_UNSUPPORTED_FIELD',
      'messages[0].tool_calls',
    ],
    [
      'an unknown field',
      [{ role: 'user', content: 'x', mood: 'good' }],
      'REQUEST_UNSUPPORTED_FIELD',
      'messages[0].mood',
    ],
  ])('refuse %s', async (_, messages, code, param) => {
    expect(await errorOf(await post(served().app, chat, { messages }))).toEqual([400, code, param]);
  });
});
