import { expect, it } from 'vitest';
import { controlNumbers } from '../../runtime/protocol/messages.ts';

it('control messages keep their numbers for ever', () => {
  expect(controlNumbers).toEqual({
    hello: 1,
    join: 2,
    welcome: 3,
    refused: 4,
    configure: 5,
    wanted: 6,
    loaded: 7,
    ready: 8,
    release: 9,
    error: 10,
    ping: 11,
    pong: 12,
    stepFailed: 13,
    declined: 14,
    memory: 15,
    attach: 16,
    prepare: 18,
    measure: 19,
    measured: 20,
    burst: 21,
    burstWanted: 22,
    pair: 23,
    rejoin: 24,
    answer: 25,
    confirm: 26,
    standBy: 27,
  });
});
