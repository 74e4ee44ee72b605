import type { Hono } from 'hono';
import type { KeyList, KeyStore } from '../../coordinator/access/key-file.ts';
import { KeyRing } from '../../coordinator/access/key-ring.ts';
import { type AppOptions, createApp } from '../../coordinator/http/app.ts';
import type { ChatRenderer, ServedModel } from '../../coordinator/http/served-model.ts';
import { Scheduler, type SchedulerOptions } from '../../coordinator/scheduler/scheduler.ts';
import type { Tokenizer } from '../../runtime/tokenizer/tokenizer.ts';
import { bytesOf, byteVocabSize, byteVocabulary, endToken, FakeRunner } from '../generation/fixtures.ts';
import { hostMath } from '../sampling/fixtures.ts';

/** A token a byte, and one more that ends an answer: as much of a tokenizer as the API uses. */
export const byteTokenizer = {
  size: byteVocabSize,
  bosId: undefined,
  addBos: false,
  encode: (text: string) => bytesOf(text),
  decode: (ids: Iterable<number>) =>
    new TextDecoder().decode(Uint8Array.from([...ids].filter((id) => id !== endToken))),
  tokenBytes: (id: number) => (id === endToken ? new TextEncoder().encode('<end>') : Uint8Array.of(id)),
} as unknown as Tokenizer;

/** `role: content` lines. */
export const plainChat: ChatRenderer = {
  stops: ['\nuser:'],
  render: async ({ messages, addGenerationPrompt }) => {
    const lines = messages.map(({ role, content }) => `${role}: ${content}\n`);
    return lines.join('') + (addGenerationPrompt ? 'assistant: ' : '');
  },
};

/** A key of scope admin, and others in memory. */
export function testKeys(given?: string, now?: () => Date): KeyRing {
  let list: KeyList = { keys: [], removals: 0 };
  const store: KeyStore = {
    read: () => list,
    write: (written) => {
      list = written;
    },
    locked: (task) => task(),
  };
  return new KeyRing(store, given, now);
}

export interface Served {
  readonly app: Hono;
  readonly model: ServedModel;
  readonly runner: FakeRunner;
  readonly scheduler: Scheduler;
  /** Errors that were the server's fault. */
  readonly errors: unknown[];
}

/** An app over a fake runner; `options` go to the app, `schedulerOptions` to its scheduler. */
export function served(
  runner: FakeRunner = new FakeRunner(),
  options: Partial<AppOptions> = {},
  schedulerOptions: Partial<SchedulerOptions> = {},
): Served {
  const vocabulary = byteVocabulary;
  const scheduler = new Scheduler({
    runner,
    vocabulary,
    math: hostMath,
    replayDelayMs: 0,
    ...schedulerOptions,
  });
  const model = {
    id: 'tiny',
    createdSeconds: 1_700_000_000,
    tokenizer: byteTokenizer,
    chat: plainChat,
    scheduler,
  };
  const errors: unknown[] = [];
  const onError = (error: unknown): void => void errors.push(error);
  const defaults = { models: () => [model], randomSeed: () => 7, nowSeconds: () => 1_800_000_000, onError };
  return { app: createApp({ ...defaults, ...options }), model, runner, scheduler, errors };
}

export async function post(
  app: Hono,
  path: string,
  body: unknown,
  headers: HeadersInit = {},
): Promise<Response> {
  return app.request(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
}

/** The parts of an answer that tests look at; absent ones are undefined. */
export interface AnswerBody {
  readonly id: string;
  readonly object: string;
  readonly model: string;
  readonly created: number;
  readonly choices: readonly {
    readonly index: number;
    readonly text?: string;
    readonly message?: { readonly role: string; readonly content: string };
    readonly delta?: { readonly role?: string; readonly content?: string };
    readonly finish_reason: string | null;
    readonly logprobs: unknown;
  }[];
  readonly usage?: {
    readonly prompt_tokens: number;
    readonly completion_tokens: number;
    readonly total_tokens: number;
    readonly prompt_tokens_details: { readonly cached_tokens: number };
  } | null;
  readonly timings?: Readonly<Record<string, number>>;
  readonly error?: {
    readonly code: string;
    readonly message: string;
    readonly type: string;
    readonly param: unknown;
  };
}

export async function answerOf(response: Response): Promise<AnswerBody> {
  return (await response.json()) as AnswerBody;
}

/** Status, code and field of an error. */
export async function errorOf(
  response: Response,
): Promise<[status: number, code: string | undefined, param: unknown]> {
  const { error } = await answerOf(response);
  return [response.status, error?.code, error?.param];
}

/** The values of a stream's events, `[DONE]` as a string. */
export async function eventsOf(response: Response): Promise<(AnswerBody | '[DONE]')[]> {
  const lines = (await response.text()).split('\n\n').filter((line) => line.startsWith('data: '));
  return lines.map((line) => {
    const data = line.slice('data: '.length);
    return data === '[DONE]' ? data : (JSON.parse(data) as AnswerBody);
  });
}

export function chatBody(overrides: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return { messages: [{ role: 'user', content: 'Hi' }], max_tokens: 8, ...overrides };
}

/** Tokens of the prompt that `chatBody` makes. */
export const chatPromptLength = 'user: Hi\nassistant: '.length;
