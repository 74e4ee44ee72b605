import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Conversation } from '../../coordinator/conversations/conversation.ts';
import type { Random } from '../support/random.ts';
import { type Question, streamed } from './stream.ts';

export interface LoadOptions {
  readonly url: string;
  /** Between two requests. */
  readonly pauseMs: number;
  readonly random: Random;
  /** While there is a file of this name nothing is asked. */
  readonly restFile: string | undefined;
}

const patienceMs = 120_000;
const prompts = ['Which is it?', 'What do the neighbours say, and why?', 'Once upon a time'];

/** A client of everything: streams, whole answers, conversations, and answers that nobody waits for. */
export class MixedLoad {
  readonly #options: LoadOptions;
  readonly #first = new Map<string, string>();
  #isOver = false;
  requests = 0;
  /** Answers that were others than the first one to the same question. */
  wrong = 0;
  readonly failures: string[] = [];

  constructor(options: LoadOptions) {
    this.#options = options;
  }

  /** Until `end` is called. */
  async run(): Promise<void> {
    const kinds = [this.#stream, this.#whole, this.#conversation, this.#abandoned, this.#lookAround];
    for (let i = 0; !this.#isOver; i += 1) {
      while (this.isResting && !this.#isOver) await sleep(1_000);
      try {
        await kinds[i % kinds.length]!.call(this);
      } catch (error) {
        this.failures.push(error instanceof Error ? error.message : String(error));
      }
      this.requests += 1;
      await sleep(this.#options.pauseMs);
    }
  }

  end(): void {
    this.#isOver = true;
  }

  get isResting(): boolean {
    const { restFile } = this.#options;
    return restFile !== undefined && existsSync(restFile);
  }

  #question(): Question {
    const { random } = this.#options;
    const prompt = prompts[random.integer(prompts.length)]!;
    return { prompt, seed: random.integer(3), max_tokens: 16 };
  }

  async #stream(): Promise<void> {
    const question = this.#question();
    const pieces = await streamed(this.#options.url, question, () => {});
    this.#check(`stream ${JSON.stringify(question)}`, pieces.join(''));
  }

  async #whole(): Promise<void> {
    const { prompt, ...options } = this.#question();
    const body = { ...options, messages: [{ role: 'user', content: prompt }] };
    const answer = await this.#call<{ choices: unknown }>('POST', '/v1/chat/completions', body);
    this.#check(`chat ${JSON.stringify(body)}`, JSON.stringify(answer.choices));
  }

  /** Said, answered, written out and forgotten. */
  async #conversation(): Promise<void> {
    const settings = { max_tokens: 16, temperature: 0 };
    const { id } = await this.#call<Conversation>('POST', '/api/conversations', { settings });
    const path = `/api/conversations/${id}`;
    await this.#call('POST', `${path}/ask`, { parent: null, text: prompts[0]! });
    const endMs = Date.now() + patienceMs;
    for (;;) {
      const { messages } = await this.#call<Conversation>('GET', path);
      const { answer, text } = messages.at(-1)!;
      if (answer?.state === 'done') {
        this.#check('conversation', text);
        break;
      }
      if (answer?.state !== 'answering' || Date.now() > endMs)
        throw new Error(`an answer is ${answer?.state}`);
      await sleep(100);
    }
    await this.#call('GET', '/api/export');
    await this.#call('DELETE', path);
  }

  /** The client goes away in the middle. */
  async #abandoned(): Promise<void> {
    const body = JSON.stringify({ ...this.#question(), max_tokens: 40, stream: true });
    const response = await fetch(`${this.#options.url}/v1/completions`, { method: 'POST', body });
    const reader = response.body!.getReader();
    await reader.read();
    await reader.cancel();
  }

  async #lookAround(): Promise<void> {
    for (const path of ['/v1/models', '/v1/cluster/devices', '/v1/cluster/state', '/v1/cluster/plan'])
      await this.#call('GET', path);
    const { tokens } = await this.#call<{ tokens: number[] }>('POST', '/tokenize', { content: prompts[1]! });
    await this.#call('POST', '/detokenize', { tokens });
  }

  #check(question: string, answer: string): void {
    const first = this.#first.get(question) ?? answer;
    this.#first.set(question, first);
    if (answer !== first) this.wrong += 1;
  }

  async #call<T>(method: string, path: string, body?: object): Promise<T> {
    const response = await fetch(this.#options.url + path, {
      method,
      ...(body && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(patienceMs),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text.slice(0, 200)}`);
    return JSON.parse(text) as T;
  }
}
