import { describe, expect, test } from 'vitest';
import { StepMeter } from '../../runtime/weights/step-meter.ts';
import { modelTiles } from './model-tiles.ts';

/** Attention tiles 0 and 1, FFN tiles 2 to 5. */
const specs = modelTiles({
  layers: 1,
  attention: { count: 2, byteLength: 8 },
  ffn: { count: 4, byteLength: 8 },
});

/** How long a step's parts take. */
interface Step {
  readonly pauseMs?: number;
  readonly waitMs?: number;
  readonly useMs?: number;
}

function rig(beganMs = 0) {
  let nowMs = beganMs;
  const meter = new StepMeter(specs, () => nowMs);
  const loader = { bytes: 0, readMs: 0, waitMs: 0 };
  return {
    meter,
    /** The leader's half of the tiles: 0, 2 and 3. */
    step({ pauseMs = 1, waitMs = 0, useMs = 4 }: Step, bytes = 0, readMs = 0, counts = true) {
      for (const tile of [0, 2, 3]) {
        nowMs += pauseMs;
        meter.asked(tile);
        nowMs += waitMs;
        if (waitMs > 0) expect(meter.got()).toBe(waitMs);
        nowMs += useMs;
        meter.released(tile);
      }
      loader.bytes += bytes;
      loader.readMs += readMs;
      meter.ended(counts, { ...loader });
    },
  };
}

describe('the meter of a step', () => {
  test("divides the leader's time in a group among the group's tiles", () => {
    const { meter, step } = rig();
    step({});
    expect([...meter.timing.useMs]).toEqual([2, 2, 2, 2, 2, 2]);
    // What comes before a group counts once; the FFN group was asked for twice.
    expect([...meter.timing.pauseMs]).toEqual([1, 0, 2, 0, 0, 0]);
  });

  test('leaves waits for weights out', () => {
    const { meter, step } = rig();
    step({ waitMs: 7 });
    expect([...meter.timing.useMs]).toEqual([2, 2, 2, 2, 2, 2]);
    expect([...meter.timing.pauseMs]).toEqual([1, 0, 2, 0, 0, 0]);
  });

  test('forgets the old by a quarter a step', () => {
    const { meter, step } = rig();
    step({ useMs: 4 });
    step({ useMs: 8 });
    expect(meter.timing.useMs[0]).toBe(2 + (4 - 2) / 4);
    step({ useMs: 8 });
    expect(meter.timing.useMs[0]).toBe(2.5 + (4 - 2.5) / 4);
  });

  test('takes what no answer would wait for as nothing', () => {
    const { meter, step } = rig();
    step({ pauseMs: 60_000 });
    expect([...meter.timing.pauseMs]).toEqual([0, 0, 0, 0, 0, 0]);
    step({ pauseMs: 40 });
    expect(meter.timing.pauseMs[0]).toBe(10);
  });

  test('knows of no pause before the first step', () => {
    const { meter, step } = rig(1e6);
    step({});
    expect([...meter.timing.pauseMs]).toEqual([0, 0, 2, 0, 0, 0]);
  });

  test('tells what reading a byte takes', () => {
    const { meter, step } = rig();
    step({}, 1000, 500);
    expect(meter.timing.readMsPerByte).toBe(0.5);
    step({}, 3000, 300);
    expect(meter.timing.readMsPerByte).toBeCloseTo(0.5 + (0.1 - 0.5) / 4, 12);
    // Nothing was read: nothing is known.
    step({});
    expect(meter.timing.readMsPerByte).toBeCloseTo(0.4, 12);
  });

  test('learns nothing from steps that do not count', () => {
    const { meter, step } = rig();
    step({ useMs: 4 }, 1000, 500);
    step({ useMs: 400, pauseMs: 40 }, 1_000_000, 1, false);
    expect(meter.timing.useMs[0]).toBe(2);
    expect(meter.timing.pauseMs[0]).toBe(1);
    expect(meter.timing.readMsPerByte).toBe(0.5);
    // Nor does what was measured in one go into the next.
    step({ useMs: 4 }, 1000, 500);
    expect(meter.timing.useMs[0]).toBe(2);
    expect(meter.timing.readMsPerByte).toBe(0.5);
  });
});
