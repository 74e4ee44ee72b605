import { describe, expect, it } from 'vitest';
import { Channel } from '../../coordinator/scheduler/channel.ts';

async function readAll<T>(channel: Channel<T>): Promise<T[]> {
  const values: T[] = [];
  for await (const value of channel) values.push(value);
  return values;
}

describe('Channel', () => {
  it('hands over what came before and after the reader', async () => {
    const channel = new Channel<number>();
    channel.push(1);
    const reading = readAll(channel);
    channel.push(2);
    await Promise.resolve();
    channel.push(3);
    channel.close();
    channel.push(4);
    expect(await reading).toEqual([1, 2, 3]);
  });

  it('throws the error after the values before it', async () => {
    const channel = new Channel<number>();
    channel.push(1);
    channel.fail(new Error('lost'));
    expect(await channel.next()).toEqual({ done: false, value: 1 });
    await expect(channel.next()).rejects.toThrow('lost');
  });

  it('throws even an error that is undefined', async () => {
    const channel = new Channel<number>();
    channel.fail(undefined);
    await expect(channel.next()).rejects.toBeUndefined();
  });

  it('tells when the reader leaves early, and only then', async () => {
    let abandoned = 0;
    const left = new Channel<number>(() => abandoned++);
    left.push(1);
    for await (const _ of left) break;
    expect(abandoned).toBe(1);
    expect((await left.next()).done).toBe(true);

    const finished = new Channel<number>(() => abandoned++);
    finished.close();
    await readAll(finished);
    await finished.return();
    expect(abandoned).toBe(1);
  });
});
