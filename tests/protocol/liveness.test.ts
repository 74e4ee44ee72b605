import { describe, expect, it } from 'vitest';
import { Liveness } from '../../runtime/protocol/liveness.ts';

const options = { pingAfterMs: 10, deadAfterMs: 35 };

describe('liveness', () => {
  it('asks after silence, again and again, and gives up in the end', () => {
    const liveness = new Liveness(options, 0);
    expect(liveness.verdict(9)).toBe('alive');
    expect(liveness.verdict(10)).toBe('ping');
    expect(liveness.verdict(15)).toBe('alive');
    expect(liveness.verdict(20)).toBe('ping');
    liveness.heard(22);
    expect(liveness.verdict(30)).toBe('alive');
    expect(liveness.verdict(32)).toBe('ping');
    expect(liveness.verdict(42)).toBe('ping');
    expect(liveness.verdict(52)).toBe('ping');
    expect(liveness.verdict(57)).toBe('dead');
  });

  it('takes no time for silence in which nobody looked', () => {
    const liveness = new Liveness(options, 0);
    expect(liveness.verdict(10)).toBe('ping');
    // Held up for long: an answer may lie unread.
    expect(liveness.verdict(1_000)).toBe('alive');
    expect(liveness.verdict(1_009)).toBe('alive');
    for (const nowMs of [1_010, 1_020, 1_030]) expect(liveness.verdict(nowMs)).toBe('ping');
    expect(liveness.verdict(1_035)).toBe('dead');
  });
});
