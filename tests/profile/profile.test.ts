import { describe, expect, it } from 'vitest';
import { chromeTrace } from '../../coordinator/profile/chrome-trace.ts';
import { Profile } from '../../coordinator/profile/profile.ts';
import type { StepRecord } from '../../coordinator/profile/step-record.ts';
import { formatProfile } from '../../coordinator/profile/table.ts';
import { type Operation, operations } from '../../runtime/profile/operations.ts';
import type { Spans } from '../../runtime/profile/recorder.ts';
import { expectSoundTrace } from './trace.ts';

function spans(...each: [Operation, number][]): Spans {
  return {
    operations: Uint8Array.from(each, ([{ number }]) => number),
    durationsUs: Float32Array.from(each, ([, us]) => us),
    lost: 0,
  };
}

/** A step of 1000 microseconds, 600 of them on a device of two threads, which begins at that millisecond. */
function step(startMs: number, change: Partial<StepRecord> = {}): StepRecord {
  const { between, embed, devices, norm, down, barrier, idle } = operations;
  return {
    stepId: startMs,
    part: 'decode',
    tokens: 1,
    startMs,
    endMs: startMs + 1,
    coordinator: spans([between, 100], [embed, 100], [devices, 800]),
    devices: [
      {
        name: 'phone',
        sentMs: startMs + 0.2,
        answeredMs: startMs + 0.9,
        threads: [spans([norm, 200], [down, 300], [barrier, 100]), spans([idle, 50], [down, 530])],
      },
    ],
    ...change,
  };
}

function profileOf(steps: readonly StepRecord[], keptSpans?: number): Profile {
  const profile = new Profile(keptSpans);
  for (const one of steps) profile.add(one);
  return profile;
}

describe('a profile', () => {
  it('charges each thread with all of the time', () => {
    const [part] = profileOf([step(5), step(6), step(7, { tokens: 2 })]).parts;
    expect(part).toMatchObject({ part: 'decode', steps: 3, tokens: 4, wallMs: expect.closeTo(3) });
    const told = part!.threads.map(({ name, rank, thread, us }) => {
      const charged = Object.entries(operations).filter(([, { number }]) => Math.abs(us[number]!) > 0.01);
      return [name, rank, thread, ...charged.map(([key, { number }]) => `${key} ${us[number]!.toFixed(0)}`)];
    });
    expect(told).toEqual([
      ['coordinator', undefined, 0, 'embed 300', 'devices 2400', 'between 300'],
      ['phone', 0, 0, 'norm 600', 'down 900', 'barrier 300', 'link 300', 'between 900'],
      ['phone', 0, 1, 'down 1590', 'idle 150', 'link 300', 'between 900', 'unaccounted 60'],
    ]);
    for (const { us } of part!.threads) expect(us.reduce((sum, one) => sum + one)).toBeCloseTo(3000);
  });

  it('keeps parts apart, and devices of one name', () => {
    const twins = [...step(0).devices, ...step(0).devices];
    const { parts } = profileOf([step(1, { part: 'prefill' }), step(2), step(3, { devices: twins })]);
    expect(parts.map(({ part, steps }) => [part, steps])).toEqual([
      ['prefill', 1],
      ['decode', 2],
    ]);
    expect(parts[1]!.threads.map(({ rank, thread }) => [rank, thread])).toEqual([
      [undefined, 0],
      [0, 0],
      [0, 1],
      [1, 0],
      [1, 1],
    ]);
  });

  it('keeps no more of the last steps than its bound, but one', () => {
    const steps = Array.from({ length: 9 }, (_, i) => step(i));
    const kept = (bound: number) => profileOf(steps, bound).parts[0]!.lastSteps.map(({ startMs }) => startMs);
    expect(kept(16)).toEqual([7, 8]);
    expect(kept(1)).toEqual([8]);
  });
});

describe('its table', () => {
  it('has a line for each operation, a column for each thread, and adds up', () => {
    const text = formatProfile(profileOf([step(1), step(2)]).parts, 0);
    expect(text).toBe(`decode: 2 tokens in 2 steps, microseconds per token
DECODE                    coordinator        phone/0        phone/1
norm                                -   200.0  20.0%              -
down                                -   300.0  30.0%   530.0  53.0%
waiting at barriers                 -   100.0  10.0%              -
waiting for the leader              -              -    50.0   5.0%
embedding tokens         100.0  10.0%              -              -
waiting for devices      800.0  80.0%              -              -
on the way                          -   100.0  10.0%   100.0  10.0%
between steps            100.0  10.0%   300.0  30.0%   300.0  30.0%
unaccounted                         -              -    20.0   2.0%
total                   1000.0 100.0%  1000.0 100.0%  1000.0 100.0%
`);
  });

  it('says what is missing', () => {
    const [device] = step(1).devices;
    const lost = device!.threads.map((thread) => ({ ...thread, lost: 3 }));
    const { parts } = profileOf([step(1, { devices: [{ ...device!, threads: lost }] })]);
    expect(formatProfile(parts, 2)).toMatch(/^6 spans found no room/m);
    expect(formatProfile(parts, 2)).toMatch(/^2 more steps came without/m);
  });
});

describe('its trace', () => {
  it('places a device in the middle of its turn', () => {
    const events = expectSoundTrace(chromeTrace(profileOf([step(5)]).parts));
    const device = events.filter(({ pid }) => pid === 1);
    expect(device).toMatchObject([
      { name: 'norm', tid: 0, ts: 5250, dur: 200 },
      { name: 'down', tid: 0, ts: 5450, dur: 300 },
      { name: 'waiting at barriers', tid: 0, ts: 5750, dur: 100 },
      { name: 'waiting for the leader', tid: 1, ts: 5250, dur: 50 },
      { name: 'down', tid: 1, ts: 5300, dur: 530 },
    ]);
    expect(events.find(({ name }) => name === 'decode')).toMatchObject({ ts: 5100, dur: 900 });
  });

  it('of nothing is one too', () => {
    expect(expectSoundTrace(chromeTrace([]))).toEqual([]);
  });
});
