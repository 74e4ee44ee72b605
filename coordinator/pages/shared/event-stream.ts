import { request } from './api.ts';

/** The coordinator sends something at least every 15 s; a connection that is silent for so long is lost. */
const silenceMs = 40_000;

/**
 * The JSON values of one stream of server-sent events.
 * @returns when the coordinator says that there are no more
 * @throws ApiError, or whatever ends a connection
 */
export async function* readEvents<T>(path: string, signal: AbortSignal): AsyncGenerator<T> {
  const connection = new AbortController();
  const end = (): void => connection.abort();
  signal.addEventListener('abort', end, { once: true });
  let timer = setTimeout(end, silenceMs);
  try {
    const response = await request('GET', path, { signal: connection.signal });
    for await (const line of linesOf(response.body!, () => {
      clearTimeout(timer);
      timer = setTimeout(end, silenceMs);
    })) {
      if (line === 'data: [DONE]') return;
      if (line.startsWith('data: ')) yield JSON.parse(line.slice('data: '.length)) as T;
    }
    throw new Error('the stream was cut');
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', end);
    end();
  }
}

async function* linesOf(body: ReadableStream<Uint8Array>, onBytes: () => void): AsyncGenerator<string> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let pending = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    onBytes();
    const lines = (pending + decoder.decode(value, { stream: true })).split('\n');
    pending = lines.pop()!;
    yield* lines;
  }
}
