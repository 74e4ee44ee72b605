import { describe, expect, test } from 'vitest';
import { Random } from '../../runtime/sampling/random.ts';
import { Events, Server } from '../../runtime/simulation/events.ts';

describe('events', () => {
  test('happen in the order of their time, and of their making where it is the same', () => {
    const random = new Random(5);
    const events = new Events();
    const due: number[] = [];
    const happened: [timeMs: number, number: number][] = [];
    for (let number = 0; number < 500; number += 1) {
      const timeMs = random.nextUint32() % 50;
      due.push(timeMs);
      events.at(timeMs, () => happened.push([events.nowMs, number]));
    }
    events.run();
    const expected = due
      .map((timeMs, number): [number, number] => [timeMs, number])
      .sort(([a, i], [b, j]) => a - b || i - j);
    expect(happened).toEqual(expected);
  });

  test('may bring others, never in the past', () => {
    const events = new Events();
    const times: number[] = [];
    events.at(10, () => events.at(3, () => times.push(events.nowMs)));
    events.run();
    expect(times).toEqual([10]);
  });
});

test('a server does one thing after the other', () => {
  const events = new Events();
  const server = new Server(events);
  expect(server.take(5)).toEqual({ startMs: 0, endMs: 5 });
  expect(server.take(2)).toEqual({ startMs: 5, endMs: 7 });
  events.at(20, () => expect(server.take(1)).toEqual({ startMs: 20, endMs: 21 }));
  events.run();
  expect(events.nowMs).toBe(20);
});
