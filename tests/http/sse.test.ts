import { describe, expect, it } from 'vitest';
import { sseResponse } from '../../coordinator/http/sse.ts';
import { Channel } from '../../coordinator/scheduler/channel.ts';

function open(pingIntervalMs: number): { events: Channel<unknown>; response: Response; gone: () => number } {
  const events = new Channel<unknown>();
  let gone = 0;
  const onGone = (): void => void gone++;
  return {
    events,
    response: sseResponse(events, { pingIntervalMs, onGone, onError: () => {} }),
    gone: () => gone,
  };
}

describe('sseResponse', () => {
  it('writes events exactly so', async () => {
    const { events, response } = open(60_000);
    events.push({ text: 'two\nlines' });
    events.close();
    expect(await response.text()).toBe('data: {"text":"two\\nlines"}\n\ndata: [DONE]\n\n');
  });

  it('pings while nothing happens', async () => {
    const { events, response } = open(5);
    setTimeout(() => events.close(), 60);
    const text = await response.text();
    expect(text).toMatch(/^(: ping\n\n)+data: \[DONE\]\n\n$/);
  });

  it('tells when the client is gone, and writes no more', async () => {
    const { events, response, gone } = open(5);
    const reader = response.body!.getReader();
    events.push(1);
    await reader.read();
    await reader.cancel();
    expect(gone()).toBe(1);
    events.push(2);
    events.fail(new Error('too late'));
    expect((await reader.read()).done).toBe(true);
  });
});
