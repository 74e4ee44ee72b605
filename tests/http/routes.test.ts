import { describe, expect, it, vi } from 'vitest';
import { JsonBodies } from '../../coordinator/http/json-bodies.ts';
import { HearthError } from '../../runtime/error.ts';
import { FakeRunner } from '../generation/fixtures.ts';
import { answerOf, chatBody, errorOf, post, served } from './fixtures.ts';

describe('routes', () => {
  it('/ says where the API is', async () => {
    expect(await (await served().app.request('/')).text()).toContain('/v1');
  });

  it('/health is 503 while loading, then 200', async () => {
    const loading = served(undefined, { models: () => [] });
    const response = await loading.app.request('/health');
    expect(response.headers.get('retry-after')).toBe('1');
    expect(await errorOf(response)).toEqual([503, 'SERVER_LOADING', null]);
    expect(await errorOf(await post(loading.app, '/v1/chat/completions', chatBody()))).toEqual([
      503,
      'SERVER_LOADING',
      null,
    ]);
    const ready = await served().app.request('/health');
    expect([ready.status, await ready.json()]).toEqual([200, { status: 'ok' }]);
  });

  it('/v1/models lists and shows', async () => {
    const { app } = served();
    const tiny = {
      id: 'tiny',
      object: 'model',
      created: 1_700_000_000,
      owned_by: 'hearth',
      meta: { n_vocab: 257, n_ctx: 512 },
    };
    expect(await (await app.request('/v1/models')).json()).toEqual({ object: 'list', data: [tiny] });
    expect(await (await app.request('/v1/models/tiny')).json()).toEqual(tiny);
    expect(await errorOf(await app.request('/v1/models/other'))).toEqual([404, 'MODEL_NOT_FOUND', 'model']);
  });

  it('finds a model whose id holds slashes', async () => {
    const { model } = served();
    const { app } = served(undefined, { models: () => [{ ...model, id: 'org/model' }] });
    expect((await app.request('/v1/models/org/model')).status).toBe(200);
    expect((await app.request('/v1/models/org%2Fmodel')).status).toBe(200);
  });

  it.each(['/nowhere', '/v1', '/v1/embeddings', '/v1/chat', '/tokenize/'])(
    '%s is not found',
    async (path) => {
      expect(await errorOf(await served().app.request(path))).toEqual([404, 'ROUTE_NOT_FOUND', null]);
    },
  );

  it.each([
    ['GET', '/v1/chat/completions', 'POST'],
    ['DELETE', '/v1/models', 'GET'],
    ['PUT', '/tokenize', 'POST'],
    ['POST', '/health', 'GET'],
  ])('%s %s is not allowed', async (method, path, allowed) => {
    const response = await served().app.request(path, { method });
    expect(response.headers.get('allow')).toBe(allowed);
    expect(await errorOf(response)).toEqual([405, 'METHOD_NOT_ALLOWED', null]);
  });
});

describe('bodies', () => {
  const paths = ['/v1/chat/completions', '/v1/completions', '/tokenize', '/detokenize'];

  it.each(paths)('%s refuses what is no JSON object', async (path) => {
    const { app, errors } = served();
    for (const body of ['', '{', 'null', '[]', '1', '"text"', '{"a":1}}', '{"messages":NaN}', '\u0000']) {
      expect(await errorOf(await post(app, path, body))).toEqual([400, 'REQUEST_INVALID', null]);
    }
    const notUtf8 = await app.request(path, { method: 'POST', body: Uint8Array.of(0x7b, 0xff, 0x7d) });
    expect(await errorOf(notUtf8)).toEqual([400, 'REQUEST_INVALID', null]);
    expect(errors).toEqual([]);
  });

  it.each(paths)('%s refuses a body over the limit, announced or not', async (path) => {
    const { app } = served(undefined, { bodies: new JsonBodies({ maxBytes: 1000 }) });
    const body = JSON.stringify({ content: 'x'.repeat(1000) });
    expect(await errorOf(await post(app, path, body))).toEqual([413, 'REQUEST_TOO_LARGE', null]);
    const parts = new Blob([body]).stream();
    const streamed = new Request(`http://localhost${path}`, {
      method: 'POST',
      body: parts,
      duplex: 'half',
    } as RequestInit);
    expect(await errorOf(await app.request(streamed))).toEqual([413, 'REQUEST_TOO_LARGE', null]);
    const lying = await app.request(path, { method: 'POST', body, headers: { 'content-length': '2' } });
    expect(lying.status).toBe(413);
  });

  it('survive deep nesting', async () => {
    const deep = `{"messages":${'['.repeat(100_000)}${']'.repeat(100_000)}}`;
    expect((await errorOf(await post(served().app, '/v1/chat/completions', deep)))[0]).toBe(400);
  });
});

describe('errors', () => {
  it('of a busy server say when to come back', async () => {
    let letGo = (): void => {};
    const held = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    const runner = new FakeRunner({ maxSequences: 1, beforeStep: () => held });
    const { app, scheduler } = served(runner, {}, { maxWaiting: 1 });
    const stuck = post(app, '/v1/chat/completions', chatBody({ max_tokens: 400 }));
    await vi.waitFor(() => expect(scheduler.status.running).toBe(1));
    const response = await post(app, '/v1/chat/completions', chatBody({ n: 4 }));
    expect(response.headers.get('retry-after')).toBe('2');
    expect(await errorOf(response)).toEqual([503, 'SERVER_BUSY', null]);
    // None of the four is left behind.
    expect(scheduler.status.waiting).toBe(0);
    const closed = scheduler.close();
    letGo();
    await closed;
    expect((await stuck).status).toBe(499);
  });

  it('of a device that left are passing', async () => {
    const lost = (): never => {
      throw new HearthError('DEVICE_LOST', 'a device left');
    };
    const { app, errors } = served(new FakeRunner({ beforeStep: lost }));
    const response = await post(app, '/v1/completions', { prompt: 'a' });
    expect(response.headers.get('retry-after')).toBe('2');
    expect(await errorOf(response)).toEqual([503, 'DEVICE_LOST', null]);
    expect(errors).toEqual([]);
  });

  it('unforeseen tell the client nothing, and the log everything', async () => {
    const secret = new Error('what somebody asked');
    const { app, errors } = served(
      new FakeRunner({
        beforeStep: () => {
          throw secret;
        },
      }),
    );
    const response = await post(app, '/v1/completions', { prompt: 'a' });
    expect([response.status, await answerOf(response)]).toEqual([
      500,
      {
        error: {
          code: 'INTERNAL',
          message: 'an internal error; see the log',
          type: 'server_error',
          param: null,
        },
      },
    ]);
    expect(errors).toEqual([secret]);
  });
});
