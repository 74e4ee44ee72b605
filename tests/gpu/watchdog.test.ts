import { expect, test } from 'vitest';
import { Watchdog } from '../../runtime/gpu/watchdog.ts';

/** Waits last until the test lets a turn pass; what has been waited for is told. */
class Turns {
  readonly waits: number[] = [];
  #end: (() => void)[] = [];

  nowMs = () => 0;

  wait(milliseconds: number): Promise<void> {
    this.waits.push(milliseconds);
    return new Promise((resolve) => this.#end.push(resolve));
  }

  async pass(count: number): Promise<void> {
    for (let i = 0; i < count; i += 1) {
      for (const end of this.#end.splice(0)) end();
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

const nothing = new Promise<never>(() => {});

test('tells what comes, and what fails', async () => {
  const watchdog = new Watchdog(new Turns());
  expect(await watchdog.watch(Promise.resolve(7), 1000)).toBe(7);
  await expect(watchdog.watch(Promise.reject(new Error('lost')), 1000)).rejects.toThrow('lost');
});

test('gives up what has not come in so many turns', async () => {
  const turns = new Turns();
  let result: unknown = 'waiting';
  void new Watchdog(turns).watch(nothing, 1000).then((value) => (result = value));
  await turns.pass(3);
  expect(result).toBe('waiting');
  await turns.pass(1);
  expect(result).toBeUndefined();
  // And sleeps from then on.
  const before = turns.waits.length;
  await turns.pass(5);
  expect(turns.waits.length).toBe(before);
});

test('needs one timer for many short works, each with its own patience', async () => {
  const turns = new Turns();
  const watchdog = new Watchdog(turns);
  for (let i = 0; i < 100; i += 1) await watchdog.watch(Promise.resolve(i), 500);
  expect(turns.waits.length).toBe(1);
  await turns.pass(1);
  let result: unknown = 'waiting';
  void watchdog.watch(nothing, 500).then((value) => (result = value));
  await turns.pass(1);
  expect(result).toBe('waiting');
  await turns.pass(1);
  expect(result).toBeUndefined();
});
