import { errorAnswer } from './error-answer.ts';

export interface SseOptions {
  /** A comment is sent after this long without an event, so that proxies and clients keep the connection. */
  readonly pingIntervalMs: number;
  /** Called when the client is gone. */
  readonly onGone: () => void;
  /** Told of what breaks the stream; the client gets its public part as a last event. */
  readonly onError: (error: unknown) => void;
}

const headers = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-store',
  // nginx would otherwise collect the events.
  'x-accel-buffering': 'no',
};

/** Server-sent events as OpenAI's clients read them: one JSON value each, `[DONE]` after the last. */
export function sseResponse(events: AsyncIterable<unknown>, options: SseOptions): Response {
  const iterator = events[Symbol.asyncIterator]();
  const encoder = new TextEncoder();
  let pings: NodeJS.Timeout | undefined;

  const body = new ReadableStream<Uint8Array>({
    start: (controller) => {
      pings = setInterval(() => {
        // A client that does not read gets no pings on top.
        if ((controller.desiredSize ?? 0) > 0) controller.enqueue(encoder.encode(': ping\n\n'));
      }, options.pingIntervalMs);
    },
    pull: async (controller) => {
      const { text, last } = await nextEvent(iterator, options.onError);
      // Cancelling ends the wait above, but nothing may follow it.
      if (pings === undefined) return;
      controller.enqueue(encoder.encode(text));
      pings.refresh();
      if (!last) return;
      stopPings();
      controller.close();
    },
    cancel: () => {
      stopPings();
      options.onGone();
    },
  });

  function stopPings(): void {
    clearInterval(pings);
    pings = undefined;
  }

  return new Response(body, { headers });
}

async function nextEvent(
  iterator: AsyncIterator<unknown>,
  onError: (error: unknown) => void,
): Promise<{ text: string; last: boolean }> {
  try {
    const { done, value } = await iterator.next();
    return done ? { text: 'data: [DONE]\n\n', last: true } : { text: dataLine(value), last: false };
  } catch (error) {
    onError(error);
    return { text: dataLine(errorAnswer(error).body), last: true };
  }
}

/** JSON escapes line breaks, so a value is always one line. */
function dataLine(value: unknown): string {
  return `data: ${JSON.stringify(value)}\n\n`;
}
