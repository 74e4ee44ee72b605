import { describe, expect, test } from 'vitest';
import { shareOf } from '../../runtime/threads/team.ts';
import { leastWindowBytes, Residency, slotBytes, streamableBytes } from '../../runtime/weights/residency.ts';
import { Random } from '../support/random.ts';
import { randomTiles } from './fake-memory.ts';
import { modelTiles } from './model-tiles.ts';

/** The shape of a model of a billion parameters, in its order of use. */
const model = modelTiles({
  layers: 22,
  attention: { count: 4, byteLength: 1_300_000 },
  ffn: { count: 22, byteLength: 884_736 },
  vocabulary: { count: 63, byteLength: 860_160 },
});

/** How far the share of `marked` in any stretch of a row is from their share in all of it, in members of the row. */
function unevenness(marked: readonly boolean[]): number {
  const share = marked.filter(Boolean).length / marked.length;
  let lowest = 0;
  let highest = 0;
  let excess = 0;
  for (const mark of marked) {
    excess += (mark ? 1 : 0) - share;
    lowest = Math.min(lowest, excess);
    highest = Math.max(highest, excess);
  }
  return highest - lowest;
}

describe('what stays in memory', () => {
  const counts = Array.from({ length: 31 }, (_, i) => Math.round((i * model.length) / 30));

  test.each([1, 2, 4])('is spread evenly over a step of %i threads, however much it is', (teamSize) => {
    const residency = new Residency(model, teamSize, streamableBytes(model));
    const { layers, vocabulary } = residency.order;
    const order = [...layers, ...vocabulary];
    expect(order).toHaveLength(model.length);
    for (const residents of counts) {
      const stays = order.map((tile) => residency.isResident(tile, residents));
      expect(stays.filter(Boolean)).toHaveLength(residents);
      expect(unevenness(stays), `${residents} tiles`).toBeLessThan(4);
    }
  });

  // Four threads have runs of five and of six tiles: their turns come less regularly.
  test.each([
    [2, 2, 5],
    [4, 5, 10],
  ])('is spread over each of %i threads, up to %i tiles', (teamSize, mostOff, mostUneven) => {
    const residency = new Residency(model, teamSize, streamableBytes(model));
    const group = (kind: string, layer: number) =>
      model.flatMap((spec, i) => (spec.kind === kind && spec.layer === layer ? [i] : []));
    const groups = [
      ...Array.from({ length: 22 }, (_, layer) => [group('attention', layer), group('ffn', layer)]).flat(),
      group('vocabulary', -1),
    ];
    for (const residents of counts) {
      for (let index = 0; index < teamSize; index += 1) {
        const own = groups.flatMap((tiles) =>
          tiles.slice(...shareOf({ index, size: teamSize }, tiles.length)),
        );
        const stays = own.map((tile) => residency.isResident(tile, residents));
        const share = stays.filter(Boolean).length / stays.length;
        expect(Math.abs(share - residents / model.length)).toBeLessThan(mostOff / stays.length);
        expect(unevenness(stays), `${residents} tiles, thread ${index}`).toBeLessThan(mostUneven);
      }
    }
  });

  test.each([1, 2, 3, 4, 5, 6])('lies side by side, before the ring, seed %i', (seed) => {
    const random = new Random(seed);
    const specs = randomTiles(random, 4);
    const all = streamableBytes(specs);
    const residency = new Residency(specs, 1 + random.integer(3), random.integer(all));
    const most = residency.mostResidents(0);
    expect(residency.ringOffset(most)).toBeLessThanOrEqual(residency.byteLength);
    let end = 0;
    for (const tile of residency.residents(0, most)) {
      expect(residency.offset(tile)).toBe(end);
      expect(residency.isResident(tile, most)).toBe(true);
      end += slotBytes(specs[tile]!);
    }
    expect(residency.ringOffset(most)).toBe(end);
    // One more would not fit.
    const [next] = residency.residents(most, most + 1);
    if (next !== undefined) expect(end + slotBytes(specs[next]!)).toBeGreaterThan(residency.byteLength);
  });

  test('is as much as leaves room for a ring of so many bytes', () => {
    const residency = new Residency(model, 2, 100e6);
    const ringBytes = leastWindowBytes(model, 2);
    // Two tiles for each thread and one for the loader; of the largest.
    expect(ringBytes).toBe(5 * 318 * 4096);
    const residents = residency.mostResidents(ringBytes);
    expect(residency.byteLength - residency.ringOffset(residents)).toBeGreaterThanOrEqual(ringBytes);
    expect(residency.byteLength - residency.ringOffset(residents + 1)).toBeLessThan(ringBytes);
    expect(new Residency(model, 2, streamableBytes(model)).mostResidents(0)).toBe(model.length);
  });

  test('has no end beyond its memory', () => {
    expect(() => new Residency(model, 1, 10e6).ringOffset(model.length)).toThrow(', 10000000');
  });
});
