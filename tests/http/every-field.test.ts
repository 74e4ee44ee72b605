import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RateLimit } from '../../coordinator/access/rate-limit.ts';
import { type House, house, ownerKey, routesOf } from './every-route.ts';
import { everySamplingField } from './every-sampling-field.ts';

let home: House;
let exported: object;
const generous = { burst: 1e6, perSecond: 1e6 };

beforeAll(async () => {
  home = await house({ requests: new RateLimit(generous) });
  const path = `/api/conversations/${home.said.id}/export`;
  await settled();
  exported = (await (await home.app.request(path, { headers })).json()) as object;
});
afterAll(() => home.close());

/** A body with every field that a route takes. */
function bodies(): Record<string, object> {
  const { id, question, answer } = home.said;
  const at = `/api/conversations/${id}`;
  const settings = {
    system: 'Be brief.',
    temperature: 1,
    top_k: 2,
    top_p: 0.5,
    min_p: 0.1,
    repetition_penalty: 1.1,
    repeat_last_n: 4,
    presence_penalty: 0.1,
    frequency_penalty: 0.1,
    max_tokens: 2,
    seed: 1,
    stop: ['x'],
  };
  return {
    'POST /v1/chat/completions': {
      ...everySamplingField,
      messages: [{ role: 'user', content: [{ type: 'text', text: 'Hi' }], name: 'me' }],
      max_completion_tokens: 2,
      logprobs: true,
      top_logprobs: 1,
    },
    'POST /v1/completions': { ...everySamplingField, prompt: [97], echo: false, logprobs: 1 },
    'POST /tokenize': {
      model: 'tiny',
      content: 'a',
      add_special: true,
      parse_special: true,
      with_pieces: true,
    },
    'POST /detokenize': { model: 'tiny', tokens: [97] },
    'POST /api/conversations': { settings },
    [`PATCH ${at}`]: { title: 'x', settings, leaf: answer },
    [`POST ${at}/ask`]: { parent: null, text: 'Hi' },
    [`POST ${at}/answer-again`]: { message: question },
    [`POST ${at}/continue`]: { message: answer },
    [`POST ${at}/stop`]: {},
    'POST /api/import': exported,
  };
}

/** Each way into a value: `messages`, `messages.0`, `messages.0.role`. */
function pathsIn(value: unknown, path: string[] = []): string[][] {
  if (typeof value !== 'object' || value === null) return [path];
  const inner = Object.entries(value).flatMap(([key, child]) => pathsIn(child, [...path, key]));
  return path.length > 0 ? [path, ...inner] : inner;
}

/** The body as JSON, with other JSON at one place of it. */
function withJson(body: object, path: readonly string[], json: string): string {
  const copy = structuredClone(body) as Record<string, unknown>;
  const parent = path.slice(0, -1).reduce((at, key) => at[key] as Record<string, unknown>, copy);
  parent[path.at(-1)!] = '@here@';
  return JSON.stringify(copy).replace('"@here@"', () => json);
}

const hostile = [
  '-1',
  '-9223372036854775809',
  '9007199254740993',
  '4294967296',
  '1e308',
  '1e999',
  '-1e999',
  '0.1',
  'null',
  'true',
  '""',
  '"\\u0000"',
  '"\\ud800"',
  '"../../../etc/passwd"',
  '"{{ 7 * 7 }}{% for i in range(1e9) %}{% endfor %}"',
  '[]',
  '{}',
  '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}',
  `${'['.repeat(5000)}${']'.repeat(5000)}`,
  JSON.stringify('x'.repeat(300_000)),
];

const never = ['-9223372036854775809', '1e308', '1e999', '-1e999'];

const headers = { host: 'localhost', authorization: `Bearer ${ownerKey}` };

async function send(route: string, body: string): Promise<{ status: number; code?: string; param?: string }> {
  const [method, path] = route.split(' ') as [string, string];
  const response = await home.app.request(path, { method, headers, body });
  const text = await response.text();
  if (response.ok) return { status: response.status };
  const { error } = JSON.parse(text) as { error: { code: string; param: string } };
  return { status: response.status, ...error };
}

/** An answer under way refuses the next one, which is then not looked at. */
async function settled(): Promise<void> {
  const path = `/api/conversations/${home.said.id}/stop`;
  await home.app.request(path, { method: 'POST', headers, body: '{}' });
}

describe('every field of every body', () => {
  it('is in these', async () => {
    const taking = routesOf(home.app).filter(
      ({ method, path }) => /POST|PATCH/.test(method) && !/^\/session$|\/(pause|resume)$/.test(path),
    );
    const listed = Object.keys(bodies()).map((route) => route.replace(home.said.id, 'some-id'));
    expect(listed.toSorted()).toEqual(taking.map(({ method, path }) => `${method} ${path}`).toSorted());
    for (const [route, body] of Object.entries(bodies())) {
      await settled();
      const { status, code } = await send(route, JSON.stringify(body));
      // An answer that has come to its own end is not continued.
      const isOver = route.endsWith('/continue') && code === 'REQUEST_INVALID';
      expect([isOver || status < 300, route, code], route).toEqual([true, route, isOver ? code : undefined]);
    }
  });

  it('takes anything without harm: an answer, or an error that has a code', {
    timeout: 120_000,
  }, async () => {
    for (const [route, body] of Object.entries(bodies())) {
      for (const path of pathsIn(body)) {
        for (const json of hostile) {
          await settled();
          const { status, code } = await send(route, withJson(body, path, json));
          const where = `${route} ${path.join('.')} ${json.slice(0, 40)}`;
          expect([where, code, status < 500], where).toEqual([where, code, true]);
        }
      }
    }
    expect(home.errors).toEqual([]);
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
    const { scheduler } = home;
    await expect.poll(() => scheduler.status).toMatchObject({ running: 0, waiting: 0, reservedKvPages: 0 });
  });

  it('that is a number is refused by name where no number is so large', async () => {
    for (const [route, body] of Object.entries(bodies())) {
      const numbers = pathsIn(body).filter(
        (path) =>
          typeof path.reduce((at: unknown, key) => (at as Record<string, unknown>)[key], body) === 'number',
      );
      for (const path of numbers) {
        for (const json of never) {
          const { status, param } = await send(route, withJson(body, path, json));
          expect([route, path, json, status, param]).toEqual([
            route,
            path,
            json,
            400,
            expect.stringContaining(path[0]!),
          ]);
        }
      }
    }
  });

  it.each(['?add=phone&add=nonsense', `?${'add=phone&'.repeat(17)}`, '?goal=-1', '?goal=__proto__'])(
    'of a query is looked at: %s',
    async (query) => {
      const response = await home.app.request(`/v1/cluster/plan${query}`, { headers });
      expect(response.status).toBe(400);
    },
  );
});
