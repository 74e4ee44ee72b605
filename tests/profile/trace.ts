import { expect } from 'vitest';

export interface TraceSpan {
  readonly name: string;
  readonly ph: string;
  readonly pid: number;
  readonly tid: number;
  readonly ts: number;
  readonly dur: number;
}

/**
 * Checks that a text is a trace that Chrome loads: JSON, names for all rows, complete events that do not overlap
 * within a row. @returns these
 */
export function expectSoundTrace(text: string): TraceSpan[] {
  const { displayTimeUnit, traceEvents } = JSON.parse(text);
  expect(displayTimeUnit).toBe('ms');
  const named = (traceEvents as TraceSpan[]).filter(({ ph }) => ph === 'M');
  const spans = (traceEvents as TraceSpan[]).filter(({ ph }) => ph !== 'M');
  const rows = new Map<string, TraceSpan[]>();
  for (const span of spans) {
    expect(span).toMatchObject({ name: expect.stringMatching(/\w/), ph: 'X' });
    const row = `${span.pid} ${span.tid}`;
    rows.set(row, [...(rows.get(row) ?? []), span]);
  }
  for (const [row, inRow] of rows) {
    const [pid, tid] = row.split(' ').map(Number);
    expect(named).toContainEqual(expect.objectContaining({ name: 'thread_name', pid, tid }));
    expect(named).toContainEqual(expect.objectContaining({ name: 'process_name', pid }));
    let endUs = 0;
    for (const { ts, dur } of inRow) {
      expect(dur).toBeGreaterThan(0);
      // In the order of time; to a nanosecond, which is what the numbers are rounded to.
      expect(ts).toBeGreaterThanOrEqual(endUs - 0.001);
      endUs = ts + dur;
    }
  }
  return spans;
}
