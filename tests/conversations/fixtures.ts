import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Hono } from 'hono';
import type { Conversation, Message } from '../../coordinator/conversations/conversation.ts';
import { ConversationShelf } from '../../coordinator/conversations/conversation-shelf.ts';
import { Conversations } from '../../coordinator/conversations/conversations.ts';
import type { ConversationEvent } from '../../coordinator/conversations/watch-conversation.ts';
import { askChat } from '../../coordinator/http/ask-chat.ts';
import type { Scheduler } from '../../coordinator/scheduler/scheduler.ts';
import { HearthError } from '../../runtime/error.ts';
import { bytesOf, certain, endToken, type FakeModel, FakeRunner } from '../generation/fixtures.ts';
import { served } from '../http/fixtures.ts';

/** Says what it was asked last, word for word, going on from what its answer has begun with. */
export const echo: FakeModel = (tokens) => {
  const prompt = new TextDecoder().decode(Uint8Array.from(tokens));
  const at = prompt.lastIndexOf('assistant: ') + 'assistant: '.length;
  const question = /user: (.*)\n$/s.exec(prompt.slice(0, at - 'assistant: '.length))?.[1] ?? '';
  const said = bytesOf(prompt.slice(at)).length;
  return certain(bytesOf(`You said: ${question.split('\nuser: ').at(-1)}.`)[said] ?? endToken);
};

/** A runner that waits before its steps until it is let go on. */
export class Gate {
  #open = Promise.resolve();
  #let = (): void => {};

  close(): void {
    this.#open = new Promise((resolve) => {
      this.#let = resolve;
    });
  }

  open(): void {
    this.#let();
    this.#open = Promise.resolve();
  }

  pass = (): Promise<void> => this.#open;
}

/** A server with conversations in a folder of their own. */
export class Talk {
  readonly app: Hono;
  readonly conversations: Conversations;
  readonly scheduler: Scheduler;
  readonly errors: unknown[] = [];
  readonly gate = new Gate();
  readonly folder: string;
  /** Bytes, which here are tokens, that an answer gets before the gate is looked at. */
  stepsBeforeGate = 0;
  /** Why the model's answers are not exact, if they are not. */
  notExact: string | undefined;
  readonly #loseCaches: () => void;
  #isDistrusted = false;

  constructor(folder = mkdtempSync(join(tmpdir(), 'hearth-talk-')), model: FakeModel = echo) {
    this.folder = folder;
    let left = -1;
    const runner = new FakeRunner({
      model,
      maxStepTokens: 256,
      beforeStep: () => {
        if (this.stepsBeforeGate > 0) left = this.stepsBeforeGate;
        this.stepsBeforeGate = 0;
        if (left-- > 0) return;
        return this.gate.pass().then(() => {
          if (!this.#isDistrusted) return;
          this.#isDistrusted = false;
          throw new HearthError('DEVICE_LOST', 'a device was wrong');
        });
      },
    });
    this.#loseCaches = () => runner.loseCaches();
    const onError = (error: unknown): void => void this.errors.push(error);
    const asking = askChat(() => [
      { ...api.model, devices: () => ['den', 'phone'], notExact: this.notExact },
    ]);
    const shelf = new ConversationShelf(folder, onError);
    this.conversations = new Conversations({ shelf, asking, onError });
    const api = served(runner, { conversations: this.conversations, onError });
    this.app = api.app;
    this.scheduler = api.model.scheduler;
  }

  async send(method: string, path: string, body?: unknown, headers: HeadersInit = {}): Promise<Response> {
    const given = body === undefined ? {} : { body: JSON.stringify(body) };
    return this.app.request(`/api/${path}`, { method, headers: { host: 'localhost', ...headers }, ...given });
  }

  /** @throws if the answer is an error */
  async call<T = unknown>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await this.send(method, path, body);
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return JSON.parse(text) as T;
  }

  async create(settings: object = {}): Promise<string> {
    return (await this.call<Conversation>('POST', 'conversations', { settings })).id;
  }

  get(id: string): Promise<Conversation> {
    return this.call('GET', `conversations/${id}`);
  }

  ask(id: string, text: string, parent: string | null = null): Promise<unknown> {
    return this.call('POST', `conversations/${id}/ask`, { parent, text });
  }

  /** Waits for the answer that is under way. */
  async answered(id: string): Promise<Message> {
    const reader = await Reader.open(this, id);
    const leaf = await reader.until(() => {
      const message = reader.messages.get(reader.leaf ?? '');
      return message?.answer && message.answer.state !== 'answering' ? message : undefined;
    });
    await reader.close();
    return leaf;
  }

  /** A device has computed wrongly; the step at the gate fails. */
  distrust(): void {
    this.#isDistrusted = true;
    this.#loseCaches();
    this.scheduler.startOver();
    this.gate.open();
  }

  async close(): Promise<void> {
    this.gate.open();
    await this.conversations.close();
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A page, as far as its data goes: it applies events, and can lose its connection. */
export class Reader {
  readonly messages = new Map<string, Message>();
  readonly events: ConversationEvent[] = [];
  leaf: string | null = null;
  cursor: string | undefined;
  #body: ReadableStreamDefaultReader<Uint8Array>;
  #pending = '';

  private constructor(body: ReadableStreamDefaultReader<Uint8Array>) {
    this.#body = body;
  }

  static async open(talk: Talk, id: string): Promise<Reader> {
    return new Reader(await Reader.#connect(talk, id, ''));
  }

  static async #connect(talk: Talk, id: string, query: string) {
    const response = await talk.send('GET', `conversations/${id}/events${query}`);
    if (!response.ok) throw new Error(await response.text());
    return response.body!.getReader();
  }

  /** Connects again, from where it was. */
  async resume(talk: Talk, id: string): Promise<void> {
    this.#pending = '';
    this.#body = await Reader.#connect(talk, id, `?after=${this.cursor}`);
  }

  /** Reads on until `found` gives something. @throws if the stream ends before */
  async until<T>(found: () => T | undefined): Promise<T> {
    for (;;) {
      const value = found();
      if (value !== undefined) return value;
      if (!(await this.next())) throw new Error(`the stream ended: ${this.#pending}`);
    }
  }

  /** Reads one event. @returns whether there was one */
  async next(): Promise<boolean> {
    for (;;) {
      const end = this.#pending.indexOf('\n\n');
      if (end >= 0) {
        const line = this.#pending.slice(0, end);
        this.#pending = this.#pending.slice(end + 2);
        if (line === 'data: [DONE]') return false;
        if (line.startsWith('data: ')) return this.#apply(JSON.parse(line.slice(6)));
      } else {
        const { done, value } = await this.#body.read();
        if (done) return false;
        this.#pending += new TextDecoder().decode(value);
      }
    }
  }

  close(): Promise<void> {
    return this.#body.cancel();
  }

  #apply(event: ConversationEvent): true {
    this.events.push(event);
    this.cursor = event.cursor;
    if ('head' in event) {
      this.leaf = event.head.leaf;
      for (const message of event.messages) this.messages.set(message.id, message);
    } else {
      const message = this.messages.get(event.message)!;
      if (event.offset !== message.text.length) throw new Error(`text at ${event.offset} of ${message.text}`);
      const answer = { ...message.answer!, ...event.answer };
      this.messages.set(message.id, { ...message, text: message.text + event.text, answer });
    }
    return true;
  }
}
