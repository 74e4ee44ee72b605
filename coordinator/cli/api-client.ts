import { HearthError } from '../../runtime/error.ts';

/** More of a chat answer. */
export interface ChatPiece {
  readonly text: string;
  /** Why the answer is not exact; told with its end. */
  readonly notExact?: string | undefined;
}

/** A running coordinator, as the command line speaks to it. */
export class ApiClient {
  readonly #url: string;
  readonly #apiKey: string | undefined;

  constructor(url: string, apiKey: string | undefined) {
    this.#url = url.replace(/\/+$/, '').replace(/\/v1$/, '');
    this.#apiKey = apiKey;
  }

  /** @throws HearthError JOIN_FAILED; REQUEST_INVALID with the server's words */
  async get(path: string): Promise<unknown> {
    const response = await this.#fetch(path, {});
    return response.json();
  }

  /** @throws as `get` */
  async delete(path: string): Promise<unknown> {
    const response = await this.#fetch(path, { method: 'DELETE' });
    return response.json();
  }

  /** Asks for something that takes no more than its path. @throws as `get` */
  async post(path: string): Promise<unknown> {
    const response = await this.#fetch(path, { method: 'POST' });
    return response.json();
  }

  /**
   * A chat answer as it comes.
   * @param exact refuses answers that are not
   */
  async *chat(messages: readonly object[], exact: boolean, signal: AbortSignal): AsyncGenerator<ChatPiece> {
    const body = JSON.stringify({ messages, stream: true, ...(exact && { exact }) });
    const response = await this.#fetch('/v1/chat/completions', {
      method: 'POST',
      body,
      signal,
      headers: { 'content-type': 'application/json' },
    });
    for await (const data of serverSentEvents(response)) {
      if (data === '[DONE]') return;
      const chunk = JSON.parse(data);
      if (chunk.error) throw new HearthError('REQUEST_INVALID', String(chunk.error.message));
      yield { text: chunk.choices?.[0]?.delta?.content ?? '', notExact: chunk.not_exact };
    }
  }

  async #fetch(path: string, init: RequestInit & { headers?: Record<string, string> }): Promise<Response> {
    const headers = { ...init.headers, ...(this.#apiKey && { authorization: `Bearer ${this.#apiKey}` }) };
    let response: Response;
    try {
      response = await fetch(this.#url + path, { ...init, headers });
    } catch (cause) {
      if (init.signal?.aborted) throw new HearthError('REQUEST_CANCELLED', 'the request was cancelled');
      throw new HearthError('JOIN_FAILED', whyNot(this.#url, cause), { url: this.#url }, cause);
    }
    if (response.ok) return response;
    const answer = (await response.json().catch(() => ({}))) as { error?: { message?: string } };
    throw new HearthError(
      'REQUEST_INVALID',
      answer.error?.message ?? `the server answered ${response.status}`,
    );
  }
}

function whyNot(url: string, error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  if (/CERT|SIGNATURE|ISSUER/.test(code)) {
    const trust = `${url.replace('https:', 'http:')}/trust`;
    return `the certificate at ${url} is not trusted (${code}): ${trust} says how to, in NODE_EXTRA_CA_CERTS`;
  }
  return `no coordinator answers at ${url}: start one with hearth serve, or give its --url`;
}

/** The `data` of each event; events are parted by blank lines and may be cut anywhere on the way. */
async function* serverSentEvents(response: Response): AsyncGenerator<string> {
  let pending = '';
  for await (const text of response.body!.pipeThrough(new TextDecoderStream())) {
    const events = (pending + text).split('\n\n');
    pending = events.pop()!;
    for (const event of events) {
      const data = event.split('\n').filter((line) => line.startsWith('data: '));
      if (data.length > 0) yield data.map((line) => line.slice(6)).join('\n');
    }
  }
}
