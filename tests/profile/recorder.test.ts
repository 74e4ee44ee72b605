import { describe, expect, it } from 'vitest';
import { operations, operationsByNumber } from '../../runtime/profile/operations.ts';
import { SpanLog, silentRecorder, spanMemoryBytes } from '../../runtime/profile/recorder.ts';
import { StepProfile } from '../../runtime/profile/step-profile.ts';

/** A log with room for so many spans, and its clock. */
function log(spans = 10) {
  const clock = { nowMs: 100 };
  const made = new SpanLog(new SharedArrayBuffer(spanMemoryBytes(spans)), () => clock.nowMs);
  return { clock, log: made };
}

/** What was taken, in words. */
function told({ operations: numbers, durationsUs }: ReturnType<SpanLog['take']>): [string, number][] {
  return Array.from(numbers, (number, i) => [operationsByNumber[number]!.label, durationsUs[i]!]);
}

describe('operations', () => {
  it('keep their numbers for ever', () => {
    const numbers = Object.entries(operations).map(([name, { number }]) => `${number} ${name}`);
    expect(numbers.join(', ')).toBe(
      '1 open, 2 norm, 3 quantise, 4 queryKeyValue, 5 rope, 6 storeKv, 7 attention, 8 attentionOutput, 33 predict, 9 gateUp, ' +
        '10 swiglu, 11 down, 12 vocabulary, 13 addPartial, 14 reduce, 15 exchange, 16 apply, 17 logits, 18 answer, ' +
        '19 barrier, 20 otherRanks, 21 messages, 22 idle, 30 awaitWeights, 31 readWeights, 32 windowFull, 23 embed, 24 sendStep, 25 hub, 26 takeLogits, ' +
        '27 devices, 28 link, 29 between, 0 unaccounted',
    );
  });

  it('are found by them, and called by different names', () => {
    expect(operationsByNumber.map(({ number }) => number)).toEqual([...operationsByNumber.keys()]);
    expect(new Set(operationsByNumber.map(({ label }) => label)).size).toBe(operationsByNumber.length);
  });
});

describe('a log of spans', () => {
  it('charges the time since the last mark to what is marked', () => {
    const { clock, log: spans } = log();
    spans.begin(99);
    spans.mark(operations.norm);
    clock.nowMs = 100.5;
    spans.mark(operations.down);
    spans.mark(operations.apply);
    expect(told(spans.take())).toEqual([
      ['norm', 1000],
      ['down', 500],
      ['applying sums', 0],
    ]);
    expect(spans.endMs).toBe(100.5);
  });

  it('is seen by whoever shares the memory', () => {
    const memory = new SharedArrayBuffer(spanMemoryBytes());
    const [writer, reader] = [new SpanLog(memory, () => 3), new SpanLog(memory, () => 9)];
    reader.begin(1);
    writer.mark(operations.rope);
    expect(told(reader.take())).toEqual([['rope', 2000]]);
  });

  it('forgets what it held when it begins again, and not what was taken', () => {
    const { log: spans } = log();
    spans.begin(99);
    spans.mark(operations.norm);
    const taken = spans.take();
    spans.begin(100);
    spans.mark(operations.rope);
    expect(told(taken)).toEqual([['norm', 1000]]);
    expect(told(spans.take())).toEqual([['rope', 0]]);
  });

  it('says what found no room, and leaves no time out', () => {
    const { clock, log: spans } = log(3);
    spans.begin(100);
    for (const operation of Object.values(operations).slice(0, 5)) {
      clock.nowMs += 1;
      spans.mark(operation);
    }
    const taken = spans.take();
    expect(taken.lost).toBe(2);
    expect(told(taken)).toEqual([
      ['opening the step', 1000],
      ['norm', 1000],
      ['unaccounted', 3000],
    ]);
  });

  it('has no span shorter than nothing, should clocks disagree', () => {
    const { clock, log: spans } = log();
    spans.begin(101);
    spans.mark(operations.norm);
    clock.nowMs = 102;
    spans.mark(operations.rope);
    expect(told(spans.take())).toEqual([
      ['norm', 0],
      ['rope', 2000],
    ]);
  });

  it('is not what a silent recorder keeps', () => {
    expect(silentRecorder.mark(operations.norm)).toBeUndefined();
  });
});

describe("a team's logs", () => {
  it('begin and end at the same moments', () => {
    const logs = [log(), log(), log()];
    const rests: number[] = [];
    const profile = new StepProfile(
      logs.map((one) => one.log),
      () => rests.push(logs[0]!.clock.nowMs),
      () => 50,
    );
    profile.begin();
    const marks = [
      [0, 60, operations.norm],
      [1, 58, operations.norm],
      [2, 61, operations.norm],
      [2, 62, operations.barrier],
    ] as const;
    for (const [thread, nowMs, operation] of marks) {
      logs[thread]!.clock.nowMs = nowMs;
      logs[thread]!.log.mark(operation);
    }
    expect(profile.end().map(told)).toEqual([
      [['norm', 10_000]],
      [
        ['norm', 8000],
        ['waiting for the leader', 2000],
      ],
      // Still at it when the leader's step had ended: that is cut off.
      [
        ['norm', 10_000],
        ['waiting at barriers', 0],
      ],
    ]);
    expect(rests).toEqual([60]);
  });
});
