import { describe, expect, test } from 'vitest';
import { blockBytes, blocksOf, expectedCost, recordRuns } from '../../runtime/weights/record-runs.ts';
import { Random } from '../support/random.ts';

const tile = { count: 256, records: { byteOffset: 5 * 64, stride: 1088 } };
const marks = (...neurons: number[]) => {
  const wanted = new Uint8Array(256);
  for (const neuron of neurons) wanted[neuron] = 1;
  return wanted;
};

describe('records that are wanted', () => {
  test('are read at once where reading on over what lies between costs no more', () => {
    const runs = recordRuns(marks(3, 4, 7, 20, 250), tile, 2 * 1088);
    expect(runs).toEqual([
      { first: 3, end: 8 },
      { first: 20, end: 21 },
      { first: 250, end: 251 },
    ]);
    expect(recordRuns(marks(3, 4, 7), tile, 2 * 1088 - 1)).toHaveLength(2);
  });

  test('are read with all others where they are many', () => {
    const every = (step: number) => marks(...Array.from({ length: 256 / step }, (_, i) => i * step));
    expect(recordRuns(every(2), tile, 0)).toEqual([{ first: 0, end: 256 }]);
    expect(recordRuns(every(16), tile, 0)).toHaveLength(16);
  });

  test('may be none', () => expect(recordRuns(marks(), tile, 100)).toEqual([]));

  test.each([1, 2, 3, 4, 5])('are all read, and none twice, in no more than all take, seed %i', (seed) => {
    const random = new Random(seed);
    const share = random.unit();
    const wanted = Uint8Array.from({ length: 256 }, () => (random.unit() < share ? 1 : 0));
    const runs = recordRuns(wanted, tile, random.integer(8000));
    const read = new Uint8Array(256);
    let blocks = 0;
    for (const run of runs) {
      read.fill(1, run.first, run.end);
      const place = blocksOf(run, tile);
      blocks += place.end - place.first;
      expect(place.first * blockBytes).toBeLessThanOrEqual(320 + run.first * 1088);
      expect(place.end * blockBytes).toBeGreaterThanOrEqual(320 + run.end * 1088);
    }
    expect(wanted.every((want, neuron) => read[neuron]! >= want)).toBe(true);
    expect(runs.every(({ first }, i) => i === 0 || first > runs[i - 1]!.end)).toBe(true);
    expect(blocks * blockBytes).toBeLessThanOrEqual(256 * 1088 + 2 * blockBytes);
  });
});

describe('what a tile is expected to cost', () => {
  test.each([0, 3000, 20_000])('is what its reads cost on average, if a read costs %i bytes', (seekBytes) => {
    const random = new Random(seekBytes);
    for (const firing of [2, 10, 40, 128]) {
      let cost = 0;
      for (let token = 0; token < 200; token += 1) {
        const wanted = Uint8Array.from({ length: 256 }, () => (random.unit() < firing / 256 ? 1 : 0));
        for (const { first, end } of recordRuns(wanted, tile, seekBytes))
          cost += (end - first) * 1088 + blockBytes + seekBytes;
      }
      const ratio = expectedCost({ ...tile, firing } as never, seekBytes) / (cost / 200);
      expect(ratio, `${firing} neurons`).toBeGreaterThan(0.85);
      expect(ratio, `${firing} neurons`).toBeLessThan(1.15);
    }
  });
});
