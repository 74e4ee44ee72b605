import { METHODS } from 'node:http';
import { RateLimit } from '../../../coordinator/access/rate-limit.ts';
import { TemplateRenderer } from '../../../coordinator/chat/template-renderer.ts';
import type { ChatRenderer } from '../../../coordinator/http/served-model.ts';
import { buildWorker } from '../../chat/build-worker.ts';
import { type House, house, ownerKey, routesOf } from '../../http/every-route.ts';
import { everySamplingField } from '../../http/every-sampling-field.ts';
import { textMutator } from '../mutate-text.ts';
import { mutateValue } from '../mutate-value.ts';
import { bytesOfText, type Mutate, type Target, textOfBytes } from '../target.ts';
import { chatMl } from './template.ts';

/** What is said in a house is forgotten after so many requests. */
const requestsOfAHouse = 400;
const generous = { burst: 1e9, perSecond: 1e9 };
/** Stands for ids that another house has too. */
const [conversation, question, answer] = ['CONVERSATION', 'QUESTION', 'ANSWER'];

const settings = { system: 'Be brief.', temperature: 1, max_tokens: 2, seed: 1, stop: ['x'] };
const messages = [
  { role: 'system', content: 'You are kind.' },
  { role: 'user', content: [{ type: 'text', text: 'Hi' }], name: 'me' },
];

const bodies: Readonly<Record<string, object>> = {
  'POST /v1/chat/completions': { ...everySamplingField, messages, logprobs: true, top_logprobs: 1 },
  'POST /v1/completions': { ...everySamplingField, prompt: [97], logprobs: 1 },
  'POST /tokenize': {
    model: 'tiny',
    content: 'a',
    add_special: true,
    parse_special: true,
    with_pieces: true,
  },
  'POST /detokenize': { model: 'tiny', tokens: [97] },
  'POST /api/conversations': { settings },
  [`PATCH /api/conversations/${conversation}`]: { title: 'x', settings, leaf: answer },
  [`POST /api/conversations/${conversation}/ask`]: { parent: null, text: 'Hi' },
  [`POST /api/conversations/${conversation}/answer-again`]: { message: question },
  [`POST /api/conversations/${conversation}/continue`]: { message: answer },
  [`POST /api/conversations/${conversation}/stop`]: {},
  'POST /api/import': {
    format: 'hearth-conversations',
    version: 1,
    conversations: [
      {
        id: '00000000-0000-4000-8000-000000000001',
        title: 'A talk',
        createdAt: '2026-11-23T10:00:00.000Z',
        changedAt: '2026-11-23T10:00:00.000Z',
        settings,
        leaf: 'm1',
        messages: [
          { id: 'm1', parent: null, role: 'user', text: 'Hi', createdAt: '2026-11-23T10:00:00.000Z' },
        ],
      },
    ],
  },
  'POST /v1/cluster/pause': { device: 'den', paused: true },
  'POST /session': { key: ownerKey },
};

/** Requests to every route, of somebody who may do all. */
export async function httpTarget(): Promise<Target> {
  const renderer = new TemplateRenderer({ workerPath: await buildWorker() });
  const chat: ChatRenderer = {
    stops: [],
    render: (input) => renderer.render(chatMl, { ...input, bosToken: '', eosToken: '', nowMs: 0 }),
  };
  let home = await open(chat);
  let requests = 0;
  const routes = routesOf(home.app).map(
    ({ method, path }) => `${method} ${path.replace('some-id', conversation)}`,
  );
  const seeds = [
    ...Object.entries(bodies).map(([route, body]) => seed(route, JSON.stringify(body))),
    ...[...new Set(routes)].filter((route) => !Object.hasOwn(bodies, route)).map((route) => seed(route, '')),
  ];
  return {
    seeds,
    mutate: mutateRequest,
    read: async (input) => {
      requests += 1;
      if (requests % requestsOfAHouse === 0) {
        await home.close();
        home = await open(chat);
      }
      return send(home, input);
    },
    close: async () => {
      await home.close();
      await renderer.close();
    },
  };
}

async function open(chat: ChatRenderer): Promise<House> {
  const home = await house({ requests: new RateLimit(generous) });
  Object.assign(home.model, { chat });
  return home;
}

const seed = (route: string, body: string): Uint8Array =>
  bytesOfText(`${route}\nhost: localhost\nauthorization: Bearer ${ownerKey}\n\n${body}`);

const words = [
  'GET',
  'PATCH',
  'DELETE',
  'OPTIONS',
  ' /',
  '?',
  '&after=',
  '#',
  '%2f',
  '{',
  '}',
  '[',
  ':',
  'origin: http://localhost\n',
  'content-length: 99999999\n',
  'accept: text/html\n',
  '../',
  'some-id',
  conversation,
];
const mutateWords = textMutator(words);

/** Mostly of the fields in a body, and else of anything in the request. */
const mutateRequest: Mutate = (input, random, another) => {
  const text = textOfBytes(input);
  const at = text.indexOf('\n\n') + 2;
  if (random.integer(4) === 0 || at < 2) return mutateWords(input, random, another);
  try {
    return bytesOfText(text.slice(0, at) + JSON.stringify(mutateValue(JSON.parse(text.slice(at)), random)));
  } catch {
    return mutateWords(input, random, another);
  }
};

async function send({ app, said, errors }: House, input: Uint8Array): Promise<string> {
  const text = textOfBytes(input)
    .replaceAll(conversation, said.id)
    .replaceAll(question, said.question)
    .replaceAll(answer, said.answer);
  const at = text.indexOf('\n\n');
  const [first = '', ...lines] = (at < 0 ? text : text.slice(0, at)).split('\n');
  const [method = '', path = ''] = first.split(' ');
  // Others are refused by Node's own parser.
  if (!METHODS.includes(method)) return 'no request';
  const gone = new AbortController();
  let request: Request;
  try {
    const headers = lines.map((line): [string, string] => [
      line.split(':')[0]!,
      line.slice(line.indexOf(':') + 1),
    ]);
    const body = ['GET', 'HEAD'].includes(method) || at < 0 ? {} : { body: text.slice(at + 2) };
    request = new Request(`http://localhost${path}`, { method, headers, ...body, signal: gone.signal });
  } catch {
    // None that a server would hand on.
    return 'no request';
  }
  const response = await app.request(request);
  const isEndless = method === 'GET' && response.headers.get('content-type')?.startsWith('text/event-stream');
  if (isEndless) {
    const reader = response.body!.getReader();
    await reader.read();
    gone.abort();
    await reader.cancel();
  } else await response.text();
  const [error] = errors.splice(0);
  if (error !== undefined || response.status === 500) throw error ?? new Error('it answers 500');
  return `${path.split('/').slice(0, 3).join('/').slice(0, 20)} ${response.status}`;
}
