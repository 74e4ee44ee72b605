import { describe, expect, test } from 'vitest';
import { Drift } from '../../coordinator/probe/drift.ts';
import { StepTimes } from '../../coordinator/probe/step-times.ts';
import {
  decodeFrame,
  defaultFrameLimits,
  encodeFrame,
  type Frame,
  lastFlag,
} from '../../runtime/protocol/frame.ts';
import { encodeStep } from '../../runtime/protocol/step-frame.ts';
import { Random } from '../support/random.ts';

const sequence = (start: number, count = 1) => ({ slot: 0, start, count, logits: 'last' }) as const;
const message = (type: 'partial' | 'sum' | 'residual' | 'logits', flags = 0) =>
  encodeFrame({ type, flags, index: 0, id: 1, rows: 1 });
const frame = (type: 'partial' | 'logits', flags = 0): Frame =>
  decodeFrame(message(type, flags), defaultFrameLimits);
const step = encodeStep(
  { stepId: 1, sequences: [sequence(7), { ...sequence(5), slot: 1 }] },
  new Float32Array(8),
);

describe('what a step takes of a device', () => {
  test('is the time in which it is its turn', () => {
    const times = new StepTimes();
    times.sent(step, 100);
    expect(times.received(frame('partial'), 103)).toBeUndefined();
    times.sent(message('sum'), 150);
    times.received(frame('partial'), 151);
    times.sent(message('sum'), 190);
    expect(times.received(frame('logits'), 192)).toBeUndefined();
    expect(times.received(frame('logits', lastFlag), 192.5)).toMatchObject({
      milliseconds: 3 + 1 + 2.5,
      sequences: 2,
      tokens: 2,
      positions: 12,
    });
    expect(times.received(frame('logits', lastFlag), 200)).toBeUndefined();
  });

  test('is added up with the bytes and the waiting of all steps', () => {
    const times = new StepTimes();
    for (const nowMs of [100, 300]) {
      times.sent(step, nowMs);
      times.received(frame('partial'), nowMs + 3);
      times.sent(message('sum'), nowMs + 50);
      times.received(frame('logits', lastFlag), nowMs + 52);
    }
    expect(times.totals).toEqual({
      steps: 2,
      syncs: 2,
      upBytes: 2 * (message('partial').length + message('logits').length),
      downBytes: 2 * (step.length + message('sum').length),
      ownMs: 2 * (3 + 2),
      waitMs: 2 * 47,
    });
  });

  test('begins with its own sums where those of the other device were there first', () => {
    const times = new StepTimes();
    times.sent(step, 0);
    times.sent(message('partial'), 4);
    times.received(frame('partial'), 10);
    expect(times.received(frame('logits', lastFlag), 15)?.milliseconds).toBe(15);
    expect(times.totals.waitMs).toBe(0);
  });

  test('is not known of a step that another one has abandoned', () => {
    const times = new StepTimes();
    times.sent(step, 0);
    times.received(frame('partial'), 10);
    times.sent(step, 1000);
    expect(times.received(frame('logits', lastFlag), 1005)?.milliseconds).toBe(5);
  });

  test('begins with the residual where others compute the layers before', () => {
    const times = new StepTimes();
    times.sent(encodeStep({ stepId: 1, sequences: [sequence(7)] }, new Float32Array()), 0);
    times.sent(message('residual'), 400);
    times.sent(message('residual'), 405);
    expect(times.received(frame('logits', lastFlag), 412)?.milliseconds).toBe(12);
    expect(times.totals.waitMs).toBe(400);
  });

  test('ends by itself on a device that computes alone', () => {
    const times = new StepTimes();
    times.sent(step, 10);
    expect(times.received(frame('logits', lastFlag), 30)?.milliseconds).toBe(20);
  });
});

/** Steps one after another, each as long as `stepMs` says, some longer by chance. */
function run(
  drift: Drift,
  fromMs: number,
  untilMs: number,
  stepMs: number,
  positions = 10,
  sequences = 1,
): number {
  const random = new Random(5 + fromMs);
  let nowMs = fromMs;
  while (nowMs < untilMs) {
    const milliseconds = stepMs * (random.integer(20) === 0 ? 4 : 0.95 + random.integer(10) / 100);
    nowMs += milliseconds;
    drift.note({ milliseconds, sequences, tokens: sequences, positions }, nowMs);
  }
  return nowMs;
}

describe('a device drifts', () => {
  test('not while steps take about what they took, whatever single ones do', () => {
    const drift = new Drift();
    run(drift, 0, 20_000, 50);
    expect(drift.speed).toBeUndefined();
    run(drift, 20_000, 40_000, 55);
    expect(drift.speed).toBeUndefined();
  });

  test.each([
    [100, 0.5],
    [70, 50 / 70],
    [25, 2],
  ])('when steps take %i ms and no longer 50, not before some seconds', (stepMs, speed) => {
    const drift = new Drift();
    const changedMs = run(drift, 0, 10_000, 50);
    run(drift, changedMs, changedMs + 2_000, stepMs);
    expect(drift.speed).toBeUndefined();
    run(drift, changedMs + 2_000, changedMs + 25_000, stepMs);
    expect(drift.speed).toBeGreaterThan(speed * 0.85);
    expect(drift.speed).toBeLessThan(speed * 1.15);
  });

  test('until it is as fast as before, or has other work', () => {
    const drift = new Drift();
    let nowMs = run(drift, 0, 10_000, 50);
    nowMs = run(drift, nowMs, nowMs + 20_000, 100);
    expect(drift.speed).toBeDefined();
    nowMs = run(drift, nowMs, nowMs + 20_000, 50);
    expect(drift.speed).toBeUndefined();
    nowMs = run(drift, nowMs, nowMs + 20_000, 100);
    expect(drift.speed).toBeDefined();
    drift.reset();
    expect(drift.speed).toBeUndefined();
    run(drift, nowMs, nowMs + 20_000, 100);
    expect(drift.speed).toBeUndefined();
  });

  test('by itself: more sequences, and more to look back on, take longer anyway', () => {
    const drift = new Drift();
    let nowMs = run(drift, 0, 5_000, 50);
    nowMs = run(drift, nowMs, nowMs + 10_000, 90, 5_000);
    nowMs = run(drift, nowMs, nowMs + 10_000, 150, 10, 4);
    expect(drift.speed).toBeUndefined();
    // Prompts are of any length.
    for (let i = 0; i < 100; i += 1)
      drift.note({ milliseconds: 500, sequences: 1, tokens: 100, positions: 0 }, nowMs + 500 * i);
    expect(drift.speed).toBeUndefined();
  });

  test('also seen by kinds of steps that come only then', () => {
    const drift = new Drift();
    let nowMs = run(drift, 0, 10_000, 50);
    nowMs = run(drift, nowMs, nowMs + 20_000, 100);
    nowMs = run(drift, nowMs, nowMs + 20_000, 180, 5_000);
    expect(drift.speed).toBeLessThan(0.6);
    run(drift, nowMs, nowMs + 20_000, 90, 5_000);
    expect(drift.speed).toBeUndefined();
  });
});
